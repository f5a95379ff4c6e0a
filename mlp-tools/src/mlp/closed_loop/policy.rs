//! Ways to retrain.

use clap::ValueEnum;
use mlp_worker::DataOptions;
use serde::Serialize;

/// What becomes of a newly trained model, and what it is trained on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Policy {
    /// There is none: the first model stays.
    Never,
    /// The gate decides.
    Gated,
    /// It is promoted.
    Always,
    /// It is promoted, and learns from the newest sessions alone, which it chose itself.
    Greedy,
}

impl Policy {
    pub const ALL: [Self; 4] = [Self::Never, Self::Gated, Self::Always, Self::Greedy];

    pub fn name(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Gated => "gated",
            Self::Always => "always",
            Self::Greedy => "greedy",
        }
    }

    /// Sessions of random lists that the first model learns from. Few where learning has to show:
    /// a loop that begins with a good model passes without any.
    pub fn first_sessions(self) -> usize {
        match self {
            Self::Never | Self::Gated => 150,
            Self::Always | Self::Greedy => 1000,
        }
    }

    /// Instead of the store's own share of explored sessions.
    pub fn exploration(self) -> Option<f64> {
        (self == Self::Greedy).then_some(0.0)
    }

    pub fn data(self) -> DataOptions {
        match self {
            Self::Greedy => DataOptions {
                explored: 0,
                enough_explored: usize::MAX,
                others: 900,
                ..DataOptions::default()
            },
            _ => DataOptions::default(),
        }
    }
}
