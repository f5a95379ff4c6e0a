//! Sessions as rows of features: what models are fitted on.

use std::ops::Range;

use ndarray::{Array2, ArrayView2, Axis};

use crate::feature::FeatureSet;
use crate::metrics::Sessions;

/// One session to learn from or to judge by: who asked, what was shown, what was picked.
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    /// The user's numbers, shape `(n_user_columns,)`.
    pub user: Vec<f64>,
    /// The numbers of the items that were shown, each of shape `(n_item_columns,)`.
    pub shown: Vec<Vec<f64>>,
    /// The position of the picked one among `shown`; `None` for "none of these".
    pub picked: Option<usize>,
}

/// One row of features per shown item, session after session.
#[derive(Debug, Clone)]
pub struct PairTable {
    features: Array2<f64>,
    labels: Vec<bool>,
    sessions: Sessions,
}

impl PairTable {
    /// Computes the features of every session's pairs. A session that was shown nothing has no rows
    /// and is left out.
    ///
    /// # Panics
    ///
    /// Where a session's numbers are fewer than the schema has columns.
    pub fn new<'a>(features: &FeatureSet, sessions: impl IntoIterator<Item = &'a Session>) -> Self {
        let (mut numbers, mut labels, mut session_of) = (Vec::new(), Vec::new(), Vec::new());
        for (number, session) in sessions.into_iter().enumerate() {
            for (position, item) in session.shown.iter().enumerate() {
                features.extend(&session.user, item, &mut numbers);
                labels.push(session.picked == Some(position));
                session_of.push(number);
            }
        }
        let shape = (labels.len(), features.len());
        // As many numbers as that: each pair gives one per feature.
        let table = Array2::from_shape_vec(shape, numbers).unwrap_or_default();
        Self {
            features: table,
            labels,
            sessions: Sessions::from_runs(&session_of),
        }
    }

    /// The features, shape `(n_rows, n_features)`.
    pub fn features(&self) -> ArrayView2<'_, f64> {
        self.features.view()
    }

    /// Whether each row's item was picked, shape `(n_rows,)`.
    pub fn labels(&self) -> &[bool] {
        &self.labels
    }

    /// Which rows were shown together.
    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// The rows of some sessions, in the order in which these are named.
    pub(crate) fn select(&self, sessions: impl IntoIterator<Item = usize>) -> Self {
        let offsets = self.sessions.offsets();
        let ranges: Vec<Range<usize>> = (sessions.into_iter())
            .map(|at| offsets[at]..offsets[at + 1])
            .collect();
        let rows: Vec<usize> = ranges.iter().cloned().flatten().collect();
        Self {
            features: self.features.select(Axis(0), &rows),
            labels: rows.iter().map(|row| self.labels[*row]).collect(),
            sessions: Sessions::of_lengths(ranges.iter().map(Range::len)),
        }
    }

    /// The same rows with other features.
    pub(crate) fn map_features(self, change: impl FnOnce(Array2<f64>) -> Array2<f64>) -> Self {
        Self {
            features: change(self.features),
            ..self
        }
    }
}
