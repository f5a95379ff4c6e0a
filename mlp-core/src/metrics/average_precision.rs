//! Average precision.

use super::{MetricError, ties};

/// The precision at every distinct score, weighted by the recall gained there:
/// `AP = Σ (R_n − R_{n−1}) · P_n` over descending thresholds, without interpolation.
///
/// Source: the definition of `sklearn.metrics.average_precision_score`. Rows of equal score enter
/// together, so a constant scorer gets the share of positives. `None` unless both classes are
/// there; scikit-learn answers 0 without positives and 1 without negatives, whatever the scores.
///
/// `labels` and `scores` have shape `(n_rows,)`; `O(n log n)`.
pub fn average_precision(labels: &[bool], scores: &[f64]) -> Result<Option<f64>, MetricError> {
    let ranked = ties::ranked(scores, labels.iter().copied())?;
    Ok(of_ranked(&ranked))
}

pub(super) fn of_ranked(ranked: &[(f64, bool)]) -> Option<f64> {
    let mut rows = 0_usize;
    let mut hits = 0_usize;
    let mut sum = 0.0;
    for group in ties::groups(ranked) {
        let positive = ties::positives(group);
        rows += group.len();
        hits += positive;
        sum += positive as f64 * hits as f64 / rows as f64;
    }
    (hits > 0 && hits < rows).then(|| sum / hits as f64)
}
