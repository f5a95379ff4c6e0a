//! The log-likelihood of choices with its derivatives, in one parallel pass over the data.

use std::ops::Range;

use ndarray::{Array2, ArrayViewMut1, linalg::general_mat_mul, s};

use super::data::{Choices, Outside};
use crate::solver::{Derivatives, Objective, Order, sum_blocks};

/// `−log-likelihood` over the features' coefficients and, where there is one, the constant's at the
/// end; each multiplied with its `unit`, so that the solver does not see what the features are
/// measured in.
pub(crate) struct Loss<'a, 'b> {
    choices: &'a Choices<'b>,
    constant: bool,
    total_weight: f64,
    /// A feature's standard deviation within the situations where all utilities are 0; 1 where it has
    /// none. Shape `(n_coefficients,)`.
    unit: Vec<f64>,
    /// `Σ weight · ln P(chosen)` there.
    null_log_likelihood: f64,
    same: Option<usize>,
}

/// Rows whose share of the Hessian is one matrix product, or a few more. Fixed, so that sums do not
/// depend on the number of threads.
const TILE: usize = 512;

impl<'a, 'b> Loss<'a, 'b> {
    /// With units of 1, for features that have been scaled.
    pub fn unscaled(choices: &'a Choices<'b>, constant: bool) -> Self {
        Self {
            choices,
            constant,
            total_weight: choices.total_weight(),
            unit: vec![1.0; choices.n_features() + usize::from(constant)],
            null_log_likelihood: 0.0,
            same: None,
        }
    }

    pub fn new(choices: &'a Choices<'b>, constant: bool) -> Self {
        let n = choices.n_features() + usize::from(constant);
        let mut loss = Self::unscaled(choices, constant);
        let zeros = vec![0.0; n];
        let (mut variance, mut square, mut row_of) = (zeros.clone(), zeros.clone(), zeros.clone());
        let mut work = Work::new(n);
        for (situation, rows) in choices.situations.ranges().enumerate() {
            let weight = choices.weight(situation);
            loss.null_log_likelihood -= weight * work.situation(&loss, situation, &zeros);
            for (&p, row) in work.odds.iter().zip(rows).filter(|(p, _)| **p > 0.0) {
                loss.put_centred(row, 1.0, &work.mean, (&mut row_of[..]).into());
                for (k, x) in row_of.iter().enumerate() {
                    variance[k] += weight * p * x * x;
                    square[k] += weight * p * (x + work.mean[k]).powi(2);
                }
            }
            for (variance, mean) in variance.iter_mut().zip(&work.mean) {
                *variance += weight * work.rest * mean * mean;
            }
        }
        for (k, unit) in loss.unit.iter_mut().enumerate() {
            let deviation = (variance[k] / loss.total_weight).sqrt();
            // What is the same for all alternatives is so up to rounding.
            if deviation.is_finite() && variance[k] > 1e-22 * square[k] {
                *unit = deviation;
            } else {
                loss.same.get_or_insert(k);
            }
        }
        loss
    }

    /// The first coefficient whose feature is the same for all alternatives of every situation.
    pub fn same(&self) -> Option<usize> {
        self.same
    }

    pub fn unit(&self) -> &[f64] {
        &self.unit
    }

    pub fn null_log_likelihood(&self) -> f64 {
        self.null_log_likelihood
    }

    /// The sums over some situations, by coefficients that are not multiplied with the units.
    fn part(&self, situations: Range<usize>, coefficients: &[f64], order: Order) -> Derivatives {
        let n = self.n_weights();
        let mut sum = Derivatives {
            value: 0.0,
            gradient: vec![0.0; n],
            hessian: (order == Order::Second).then(|| Array2::zeros((n, n))),
        };
        let mut roots = Array2::zeros((if sum.hessian.is_some() { TILE } else { 0 }, n));
        let mut used = 0;
        let mut work = Work::new(n);
        let offsets = self.choices.situations.offsets();
        for situation in situations {
            let rows = offsets[situation]..offsets[situation + 1];
            let weight = self.choices.weight(situation);
            if weight == 0.0 {
                continue;
            }
            sum.value += weight * work.situation(self, situation, coefficients);
            for (slope, mean) in sum.gradient.iter_mut().zip(&work.mean) {
                *slope += weight * mean;
            }
            if let Some(position) = self.choices.chosen[situation] {
                self.add(rows.start + position, -weight, &mut sum.gradient);
            }
            let Some(hessian) = &mut sum.hessian else {
                continue;
            };
            let mut put = |p: f64, row: Option<usize>| {
                let (root, to) = ((weight * p).sqrt(), roots.row_mut(used));
                match row {
                    Some(row) => self.put_centred(row, root, &work.mean, to),
                    None => put_outside(root, &work.mean, to),
                }
                used += 1;
                if used == TILE {
                    general_mat_mul(1.0, &roots.t(), &roots, 1.0, hessian);
                    used = 0;
                }
            };
            let alternatives = work.odds.iter().zip(rows.map(Some));
            for (&p, row) in alternatives.chain([(&work.rest, None)]) {
                if p > 0.0 {
                    put(p, row);
                }
            }
        }
        if let Some(hessian) = &mut sum.hessian {
            let left = roots.slice(s![..used, ..]);
            general_mat_mul(1.0, &left.t(), &left, 1.0, hessian);
        }
        sum
    }

