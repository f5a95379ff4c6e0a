//! The registry of models.

use mlp_core::Artifact;
use mlp_store::{DecisionKind, DecisionRow, ModelRow, ModelStatus, NewDecision, Store, StoreError};
use serde_json::{Value as Json, json};

use super::Call;
use super::content::refresh;
use crate::answer::Answer;
use crate::failure::Failure;
use crate::wire;

const NO_MODEL: Failure = Failure::NotFound("no such model");

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

fn decision(kind: DecisionKind) -> NewDecision {
    NewDecision {
        kind,
        reason: "by hand, through the API".to_owned(),
        evidence: "{}".to_owned(),
    }
}

/// `POST /models/{id}/promote`.
pub(super) async fn promote(call: &Call<'_>) -> Result<Answer, Failure> {
    let id = call.id()?;
    let decide = move |store: &dyn Store| {
        if store.decide(id, &decision(DecisionKind::Promote))? {
            found(store, store.model(id)?)
        } else {
            Ok(None)
        }
    };
    let model = call.shared.desk.call(decide).await?.ok_or(NO_MODEL)?;
    refresh(call).await;
    Ok(Answer::value(&model))
}

/// `POST /models/rollback`.
pub(super) async fn rollback(call: &Call<'_>) -> Result<Answer, Failure> {
    let decide = |store: &dyn Store| {
        if !store.decide(0, &decision(DecisionKind::Rollback))? {
            return Ok(None);
        }
        let mut models = store.serving_models()?.into_iter();
        found(store, models.find(|m| m.status == ModelStatus::Champion))
    };
    let model = call.shared.desk.call(decide).await?;
    let model = model.ok_or(Failure::Conflict("there is no champion before this one"))?;
    refresh(call).await;
    Ok(Answer::value(&model))
}
