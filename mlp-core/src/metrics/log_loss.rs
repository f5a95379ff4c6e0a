//! Logarithmic loss.

use super::{MetricError, check};

/// `−mean(y ln p + (1 − y) ln(1 − p))`, in nats; `None` without rows.
///
/// A probability is first clipped to `[ε, 1 − ε]` with `ε = f64::EPSILON`, so one row costs at
/// most 36.04. Source: `sklearn.metrics.log_loss`.
///
/// `labels` and `probabilities` have shape `(n_rows,)`.
pub fn log_loss(labels: &[bool], probabilities: &[f64]) -> Result<Option<f64>, MetricError> {
    check::probabilities(labels.len(), probabilities)?;
    if labels.is_empty() {
        return Ok(None);
    }
    let sum: f64 = labels
        .iter()
        .zip(probabilities)
        .map(|(&label, &p)| loss_of(if label { p } else { 1.0 - p }))
        .sum();
    Ok(Some(sum / labels.len() as f64))
}

/// The loss of what happened, given the probability it was promised, shape scalar, in nats.
pub(super) fn loss_of(probability: f64) -> f64 {
    -probability.clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln()
}
