//! Estimation of a conditional logit.

use ndarray::Array2;

use super::ChoiceError;
use super::data::{Choices, Outside};
use super::likelihood::{Loss, softmax};
use crate::solver::{self, Objective, Order, Solution, SolveError, minimise};

/// How to estimate.
#[derive(Debug, Clone, PartialEq)]
pub struct ChoiceOptions {
    /// The penalty on the features' coefficients: `l2 / 2 · Σ β²` is taken from the summed
    /// log-likelihood. Default 0, which is classic estimation.
    pub l2: f64,
    /// Whether every alternative has a constant in its utility, against the outside option, as the
    /// last coefficient. Default no.
    pub constant: bool,
    /// The penalty on that constant. Default 0.
    pub constant_l2: f64,
    /// The most steps of the solver. Default 200; some 6 are usual.
    pub max_iterations: u64,
    /// Where to begin, shape `(n_coefficients,)`. Default zeros.
    pub start: Option<Vec<f64>>,
}

impl Default for ChoiceOptions {
    fn default() -> Self {
        Self {
            l2: 0.0,
            constant: false,
            constant_l2: 0.0,
            max_iterations: 200,
            start: None,
        }
    }
}

/// An estimated conditional logit.
#[derive(Debug, Clone, PartialEq)]
pub struct ChoiceFit {
    /// The features' coefficients, then the constant where there is one, shape `(n_coefficients,)`.
    pub coefficients: Vec<f64>,
    /// The inverse of the Hessian of the penalised negative log-likelihood, shape `(n_coefficients,
    /// n_coefficients)`. Without a penalty it is the coefficients' asymptotic covariance. With one it
    /// is the covariance of the normal approximation to their posterior, under a normal prior of
    /// variance `1 / l2`: smaller, and around coefficients that are drawn towards 0. `None` where it
    /// cannot be told: for over [`MAX_NEWTON`](crate::solver::MAX_NEWTON) coefficients, and for collinear features whose penalty
    /// is lost in rounding.
    pub covariance: Option<Array2<f64>>,
    /// `Σ weight · ln P(chosen)`, without the penalty, in nats.
    pub log_likelihood: f64,
    /// The same where all coefficients are 0.
    pub null_log_likelihood: f64,
    /// The largest absolute component of the objective's gradient where the solver stopped, per unit
    /// of weight and for each feature in its standard deviation within the situations.
    pub gradient: f64,
    /// Steps that were taken.
    pub iterations: u64,
    /// Whether the minimum was reached; otherwise `max_iterations` ended the search.
    pub converged: bool,
    /// Whether the last coefficient is the constant.
    constant: bool,
}

impl ChoiceFit {
    /// The square roots of the covariance's diagonal, shape `(n_coefficients,)`; `None` where there
    /// is no covariance.
    pub fn standard_errors(&self) -> Option<Vec<f64>> {
        let covariance = self.covariance.as_ref()?;
        Some(covariance.diag().iter().map(|v| v.sqrt()).collect())
    }

    /// McFadden's `1 − log-likelihood / null log-likelihood`; `None` where nothing was to be chosen.
    pub fn rho_squared(&self) -> Option<f64> {
        (self.null_log_likelihood < 0.0)
            .then(|| 1.0 - self.log_likelihood / self.null_log_likelihood)
    }

    /// The probability of each alternative, shape `(n_rows,)`; 0 for one that is not available. What
    /// a situation's lack to 1 is the outside option's.
    ///
    /// # Errors
    ///
    /// Where the choices have another number of features.
    pub fn probabilities(&self, choices: &Choices) -> Result<Vec<f64>, ChoiceError> {
        let expected = self.coefficients.len() - usize::from(self.constant);
        if choices.n_features() != expected {
            return Err(ChoiceError::Shape {
                what: "features",
                found: choices.n_features(),
                expected,
            });
        }
        let constant = if self.constant {
            self.coefficients[expected]
        } else {
            0.0
        };
        let mut utilities: Vec<f64> = (0..choices.situations.rows())
            .map(|row| choices.utility(row, &self.coefficients, constant))
            .collect();
        for range in choices.situations.ranges() {
            softmax(&mut utilities[range], choices.outside);
        }
        Ok(utilities)
    }
}

