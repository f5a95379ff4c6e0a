//! Models and the decisions about them.

use mlp_core::{Artifact, ArtifactError, LinearModel, Schema};
use serde::{Deserialize, Serialize};

use super::task::TaskId;

/// The setting that holds the share of traffic that a canary answers, a number from 0 to
/// [`MAX_CANARY_SHARE`]; 0, where it is not made: what passes the gate is promoted at once.
pub const CANARY_SHARE_SETTING: &str = "canary_share";

/// The most that a canary answers: beyond a half it is the champion that is tried.
pub const MAX_CANARY_SHARE: f64 = 0.5;

/// The setting that says whether a worker promotes what passes the gate, `true` or `false`; `true`,
/// where it is not made.
pub const AUTO_PROMOTE_SETTING: &str = "auto_promote";

/// The setting that says whether a worker's triggers start trainings, `true` or `false`; `true`,
/// where it is not made.
pub const AUTO_RETRAIN_SETTING: &str = "auto_retrain";

/// The share of traffic in [`CANARY_SHARE_SETTING`]'s text; 0 where it is none.
pub fn canary_share(text: Option<&str>) -> f64 {
    text.and_then(|text| text.parse().ok())
        .filter(|share| (0.0..=MAX_CANARY_SHARE).contains(share))
        .unwrap_or(0.0)
}

/// A model's place in the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ModelStatus {
    /// It answers.
    Champion,
    /// It waits for a verdict.
    Challenger,
    /// It answers a share of the traffic beside the champion, and is watched.
    Canary,
    /// It was champion.
    Retired,
    /// It was found worse.
    Rejected,
    /// It answered users, and was taken back.
    #[serde(rename = "rolled_back")]
    RolledBack,
}

impl ModelStatus {
    /// Every status.
    pub const ALL: [Self; 6] = [
        Self::Champion,
        Self::Challenger,
        Self::Canary,
        Self::Retired,
        Self::Rejected,
        Self::RolledBack,
    ];

    /// The name in the store and on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Champion => "champion",
            Self::Challenger => "challenger",
            Self::Canary => "canary",
            Self::Retired => "retired",
            Self::Rejected => "rejected",
            Self::RolledBack => "rolled_back",
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

impl ModelRow {
    /// The model, ready to score.
    ///
    /// # Errors
    ///
    /// Where it cannot serve: the artifact is unreadable, or of another schema.
    pub fn model(&self, schema: &Schema) -> Result<LinearModel, ArtifactError> {
        Artifact::from_json(&self.artifact)?.model(schema)
    }
}

/// What is done with a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DecisionKind {
    /// It becomes the champion; the champion before it retires.
    Promote,
    /// It becomes the canary: it answers the share that [`CANARY_SHARE_SETTING`] says, the champion
    /// the rest. There has to be a champion, and no other canary.
    Canary,
    /// The canary goes; the champion answers all again.
    Withdraw,
    /// The champion goes, and leaves the line of champions: the one that it replaced comes back, so
    /// that a second rollback goes further back. A canary waits again.
    Rollback,
    /// It is found worse; the champion cannot be.
    Reject,
    /// It waits for a verdict; the champion cannot.
    Wait,
    /// The traffic is not what it was trained on any more. Changes no model.
    Alarm,
    /// The traffic agrees again with what the champion rests on: what ends an alarm. Changes no model.
    Recover,
}

impl DecisionKind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Promote,
        Self::Canary,
        Self::Withdraw,
        Self::Rollback,
        Self::Reject,
        Self::Wait,
        Self::Alarm,
        Self::Recover,
    ];

    /// The name in the store and on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Promote => "promote",
            Self::Canary => "canary",
            Self::Withdraw => "withdraw",
            Self::Rollback => "rollback",
            Self::Reject => "reject",
            Self::Wait => "wait",
            Self::Alarm => "alarm",
            Self::Recover => "recover",
        }
    }

    /// Whether it says something of the traffic, and changes no model.
    pub fn is_about_traffic(self) -> bool {
        matches!(self, Self::Alarm | Self::Recover)
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
