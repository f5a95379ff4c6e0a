//! What a threshold makes of the scores.

use super::{MetricError, check};

/// Counts of rows by label and by prediction; a row is predicted positive where
/// `score >= threshold`.
///
/// ```
/// # use mlp_core::metrics::Confusion;
/// let counts = Confusion::at(0.5, &[true, true, false, false], &[0.9, 0.2, 0.5, 0.1])?;
/// assert_eq!(counts.precision(), Some(0.5));
/// assert_eq!(counts.recall(), Some(0.5));
/// # Ok::<(), mlp_core::metrics::MetricError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Confusion {
    /// Positive rows that are predicted positive.
    pub true_positives: u64,
    /// Negative rows that are predicted positive.
    pub false_positives: u64,
    /// Negative rows that are predicted negative.
    pub true_negatives: u64,
    /// Positive rows that are predicted negative.
    pub false_negatives: u64,
}

impl Confusion {
    /// Counts at a threshold, itself a number. `labels` and `scores` have shape `(n_rows,)`.
    pub fn at(threshold: f64, labels: &[bool], scores: &[f64]) -> Result<Self, MetricError> {
        check::same_len("scores", labels.len(), scores.len())?;
        check::numbers(scores)?;
        if threshold.is_nan() {
            return Err(MetricError::BadThreshold);
        }
        let mut counts = Self::default();
        for (&label, &score) in labels.iter().zip(scores) {
            let count = match (label, score >= threshold) {
                (true, true) => &mut counts.true_positives,
                (false, true) => &mut counts.false_positives,
                (false, false) => &mut counts.true_negatives,
                (true, false) => &mut counts.false_negatives,
            };
            *count += 1;
        }
        Ok(counts)
    }

    /// Share of rows predicted right, `(TP + TN) / rows`; `None` without rows.
    pub fn accuracy(&self) -> Option<f64> {
        let right = self.true_positives + self.true_negatives;
        share(right, right + self.false_positives + self.false_negatives)
    }

    /// Share of positive predictions that are right, `TP / (TP + FP)`; `None` without one.
    pub fn precision(&self) -> Option<f64> {
        share(
            self.true_positives,
            self.true_positives + self.false_positives,
        )
    }

    /// Share of positive rows that are found, `TP / (TP + FN)`; `None` without one.
    pub fn recall(&self) -> Option<f64> {
        share(
            self.true_positives,
            self.true_positives + self.false_negatives,
        )
    }

    /// Harmonic mean of precision and recall, `2TP / (2TP + FP + FN)`; `None` where no row is
    /// positive or predicted so.
    pub fn f1(&self) -> Option<f64> {
        let twice = 2 * self.true_positives;
        share(twice, twice + self.false_positives + self.false_negatives)
    }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