/// Finds the coefficients of the largest, or least penalised, likelihood.
///
/// The same choices and options give the same bytes on any number of threads. A warm start is taken
/// where it is better than zeros.
///
/// # Errors
///
/// Where an option is out of range, there is nothing to estimate, a coefficient cannot be told
/// ([`ChoiceError::Collinear`]) or has no best value ([`ChoiceError::Separable`]).
pub fn estimate(choices: &Choices, options: &ChoiceOptions) -> Result<ChoiceFit, ChoiceError> {
    let n = check(choices, options)?;
    let mut penalty = vec![options.l2; choices.n_features()];
    penalty.resize(n, options.constant_l2);
    let loss = Loss::new(choices, options.constant);
    if let Some(coefficient) = loss.same().filter(|k| penalty[*k] == 0.0) {
        return Err(ChoiceError::Collinear { coefficient });
    }
    let ridge: Vec<f64> = (penalty.iter().zip(loss.unit()))
        .map(|(l2, unit)| l2 / unit / unit)
        .collect();
    let solution = solve(&loss, &ridge, options)?;
    let coefficients: Vec<f64> = (solution.weights.iter().zip(loss.unit()))
        .map(|(w, unit)| w / unit)
        .collect();
    let penalised = coefficients.iter().zip(&penalty);
    let penalised: f64 = penalised.map(|(c, l2)| l2 / 2.0 * c * c).sum();
    Ok(ChoiceFit {
        covariance: covariance(&loss, &ridge, &solution.weights),
        coefficients,
        log_likelihood: penalised - solution.value,
        null_log_likelihood: loss.null_log_likelihood(),
        gradient: solution.gradient,
        iterations: solution.iterations,
        converged: solution.converged,
        constant: options.constant,
    })
}

fn solve(loss: &Loss, ridge: &[f64], options: &ChoiceOptions) -> Result<Solution, ChoiceError> {
    let how = solver::Options {
        max_iterations: options.max_iterations,
        ..solver::Options::default()
    };
    let search = |start| minimise(loss, ridge, start, &how);
    let zeros = vec![0.0; ridge.len()];
    let found = match warm(loss, ridge, options) {
        // An error may be the start's: so far out that all probabilities there are 0 or 1.
        Some(start) => search(start).or_else(|_| search(zeros)),
        None => search(zeros),
    };
    found.map_err(|error| match error {
        SolveError::Singular { weight } => ChoiceError::Collinear {
            coefficient: weight,
        },
        SolveError::Unbounded { weight, .. } => ChoiceError::Separable {
            coefficient: weight,
        },
        other => ChoiceError::Solver(other),
    })
}

/// The start that was given, where it is better than zeros.
fn warm(loss: &Loss, ridge: &[f64], options: &ChoiceOptions) -> Option<Vec<f64>> {
    let start = options.start.as_ref()?;
    let start: Vec<f64> = (start.iter().zip(loss.unit()))
        .map(|(c, unit)| c * unit)
        .collect();
    let penalty: f64 = start.iter().zip(ridge).map(|(w, r)| r / 2.0 * w * w).sum();
    let value = loss.evaluate(&start, Order::First).value + penalty;
    (value < -loss.null_log_likelihood()).then_some(start)
}

/// In the features' own units.
fn covariance(loss: &Loss, ridge: &[f64], weights: &[f64]) -> Option<Array2<f64>> {
    let mut found = solver::covariance(loss, ridge, weights)?;
    let unit = loss.unit();
    for ((i, j), v) in found.indexed_iter_mut() {
        *v /= unit[i] * unit[j];
    }
    Some(found)
}

/// Gives the number of coefficients.
fn check(choices: &Choices, options: &ChoiceOptions) -> Result<usize, ChoiceError> {
    let fail = |name, value, limit| Err(ChoiceError::Option { name, value, limit });
    for (name, l2) in [("l2", options.l2), ("constant_l2", options.constant_l2)] {
        if !l2.is_finite() || l2 < 0.0 {
            return fail(name, l2, "a finite number from 0 is needed");
        }
    }
    if options.max_iterations == 0 {
        return fail("max_iterations", 0.0, "at least 1 is needed");
    }
    if options.constant && choices.outside == Outside::Absent {
        return fail("constant", 1.0, "there is no outside option to tell it by");
    }
    let n = choices.n_features() + usize::from(options.constant);
    let weight = choices.total_weight();
    if n == 0 || weight == 0.0 {
        return Err(ChoiceError::Empty {
            features: n,
            weight,
        });
    }
    if let Some(start) = &options.start {
        if start.len() != n {
            return Err(ChoiceError::Shape {
                what: "start",
                found: start.len(),
                expected: n,
            });
        }
        if let Some(bad) = start.iter().find(|x| !x.is_finite()) {
            return fail("start", *bad, "finite numbers are needed");
        }
    }
    Ok(n)
}
