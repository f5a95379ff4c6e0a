//! Why choices have no estimate.

use crate::solver::SolveError;

/// What is wrong with choice data, or why no coefficients fit it best.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ChoiceError {
    /// An array has another length than the situations have.
    #[error("`{what}` has {found} entries where {expected} are needed")]
    Shape {
        /// Which array.
        what: &'static str,
        /// Its length.
        found: usize,
        /// The length it must have.
        expected: usize,
    },
    /// A feature is NaN or infinite.
    #[error("feature {column} of row {row} is `{value}`: a finite number is needed")]
    NotFinite {
        /// The row.
        row: usize,
        /// The feature.
        column: usize,
        /// Its value.
        value: f64,
    },
    /// What was chosen is not there.
    #[error("situation {situation} chooses alternative {position} of {alternatives}")]
    Chosen {
        /// The situation.
        situation: usize,
        /// The chosen position, from 0.
        position: usize,
        /// How many alternatives there are.
        alternatives: usize,
    },
    /// What was chosen was not to be had.
    #[error("situation {situation} chooses alternative {position}, which is not available")]
    Unavailable {
        /// The situation.
        situation: usize,
        /// The chosen position, from 0.
        position: usize,
    },
    /// Nothing was chosen where something must be.
    #[error(
        "situation {situation} chooses none of its alternatives, which needs an outside option"
    )]
    NoOutside {
        /// The situation.
        situation: usize,
    },
    /// A weight is out of range.
    #[error("the weight of situation {situation} is `{weight}`: a finite number from 0 is needed")]
    Weight {
        /// The situation.
        situation: usize,
        /// Its weight.
        weight: f64,
    },
    /// There is nothing to estimate from.
    #[error("there is nothing to estimate: {features} features, situations of weight {weight}")]
    Empty {
        /// The number of coefficients.
        features: usize,
        /// The sum of the weights.
        weight: f64,
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
    /// A feature says nothing that those before it do not say.
    #[error(
        "coefficient {coefficient} cannot be told: its feature is the same for all alternatives of every situation, or a combination of those before it; leave it out, or set `l2` over 0"
    )]
    Collinear {
        /// The coefficient's position.
        coefficient: usize,
    },
    /// The larger the coefficients, the better the fit.
    #[error(
        "coefficient {coefficient} grows without end: its feature tells some choices apart without exception; leave it out, or set `l2` over 0"
    )]
    Separable {
        /// The position of the coefficient that grows most.
        coefficient: usize,
    },
    /// The solver has no answer for another reason.
    #[error(transparent)]
    Solver(SolveError),
}
