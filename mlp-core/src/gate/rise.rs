//! Whether a model has become worse since it was trained.

use serde::{Deserialize, Serialize};

use super::{GateOptions, Interval, Stream};

/// A model's log loss of the choice before and after a time, in nats per session.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LossChange {
    /// Its mean before.
    pub before: Interval,
    /// Its mean after.
    pub after: Interval,
}

impl LossChange {
    /// Whether it rose, beyond noise: all that the mean after may be is over all that the one
    /// before may be.
    pub fn rose(&self) -> bool {
        self.after.low > self.before.high
    }
}

/// Compares a model's losses on sessions before and after a time, such as that of its training;
/// may be asked again after every session. `None` where one side has fewer than
/// [`GateOptions::min_sessions`].
///
/// `before` and `after` have shape `(n_sessions,)`, in nats, see
/// [`choice_losses`](crate::metrics::choice_losses). Each side's interval is that of the gate,
/// about the mean before: without a change it is ever found to have risen with a probability of at
/// most `2 alpha`. A loss counts for at most 3 [`GateOptions::clip`].
pub fn loss_change(before: &[f64], after: &[f64], options: &GateOptions) -> Option<LossChange> {
    let least = options.min_sessions.max(1);
    if before.len() < least || after.len() < least {
        return None;
    }
    let clipped = |loss: &f64| loss.min(3.0 * options.clip);
    let centre = before.iter().map(clipped).sum::<f64>() / before.len() as f64;
    let side = |losses: &[f64]| {
        let mut stream = Stream::default();
        losses.iter().for_each(|l| stream.push(clipped(l) - centre));
        let about = stream.interval(options.alpha, options.tuned);
        Interval {
            low: centre + about.low,
            mean: centre + about.mean,
            high: centre + about.high,
        }
    };
    Some(LossChange {
        before: side(before),
        after: side(after),
    })
}
