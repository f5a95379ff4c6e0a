//! Trainings that have nothing new to learn from.

use mlp_core::explore::Half;
use mlp_core::{Artifact, Lineage};
use mlp_store::{ModelRow, NewModel, SessionQuery, Store, StoreError, TaskId};
use serde::{Deserialize, Serialize};

use crate::data::DataOptions;

/// A training that made what had been made before, and so left no model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Repeated {
    /// The training.
    pub task_id: String,
    /// The model that is the same.
    pub model_id: i64,
    /// That, and what became of that model, in a sentence.
    pub reason: String,
}

/// The setting that holds the newest one, as JSON.
const SETTING: &str = "repeated_training";

/// Models that a new one is compared with, the newest ones, and decisions that are looked through.
const RECENT: usize = 50;

impl Repeated {
    /// What the training came to, where it left no model.
    ///
    /// # Errors
    ///
    /// Where the store cannot be read.
    pub fn of(store: &dyn Store, task_id: TaskId) -> Result<Option<Self>, StoreError> {
        let text = store.setting(SETTING)?;
        let found: Option<Self> = text.and_then(|text| serde_json::from_str(&text).ok());
        Ok(found.filter(|found| found.task_id == task_id.to_string()))
    }

    /// Looks for a model that is `new` already, and keeps what was found.
    pub(crate) fn look(
        store: &dyn Store,
        task_id: TaskId,
        new: &NewModel,
    ) -> Result<Option<Self>, StoreError> {
        let Some(made) = apart_from_parent(&new.artifact) else {
            return Ok(None);
        };
        let same = |row: &ModelRow| apart_from_parent(&row.artifact).as_ref() == Some(&made);
        let Some(row) = store.models(RECENT)?.into_iter().find(same) else {
            return Ok(None);
        };
        let (model_id, status) = (row.model_id, row.status.name());
        let decisions = store.decisions(RECENT)?;
        let last = decisions.iter().find(|row| row.model_id == model_id);
        let verdict = last.map_or(String::new(), |row| format!(": {}", row.decision.reason));
        let found = Self {
            task_id: task_id.to_string(),
            model_id,
            reason: format!(
                "nothing new to learn from: the same sessions and settings made model {model_id}, \
                 a {status}{verdict}"
            ),
        };
        let text = serde_json::to_string(&found).unwrap_or_default();
        store.set_setting(SETTING, &text)?;
        Ok(Some(found))
    }
}

/// The artifact, whoever was champion when it was made, and whoever else asked meanwhile: requests
/// that nobody answered yet are in its reference, and it has learned nothing of them. What it expects
/// of its best lists it may have from the champion.
fn apart_from_parent(artifact: &str) -> Option<Artifact> {
    let artifact = Artifact::from_json(artifact).ok()?;
    Some(Artifact {
        lineage: Lineage {
            parent: None,
            ..artifact.lineage
        },
        reference: None,
        pick_curve: None,
        ..artifact
    })
}

/// Whether a training would find a session that `newest` did not: of the training half, answered
/// after the last that it was fitted or tested on.
pub(crate) fn has_news(
    store: &dyn Store,
    newest: &ModelRow,
    until_us: i64,
    data: &DataOptions,
) -> Result<bool, StoreError> {
    let known = Artifact::from_json(&newest.artifact).ok();
    let Some(last_us) = known.and_then(|artifact| artifact.lineage.to_us) else {
        // It does not tell what it knows.
        return Ok(true);
    };
    let page = |explored| {
        store.answered_sessions(&SessionQuery {
            explored,
            half: Half::Training,
            answered_until_us: until_us,
            before: i64::MAX,
            limit: PAGE,
        })
    };
    let explored = page(true)?;
    let is_new = |session: &mlp_store::LoggedSession| session.answered_us > last_us;
    if explored.iter().any(is_new) {
        return Ok(true);
    }
    Ok(explored.len() < data.enough_explored && page(false)?.iter().any(is_new))
}

/// Sessions looked through, the last that began: answers may come in another order.
const PAGE: usize = 1000;
