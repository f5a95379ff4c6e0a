//! The training job: read sessions, fit, judge, decide.

use mlp_core::{
    ArtifactError, FitError, FitOptions, GateOptions, GateReport, Lineage, PairTable, Schema,
    Verdict, fit_logistic, gate,
};
use mlp_store::{
    DecisionKind, ModelRow, ModelStatus, NewDecision, NewModel, Registry, Store, StoreError, TaskId,
};

use crate::data::{DataOptions, SessionData};

/// How models are trained and judged.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TrainingOptions {
    /// Which sessions are read.
    pub data: DataOptions,
    /// How the model is fitted.
    pub fit: FitOptions,
    /// How it is compared with the champion.
    pub gate: GateOptions,
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
    let data = SessionData::read(store, schema, until_us, &options.data)?;
    let champion = Registry::serving_models(store)?
        .into_iter()
        .find(|model| model.status == ModelStatus::Champion);
    let lineage = Lineage {
        from_us: data.answered_us.map(|(first, _)| first),
        to_us: data.answered_us.map(|(_, last)| last),
        catalog_version: data.catalog_version,
        parent: champion.as_ref().map(|model| model.model_id),
        ..Lineage::default()
    };
    let artifact = fit_logistic(schema, &data.training, &options.fit, lineage)?;
    let challenger = artifact.model(schema)?;
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
    Ok((model, decision(&report, old_id, &options.gate)))
}

/// The champion's model, where it can be used: one of another schema is no champion to beat.
fn usable(row: &ModelRow, schema: &Schema) -> Option<mlp_core::LinearModel> {
    let artifact = mlp_core::Artifact::from_json(&row.artifact);
    match artifact.and_then(|artifact| artifact.model(schema)) {
        Ok(model) => Some(model),
        Err(error) => {
            tracing::warn!(model_id = row.model_id, %error, "the champion cannot be compared with");
            None
        }
    }
}

/// Puts a verdict into a sentence.
fn decision(report: &GateReport, champion: Option<i64>, options: &GateOptions) -> NewDecision {
    let number = |x: Option<f64>| x.map_or("undefined".to_owned(), |x| format!("{x:.4}"));
    let compared = || {
        format!(
            "on {} judging sessions log loss {} against {} and precision@1 {} against {} of model {}",
            report.sessions,
            number(report.challenger_log_loss),
            number(report.champion_log_loss),
            number(report.challenger_precision_at_1),
            number(report.champion_precision_at_1),
            champion.unwrap_or_default(),
        )
    };
    let (kind, reason) = match report.verdict {
        Verdict::Promote if champion.is_none() => (
            DecisionKind::Promote,
            "promoted: there was no champion".to_owned(),
        ),
        Verdict::Promote => (
            DecisionKind::Promote,
            format!("promoted: not worse, {}", compared()),
        ),
        Verdict::Reject => (
            DecisionKind::Reject,
            format!("rejected: worse, {}", compared()),
        ),
        Verdict::Wait => (
            DecisionKind::Wait,
            format!(
                "no verdict: {} judging sessions with {} picks, at least {} with 1 pick are needed",
                report.sessions, report.picked, options.min_sessions
            ),
        ),
    };
    NewDecision {
        kind,
        reason,
        evidence: serde_json::to_string(report).unwrap_or_default(),
    }
}
