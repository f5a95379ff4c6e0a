//! Why there is no model.

use crate::metrics::MetricError;
use crate::solver::SolveError;

/// Why there is no model.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FitError {
    /// Too little to learn from.
    #[error(
        "{sessions} sessions with {picks} picks and {others} other items are too few to learn from: at least 10 sessions, 2 picks and 2 others are needed"
    )]
    TooFew {
        /// Sessions to fit on.
        sessions: usize,
        /// Picked items among their rows.
        picks: usize,
        /// Other items among their rows.
        others: usize,
    },
    /// An option is out of range.
    #[error("`{name}` is `{value}`: {limit}")]
    Option {
        /// The option.
        name: &'static str,
        /// Its value.
        value: f64,
        /// What is allowed.
        limit: &'static str,
    },
    /// The model to start from is of other features.
    #[error("the model to start from has {found} weights for {expected} features")]
    Start {
        /// The schema's features.
        expected: usize,
        /// The model's weights.
        found: usize,
    },
    /// Some weights can be traded against others without any change, and no penalty decides.
    #[error(
        "`{feature}` is a sum of multiples of other features, so that without a penalty the weights are not determined: set `l2` over 0, or take it out of the schema"
    )]
    Collinear {
        /// The feature.
        feature: String,
    },
    /// The picks can be told from the rest without error: the likelihood rises for ever with the
    /// weights.
    #[error(
        "the weight of `{feature}` grows without bound (`{weight:.1}` by now), since it tells picks from other items without error: set `l2` over 0"
    )]
    Separable {
        /// The feature.
        feature: String,
        /// Its weight, on the scaled feature, when the search was given up.
        weight: f64,
    },
    /// The solver gave up.
    #[error("the solver failed: {0}")]
    Solver(String),
    /// The model gave no numbers.
    #[error(transparent)]
    Metric(#[from] MetricError),
}

/// A failure that counts weights, of which the family does not know the features' names.
pub(super) enum Failure {
    Solve(SolveError),
    Fit(FitError),
}

impl Failure {
    /// With names for weights.
    pub fn named(self, name: impl Fn(usize) -> String) -> FitError {
        match self {
            Self::Fit(error) => error,
            Self::Solve(SolveError::Singular { weight }) => FitError::Collinear {
                feature: name(weight),
            },
            Self::Solve(SolveError::Unbounded { weight, value }) => FitError::Separable {
                feature: name(weight),
                weight: value,
            },
            Self::Solve(error) => FitError::Solver(error.to_string()),
        }
    }
}

impl From<SolveError> for Failure {
    fn from(error: SolveError) -> Self {
        Self::Solve(error)
    }
}

impl From<FitError> for Failure {
    fn from(error: FitError) -> Self {
        Self::Fit(error)
    }
}
