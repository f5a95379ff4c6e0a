//! The choice family: each session is one choice, of a shown item or of none.

use super::cross_validation::follow;
use super::error::Failure;
use super::{FitError, FitOptions, Fitted, standard_errors};
use crate::choice::{Choices, Loss, Outside};
use crate::solver::{MAX_NEWTON, Objective, Options, minimise};
use crate::table::PairTable;

/// The penalty on the constant, whatever that on the weights: where nobody picks, or everybody does,
/// it would grow for ever. So small that otherwise it shifts no probability by more than its error.
const CONSTANT_L2: f64 = 0.1;

/// Fits on a table of scaled columns; `start` has shape `(n_columns + 1,)`.
pub(super) fn fit(
    train: &PairTable,
    l2: f64,
    options: &FitOptions,
    start: Option<Vec<f64>>,
) -> Result<Fitted, Failure> {
    let choices = choices(train)?;
    let loss = Loss::unscaled(&choices, true);
    let n = loss.n_weights();
    let how = Options {
        max_iterations: options.max_iterations,
        ..Options::default()
    };
    let search = |start| minimise(&loss, &ridge(n, l2), start, &how);
    let solution = match start.map(search) {
        Some(Ok(solution)) => solution,
        // An error may be the start's, too far out.
        _ => search(vec![0.0; n])?,
    };
    Ok(Fitted {
        standard_errors: standard_errors(&loss, &ridge(n, l2), &solution),
        solution,
        solver: if n <= MAX_NEWTON { "newton" } else { "l-bfgs" },
    })
}

fn ridge(n_weights: usize, l2: f64) -> Vec<f64> {
    let mut ridge = vec![l2; n_weights.saturating_sub(1)];
    ridge.push(CONSTANT_L2);
    ridge
}

fn choices(train: &PairTable) -> Result<Choices<'_>, FitError> {
    let picked = |rows: std::ops::Range<usize>| train.labels()[rows].iter().position(|l| *l);
    let chosen = train.sessions().ranges().map(picked).collect();
    let situations = train.sessions().clone();
    Choices::new(train.features(), situations, chosen, Outside::Present)
        .map_err(|e| FitError::Solver(e.to_string()))
}

/// What each penalty of `path`, fitted on `train`, loses on `test`: see [`follow`].
pub(super) fn score(
    train: &PairTable,
    test: &PairTable,
    path: &[f64],
    max_iterations: u64,
) -> Result<Vec<(f64, f64)>, Failure> {
    let (train, test) = (choices(train)?, choices(test)?);
    let (train, test) = (Loss::unscaled(&train, true), Loss::unscaled(&test, true));
    let n = train.n_weights();
    follow(
        (&train, &test),
        path,
        vec![0.0; n],
        |l2| ridge(n, l2),
        max_iterations,
    )
}
