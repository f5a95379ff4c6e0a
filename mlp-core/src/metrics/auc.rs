//! Area under the ROC curve.

use super::{MetricError, ties};

/// The probability that a positive row scores above a negative one, ties counting one half.
///
/// `AUC = U / (P · N)` with the Mann–Whitney `U = Σ [s⁺ > s⁻] + ½ Σ [s⁺ = s⁻]`, counted from the
/// sorted scores in integers, so the value is exact up to one division. Source: Hanley and McNeil,
/// *The meaning and use of the area under a ROC curve*, Radiology 143 (1982). `None` unless both
/// classes are there.
///
/// `labels` and `scores` have shape `(n_rows,)`; `O(n log n)`.
///
/// ```
/// # use mlp_core::metrics::roc_auc;
/// assert_eq!(roc_auc(&[false, true, true], &[0.1, 0.1, 0.8]), Ok(Some(0.75)));
/// assert_eq!(roc_auc(&[true, true], &[0.1, 0.8]), Ok(None));
/// ```
pub fn roc_auc(labels: &[bool], scores: &[f64]) -> Result<Option<f64>, MetricError> {
    let ranked = ties::ranked(scores, labels.iter().copied())?;
    Ok(of_ranked(&ranked))
}

pub(super) fn of_ranked(ranked: &[(f64, bool)]) -> Option<f64> {
    let mut above = 0_u128;
    let mut negatives = 0_u128;
    // Twice the count of pairs that are in the wrong order, a tie being half of one.
    let mut wrong = 0_u128;
    for group in ties::groups(ranked) {
        let positive = ties::positives(group) as u128;
        let negative = group.len() as u128 - positive;
        wrong += positive * (2 * negatives + negative);
        above += positive;
        negatives += negative;
    }
    let pairs = 2 * above * negatives;
    (pairs > 0).then(|| (pairs - wrong) as f64 / pairs as f64)
}
