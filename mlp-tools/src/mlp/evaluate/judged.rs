//! A model with the sessions that it is judged on.

use mlp_core::metrics::{
    BootstrapOptions, EvaluateOptions, EvaluationWithIntervals, Predictions, Segment,
    evaluate_with_intervals, segments,
};
use mlp_core::replay::{Replay, ReplayOptions, ReplayReport};
use mlp_core::{Artifact, Entity, PairTable, Schema, Session};

use super::super::error::{Error, Result};

/// A model's answers to sessions that it was not fitted on.
pub struct Judged {
    /// The model.
    pub artifact: Artifact,
    /// The users' numbers, each of shape `(n_user_columns,)`.
    pub users: Vec<Vec<f64>>,
    /// What it says of each shown item.
    pub predictions: Predictions,
    /// The lists, to be ranked anew.
    pub replay: Replay,
    /// The probability of each row to be its list's pick, by the model.
    pub choices: Vec<f64>,
}

impl Judged {
    /// Lets a model answer.
    pub fn new(schema: &Schema, artifact: Artifact, sessions: &[Session]) -> Result<Self> {
        let model = artifact.model(schema)?;
        let table = PairTable::new(&schema.features, sessions);
        let replay = Replay::new(sessions);
        let users = (sessions.iter()).filter(|session| !session.shown.is_empty());
        Ok(Self {
            users: users.map(|session| session.user.clone()).collect(),
            predictions: Predictions::new(
                table.labels().to_vec(),
                model.probabilities(&table),
                table.sessions().clone(),
            )?,
            choices: model.choice_probabilities(&table),
            artifact,
            replay,
        })
    }

    /// Every statistic with its interval.
    pub fn evaluate(&self, bootstrap: &BootstrapOptions) -> Result<EvaluationWithIntervals> {
        let options = EvaluateOptions::default();
        Ok(evaluate_with_intervals(
            &self.predictions,
            &options,
            bootstrap,
        )?)
    }

    /// What it is worth on random lists.
    pub fn replay(&self, bootstrap: &BootstrapOptions) -> Result<ReplayReport> {
        Ok(self
            .replay
            .value(&self.choices, &replay_options(bootstrap))?)
    }

    /// Every statistic of the sessions whose users are alike.
    pub fn by(
        &self,
        user: &Entity,
        field: &str,
        bootstrap: &BootstrapOptions,
    ) -> Result<Vec<(Segment, EvaluationWithIntervals)>> {
        let users = self.users.iter().map(Vec::as_slice);
        let found = segments(user, field, users, BUCKETS).ok_or_else(|| {
            let names: Vec<&str> = (user.columns.iter())
                .filter(|column| segments(user, &column.name, [], 1).is_some())
                .map(|column| column.name.as_str())
                .collect();
            let names = names.join(", ");
            Error::usage(format!(
                "`--by {field}` cannot be sliced by: use one of {names}"
            ))
        })?;
        (found.into_iter())
            .map(|segment| {
                let part = self.predictions.select(&segment.sessions);
                let found = evaluate_with_intervals(&part, &EvaluateOptions::default(), bootstrap)?;
                Ok((segment, found))
            })
            .collect()
    }
}

/// A number is sliced at its quartiles.
const BUCKETS: usize = 4;

/// The usual limits, with these intervals.
pub fn replay_options(bootstrap: &BootstrapOptions) -> ReplayOptions {
    ReplayOptions {
        bootstrap: bootstrap.clone(),
        ..ReplayOptions::default()
    }
}
