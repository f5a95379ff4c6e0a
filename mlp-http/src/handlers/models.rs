//! The registry of models.

use std::borrow::Cow;
use std::sync::Arc;

use mlp_core::{Artifact, ArtifactError, Schema};
use mlp_store::{DecisionKind, DecisionRow, ModelRow, ModelStatus, NewDecision, Store, StoreError};
use serde_json::{Value as Json, json};

use super::Call;
use super::content::refresh;
use crate::answer::Answer;
use crate::failure::Failure;
use crate::wire;

pub(super) const NO_MODEL: Failure = Failure::NotFound("no such model");
pub(super) const NO_CHAMPION_BEFORE: Failure =
    Failure::Conflict(Cow::Borrowed("there is no champion before this one"));

/// Decisions that are looked through for a model's last one.
const DECISIONS: usize = 1000;

/// The models, each with the last decision about it. An alarm is about the traffic, and says nothing of
/// why a model stands where it does.
fn values(store: &dyn Store, models: &[ModelRow]) -> Result<Vec<Json>, StoreError> {
    let decisions = store.decisions(DECISIONS)?;
    let about = |d: &&DecisionRow| !d.decision.kind.is_about_traffic();
    let last = |id| (decisions.iter().filter(about)).find(|d| d.model_id == id);
    Ok((models.iter())
        .map(|model| value(model, last(model.model_id)))
        .collect())
}

fn value(model: &ModelRow, decision: Option<&DecisionRow>) -> Json {
    let artifact = Artifact::from_json(&model.artifact).ok();
    let part = |of: fn(&Artifact) -> Json| artifact.as_ref().map_or(Json::Null, of);
    json!({
        "model_id": model.model_id,
        "task_id": model.task_id,
        "creation_time": wire::time(model.created_us),
        "status": model.status.name(),
        "use_percentage": model.use_percentage,
        "decision": decision.map(|d| &d.decision.reason),
        "family": part(|a| json!(a.family)),
        "train": part(|a| json!(a.train)),
        "test": part(|a| json!(a.test)),
        "lineage": part(|a| json!(a.lineage)),
    })
}

fn found(store: &dyn Store, model: Option<ModelRow>) -> Result<Option<Json>, StoreError> {
    let model: Vec<ModelRow> = model.into_iter().collect();
    Ok(values(store, &model)?.pop())
}

/// `GET /models`.
pub(super) async fn list(call: &Call<'_>) -> Result<Answer, Failure> {
    let limit = call.query.limit(crate::DEFAULT_PAGE, crate::MAX_PAGE)?;
    let models = move |store: &dyn Store| values(store, &store.models(limit)?);
    let models = call.shared.desk.call(models).await?;
    Ok(Answer::value(&models.into()))
}

/// `GET /models/{id}`.
pub(super) async fn one(call: &Call<'_>) -> Result<Answer, Failure> {
    let id = call.id()?;
    let model = move |store: &dyn Store| found(store, store.model(id)?);
    let model = call.shared.desk.call(model).await?;
    Ok(Answer::value(&model.ok_or(NO_MODEL)?))
}

/// What a decision by hand comes to.
pub(super) enum Outcome {
    Done,
    /// There is no such model, or no champion to go back to.
    Missing,
    /// The champion is another than the one whom the decision was to replace.
    Changed,
    /// The model cannot serve here.
    Unfit(i64, ArtifactError),
}

impl Outcome {
    /// Whether it was done; `missing` is what is said where there was nothing to do it with.
    pub(super) fn or(self, missing: Failure) -> Result<(), Failure> {
        let conflict = |what: String| Err(Failure::Conflict(what.into()));
        match self {
            Self::Done => Ok(()),
            Self::Missing => Err(missing),
            Self::Changed => conflict("there is another champion by now: look again".to_owned()),
            Self::Unfit(id, error) => conflict(format!("model {id} cannot serve: {error}")),
        }
    }
}

/// Takes a decision by hand, and says `place` as its reason. What cannot serve is not promoted: every list
/// would be in random order from then on.
pub(super) fn decide(
    store: &dyn Store,
    schema: &Schema,
    id: i64,
    kind: DecisionKind,
    place: &str,
) -> Result<Outcome, StoreError> {
    if kind == DecisionKind::Promote {
        let Some(row) = store.model(id)? else {
            return Ok(Outcome::Missing);
        };
        if let Err(error) = row.model(schema) {
            return Ok(Outcome::Unfit(id, error));
        }
    }
    let done = match kind {
        DecisionKind::Rollback => "rolled back",
        _ => "promoted",
    };
    let decision = NewDecision {
        kind,
        reason: format!("{done} by hand, {place}"),
        evidence: "{}".to_owned(),
    };
    Ok(match store.decide(id, &decision)? {
        true => Outcome::Done,
        false => Outcome::Missing,
    })
}

const HERE: &str = "through the API";

/// `POST /models/{id}/promote`.
pub(super) async fn promote(call: &Call<'_>) -> Result<Answer, Failure> {
    let id = call.id()?;
    let schema = Arc::clone(&call.shared.schema);
    let promote = move |store: &dyn Store| {
        let outcome = decide(store, &schema, id, DecisionKind::Promote, HERE)?;
        Ok((outcome, found(store, store.model(id)?)?))
    };
    let (outcome, model) = call.shared.desk.call(promote).await?;
    outcome.or(NO_MODEL)?;
    refresh(call).await;
    Ok(Answer::value(&model.ok_or(NO_MODEL)?))
}

/// `POST /models/rollback`.
pub(super) async fn rollback(call: &Call<'_>) -> Result<Answer, Failure> {
    let schema = Arc::clone(&call.shared.schema);
    let roll_back = move |store: &dyn Store| {
        let outcome = decide(store, &schema, 0, DecisionKind::Rollback, HERE)?;
        let mut models = store.serving_models()?.into_iter();
        let champion = models.find(|m| m.status == ModelStatus::Champion);
        Ok((outcome, found(store, champion)?))
    };
    let (outcome, model) = call.shared.desk.call(roll_back).await?;
    outcome.or(NO_CHAMPION_BEFORE)?;
    refresh(call).await;
    Ok(Answer::value(&model.ok_or(NO_MODEL)?))
}
