//! Models and the decisions about them.

use serde::{Deserialize, Serialize};

use super::task::TaskId;

/// A model's place in the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ModelStatus {
    /// It answers.
    Champion,
    /// It waits for a verdict.
    Challenger,
    /// It was champion.
    Retired,
    /// It was found worse.
    Rejected,
}

impl ModelStatus {
    /// Every status.
    pub const ALL: [Self; 4] = [
        Self::Champion,
        Self::Challenger,
        Self::Retired,
        Self::Rejected,
    ];

    /// The name in the store and on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Champion => "champion",
            Self::Challenger => "challenger",
            Self::Retired => "retired",
            Self::Rejected => "rejected",
        }
    }
}

/// A model to be kept.
#[derive(Debug, Clone, PartialEq)]
pub struct NewModel {
    /// The task that made it; `None` for an imported one.
    pub task_id: Option<TaskId>,
    /// [`mlp_core::Artifact::to_json`].
    pub artifact: String,
}

/// A model in the registry, without its artifact.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelRow {
    /// Its number.
    pub model_id: i64,
    /// The task that made it.
    pub task_id: Option<TaskId>,
    /// When it was made, in microseconds since 1970.
    pub created_us: i64,
    /// Its place.
    pub status: ModelStatus,
    /// The share of traffic that it answers, 0 to 1.
    pub use_percentage: f64,
    /// [`mlp_core::Artifact::to_json`].
    pub artifact: String,
}

/// What is done with a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DecisionKind {
    /// It becomes the champion; the champion before it retires.
    Promote,
    /// The champion goes, and leaves the line of champions: the one that it replaced comes back, so
    /// that a second rollback goes further back.
    Rollback,
    /// It is found worse; the champion cannot be.
    Reject,
    /// It waits for a verdict; the champion cannot.
    Wait,
}

impl DecisionKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Promote, Self::Rollback, Self::Reject, Self::Wait];

    /// The name in the store and on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Promote => "promote",
            Self::Rollback => "rollback",
            Self::Reject => "reject",
            Self::Wait => "wait",
        }
    }
}

/// A decision to be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDecision {
    /// What is done.
    pub kind: DecisionKind,
    /// Why, in a sentence.
    pub reason: String,
    /// The evidence, a JSON text.
    pub evidence: String,
}

/// A decision that was taken.
#[derive(Debug, Clone, PartialEq)]
pub struct DecisionRow {
    /// Its number.
    pub decision_id: i64,
    /// When, in microseconds since 1970.
    pub created_us: i64,
    /// The model that it is about; for a rollback, the one that came back.
    pub model_id: i64,
    /// What was decided.
    pub decision: NewDecision,
}
