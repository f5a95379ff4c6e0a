//! How to fit.

use super::FitError;
use crate::model::{Family, LinearModel};
use crate::preprocess::Scaling;

/// How to fit.
#[derive(Debug, Clone, PartialEq)]
pub struct FitOptions {
    /// The kind of model. Default [`Family::Logistic`].
    pub family: Family,
    /// The L2 penalty. Default 1, fixed.
    pub l2: Penalty,
    /// Who finds the weights of a logistic model; those of a choice model are always found by
    /// [`minimise`](crate::solver::minimise). Default [`Solver::Auto`].
    pub solver: Solver,
    /// The most iterations of each solver. Default 200. What is stopped by it is a model, whose
    /// lineage says that it has not converged.
    pub max_iterations: u64,
    /// How the features are scaled. Default [`Scaling::Standard`].
    pub scaling: Scaling,
    /// The number of features to choose by chi², at least 1; `None`, the default, for all.
    pub k_best: Option<usize>,
    /// A model on the same schema, unscaled, whose weights the solver begins at: it gets there in
    /// fewer passes, and to the same weights within the tolerance. Default none.
    pub start: Option<LinearModel>,
    /// The share of the sessions, the last ones, that are kept from the fit to test it. Default
    /// 0.2.
    pub test_share: f64,
    /// The share of users who can be won by the best of lists, [`most`](crate::watch::PickCurve::most),
    /// where it is known, as from an earlier model: under
    /// [`ENOUGH`](crate::watch::PickCurve::ENOUGH) lists tell too little of it. Default none.
    pub most_picks: Option<f64>,
}

impl Default for FitOptions {
    fn default() -> Self {
        Self {
            family: Family::Logistic,
            l2: Penalty::Fixed(Penalty::DEFAULT),
            solver: Solver::Auto,
            max_iterations: 200,
            scaling: Scaling::Standard,
            k_best: None,
            start: None,
            test_share: 0.2,
            most_picks: None,
        }
    }
}

/// The L2 penalty: `l2 / 2 · Σ weight²` of the scaled features is added to the summed log loss,
/// over pairs for a logistic model and over sessions for a choice model.
#[derive(Debug, Clone, PartialEq)]
pub enum Penalty {
    /// This one, at least 0.
    Fixed(f64),
    /// The one with the least log loss on sessions that were kept from the fit; of equal ones the
    /// largest.
    CrossValidated {
        /// The penalties to try, each over 0, at least one.
        candidates: Vec<f64>,
        /// Parts that the sessions are dealt into, 2 to 100. Each is tested once.
        folds: usize,
        /// Decides which session is in which fold.
        seed: u64,
        /// The most sessions that are dealt, the last ones, at least 10: a bound of the time that it
        /// takes. With many sessions no penalty is far from the best.
        max_sessions: usize,
    },
}

impl Penalty {
    /// What is taken where nothing says more: the prior that a feature's standard deviation shifts
    /// the log-odds by about 1.
    pub const DEFAULT: f64 = 1.0;

    /// Cross-validated in 5 folds of at most 2,000 sessions over 0.01 to 1,000, in powers of ten:
    /// between two of them the loss hardly differs.
    pub fn cross_validated(seed: u64) -> Self {
        Self::CrossValidated {
            candidates: vec![0.01, 0.1, 1.0, 10.0, 100.0, 1_000.0],
            folds: 5,
            seed,
            max_sessions: 2_000,
        }
    }
}

impl From<f64> for Penalty {
    fn from(l2: f64) -> Self {
        Self::Fixed(l2)
    }
}

/// Who finds the weights. All end at the same ones: what linfa finds is polished by
/// [`minimise`](crate::solver::minimise), since linfa's line search stops some six digits short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Solver {
    /// linfa-logistic for up to [`Solver::LINFA_CELLS`] numbers where there is no model to start
    /// from, ours for what is larger.
    #[default]
    Auto,
    /// linfa-logistic, which begins at 0.
    Linfa,
    /// Newton's method, and L-BFGS for very many features.
    Newton,
}

impl Solver {
    /// Rows × features up to which [`Solver::Auto`] calls linfa: 1,000 rows of 40. A fit of 35,000
    /// numbers takes linfa 16 ms and ours 3, one of ten times as many 224 and 17
    /// (`scripts/learn-bench.sh`): beyond, one waits for it.
    pub const LINFA_CELLS: usize = 40_000;
}

impl FitOptions {
    pub(super) fn check(&self, n_features: usize) -> Result<(), FitError> {
        let fail = |name, value, limit| Err(FitError::Option { name, value, limit });
        match &self.l2 {
            Penalty::Fixed(l2) if !(l2.is_finite() && *l2 >= 0.0) => {
                return fail("l2", *l2, "a finite number from 0 is needed");
            }
            Penalty::Fixed(_) => {}
            Penalty::CrossValidated {
                candidates,
                folds,
                max_sessions,
                ..
            } => {
                if candidates.is_empty() {
                    return fail("candidates", 0.0, "at least 1 is needed");
                }
                if let Some(l2) = candidates.iter().find(|l2| !(l2.is_finite() && **l2 > 0.0)) {
                    return fail("candidates", *l2, "finite numbers over 0 are needed");
                }
                if !(2..=100).contains(folds) {
                    return fail("folds", *folds as f64, "2 to 100 are needed");
                }
                if *max_sessions < 10 {
                    return fail(
                        "max_sessions",
                        *max_sessions as f64,
                        "at least 10 are needed",
                    );
                }
            }
        }
        if !(0.0..0.9).contains(&self.test_share) {
            return fail("test_share", self.test_share, "0 to under 0.9 is needed");
        }
        if self.max_iterations == 0 {
            return fail("max_iterations", 0.0, "at least 1 is needed");
        }
        if self.k_best == Some(0) {
            return fail("k_best", 0.0, "at least 1 is needed");
        }
        match &self.start {
            Some(model) if model.weights.len() != n_features => Err(FitError::Start {
                expected: n_features,
                found: model.weights.len(),
            }),
            _ => Ok(()),
        }
    }
}
