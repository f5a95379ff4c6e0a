//! The penalty that does best on sessions that were kept from the fit.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::error::{Failure, FitError};
use super::{FitOptions, choice, logistic};
use crate::model::Family;
use crate::preprocess::Preprocessing;
use crate::schema::Schema;
use crate::solver::{Objective, Options, Order, SolveError, minimise};
use crate::table::PairTable;

/// How a penalty was chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrossValidation {
    /// Parts that the sessions were dealt into.
    pub folds: usize,
    /// What decided which session is in which.
    pub seed: u64,
    /// Sessions that were dealt; 0 in artifacts that did not tell.
    #[serde(default)]
    pub sessions: usize,
    /// What each penalty scored, from the strongest to the weakest. None of them where there were
    /// fewer picks than [`CrossValidation::MIN_PICKS`] per fold: then [`Penalty::DEFAULT`] is taken.
    ///
    /// [`Penalty::DEFAULT`]: super::Penalty::DEFAULT
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
    /// Picks, and as many other items, per fold under which nothing is chosen: the best of a few
    /// penalties would be the luckiest.
    pub const MIN_PICKS: usize = 5;

    /// What the penalty `l2` scored, of those that were tried.
    pub fn score(&self, l2: f64) -> Option<&CandidateScore> {
        self.candidates.iter().find(|score| score.l2 == l2)
    }

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
const TOLERANCE: f64 = 1e-4;

/// What [`Penalty::CrossValidated`](super::Penalty::CrossValidated) asks for.
#[derive(Clone, Copy)]
pub(super) struct Plan<'a> {
    pub candidates: &'a [f64],
    pub folds: usize,
    pub seed: u64,
    pub max_sessions: usize,
}

/// Scores the plan's candidates on the last sessions of `table`, whose features are unscaled.
///
/// All that is learned from data is learned in each fold from its own training part: the scaling,
/// the k best features, the weights. Each fold's path goes from strong to weak, and each fit begins
/// where the last one ended.
///
/// The penalty is on the *summed* loss, where it is a prior of the weights: what is best on some of
/// the sessions is so on all of them.
pub(super) fn cross_validate(
    schema: &Schema,
    table: &PairTable,
    plan: Plan<'_>,
    options: &FitOptions,
) -> Result<CrossValidation, FitError> {
    let all = table.sessions().len();
    let first = all.saturating_sub(plan.max_sessions);
    let fold_of = deal(all - first, plan.folds, plan.seed);
    let mut found = CrossValidation {
        folds: plan.folds,
        seed: plan.seed,
        sessions: all - first,
        candidates: Vec::new(),
    };
    let mut path = plan.candidates.to_vec();
    path.sort_by(|a, b| b.total_cmp(a));
    let members = |fold: usize, kept: bool| -> PairTable {
        let at = (0..fold_of.len()).filter(|&at| (fold_of[at] == fold) == kept);
        table.select(at.map(|at| first + at))
    };
    let tell = |fold| {
        let (train, test) = (members(fold, false), members(fold, true));
        if !has_enough(&train, plan.folds) {
            return Ok(None);
        }
        one_fold(schema, train, test, &path, options).map(Some)
    };
    // One by one in their order: which error is told must not depend on the threads.
    let told: Vec<_> = (0..plan.folds).into_par_iter().map(tell).collect();
    let told = told
        .into_iter()
        .collect::<Result<Option<Vec<_>>, FitError>>()?;
    let scores = (told.into_iter()).flat_map(|folds| {
        let of = move |at: usize| -> Vec<(f64, f64)> { folds.iter().map(|f| f[at]).collect() };
        (path.iter().enumerate()).map(move |(at, l2)| score(*l2, &of(at)))
    });
    found.candidates = scores.collect();
    Ok(found)
}

/// Whether the other folds hold enough of both labels to learn from.
fn has_enough(train: &PairTable, folds: usize) -> bool {
    let picks = train.labels().iter().filter(|picked| **picked).count();
    picks.min(train.labels().len() - picks) >= CrossValidation::MIN_PICKS * (folds - 1)
}

/// Of each penalty of `path`: the loss on `test`, and its rows.
fn one_fold(
    schema: &Schema,
    train: PairTable,
    test: PairTable,
    path: &[f64],
    options: &FitOptions,
) -> Result<Vec<(f64, f64)>, FitError> {
    let preprocessing = Preprocessing::learn(&train, options.scaling, options.k_best);
    let (train, test) = (preprocessing.apply(train), preprocessing.apply(test));
    let scored = match options.family {
        Family::Logistic => logistic::score(&train, &test, path, options.max_iterations),
        Family::Choice => choice::score(&train, &test, path, options.max_iterations),
    };
    scored.map_err(|failure| failure.named(|weight| preprocessing.name(schema, weight)))
}

/// Follows `path` on `train` from `weights` on; `ridge` says what a penalty is on each weight, shape
/// `(n_weights,)`. Gives the loss on `test` and its rows for each penalty.
pub(super) fn follow(
    (train, test): (&impl Objective, &impl Objective),
    path: &[f64],
    mut weights: Vec<f64>,
    ridge: impl Fn(f64) -> Vec<f64>,
    max_iterations: u64,
) -> Result<Vec<(f64, f64)>, Failure> {
    let options = Options {
        tolerance: TOLERANCE,
        max_iterations,
    };
    let mut step = |l2: &f64| -> Result<(f64, f64), SolveError> {
        let start = std::mem::take(&mut weights);
        weights = minimise(train, &ridge(*l2), start, &options)?.weights;
        let loss = test.evaluate(&weights, Order::First).value;
        Ok((loss, test.n_rows()))
    };
    Ok(path.iter().map(&mut step).collect::<Result<_, _>>()?)
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
