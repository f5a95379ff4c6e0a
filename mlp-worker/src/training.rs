//! The training job: read sessions, fit, judge, decide.

use mlp_core::{
    Artifact, ArtifactError, Family, FitError, FitOptions, GateOptions, Lineage, PairTable, Schema,
    fit, gate,
};
use mlp_store::{
    DecisionKind, ModelRow, ModelStatus, NewDecision, NewModel, Registry, Store, StoreError, TaskId,
};

use crate::data::{DataOptions, SessionData};
use crate::reference::reference;
use crate::request::L2;
use crate::verdict::{self, Switches};

/// How models are trained and judged.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingOptions {
    /// Which sessions are read.
    pub data: DataOptions,
    /// How the model is fitted. By default a choice model: a loss per pair unlearns from good
    /// lists, of which one item in ten is picked, what a loss per list keeps. Its penalty is
    /// cross-validated.
    pub fit: FitOptions,
    /// How it is compared with the champion.
    pub gate: GateOptions,
}

impl Default for TrainingOptions {
    fn default() -> Self {
        Self {
            data: DataOptions::default(),
            fit: FitOptions {
                family: Family::Choice,
                l2: L2::CrossValidated.into(),
                ..FitOptions::default()
            },
            gate: GateOptions::default(),
        }
    }
}

/// Why no model came of a training.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainingError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The fit failed.
    #[error(transparent)]
    Fit(#[from] FitError),
    /// A model gave no numbers on the judging sessions.
    #[error(transparent)]
    Metric(#[from] mlp_core::metrics::MetricError),
    /// The new artifact cannot be used.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
}

impl TrainingError {
    /// Whether there was too little data.
    pub fn is_too_few(&self) -> bool {
        matches!(self, Self::Fit(FitError::TooFew { .. }))
    }

    /// Whether the same training may succeed later, with nothing changed.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_transient())
    }
}

/// When a training is done, in microseconds since 1970.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    /// Requests made until now are the model's reference.
    pub now_us: i64,
    /// Answers given until then are learned from.
    pub until_us: i64,
}

/// Trains a model on the sessions that were answered at or before `until_us` (microseconds since
/// 1970), compares it with the champion, and gives what is to be kept; nothing is kept yet.
///
/// # Errors
///
/// Where the store cannot be read, or there is too little data.
pub fn train(
    store: &dyn Store,
    schema: &Schema,
    task_id: TaskId,
    until_us: i64,
    options: &TrainingOptions,
) -> Result<(NewModel, NewDecision), TrainingError> {
    let now_us = until_us;
    let moment = Moment { now_us, until_us };
    let made = train_at(store, schema, task_id, moment, options)?;
    Ok((made.model, made.decision))
}

/// What a training made.
pub(crate) struct Made {
    pub model: NewModel,
    pub decision: NewDecision,
    /// The champion that it was compared with; `None` where there is none that can serve.
    pub compared_with: Option<i64>,
}

pub(crate) fn train_at(
    store: &dyn Store,
    schema: &Schema,
    task_id: TaskId,
    Moment { now_us, until_us }: Moment,
    options: &TrainingOptions,
) -> Result<Made, TrainingError> {
    let serving = Registry::serving_models(store)?;
    let has_canary = (serving.iter()).any(|model| model.status == ModelStatus::Canary);
    let champion = (serving.into_iter()).find(|model| model.status == ModelStatus::Champion);
    let from_us = (options.data.since_us).or_else(|| champion.as_ref().and_then(changed_us));
    let data = DataOptions {
        since_us: from_us,
        ..options.data.clone()
    };
    let data = SessionData::read(store, schema, until_us, &data)?;
    let lineage = Lineage {
        from_us: data.answered_us.map(|(first, _)| first),
        to_us: data.answered_us.map(|(_, last)| last),
        judged_from_us: from_us,
        catalog_version: data.catalog_version,
        parent: champion.as_ref().map(|model| model.model_id),
        ..Lineage::default()
    };
    let fitting = FitOptions {
        most_picks: (options.fit.most_picks).or_else(|| champion.as_ref().and_then(most_picks)),
        ..options.fit.clone()
    };
    let mut artifact = fit(schema, &data.training, &fitting, lineage)?;
    let challenger = artifact.model(schema)?;
    let since_us = data.since_us.unwrap_or(i64::MIN);
    artifact.reference = Some(reference(store, schema, &challenger, (since_us, now_us))?);
    let champion = champion.and_then(|row| usable(&row, schema).map(|model| (row.model_id, model)));
    let judging = PairTable::new(&schema.features, &data.judging);
    let (old_id, old) = match &champion {
        Some((id, model)) => (Some(*id), Some(model)),
        None => (None, None),
    };
    let report = gate(old, &challenger, &judging, &options.gate)?;
    let model = NewModel {
        task_id: Some(task_id),
        artifact: artifact.to_json(),
    };
    let mut decision = verdict::of_gate(&report, old_id, &options.gate, &Switches::read(store)?);
    if has_canary && decision.kind == DecisionKind::Canary {
        decision.kind = DecisionKind::Wait;
        decision.reason = format!("waits for the end of the canary; then {}", decision.reason);
    }
    Ok(Made {
        model,
        decision,
        compared_with: old_id,
    })
}

/// When the requests changed that the champion was trained for. Its successors are trained and judged
/// by what came after, as it was: the answers of before speak for who they were.
fn changed_us(champion: &ModelRow) -> Option<i64> {
    let artifact = Artifact::from_json(&champion.artifact).ok()?;
    artifact.lineage.judged_from_us
}

/// What the best of the champion's lists reach.
fn most_picks(champion: &ModelRow) -> Option<f64> {
    let artifact = Artifact::from_json(&champion.artifact).ok()?;
    Some(artifact.pick_curve?.most)
}

/// The champion's model, where it can be used: one of another schema is no champion to beat.
pub(crate) fn usable(row: &ModelRow, schema: &Schema) -> Option<mlp_core::LinearModel> {
    match row.model(schema) {
        Ok(model) => Some(model),
        Err(error) => {
            tracing::warn!(model_id = row.model_id, %error, "the champion cannot be compared with");
            None
        }
    }
}
