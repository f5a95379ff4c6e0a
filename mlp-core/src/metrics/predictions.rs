//! Labels and probabilities that were checked once.

use super::{EvaluateOptions, Evaluation, MetricError, Sessions, check, evaluate};

/// What a model promised for every shown item, and what was picked.
#[derive(Debug, Clone, PartialEq)]
pub struct Predictions {
    labels: Vec<bool>,
    probabilities: Vec<f64>,
    sessions: Sessions,
}

impl Predictions {
    /// Of `labels` and `probabilities` (in `0..=1`), both of shape `(n_rows,)`, in the order of
    /// `sessions`.
    ///
    /// # Errors
    ///
    /// Where lengths differ or a probability is none.
    pub fn new(
        labels: Vec<bool>,
        probabilities: Vec<f64>,
        sessions: Sessions,
    ) -> Result<Self, MetricError> {
        sessions.check(&labels, &probabilities)?;
        check::probabilities(labels.len(), &probabilities)?;
        Ok(Self {
            labels,
            probabilities,
            sessions,
        })
    }

    /// Whether each row was picked, shape `(n_rows,)`.
    pub fn labels(&self) -> &[bool] {
        &self.labels
    }

    /// What each row was promised, shape `(n_rows,)`.
    pub fn probabilities(&self) -> &[f64] {
        &self.probabilities
    }

    /// Which rows were shown together.
    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// The sessions at these positions, in this order; one that is named twice is there twice, one
    /// that does not exist is left out.
    pub fn select(&self, positions: &[usize]) -> Self {
        let (mut labels, mut probabilities) = (Vec::new(), Vec::new());
        let mut lengths = Vec::with_capacity(positions.len());
        let offsets = self.sessions.offsets();
        for &position in positions.iter().filter(|p| **p < self.sessions.len()) {
            let rows = offsets[position]..offsets[position + 1];
            lengths.push(rows.len());
            labels.extend_from_slice(&self.labels[rows.clone()]);
            probabilities.extend_from_slice(&self.probabilities[rows]);
        }
        Self {
            labels,
            probabilities,
            sessions: Sessions::of_lengths(lengths),
        }
    }

    /// [`evaluate`] of them.
    ///
    /// # Errors
    ///
    /// Where an option is out of range.
    pub fn evaluate(&self, options: &EvaluateOptions) -> Result<Evaluation, MetricError> {
        evaluate(
            &self.labels,
            &self.probabilities,
            Some(&self.sessions),
            options,
        )
    }
}
