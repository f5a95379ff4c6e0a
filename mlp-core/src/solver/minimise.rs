//! The loop: a direction, a step along it, until the gradient is flat.

use super::direction::{Method, dot};
use super::{Derivatives, Objective, Order, SolveError};

/// When to stop.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// It has converged where no component of the gradient, per row, is over this. Default 1e-10.
    pub tolerance: f64,
    /// The most steps. Default 200.
    pub max_iterations: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            tolerance: 1e-10,
            max_iterations: 200,
        }
    }
}

/// Where the search ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Solution {
    /// The weights, shape `(n_weights,)`.
    pub weights: Vec<f64>,
    /// The objective there, its penalty included.
    pub value: f64,
    /// The largest absolute component of the objective's gradient there, per row.
    pub gradient: f64,
    /// Steps taken.
    pub iterations: u64,
    /// Passes over the data, those that a line search took back included.
    pub passes: u64,
    /// Whether the gradient is within the tolerance, or as small as the numbers' precision allows.
    pub converged: bool,
}

/// A step this small beside the weights is one near a minimum. Where the loss falls for ever, each
/// step is about as long as the last.
const SMALL_STEP: f64 = 1e-3;

/// Near the minimum, from this decrease per row on, an earlier Hessian serves for further steps: it
/// differs by a few per cent, and a gradient's pass costs a fraction of a Hessian's.
const NEAR: f64 = 1e-4;

/// What a step with an earlier Hessian must leave of the gradient, at most, for it to be kept.
const KEEP: f64 = 0.1;

/// Halvings of a step before it is given up.
const HALVINGS: i32 = 40;

/// A loss that differs by less than this share of itself may differ by rounding alone.
const NOISE: f64 = 1e-13;

/// Minimises `objective + ½ Σ ridge_j w_j²` from `start`. `ridge` (each at least 0) and `start` have
/// shape `(n_weights,)`.
///
/// What is not converged after [`Options::max_iterations`] is given as it is, and says so.
///
/// # Errors
///
/// Where the data determine no minimum, a length is wrong, or the loss is not finite at the start.
pub fn minimise(
    objective: &impl Objective,
    ridge: &[f64],
    start: Vec<f64>,
    options: &Options,
) -> Result<Solution, SolveError> {
    let expected = objective.n_weights();
    for (what, found) in [("ridge", ridge.len()), ("start", start.len())] {
        if found != expected {
            return Err(SolveError::Length {
                what,
                expected,
                found,
            });
        }
    }
    let penalised = ridge.iter().any(|r| *r > 0.0);
    let mut method = Method::new(expected);
    if !penalised && method.order() == Order::First {
        return Err(SolveError::TooMany { weights: expected });
    }
    let mut search = Search {
        objective,
        ridge,
        passes: 0,
    };
    let mut at = search.evaluate(&start, method.order());
    if !at.is_finite() {
        return Err(SolveError::Start { value: at.value });
    }
    let mut weights = start;
    let mut iterations = 0;
    let mut stale = false;
    let converged = loop {
        let flat = search.flatness(&at);
        let direction = match method.direction(&at, penalised) {
            // Singular from the start, or because the weights ran away until nothing curves.
            Err(SolveError::Singular { .. }) if iterations > 0 => {
                return Err(search.unbounded(&weights, &weights));
            }
            direction => direction?,
        };
        let small = largest(&direction) <= SMALL_STEP * largest(&weights).max(1.0);
        if flat <= options.tolerance && (small || method.order() == Order::First) {
            break true;
        }
        if stale {
            at = search.evaluate(&weights, method.order());
            stale = false;
            continue;
        }
        if flat <= 1e-4 * options.tolerance {
            return Err(search.unbounded(&weights, &direction));
        }
        if iterations >= options.max_iterations {
            break false;
        }
        let decrease = -dot(&direction, &at.gradient);
        let near = decrease <= NEAR * objective.n_rows();
        let order = if near { Order::First } else { method.order() };
        match search.step(&weights, &at, &direction, order) {
            Some((there, found)) => {
                let step: Vec<f64> = there.iter().zip(&weights).map(|(a, b)| a - b).collect();
                method.learn(&step, &at.gradient, &found.gradient);
                let left = search.flatness(&found);
                stale = order != method.order() && left > KEEP * flat;
                (weights, at) = (there, found);
                iterations += 1;
            }
            // An earlier Hessian may have misled; else the numbers' precision is at its end.
            None if at.hessian.is_none() && method.order() == Order::Second => {
                at = search.evaluate(&weights, Order::Second);
            }
            None => break decrease <= NOISE * at.value.abs(),
        }
    };
    Ok(Solution {
        gradient: search.flatness(&at),
        value: at.value,
        weights,
        iterations,
        passes: search.passes,
        converged,
    })
}

struct Search<'a, O> {
    objective: &'a O,
    ridge: &'a [f64],
    passes: u64,
}

impl<O: Objective> Search<'_, O> {
    /// With the penalty.
    fn evaluate(&mut self, weights: &[f64], order: Order) -> Derivatives {
        self.passes += 1;
        let mut at = self.objective.evaluate(weights, order);
        for (i, (w, r)) in weights.iter().zip(self.ridge).enumerate() {
            at.value += 0.5 * r * w * w;
            at.gradient[i] += r * w;
            if let Some(hessian) = &mut at.hessian {
                hessian[[i, i]] += r;
            }
        }
        at
    }

    /// The largest absolute component of the gradient, per row.
    fn flatness(&self, at: &Derivatives) -> f64 {
        largest(&at.gradient) / self.objective.n_rows().max(1.0)
    }

    /// The first of the steps 1, ½, ¼ … that lowers the objective enough.
    fn step(
        &mut self,
        weights: &[f64],
        at: &Derivatives,
        direction: &[f64],
        order: Order,
    ) -> Option<(Vec<f64>, Derivatives)> {
        let slope = dot(direction, &at.gradient);
        let noise = NOISE * at.value.abs();
        for halving in 0..HALVINGS {
            let size = 0.5_f64.powi(halving);
            let there: Vec<f64> = (weights.iter().zip(direction))
                .map(|(w, d)| w + size * d)
                .collect();
            let found = self.evaluate(&there, order);
            let lower = found.value <= at.value + 1e-4 * size * slope;
            // So near that the values differ by rounding, the gradient says more.
            let flatter =
                found.value <= at.value + noise && largest(&found.gradient) < largest(&at.gradient);
            if found.is_finite() && (lower && there != weights || flatter) {
                return Some((there, found));
            }
            if -slope * size <= noise {
                break;
            }
        }
        None
    }

    fn unbounded(&self, weights: &[f64], direction: &[f64]) -> SolveError {
        let of = |(at, d): (usize, &f64)| (at, d.abs());
        let most = direction.iter().enumerate().map(of);
        let (weight, _) = most.max_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or_default();
        SolveError::Unbounded {
            weight,
            value: weights[weight],
        }
    }
}

impl Derivatives {
    fn is_finite(&self) -> bool {
        self.value.is_finite() && self.gradient.iter().all(|g| g.is_finite())
    }
}

fn largest(vector: &[f64]) -> f64 {
    vector.iter().fold(0.0, |most: f64, x| most.max(x.abs()))
}
