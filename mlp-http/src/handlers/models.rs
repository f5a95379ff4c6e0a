//! The registry of models.

use mlp_core::Artifact;
use mlp_store::{DecisionKind, ModelRow, ModelStatus, NewDecision};
use serde_json::{Value as Json, json};

use super::Call;
use super::content::refresh;
use crate::answer::Answer;
use crate::failure::Failure;
use crate::wire;

const NO_MODEL: Failure = Failure::NotFound("no such model");

fn value(model: &ModelRow) -> Json {
    let artifact = Artifact::from_json(&model.artifact).ok();
    let part = |of: fn(&Artifact) -> Json| artifact.as_ref().map_or(Json::Null, of);
    json!({
        "model_id": model.model_id,
        "task_id": model.task_id,
        "creation_time": wire::time(model.created_us),
        "status": model.status.name(),
        "use_percentage": model.use_percentage,
        "family": part(|a| json!(a.family)),
        "train": part(|a| json!(a.train)),
        "test": part(|a| json!(a.test)),
        "lineage": part(|a| json!(a.lineage)),
    })
}

/// `GET /models`.
pub(super) async fn list(call: &Call<'_>) -> Result<Answer, Failure> {
    let models = call.shared.desk.call(|store| store.models()).await?;
    let models: Vec<Json> = models.iter().map(value).collect();
    Ok(Answer::value(&models.into()))
}

/// `GET /models/{id}`.
pub(super) async fn one(call: &Call<'_>) -> Result<Answer, Failure> {
    let id = call.id()?;
    let model = call.shared.desk.call(move |store| store.model(id)).await?;
    Ok(Answer::value(&value(&model.ok_or(NO_MODEL)?)))
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
    let decide = move |store: &dyn mlp_store::Store| {
        if store.decide(id, &decision(DecisionKind::Promote))? {
            store.model(id)
        } else {
            Ok(None)
        }
    };
    let model = call.shared.desk.call(decide).await?.ok_or(NO_MODEL)?;
    refresh(call).await;
    Ok(Answer::value(&value(&model)))
}

/// `POST /models/rollback`.
pub(super) async fn rollback(call: &Call<'_>) -> Result<Answer, Failure> {
    let decide = |store: &dyn mlp_store::Store| {
        if !store.decide(0, &decision(DecisionKind::Rollback))? {
            return Ok(None);
        }
        let models = store.serving_models()?;
        Ok(models
            .into_iter()
            .find(|m| m.status == ModelStatus::Champion))
    };
    let model = call.shared.desk.call(decide).await?;
    let model = model.ok_or(Failure::Conflict("there is no champion before this one"))?;
    refresh(call).await;
    Ok(Answer::value(&value(&model)))
}
