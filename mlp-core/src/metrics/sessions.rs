//! Which rows were shown together.

use std::ops::Range;

use super::{MetricError, check};

/// Consecutive runs of rows, each one session, none empty.
///
/// ```
/// # use mlp_core::metrics::Sessions;
/// let sessions = Sessions::from_runs(&["a", "a", "b"]);
/// assert_eq!(sessions.offsets(), [0, 2, 3]);
/// assert_eq!(sessions, Sessions::from_offsets(vec![0, 2, 3])?);
/// assert_eq!(
///     Sessions::from_offsets(vec![0, 2, 2]).unwrap_err().to_string(),
///     "session offset 2 is wrong, offsets must start at 0 and increase",
/// );
/// # Ok::<(), mlp_core::metrics::MetricError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Sessions {
    offsets: Vec<usize>,
}

impl Sessions {
    /// From offsets of shape `(n_sessions + 1,)`: session `i` is the rows
    /// `offsets[i]..offsets[i + 1]`.
    pub fn from_offsets(offsets: Vec<usize>) -> Result<Self, MetricError> {
        if offsets.first() != Some(&0) {
            return Err(MetricError::BadOffset { index: 0 });
        }
        match offsets.windows(2).position(|pair| pair[0] >= pair[1]) {
            Some(before) => Err(MetricError::BadOffset { index: before + 1 }),
            None => Ok(Self { offsets }),
        }
    }

    /// From the number of rows of each session, shape `(n_sessions,)`, each at least 1.
    pub fn from_lengths(lengths: impl IntoIterator<Item = usize>) -> Result<Self, MetricError> {
        let mut offsets = vec![0];
        let mut end = 0_usize;
        for length in lengths {
            end = end.saturating_add(length);
            offsets.push(end);
        }
        Self::from_offsets(offsets)
    }

    /// From lengths that are known to be at least 1.
    pub(crate) fn of_lengths(lengths: impl IntoIterator<Item = usize>) -> Self {
        let mut offsets = vec![0];
        let mut end = 0;
        for length in lengths {
            end += length;
            offsets.push(end);
        }
        Self { offsets }
    }

    /// From the session of each row, shape `(n_rows,)`: a new one begins where the value changes.
    pub fn from_runs<T: PartialEq>(ids: &[T]) -> Self {
        let mut offsets = vec![0];
        let mut end = 0;
        for run in ids.chunk_by(|a, b| a == b) {
            end += run.len();
            offsets.push(end);
        }
        Self { offsets }
    }

    /// `rows` rows in sessions of `per_session` each, which must divide them.
    pub fn equal(rows: usize, per_session: usize) -> Result<Self, MetricError> {
        check::at_least_one("per_session", per_session)?;
        let offsets: Vec<usize> = (0..=rows).step_by(per_session).collect();
        let whole = rows - rows % per_session;
        check::same_len("rows", whole, rows)?;
        Ok(Self { offsets })
    }

    /// Number of sessions.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of rows of all sessions.
    pub fn rows(&self) -> usize {
        self.offsets[self.len()]
    }

    /// The offsets, shape `(n_sessions + 1,)`.
    pub fn offsets(&self) -> &[usize] {
        &self.offsets
    }

    /// The rows of each session, in order.
    pub fn ranges(&self) -> impl ExactSizeIterator<Item = Range<usize>> {
        self.offsets.windows(2).map(|pair| pair[0]..pair[1])
    }

    /// Errs unless labels and scores have one value for each row of the sessions.
    pub(super) fn check(&self, labels: &[bool], scores: &[f64]) -> Result<(), MetricError> {
        check::same_len("labels", self.rows(), labels.len())?;
        check::same_len("scores", self.rows(), scores.len())
    }
}