    fn constant_of(&self, coefficients: &[f64]) -> f64 {
        match self.constant {
            true => coefficients[self.choices.n_features()],
            false => 0.0,
        }
    }

    /// Adds `factor` times the design row.
    fn add(&self, row: usize, factor: f64, to: &mut [f64]) {
        let features = self.choices.features.row(row);
        for (to, x) in to.iter_mut().zip(features) {
            *to += factor * x;
        }
        if self.constant {
            to[features.len()] += factor;
        }
    }

    /// `root · (design row − mean)`. Centred, since `Σ p x² − mean²` would cancel.
    fn put_centred(&self, row: usize, root: f64, mean: &[f64], mut to: ArrayViewMut1<'_, f64>) {
        let features = self.choices.features.row(row);
        for ((to, x), mean) in to.iter_mut().zip(features).zip(mean) {
            *to = root * (x - mean);
        }
        if self.constant {
            let at = features.len();
            to[at] = root * (1.0 - mean[at]);
        }
    }
}

/// As `put_centred`, for the outside option, whose design row is zeros.
fn put_outside(root: f64, mean: &[f64], mut to: ArrayViewMut1<'_, f64>) {
    for (to, mean) in to.iter_mut().zip(mean) {
        *to = -root * mean;
    }
}

/// What one situation's probabilities are.
struct Work {
    /// Shape `(n_alternatives,)`.
    odds: Vec<f64>,
    /// The probability of the outside option.
    rest: f64,
    /// The expected design row, shape `(n_coefficients,)`.
    mean: Vec<f64>,
}

impl Work {
    fn new(n_coefficients: usize) -> Self {
        Self {
            odds: Vec::new(),
            rest: 0.0,
            mean: vec![0.0; n_coefficients],
        }
    }

    /// Computes them, and gives `−ln P(chosen)`.
    fn situation(&mut self, loss: &Loss, situation: usize, coefficients: &[f64]) -> f64 {
        let choices = loss.choices;
        let offsets = choices.situations.offsets();
        let rows = offsets[situation]..offsets[situation + 1];
        let constant = loss.constant_of(coefficients);
        self.odds.clear();
        (self.odds).extend(
            rows.clone()
                .map(|row| choices.utility(row, coefficients, constant)),
        );
        let chosen = choices.chosen[situation].map_or(0.0, |position| self.odds[position]);
        let (log_sum, rest) = softmax(&mut self.odds, choices.outside);
        self.rest = rest;
        self.mean.fill(0.0);
        for (&p, row) in self.odds.iter().zip(rows).filter(|(p, _)| **p > 0.0) {
            loss.add(row, p, &mut self.mean);
        }
        log_sum - chosen
    }
}

impl Objective for Loss<'_, '_> {
    fn n_weights(&self) -> usize {
        self.unit.len()
    }

    fn n_rows(&self) -> f64 {
        self.total_weight
    }

    fn evaluate(&self, weights: &[f64], order: Order) -> Derivatives {
        let coefficients: Vec<f64> = weights.iter().zip(&self.unit).map(|(w, u)| w / u).collect();
        let sum = sum_blocks(
            self.choices.situations.len(),
            |situations| self.part(situations, &coefficients, order),
            |sum, part| {
                sum.value += part.value;
                for (sum, part) in sum.gradient.iter_mut().zip(part.gradient) {
                    *sum += part;
                }
                if let (Some(sum), Some(part)) = (&mut sum.hessian, part.hessian) {
                    *sum += &part;
                }
            },
        );
        let mut sum = sum.unwrap_or_else(|| self.part(0..0, &coefficients, order));
        for (slope, unit) in sum.gradient.iter_mut().zip(&self.unit) {
            *slope /= unit;
        }
        if let Some(hessian) = &mut sum.hessian {
            for ((i, j), h) in hessian.indexed_iter_mut() {
                *h /= self.unit[i] * self.unit[j];
            }
        }
        sum
    }
}

/// Turns a situation's utilities, shape `(n_alternatives,)`, into probabilities; gives the log of
/// the sum of their exponentials, the outside option's included, and the outside option's
/// probability. The largest is taken out first, so that nothing overflows.
pub(crate) fn softmax(utilities: &mut [f64], outside: Outside) -> (f64, f64) {
    let outside = match outside {
        Outside::Present => 0.0,
        Outside::Absent => f64::NEG_INFINITY,
    };
    let most = utilities.iter().copied().fold(outside, f64::max);
    if most == f64::NEG_INFINITY {
        utilities.fill(0.0);
        return (most, 0.0);
    }
    let rest = (outside - most).exp();
    let mut total = rest;
    for u in utilities.iter_mut() {
        *u = (*u - most).exp();
        total += *u;
    }
    utilities.iter_mut().for_each(|p| *p /= total);
    (most + total.ln(), rest / total)
}
