//! What both backends hold the registry's changes to.

use crate::types::ModelStatus;

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
