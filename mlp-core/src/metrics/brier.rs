//! Brier score.

use super::{MetricError, check};

/// `mean((p − y)²)`, 0 the best, 1 the worst; `None` without rows.
///
/// Source: Brier, *Verification of forecasts expressed in terms of probability*, Monthly Weather
/// Review 78 (1950), the two-class form of `sklearn.metrics.brier_score_loss`.
///
/// `labels` and `probabilities` have shape `(n_rows,)`.
pub fn brier(labels: &[bool], probabilities: &[f64]) -> Result<Option<f64>, MetricError> {
    check::probabilities(labels.len(), probabilities)?;
    if labels.is_empty() {
        return Ok(None);
    }
    let sum: f64 = labels
        .iter()
        .zip(probabilities)
        .map(|(&label, &p)| (p - f64::from(u8::from(label))).powi(2))
        .sum();
    Ok(Some(sum / labels.len() as f64))
}
