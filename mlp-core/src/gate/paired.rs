//! Two models on the same sessions.

use super::{Because, GateOptions, Interval, Stream};
use crate::metrics::{MetricError, Sessions, choice_losses, session_precision};

/// What one session says of two models.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Paired {
    /// The champion's log loss of the choice less the challenger's, in nats: over 0 where the
    /// challenger is better.
    pub improvement: f64,
    /// Whether the pick stands first by the challenger's scores, less the same by the champion's:
    /// −1, 0 or 1, or between these where scores tie; `None` where nothing was picked.
    pub first_place: Option<f64>,
}

/// Compares the probabilities that two models give to each shown item's being its session's pick.
///
/// `picked` (at most one per session), `champion` and `challenger` have shape `(n_rows,)`, in the
/// order of `sessions`; the result has shape `(n_sessions,)`. See
/// [`choice_losses`](crate::metrics::choice_losses).
///
/// # Errors
///
/// Where the lengths differ, a session has several picks, or probabilities are none or sum to more
/// than 1.
pub fn paired(
    picked: &[bool],
    champion: &[f64],
    challenger: &[f64],
    sessions: &Sessions,
) -> Result<Vec<Paired>, MetricError> {
    let old = choice_losses(picked, champion, sessions)?;
    let new = choice_losses(picked, challenger, sessions)?;
    (sessions.ranges().zip(old.iter().zip(new)))
        .map(|(range, (old, new))| {
            let labels = &picked[range.clone()];
            let old_first = session_precision(labels, &champion[range.clone()], 1)?;
            let new_first = session_precision(labels, &challenger[range], 1)?;
            Ok(Paired {
                improvement: old - new,
                first_place: new_first.zip(old_first).map(|(new, old)| new - old),
            })
        })
        .collect()
}

/// A running comparison of a challenger with the champion, that may be asked after every session.
///
/// The improvement is the mean of the sessions' differences of log loss, each clipped to
/// ±[`GateOptions::clip`]; its interval is an asymptotic confidence sequence (see [`Interval`]), so
/// that looking often does no harm. Promotion needs its lower bound over 0, and an upper bound of
/// the difference in precision@1 that is not under 0.
///
/// ```
/// use mlp_core::{Because, Comparison, GateOptions, Paired};
///
/// let mut comparison = Comparison::new(&GateOptions::default());
/// for i in 0..300 {
///     let improvement = if i % 3 == 0 { -0.1 } else { 0.4 };
///     comparison.push(&Paired { improvement, first_place: Some(0.0) });
/// }
/// assert_eq!(comparison.because(), Because::Better);
/// assert!(comparison.improvement().low > 0.0);
/// ```
#[derive(Debug, Clone)]
pub struct Comparison {
    options: GateOptions,
    improvement: Stream,
    first_place: Stream,
}

impl Comparison {
    /// Nothing compared yet.
    pub fn new(options: &GateOptions) -> Self {
        Self {
            options: options.clone(),
            improvement: Stream::default(),
            first_place: Stream::default(),
        }
    }

    /// Adds a session.
    pub fn push(&mut self, pair: &Paired) {
        let clip = self.options.clip;
        self.improvement.push(pair.improvement.clamp(-clip, clip));
        if let Some(difference) = pair.first_place {
            self.first_place.push(difference);
        }
    }

    /// The mean improvement of the log loss, in nats per session.
    pub fn improvement(&self) -> Interval {
        self.improvement
            .interval(self.options.alpha, self.options.tuned)
    }

    /// The mean difference in precision@1, over sessions with a pick.
    pub fn first_place(&self) -> Interval {
        self.first_place
            .interval(self.options.alpha, self.options.tuned)
    }

    /// What follows from the sessions so far, and why.
    pub fn because(&self) -> Because {
        let options = &self.options;
        if self.improvement.len() < options.min_sessions.max(1) {
            return Because::FewSessions;
        }
        // However many sessions there are: where nobody picks there is nothing to learn from.
        if self.first_place.len() < options.min_picks.max(1) {
            return Because::FewPicks;
        }
        let improvement = self.improvement();
        if improvement.high < 0.0 {
            Because::Worse
        } else if self.first_place().high < 0.0 {
            Because::WorseFirstPlace
        } else if improvement.low > 0.0 {
            Because::Better
        } else if improvement.high < options.worthwhile {
            Because::NotWorthwhile
        } else if self.improvement.len() >= options.max_sessions {
            Because::Exhausted
        } else {
            Because::Undecided
        }
    }
}
