//! What both backends hold the registry's changes to.

use crate::error::StoreError;
use crate::types::{DecisionKind, ModelStatus};

/// Refuses a decision that a training cannot take about its new model.
pub(crate) fn of_training(kind: DecisionKind) -> Result<(), StoreError> {
    match kind {
        DecisionKind::Rollback | DecisionKind::Alarm | DecisionKind::Recover => {
            let name = kind.name();
            let message = format!("`{name}` is no decision about a new model");
            Err(StoreError::Invalid(message))
        }
        _ => Ok(()),
    }
}

/// Refuses a decision that a look at the traffic cannot take.
pub(crate) fn of_watch(kind: DecisionKind) -> Result<(), StoreError> {
    match kind.is_about_traffic() {
        true => Ok(()),
        false => {
            let name = kind.name();
            let message = format!("`{name}` is no decision about the traffic");
            Err(StoreError::Invalid(message))
        }
    }
}

/// What a look at the traffic that decides about no model is told.
pub(crate) fn no_model(model_id: i64) -> StoreError {
    StoreError::Invalid(format!("there is no model `{model_id}`"))
}

/// Why a model cannot become the canary; `None` where it can.
pub(crate) fn refusal(
    model_id: i64,
    before: ModelStatus,
    other_champions: i64,
    canaries: i64,
    share: f64,
) -> Option<String> {
    if before == ModelStatus::Champion {
        Some(format!("model `{model_id}` is the champion"))
    } else if other_champions == 0 {
        Some("there is no champion to watch a canary beside".to_owned())
    } else if canaries > 0 {
        Some("there is a canary already: promote it, or withdraw it".to_owned())
    } else if share <= 0.0 {
        Some("the setting `canary_share` is `0`: a canary would answer nobody".to_owned())
    } else {
        None
    }
}

/// The counts of every kind, in the order of [`DecisionKind::ALL`]; 0 for those that are not among
/// `counted`.
pub(crate) fn of_every_kind(counted: &[(DecisionKind, u64)]) -> Vec<(DecisionKind, u64)> {
    let count = |kind| counted.iter().find(|(other, _)| *other == kind);
    let all = DecisionKind::ALL.into_iter();
    all.map(|kind| (kind, count(kind).map_or(0, |(_, n)| *n)))
        .collect()
}
