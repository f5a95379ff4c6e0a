//! What is gained by looking at the best rows first.

use serde::{Deserialize, Serialize};

use super::{MetricError, check, ties};

/// A point of the lift curve: the best rows up to some share of all.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LiftPoint {
    /// The share of the rows, over 0 to 1.
    pub rows: f64,
    /// The share of the positive rows that is among them, 0 to 1 (the cumulative gain).
    pub found: f64,
    /// `found / rows`: how many times as many as among rows at random.
    pub lift: f64,
}

/// The lift of the best `1/points`, `2/points`, … of the rows by score, shape `(points,)`; `None`
/// without a positive row.
///
/// Rows of equal score count in expectation over their orders, and a share that ends within a row
/// counts a part of it. `labels` and `scores` have shape `(n_rows,)`.
///
/// # Errors
///
/// Where lengths differ, a score is NaN or `points` is 0.
///
/// ```
/// # use mlp_core::metrics::lift;
/// let curve = lift(&[true, false, false, true], &[0.9, 0.1, 0.2, 0.3], 2)?.unwrap();
/// assert_eq!((curve[0].found, curve[0].lift), (1.0, 2.0));
/// assert_eq!((curve[1].found, curve[1].lift), (1.0, 1.0));
/// # Ok::<(), mlp_core::metrics::MetricError>(())
/// ```
pub fn lift(
    labels: &[bool],
    scores: &[f64],
    points: usize,
) -> Result<Option<Vec<LiftPoint>>, MetricError> {
    check::at_least_one("points", points)?;
    let ranked = ties::ranked(scores, labels.iter().copied())?;
    let positives = labels.iter().filter(|label| **label).count() as f64;
    if positives == 0.0 {
        return Ok(None);
    }
    let n = labels.len() as f64;
    let mut groups = ties::groups(&ranked).peekable();
    let (mut above, mut hits) = (0.0, 0.0);
    let curve = (1..=points).map(|point| {
        let rows = point as f64 / points as f64;
        while let Some(group) = groups.next_if(|group| above + group.len() as f64 <= rows * n) {
            above += group.len() as f64;
            hits += ties::positives(group) as f64;
        }
        let part = groups.peek().map_or(0.0, |group| {
            ties::positives(group) as f64 * (rows * n - above) / group.len() as f64
        });
        let found = ((hits + part) / positives).min(1.0);
        LiftPoint {
            rows,
            found,
            lift: found / rows,
        }
    });
    Ok(Some(curve.collect()))
}
