//! Rows by descending score, in groups of equal scores.

use super::{MetricError, check};

/// Pairs of score and value, best first. `scores` and `values` run in parallel.
pub(super) fn ranked<T: Copy>(
    scores: &[f64],
    values: impl ExactSizeIterator<Item = T>,
) -> Result<Vec<(f64, T)>, MetricError> {
    check::same_len("scores", values.len(), scores.len())?;
    check::numbers(scores)?;
    let mut pairs: Vec<(f64, T)> = scores.iter().copied().zip(values).collect();
    pairs.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    Ok(pairs)
}

/// The groups of equal score of what [`ranked`] gave.
///
/// Compared with `==`: `total_cmp` sorts 0.0 before -0.0, neighbours that are one score.
pub(super) fn groups<T>(pairs: &[(f64, T)]) -> impl Iterator<Item = &[(f64, T)]> {
    pairs.chunk_by(|a, b| a.0 == b.0)
}

/// Positives in a group.
pub(super) fn positives(group: &[(f64, bool)]) -> usize {
    group.iter().filter(|row| row.1).count()
}
