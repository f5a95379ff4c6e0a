//! What one look at the live traffic found; stores keep it, the API and the pages show it.

use serde::{Deserialize, Serialize};

use crate::drift::{DriftReport, PolicyKind};

/// One look at the live traffic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WatchReport {
    /// When it was taken, in microseconds since 1970.
    pub created_us: i64,
    /// The champion at that time; `None` without one.
    pub model_id: Option<i64>,
    /// The model whose reference profile the window was held against: the champion, or a later one
    /// that the champion was confirmed against.
    pub reference_model_id: Option<i64>,
    /// Which requests were looked at.
    pub window: Window,
    /// Drift of the requests and of the score; `None` without a reference.
    pub drift: Option<DriftReport>,
    /// Why there is no drift report.
    pub no_drift: Option<String>,
    /// When what is alarmed about began, in microseconds since 1970; `None` while all is calm. It
    /// stays until the window agrees with the reference again.
    pub alarm_since_us: Option<i64>,
    /// How well the models do.
    pub quality: Quality,
}

impl WatchReport {
    /// Whether somebody asked for it: a single look is wrong more often than those by schedule, which
    /// are calibrated for looking without end. What is told of the traffic at large is not its.
    pub fn is_by_hand(&self) -> bool {
        let policy = self.drift.as_ref().map(|drift| drift.policy);
        policy == Some(PolicyKind::OneLook)
    }
}

/// Which requests were looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Window {
    /// How many.
    pub requests: u64,
    /// When the first was made, in microseconds since 1970.
    pub from_us: Option<i64>,
    /// When the last was made.
    pub to_us: Option<i64>,
    /// The newest one's number: what comes after it is new to the next look.
    #[serde(default)]
    pub newest: Option<i64>,
}

/// How well the models do in the window.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Quality {
    /// Pick rates of each model that answered, by model.
    pub models: Vec<PickRate>,
    /// The share of shown sessions old enough to have been answered that were; `None` without any.
    pub coverage: Option<f64>,
    /// How long users take to answer; `None` without answers.
    pub delay: Option<Delay>,
    /// The champion on explored judging sessions; `None` without any.
    pub explored: Option<Explored>,
}

/// A model's picks among answered sessions that were not explored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PickRate {
    /// The model.
    pub model_id: i64,
    /// Sessions whose results were shown.
    pub shown: u64,
    /// Of them, those that were answered.
    pub answered: u64,
    /// Of these, those with a pick.
    pub picked: u64,
    /// `picked / answered`, what old dashboards call accuracy; `None` without answers.
    pub rate: Option<f64>,
    /// The lower bound of Wilson's 95 % interval for it.
    pub low: Option<f64>,
    /// The upper bound.
    pub high: Option<f64>,
    /// The mean probability of a pick by the model itself, over the answered sessions, along the
    /// [`PickCurve`](super::PickCurve) of what became of its training lists.
    pub expected: Option<f64>,
    /// The same over all that were shown, answered or not: what to expect of those to come.
    pub expected_shown: Option<f64>,
}

/// How long users take to answer, from what was shown to the answer, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Delay {
    /// The median.
    pub p50_s: f64,
    /// The 90th percentile.
    pub p90_s: f64,
}

/// A model on explored judging sessions, which no model chose the items of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explored {
    /// Sessions.
    pub sessions: u64,
    /// Of them, those with a pick.
    pub picked: u64,
    /// Log loss of the choice, in nats per session.
    pub log_loss: Option<f64>,
    /// The lower bound of its 95 % bootstrap interval.
    pub log_loss_low: Option<f64>,
    /// The upper bound.
    pub log_loss_high: Option<f64>,
    /// The share of picks that stood first by the model's score.
    pub precision_at_1: Option<f64>,
    /// The lower bound of its 95 % bootstrap interval.
    pub precision_at_1_low: Option<f64>,
    /// The upper bound.
    pub precision_at_1_high: Option<f64>,
    /// Mean probabilities and pick rates of the shown items in bins of equal width: `(mean
    /// probability, share picked, items)` of each bin that is not empty.
    pub reliability: Vec<(f64, f64, u64)>,
}
