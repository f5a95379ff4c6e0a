//! What the dashboard shows, as plain data.

use mlp_core::watch::WatchReport;
use mlp_store::{DecisionRow, ModelStatus};

use crate::metrics::Stretch;
use crate::pages::Tally;

/// All of it.
#[derive(Debug, Clone)]
pub(crate) struct View {
    /// In microseconds since 1970.
    pub now_us: i64,
    /// Whether there is a cookie to give back.
    pub can_sign_out: bool,
    /// `None` while the store does not answer.
    pub stored: Option<Stored>,
    /// Traffic by minute, the oldest first.
    pub traffic: Vec<Stretch>,
    pub tally: Tally,
    /// What was just done.
    pub done: Option<&'static str>,
}

/// What the store holds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stored {
    pub items: u64,
    pub users: u64,
    /// The newest first.
    pub models: Vec<ModelView>,
    /// The newest first.
    pub decisions: Vec<DecisionRow>,
    /// What the looks at the traffic found, the newest first.
    pub reports: Vec<WatchReport>,
}

impl Stored {
    pub fn champion(&self) -> Option<&ModelView> {
        self.models
            .iter()
            .find(|m| m.status == ModelStatus::Champion)
    }

    /// The newest look by schedule, or, where nobody else looks, the one that was asked for.
    pub fn newest(&self) -> Option<&WatchReport> {
        let mut by_schedule = self.reports.iter().filter(|report| !report.is_by_hand());
        by_schedule.next().or(self.reports.first())
    }
}

/// A model in the registry.
#[derive(Debug, Clone)]
pub(crate) struct ModelView {
    pub model_id: i64,
    pub created_us: i64,
    pub status: ModelStatus,
    /// Its share of the traffic, 0 to 1.
    pub share: f64,
    /// Why it cannot serve here.
    pub unfit: Option<String>,
    pub family: String,
    /// Sessions that it was fitted on.
    pub sessions: u64,
    /// On later sessions than it was fitted on.
    pub log_loss: Option<f64>,
    pub precision_at_1: Option<f64>,
}
