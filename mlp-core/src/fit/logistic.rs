//! The logistic family: every shown item is a row of its own.

use linfa::prelude::{DatasetBase, Fit};
use linfa_logistic::LogisticRegression;
use ndarray::{Array1, ArrayView2};

use super::cross_validation::follow;
use super::error::Failure;
use super::{FitOptions, Fitted, Solver, standard_errors};
use crate::solver::{LogisticLoss, MAX_NEWTON, Options, Solution, SolveError, minimise_logistic};
use crate::table::PairTable;

/// Fits on a table of scaled columns; `start` has shape `(n_columns + 1,)`.
pub(super) fn fit(
    train: &PairTable,
    l2: f64,
    options: &FitOptions,
    start: Option<Vec<f64>>,
) -> Result<Fitted, Failure> {
    let problem = Problem {
        features: train.features(),
        labels: train.labels(),
        l2,
        options: Options {
            max_iterations: options.max_iterations,
            ..Options::default()
        },
    };
    let cells = train.features().len();
    let linfa = match options.solver {
        Solver::Auto => start.is_none() && cells <= Solver::LINFA_CELLS,
        Solver::Linfa => true,
        Solver::Newton => false,
    };
    let (solution, solver) = problem.solve(start, linfa)?;
    let loss = LogisticLoss::new(train.features(), train.labels())?;
    let ridge = ridge(train.features().ncols(), l2);
    Ok(Fitted {
        standard_errors: standard_errors(&loss, &ridge, &solution),
        solution,
        solver,
    })
}

/// What each penalty of `path`, fitted on `train`, loses on `test`: see [`follow`].
pub(super) fn score(
    train: &PairTable,
    test: &PairTable,
    path: &[f64],
    max_iterations: u64,
) -> Result<Vec<(f64, f64)>, Failure> {
    let loss = |table| LogisticLoss::new(PairTable::features(table), PairTable::labels(table));
    let n_columns = train.features().ncols();
    let (train, test) = (loss(train)?, loss(test)?);
    let origin = train.origin();
    follow(
        (&train, &test),
        path,
        origin,
        |l2| ridge(n_columns, l2),
        max_iterations,
    )
}

/// The weights of the columns are penalised, the constant is not.
fn ridge(n_columns: usize, l2: f64) -> Vec<f64> {
    let mut ridge = vec![l2; n_columns];
    ridge.push(0.0);
    ridge
}

struct Problem<'a> {
    features: ArrayView2<'a, f64>,
    labels: &'a [bool],
    l2: f64,
    options: Options,
}

impl Problem<'_> {
    fn solve(
        &self,
        start: Option<Vec<f64>>,
        linfa: bool,
    ) -> Result<(Solution, &'static str), SolveError> {
        let newton = match self.features.ncols() < MAX_NEWTON {
            true => "newton",
            false => "l-bfgs",
        };
        // What linfa cannot end, ours can, or says why not.
        if let Some(weights) = linfa.then(|| self.by_linfa()).flatten()
            && let Ok(solution) = self.minimise(Some(weights))
        {
            return Ok((solution, "linfa-logistic, newton"));
        }
        Ok((self.minimise(start)?, newton))
    }

    fn minimise(&self, start: Option<Vec<f64>>) -> Result<Solution, SolveError> {
        minimise_logistic(self.features, self.labels, self.l2, start, &self.options)
    }

    /// Where linfa stops; `None` where it gives no numbers.
    fn by_linfa(&self) -> Option<Vec<f64>> {
        let labels: Array1<bool> = self.labels.iter().copied().collect();
        let fitted = LogisticRegression::default()
            .alpha(self.l2)
            .max_iterations(self.options.max_iterations)
            .gradient_tolerance(LINFA_TOLERANCE * self.labels.len() as f64)
            .fit(&DatasetBase::new(self.features, labels))
            .ok()?;
        // linfa calls the more frequent class the positive one; ours is the pick.
        let sign = if fitted.labels().pos.class { 1.0 } else { -1.0 };
        let intercept = fitted.intercept();
        let found = fitted.params().iter().chain([&intercept]);
        let weights: Vec<f64> = found.map(|w| sign * w).collect();
        weights.iter().all(|w| w.is_finite()).then_some(weights)
    }
}

/// linfa stops where the gradient's norm, per row, is under this. Under 1e-8 its line search ends in
/// rounding on many rows.
const LINFA_TOLERANCE: f64 = 1e-7;
