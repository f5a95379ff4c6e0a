//! Where the next step goes: by the Hessian, or by what past steps told of it.

use std::collections::VecDeque;

use ndarray::Array2;

use super::cholesky::Cholesky;
use super::{Derivatives, Order, SolveError};

/// The most weights for which a Hessian is computed. It costs `n_weights` times a gradient's pass,
/// and the steps that it saves are some tens to hundreds.
pub const MAX_NEWTON: usize = 300;

/// Steps that L-BFGS remembers.
const MEMORY: usize = 10;

pub(super) enum Method {
    /// The factor of a Hessian, maybe of an earlier point.
    Newton(Option<Cholesky>),
    LimitedMemory(VecDeque<Pair>),
}

/// A step and what it did to the gradient.
pub(super) struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
    /// 1 / (step · change).
    inverse: f64,
}

impl Method {
    pub fn new(n_weights: usize) -> Self {
        match n_weights <= MAX_NEWTON {
            true => Self::Newton(None),
            false => Self::LimitedMemory(VecDeque::new()),
        }
    }

    /// Which derivatives its steps need where they have none to go by.
    pub fn order(&self) -> Order {
        match self {
            Self::Newton(_) => Order::Second,
            Self::LimitedMemory(_) => Order::First,
        }
    }

    /// A direction in which the objective falls, from a point where `at` holds with its penalty.
    pub fn direction(&mut self, at: &Derivatives, penalised: bool) -> Result<Vec<f64>, SolveError> {
        let uphill = &at.gradient;
        let direction = match self {
            Self::Newton(factor) => {
                if let Some(hessian) = &at.hessian {
                    *factor = Some(factored(hessian, penalised)?);
                }
                factor.as_ref().map(|factor| factor.solve(uphill))
            }
            Self::LimitedMemory(pairs) => Some(two_loops(pairs, uphill)),
        };
        let mut direction = direction.unwrap_or_else(|| uphill.clone());
        direction.iter_mut().for_each(|d| *d = -*d);
        Ok(direction)
    }

    /// Remembers a step that was taken.
    pub fn learn(&mut self, step: &[f64], before: &[f64], after: &[f64]) {
        let Self::LimitedMemory(pairs) = self else {
            return;
        };
        let change: Vec<f64> = after.iter().zip(before).map(|(a, b)| a - b).collect();
        let product = dot(step, &change);
        // Rounding may say that a convex function curves downward.
        if product > 1e-16 * dot(&change, &change) {
            pairs.truncate(MEMORY - 1);
            pairs.push_front(Pair {
                step: step.to_vec(),
                change,
                inverse: product.recip(),
            });
        }
    }
}

/// The Hessian's factor; under a penalty one that rounding made singular is lifted until it has one.
fn factored(hessian: &Array2<f64>, penalised: bool) -> Result<Cholesky, SolveError> {
    let mut lifted;
    let (mut matrix, mut lift) = (hessian, 1e-10);
    loop {
        match Cholesky::new(matrix) {
            Ok(factor) => return Ok(factor),
            Err(at) if !penalised || lift > 1.0 => {
                return Err(SolveError::Singular { weight: at.row });
            }
            Err(_) => {
                lifted = hessian.clone();
                for diagonal in lifted.diag_mut() {
                    *diagonal += lift * diagonal.max(f64::MIN_POSITIVE);
                }
                (matrix, lift) = (&lifted, lift * 100.0);
            }
        }
    }
}

/// The product of the inverse Hessian, as the pairs tell of it (newest first), with a vector.
fn two_loops(pairs: &VecDeque<Pair>, vector: &[f64]) -> Vec<f64> {
    let mut result = vector.to_vec();
    let mut shares = Vec::with_capacity(pairs.len());
    for pair in pairs {
        let share = pair.inverse * dot(&pair.step, &result);
        shares.push(share);
        add_scaled(&mut result, -share, &pair.change);
    }
    let size = match pairs.front() {
        Some(newest) => 1.0 / (newest.inverse * dot(&newest.change, &newest.change)),
        // Nothing is known: a first step of length 1.
        None => dot(vector, vector).sqrt().max(1.0).recip(),
    };
    result.iter_mut().for_each(|r| *r *= size);
    for (pair, share) in pairs.iter().zip(shares).rev() {
        let correction = share - pair.inverse * dot(&pair.change, &result);
        add_scaled(&mut result, correction, &pair.step);
    }
    result
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add_scaled(to: &mut [f64], factor: f64, vector: &[f64]) {
    for (to, x) in to.iter_mut().zip(vector) {
        *to += factor * x;
    }
}
