//! Sessions as rows of features: what models are fitted on.

use ndarray::{Array2, ArrayView2};

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
    /// Computes the features of every session's pairs.
    pub fn new<'a>(features: &FeatureSet, sessions: impl IntoIterator<Item = &'a Session>) -> Self {
        let (mut numbers, mut labels, mut offsets) = (Vec::new(), Vec::new(), vec![0]);
        for session in sessions {
            for (position, item) in session.shown.iter().enumerate() {
                features.extend(&session.user, item, &mut numbers);
                labels.push(session.picked == Some(position));
            }
            offsets.push(labels.len());
        }
        let shape = (labels.len(), features.len());
        Self {
            features: Array2::from_shape_vec(shape, numbers)
                .unwrap_or_else(|_| unreachable!("each row has n_features numbers")),
            labels,
            sessions: Sessions::from_offsets(offsets)
                .unwrap_or_else(|_| unreachable!("offsets ascend from 0")),
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
}
