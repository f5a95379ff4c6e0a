//! How sure weights are.

use ndarray::Array2;

use super::{Cholesky, MAX_NEWTON, Objective, Order};

/// The inverse of the Hessian of an objective with its penalty `Σ ridge/2 · weight²` at `weights`,
/// shape `(n_weights, n_weights)`; `ridge` has shape `(n_weights,)`.
///
/// Where the objective is a negative log-likelihood, and nothing is penalised, that is the weights'
/// asymptotic covariance. With a penalty it is the covariance of the normal approximation to their
/// posterior, under a normal prior of variance `1 / ridge`: smaller, and around weights that are
/// drawn towards 0.
///
/// `None` where it cannot be told: for over [`MAX_NEWTON`] weights, and where the data and the
/// penalty do not determine all of them.
pub fn covariance(
    objective: &impl Objective,
    ridge: &[f64],
    weights: &[f64],
) -> Option<Array2<f64>> {
    if weights.len() > MAX_NEWTON {
        return None;
    }
    let mut hessian = objective.evaluate(weights, Order::Second).hessian?;
    for (h, r) in hessian.diag_mut().iter_mut().zip(ridge) {
        *h += r;
    }
    Some(Cholesky::new(&hessian).ok()?.inverse())
}
