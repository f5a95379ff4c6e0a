//! The loss of a whole choice: one of the shown items, or none.

use super::{MetricError, Sessions, check, log_loss};

/// Pick probabilities of a session may exceed one by this much, which rounding in `f32` explains.
const SLACK: f64 = 1e-6;

/// The log loss of each session's choice, shape `(n_sessions,)`, in nats: `−ln P(pick)` where an
/// item was picked, `−ln(1 − Σ P(pick = i))` where none was, clipped as by [`log_loss`](fn@super::log_loss).
///
/// Source: McFadden, *Conditional logit analysis of qualitative choice behavior*, 1974. `picked`
/// (at most one per session) and `probabilities` (of being the session's pick; the rest is that of
/// "none of these") have shape `(n_rows,)`, in the order of `sessions`.
///
/// ```
/// # use mlp_core::metrics::{Sessions, choice_losses};
/// let sessions = Sessions::equal(4, 2)?;
/// let losses = choice_losses(&[true, false, false, false], &[0.5, 0.3, 0.5, 0.25], &sessions)?;
/// assert_eq!(losses, [2_f64.ln(), 4_f64.ln()]);
/// # Ok::<(), mlp_core::metrics::MetricError>(())
/// ```
pub fn choice_losses(
    picked: &[bool],
    probabilities: &[f64],
    sessions: &Sessions,
) -> Result<Vec<f64>, MetricError> {
    sessions.check(picked, probabilities)?;
    check::probabilities(picked.len(), probabilities)?;
    let mut losses = Vec::with_capacity(sessions.len());
    for (session, range) in sessions.ranges().enumerate() {
        let total: f64 = probabilities[range.clone()].iter().sum();
        if total > 1.0 + SLACK {
            return Err(MetricError::ExcessProbability { session, total });
        }
        let mut picks = range.filter(|&row| picked[row]);
        let pick = picks.next();
        let others = picks.count();
        if others > 0 {
            let picks = others + 1;
            return Err(MetricError::ManyPicks { session, picks });
        }
        losses.push(log_loss::loss_of(
            pick.map_or(1.0 - total, |row| probabilities[row]),
        ));
    }
    Ok(losses)
}

/// The mean of [`choice_losses`]; `None` without sessions. The arguments are the same.
pub fn choice_log_loss(
    picked: &[bool],
    probabilities: &[f64],
    sessions: &Sessions,
) -> Result<Option<f64>, MetricError> {
    let losses = choice_losses(picked, probabilities, sessions)?;
    Ok((!losses.is_empty()).then(|| losses.iter().sum::<f64>() / losses.len() as f64))
}
