//! From sessions to an artifact: preprocess, choose the penalty, solve, test.

mod choice;
mod cross_validation;
mod error;
mod logistic;
mod options;

pub use cross_validation::{CandidateScore, CrossValidation};
pub use error::FitError;
pub use options::{FitOptions, Penalty, Solver};

use cross_validation::{Plan, cross_validate};
use sha2::{Digest, Sha256};

use crate::metrics::Evaluation;
use crate::model::{ARTIFACT_FORMAT, Artifact, Family, Lineage, LinearModel};
use crate::preprocess::Preprocessing;
use crate::schema::Schema;
use crate::solver::{Objective, Solution, covariance};
use crate::table::{PairTable, Session};
use crate::watch::PickCurve;

/// Fits a model of [`FitOptions::family`] on `sessions`, oldest first, and tests it on the last of
/// them. `lineage` is completed with what the fit itself knows.
///
/// Missing values are no matter of the fit: [`Entity::numbers`](crate::Entity::numbers) puts the
/// field's declared default, or 0, in their place, for training and for ranking alike.
///
/// The same sessions and options give the same bytes on any number of threads.
///
/// # Errors
///
/// Where there is too little data, an option is out of range, the data determine no weights, or the
/// solver fails.
pub fn fit(
    schema: &Schema,
    sessions: &[Session],
    options: &FitOptions,
    lineage: Lineage,
) -> Result<Artifact, FitError> {
    options.check(schema.features.len())?;
    let tested = (sessions.len() as f64 * options.test_share).floor() as usize;
    let (train, test) = sessions.split_at(sessions.len() - tested);
    let content_hash = content_hash(train);
    let train = PairTable::new(&schema.features, train);
    check_enough(&train)?;
    let (l2, cross_validation) = options.l2.choose(schema, &train, options)?;
    let preprocessing = Preprocessing::learn(&train, options.scaling, options.k_best);
    let train = preprocessing.apply(train);
    let start = options
        .start
        .as_ref()
        .map(|model| preprocessing.scaled(model));
    let fitted = match options.family {
        Family::Logistic => logistic::fit(&train, l2, options, start),
        Family::Choice => choice::fit(&train, l2, options, start),
    };
    let fitted = fitted.map_err(|error| error.named(|at| preprocessing.name(schema, at)))?;
    let (bias, weights) = fitted.solution.weights.split_last().unwrap_or((&0.0, &[]));
    let scaled = LinearModel {
        family: options.family,
        bias: *bias,
        weights: weights.to_vec(),
    };
    let mut artifact = Artifact {
        format: ARTIFACT_FORMAT,
        family: options.family,
        domain: schema.name.clone(),
        schema_hash: schema.hash().to_owned(),
        features: schema.features.names().to_vec(),
        scaling: options.scaling,
        weights: preprocessing.widen(weights),
        standard_errors: (fitted.standard_errors.as_deref())
            .and_then(|errors| errors.get(..weights.len()))
            .map(|errors| preprocessing.widen(errors)),
        selection: preprocessing.selection,
        center: preprocessing.center,
        scale: preprocessing.scale,
        bias: *bias,
        lineage: Lineage {
            sessions: train.sessions().len(),
            rows: train.labels().len(),
            content_hash,
            solver: fitted.solver.to_owned(),
            l2,
            cross_validation,
            gradient: fitted.solution.gradient,
            iterations: Some(fitted.solution.iterations),
            converged: Some(fitted.solution.converged),
            warm_start: options.start.is_some(),
            ..lineage
        },
        train: scaled.evaluate(&train)?,
        test: Evaluation::default(),
        reference: None,
        pick_curve: None,
    };
    let model = artifact
        .model(schema)
        .map_err(|e| FitError::Solver(e.to_string()))?;
    artifact.test = model.evaluate(&PairTable::new(&schema.features, test))?;
    artifact.pick_curve = pick_curve(schema, &model, sessions, options.most_picks);
    Ok(artifact)
}

/// How often lists are picked from by what the model expects of them.
fn pick_curve(
    schema: &Schema,
    model: &LinearModel,
    sessions: &[Session],
    most: Option<f64>,
) -> Option<PickCurve> {
    let from = sessions.len().saturating_sub(PickCurve::MOST);
    let table = PairTable::new(&schema.features, &sessions[from..]);
    let p = model.choice_probabilities(&table);
    let lists = || table.sessions().ranges();
    let expected: Vec<f64> = lists().map(|rows| p[rows].iter().sum()).collect();
    let picked: Vec<bool> = lists()
        .map(|rows| table.labels()[rows].contains(&true))
        .collect();
    PickCurve::fit(&expected, &picked, most)
}

/// [`fit`] of a logistic model, whatever family the options name.
///
/// # Errors
///
/// As [`fit`].
pub fn fit_logistic(
    schema: &Schema,
    sessions: &[Session],
    options: &FitOptions,
    lineage: Lineage,
) -> Result<Artifact, FitError> {
    let options = FitOptions {
        family: Family::Logistic,
        ..options.clone()
    };
    fit(schema, sessions, &options, lineage)
}

/// What a family found on scaled columns.
struct Fitted {
    /// Its weights are those of the columns and, last, the constant.
    solution: Solution,
    solver: &'static str,
    /// Of the weights, in their order.
    standard_errors: Option<Vec<f64>>,
}

impl Penalty {
    /// The penalty to fit `table` with, and how it was chosen where that was asked.
    fn choose(
        &self,
        schema: &Schema,
        table: &PairTable,
        options: &FitOptions,
    ) -> Result<(f64, Option<CrossValidation>), FitError> {
        match self {
            Self::Fixed(l2) => Ok((*l2, None)),
            Self::CrossValidated {
                candidates,
                folds,
                seed,
                max_sessions,
            } => {
                let plan = Plan {
                    candidates,
                    folds: *folds,
                    seed: *seed,
                    max_sessions: *max_sessions,
                };
                let found = cross_validate(schema, table, plan, options)?;
                Ok((found.best().unwrap_or(Self::DEFAULT), Some(found)))
            }
        }
    }
}

/// The square roots of the variances of [`covariance`].
fn standard_errors(
    objective: &impl Objective,
    ridge: &[f64],
    solution: &Solution,
) -> Option<Vec<f64>> {
    let covariance = covariance(objective, ridge, &solution.weights)?;
    Some(covariance.diag().iter().map(|v| v.sqrt()).collect())
}

/// Of the numbers of users and items and of the picks, each with its length before it, so that
/// nothing runs into its neighbour.
fn content_hash(sessions: &[Session]) -> String {
    let mut hash = Sha256::new();
    let length = |hash: &mut Sha256, n: usize| hash.update((n as u64).to_le_bytes());
    let numbers = |hash: &mut Sha256, numbers: &[f64]| {
        length(hash, numbers.len());
        (numbers.iter()).for_each(|x| hash.update(x.to_bits().to_le_bytes()));
    };
    for session in sessions {
        numbers(&mut hash, &session.user);
        length(&mut hash, session.shown.len());
        (session.shown.iter()).for_each(|item| numbers(&mut hash, item));
        // One past the last is none.
        length(&mut hash, session.picked.unwrap_or(session.shown.len()));
    }
    let digest = hash.finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn check_enough(train: &PairTable) -> Result<(), FitError> {
    let picks = train.labels().iter().filter(|picked| **picked).count();
    let others = train.labels().len() - picks;
    let sessions = train.sessions().len();
    if sessions < 10 || picks < 2 || others < 2 {
        return Err(FitError::TooFew {
            sessions,
            picks,
            others,
        });
    }
    Ok(())
}
