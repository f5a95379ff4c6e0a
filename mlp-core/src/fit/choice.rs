//! The choice family: each session is one choice, of a shown item or of none.

use super::cross_validation::cross_validate;
use super::error::Failure;
use super::{CrossValidation, FitError, FitOptions, Fitted, standard_errors};
use crate::choice::{Choices, Loss, Outside};
use crate::solver::{MAX_NEWTON, Objective, Options, minimise};
use crate::table::PairTable;

/// The penalty on the constant, whatever that on the weights: where nobody picks, or everybody does,
/// it would grow for ever. So small that otherwise it shifts no probability by more than its error.
const CONSTANT_L2: f64 = 0.1;

/// Fits on a table of scaled columns; `start` has shape `(n_columns + 1,)`.
pub(super) fn fit(
    train: &PairTable,
    options: &FitOptions,
    start: Option<Vec<f64>>,
) -> Result<Fitted, Failure> {
    let choices = choices(train)?;
    let (l2, cross_validation) =
        (options.l2).choose(|plan| validate(&choices, plan, options.max_iterations))?;
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
        l2,
        cross_validation,
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

fn validate(
    choices: &Choices,
    plan: (&[f64], usize, u64),
    max_iterations: u64,
) -> Result<CrossValidation, Failure> {
    let n = choices.n_features() + 1;
    cross_validate(
        choices.situations().len(),
        plan,
        |l2| ridge(n, l2),
        max_iterations,
        |counts| Ok(Loss::unscaled(choices, true).counted(counts.to_vec())),
        |loss, _| Ok(vec![0.0; loss.n_weights()]),
    )
}
