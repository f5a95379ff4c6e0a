//! Minimising a smooth convex loss over rows of data, with a quadratic penalty on the weights.
//!
//! A model family brings its summed loss as an [`Objective`]; [`minimise`] is the one loop for all
//! of them. It minimises
//!
//! ```text
//! f(w) = loss(w) + ½ Σ ridge_j · w_j²
//! ```
//!
//! by Newton's method up to [`MAX_NEWTON`] weights and by L-BFGS beyond, where a Hessian costs more
//! than the steps that it saves. One pass over the data gives a step; a line search by halving takes
//! further ones only where a step overshoots. Source: Nocedal and Wright, *Numerical Optimization*,
//! chapters 3 and 7.
//!
//! The same input gives the same bytes on any number of threads: rows are summed in blocks that
//! depend on their number alone, and the blocks are combined in their order.
//!
//! ```
//! use mlp_core::solver::{LogisticLoss, Options, minimise};
//! use ndarray::arr2;
//!
//! let features = arr2(&[[0.0], [1.0], [2.0], [3.0]]);
//! let loss = LogisticLoss::new(features.view(), &[false, true, false, true])?;
//! // The weight is penalised, the constant behind it is not.
//! let found = minimise(&loss, &[1.0, 0.0], loss.origin(), &Options::default())?;
//! assert!(found.converged);
//! assert_eq!(format!("{:.3?}", found.weights), "[0.453, -0.679]");
//! # Ok::<(), mlp_core::solver::SolveError>(())
//! ```

mod blocks;
mod cholesky;
mod covariance;
mod direction;
mod logistic;
mod minimise;

pub use blocks::sum_blocks;
pub use cholesky::{Cholesky, NotPositiveDefinite};
pub use covariance::covariance;
pub use direction::MAX_NEWTON;
pub use logistic::{LogisticLoss, minimise_logistic};
pub use minimise::{Options, Solution, minimise};

use ndarray::Array2;

/// A convex, twice differentiable loss, summed over rows.
pub trait Objective {
    /// The number of weights.
    fn n_weights(&self) -> usize;

    /// What gradients are stated per: the number of rows, or the sum of their weights.
    fn n_rows(&self) -> f64;

    /// The summed loss and its derivatives at `weights`, shape `(n_weights,)`, in one pass. The same
    /// weights must give the same bits, with a Hessian and without.
    fn evaluate(&self, weights: &[f64], order: Order) -> Derivatives;
}

/// Which derivatives are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The gradient.
    First,
    /// The gradient and the Hessian.
    Second,
}

/// A loss and its derivatives at a point.
#[derive(Debug, Clone, PartialEq)]
pub struct Derivatives {
    /// The loss.
    pub value: f64,
    /// Its gradient, shape `(n_weights,)`.
    pub gradient: Vec<f64>,
    /// Its Hessian, shape `(n_weights, n_weights)`, both triangles; `None` where it was not wanted.
    pub hessian: Option<Array2<f64>>,
}

/// Why there is no minimum to give.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SolveError {
    /// An input has the wrong length.
    #[error("`{what}` has {found} values, must have {expected}")]
    Length {
        /// The input.
        what: &'static str,
        /// Values it must have.
        expected: usize,
        /// Values it has.
        found: usize,
    },
    /// The loss is not finite where the search starts.
    #[error("the loss at the start is `{value}`, must be finite")]
    Start {
        /// The loss.
        value: f64,
    },
    /// The Hessian is singular: the data determine no single minimum, and no penalty does.
    #[error("weight {weight} is not determined by the data beside the others")]
    Singular {
        /// The first weight that the ones before it leave undetermined.
        weight: usize,
    },
    /// The loss falls for ever as the weights grow: it has no minimum.
    #[error("weight {weight} grows without bound, it is `{value}` by now")]
    Unbounded {
        /// The weight that moves most.
        weight: usize,
        /// Its value when the search was given up.
        value: f64,
    },
    /// There are too many weights to minimise without a penalty on them.
    #[error("{weights} weights need a penalty, up to {MAX_NEWTON} may go without")]
    TooMany {
        /// The weights.
        weights: usize,
    },
}
