//! Conditional logit: how people choose one of what they are shown, or none of it.
//!
//! In a situation with alternatives `j` of features `x_j`, utility is `u_j = β·x_j` (and a constant,
//! where asked for), that of the outside option 0, and
//!
//! ```text
//! P(j) = exp(u_j) / Σ_k exp(u_k)        over the available alternatives and the outside option
//! ```
//!
//! [`estimate`] finds the `β` of the largest log-likelihood `Σ weight · ln P(chosen)`, less
//! `l2/2 · Σ β²` where a penalty is asked for, by [`solver::minimise`](crate::solver::minimise) with the exact
//! Hessian. Source:
//! McFadden, *Conditional logit analysis of qualitative choice behavior*, 1974; Train, *Discrete
//! Choice Methods with Simulation*, 2nd ed. 2009, chapter 3.
//!
//! ```
//! use mlp_core::choice::{ChoiceOptions, Choices, Outside, estimate};
//! use mlp_core::metrics::Sessions;
//! use ndarray::array;
//!
//! // Four situations: which of two offers was taken, or none. Its cost, and whether there is a discount.
//! let features = array![
//!     [1.0, 0.0], [2.0, 1.0], [3.0, 0.0], [1.5, 1.0], [2.5, 0.0], [2.0, 0.0], [1.0, 1.0], [3.0, 1.0],
//! ];
//! let chosen = vec![Some(0), Some(1), None, Some(1)];
//! let situations = Sessions::equal(8, 2)?;
//! let choices = Choices::new(features.view(), situations, chosen, Outside::Present)?;
//! let options = ChoiceOptions { l2: 0.1, constant: true, ..ChoiceOptions::default() };
//! let fit = estimate(&choices, &options)?;
//! assert!(fit.converged && fit.coefficients.len() == 3 && fit.coefficients[0] < 0.0);
//! let p = fit.probabilities(&choices)?;
//! assert!(p[0] > 0.0 && p[0] + p[1] < 1.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod data;
mod error;
mod estimate;
mod likelihood;

pub use data::{Choices, Outside};
pub use error::ChoiceError;
pub use estimate::{ChoiceFit, ChoiceOptions, estimate};

pub(crate) use likelihood::{Loss, softmax};
