//! What a training is asked for.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use mlp_core::{Family, FitOptions, Penalty, Scaling};
use mlp_store::{Lease, Work};
use serde::{Deserialize, Serialize};

/// What the payload of a training may say.
#[derive(Default, Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainingRequest {
    /// Why, for the log.
    #[serde(default)]
    pub reason: String,
    /// Instead of the worker's own setting: how old an answer must be, in seconds.
    #[serde(default)]
    pub settle_s: Option<f64>,
    /// The requests changed at this time, in microseconds since 1970: see
    /// [`DataOptions::since_us`](crate::DataOptions::since_us).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_us: Option<i64>,
    /// Instead of the worker's own settings: how the model is fitted.
    #[serde(default)]
    pub fit: FitRequest,
}

impl TrainingRequest {
    pub(crate) fn of(lease: &Lease) -> Result<Self, String> {
        match &lease.work {
            Work::Task { payload } if payload.is_empty() => Ok(Self::default()),
            Work::Task { payload } => serde_json::from_str(payload)
                .map_err(|e| format!("the payload is no training request: {e}")),
            Work::Inference { .. } => Err("the task is no training".to_owned()),
        }
    }

    pub(crate) fn settle(&self, default: Duration) -> Result<Duration, String> {
        match self.settle_s {
            None => Ok(default),
            Some(seconds) => Duration::try_from_secs_f64(seconds)
                .map_err(|e| format!("settle_s is `{seconds}`: {e}")),
        }
    }
}

/// How a model is to be fitted, where that is said; what is not is left as it is.
#[derive(Default, Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FitRequest {
    /// The kind of model.
    pub family: Option<Family>,
    /// The penalty.
    pub l2: Option<L2>,
    /// How features are scaled.
    pub scaling: Option<Scaling>,
    /// How many features are chosen by chi²; 0: all are.
    pub k_best: Option<usize>,
}

impl FitRequest {
    /// Changes what is said.
    pub fn apply(&self, options: &mut FitOptions) {
        if let Some(family) = self.family {
            options.family = family;
        }
        if let Some(l2) = self.l2 {
            options.l2 = l2.into();
        }
        if let Some(scaling) = self.scaling {
            options.scaling = scaling;
        }
        if let Some(k) = self.k_best {
            options.k_best = (k > 0).then_some(k);
        }
    }
}

/// The L2 penalty, as it is written: a number from 0, or `cv`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum L2 {
    /// The one that does best on sessions that are kept from the fit.
    CrossValidated,
    /// This one.
    Fixed(f64),
}

/// Which sessions are in which fold is no matter of chance: the same data gives the same model.
const FOLDS_SEED: u64 = 1;

impl From<L2> for Penalty {
    fn from(l2: L2) -> Self {
        match l2 {
            L2::CrossValidated => Self::cross_validated(FOLDS_SEED),
            L2::Fixed(l2) => Self::Fixed(l2),
        }
    }
}

impl FromStr for L2 {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "cv" => Ok(Self::CrossValidated),
            number => match number.parse() {
                Ok(l2) if (0.0..f64::INFINITY).contains(&l2) => Ok(Self::Fixed(l2)),
                _ => Err(format!("l2 is `{text}`, must be `cv` or a number from 0")),
            },
        }
    }
}

impl fmt::Display for L2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CrossValidated => f.write_str("cv"),
            Self::Fixed(l2) => l2.fmt(f),
        }
    }
}

impl From<L2> for String {
    fn from(l2: L2) -> Self {
        l2.to_string()
    }
}

impl TryFrom<String> for L2 {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}
