//! The penalty that does best on sessions that were kept from the fit.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::error::{Failure, FitError};
use crate::solver::{Objective, Options, Order, SolveError, minimise};

/// How a penalty was chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrossValidation {
    /// Parts that the sessions were dealt into.
    pub folds: usize,
    /// What decided which session is in which.
    pub seed: u64,
    /// What each penalty scored, from the strongest to the weakest.
    pub candidates: Vec<CandidateScore>,
}

/// What a penalty scored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CandidateScore {
    /// The penalty.
    pub l2: f64,
    /// The family's loss per row of the sessions kept from the fit, in nats, over all folds.
    pub log_loss: f64,
    /// The standard error of the folds' mean: their sample standard deviation over √folds.
    pub standard_error: f64,
}

impl CrossValidation {
    /// The penalty with the least loss; of equal ones the strongest.
    pub(super) fn best(&self) -> Option<f64> {
        let better = |best: &CandidateScore, next: &CandidateScore| next.log_loss < best.log_loss;
        let best = self
            .candidates
            .iter()
            .reduce(|a, b| if better(a, b) { b } else { a });
        best.map(|score| score.l2)
    }
}

/// Penalties are told apart long before weights are right to ten digits.
const TOLERANCE: f64 = 1e-7;

/// Scores `candidates`. Each fold's path goes from strong to weak, and each fit begins where the
/// last one ended.
///
/// `objective` makes the loss of the sessions that count, of a count for each, 0 or 1, shape
/// `(n_sessions,)`; `origin` says where to begin without a fold, and `ridge` what a penalty is on each
/// weight, shape `(n_weights,)`.
pub(super) fn cross_validate<O: Objective>(
    n_sessions: usize,
    (candidates, folds, seed): (&[f64], usize, u64),
    ridge: impl Fn(f64) -> Vec<f64>,
    max_iterations: u64,
    objective: impl Fn(&[f64]) -> Result<O, SolveError>,
    origin: impl Fn(&O, usize) -> Result<Vec<f64>, FitError>,
) -> Result<CrossValidation, Failure> {
    let fold_of = deal(n_sessions, folds, seed);
    let mut path = candidates.to_vec();
    path.sort_by(|a, b| b.total_cmp(a));
    let options = Options {
        tolerance: TOLERANCE,
        max_iterations,
    };
    // Of each candidate: the loss and the rows of each fold.
    let mut losses: Vec<Vec<(f64, f64)>> = vec![Vec::new(); path.len()];
    for fold in 0..folds {
        let counts = |kept: bool| -> Vec<f64> {
            let count = |of: &usize| f64::from(u8::from((*of == fold) == kept));
            fold_of.iter().map(count).collect()
        };
        let (train, test) = (objective(&counts(false))?, objective(&counts(true))?);
        let mut weights = origin(&train, fold)?;
        for (l2, losses) in path.iter().zip(&mut losses) {
            weights = minimise(&train, &ridge(*l2), weights, &options)?.weights;
            let loss = test.evaluate(&weights, Order::First).value;
            losses.push((loss, test.n_rows()));
        }
    }
    let candidates = path
        .into_iter()
        .zip(losses)
        .map(|(l2, folds)| score(l2, &folds));
    Ok(CrossValidation {
        folds,
        seed,
        candidates: candidates.collect(),
    })
}

fn score(l2: f64, folds: &[(f64, f64)]) -> CandidateScore {
    let n = folds.len() as f64;
    let (loss, rows) =
        (folds.iter()).fold((0.0, 0.0), |sum, fold| (sum.0 + fold.0, sum.1 + fold.1));
    let means: Vec<f64> = folds
        .iter()
        .map(|(loss, rows)| loss / rows.max(1.0))
        .collect();
    let mean = means.iter().sum::<f64>() / n;
    let variance = means.iter().map(|m| (m - mean).powi(2)).sum::<f64>() / (n - 1.0);
    CandidateScore {
        l2,
        log_loss: loss / rows.max(1.0),
        standard_error: (variance / n).sqrt(),
    }
}

/// The fold of each session: dealt out like shuffled cards, so that sizes differ by 1 at most.
fn deal(n: usize, folds: usize, seed: u64) -> Vec<usize> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut fold_of: Vec<usize> = (0..n).map(|at| at % folds).collect();
    for last in (1..n).rev() {
        fold_of.swap(last, rng.random_range(0..=last));
    }
    fold_of
}
