//! Fitting a logistic model on user–item pairs, by linfa-logistic.

use linfa::prelude::{DatasetBase, Fit};
use linfa_logistic::LogisticRegression;
use ndarray::{Array1, Array2, Axis};

use crate::metrics::{Evaluation, MetricError};
use crate::model::{ARTIFACT_FORMAT, Artifact, Family, Lineage, LinearModel};
use crate::schema::Schema;
use crate::table::{PairTable, Session};

/// How to fit.
#[derive(Debug, Clone, PartialEq)]
pub struct FitOptions {
    /// The L2 penalty: `l2 / 2 · Σ weight²` of the scaled features is added to the summed log
    /// loss. Default 1.
    pub l2: f64,
    /// The most iterations of the solver. Default 200.
    pub max_iterations: u64,
    /// The share of the sessions, the last ones, that are kept from the fit to test it. Default
    /// 0.2.
    pub test_share: f64,
}

impl Default for FitOptions {
    fn default() -> Self {
        Self {
            l2: 1.0,
            max_iterations: 200,
            test_share: 0.2,
        }
    }
}

/// Why there is no model.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FitError {
    /// Too little to learn from.
    #[error(
        "{sessions} sessions with {picks} picks and {others} other items are too few to learn from: at least 10 sessions, 2 picks and 2 others are needed"
    )]
    TooFew {
        /// Sessions to fit on.
        sessions: usize,
        /// Picked items among their rows.
        picks: usize,
        /// Other items among their rows.
        others: usize,
    },
    /// An option is out of range.
    #[error("`{name}` is `{value}`: {limit}")]
    Option {
        /// The option.
        name: &'static str,
        /// Its value.
        value: f64,
        /// What is allowed.
        limit: &'static str,
    },
    /// The solver gave up.
    #[error("the solver failed: {0}")]
    Solver(String),
    /// The model gave no numbers.
    #[error(transparent)]
    Metric(#[from] MetricError),
}

/// Fits a logistic model on `sessions`, oldest first, and tests it on the last of them.
///
/// The features are standardised (a constant one gets weight 0); the artifact holds the scaling.
/// `lineage` is completed with what the fit itself knows.
///
/// # Errors
///
/// Where there is too little data, an option is out of range or the solver fails.
pub fn fit_logistic(
    schema: &Schema,
    sessions: &[Session],
    options: &FitOptions,
    lineage: Lineage,
) -> Result<Artifact, FitError> {
    check(options)?;
    let tested = (sessions.len() as f64 * options.test_share).floor() as usize;
    let (train, test) = sessions.split_at(sessions.len() - tested);
    let train = PairTable::new(&schema.features, train);
    let picks = train.labels().iter().filter(|picked| **picked).count();
    let others = train.labels().len() - picks;
    if train.sessions().len() < 10 || picks < 2 || others < 2 {
        return Err(FitError::TooFew {
            sessions: train.sessions().len(),
            picks,
            others,
        });
    }
    let (scaled, center, scale) = standardise(&train);
    let labels: Array1<bool> = train.labels().iter().copied().collect();
    let dataset = DatasetBase::new(scaled, labels);
    let fitted = LogisticRegression::default()
        .alpha(options.l2)
        .max_iterations(options.max_iterations)
        .gradient_tolerance(GRADIENT_PER_ROW * train.labels().len() as f64)
        .fit(&dataset)
        .map_err(|e| FitError::Solver(e.to_string()))?;
    // linfa calls the more frequent class the positive one; ours is the pick.
    let sign = if fitted.labels().pos.class { 1.0 } else { -1.0 };
    let scaled_model = LinearModel {
        bias: sign * fitted.intercept(),
        weights: fitted.params().iter().map(|w| sign * w).collect(),
    };
    let finite = scaled_model.weights.iter().all(|w| w.is_finite());
    if !finite || !scaled_model.bias.is_finite() {
        return Err(FitError::Solver("a weight is not finite".to_owned()));
    }
    let gradient = gradient(&scaled_model, dataset.records(), train.labels(), options.l2);
    let mut artifact = Artifact {
        format: ARTIFACT_FORMAT,
        family: Family::Logistic,
        domain: schema.name.clone(),
        schema_hash: schema.hash().to_owned(),
        features: schema.features.names().to_vec(),
        center,
        scale,
        weights: scaled_model.weights,
        bias: scaled_model.bias,
        lineage: Lineage {
            sessions: train.sessions().len(),
            rows: train.labels().len(),
            solver: "linfa-logistic".to_owned(),
            l2: options.l2,
            gradient,
            ..lineage
        },
        train: Evaluation::default(),
        test: Evaluation::default(),
    };
    let model = artifact
        .model(schema)
        .map_err(|e| FitError::Solver(e.to_string()))?;
    artifact.train = model.evaluate(&train)?;
    artifact.test = model.evaluate(&PairTable::new(&schema.features, test))?;
    Ok(artifact)
}

/// The solver stops where the gradient's norm, per row, is under this: weights are then right to
/// some six digits.
const GRADIENT_PER_ROW: f64 = 1e-8;

fn check(options: &FitOptions) -> Result<(), FitError> {
    let fail = |name, value, limit| Err(FitError::Option { name, value, limit });
    if !options.l2.is_finite() || options.l2 < 0.0 {
        return fail("l2", options.l2, "a finite number from 0 is needed");
    }
    if !(0.0..0.9).contains(&options.test_share) {
        return fail("test_share", options.test_share, "0 to under 0.9 is needed");
    }
    if options.max_iterations == 0 {
        return fail("max_iterations", 0.0, "at least 1 is needed");
    }
    Ok(())
}

/// The features less their mean, over their population standard deviation.
fn standardise(table: &PairTable) -> (Array2<f64>, Vec<f64>, Vec<f64>) {
    let mut scaled = table.features().to_owned();
    let n_features = scaled.ncols();
    let (mut center, mut scale) = (vec![0.0; n_features], vec![1.0; n_features]);
    for (feature, mut column) in scaled.axis_iter_mut(Axis(1)).enumerate() {
        let mean = column.mean().unwrap_or(0.0);
        let deviation = column
            .mapv(|x| (x - mean).powi(2))
            .mean()
            .unwrap_or(0.0)
            .sqrt();
        // A constant column's deviation is rounding error, not exactly 0.
        let constant = deviation <= 1e-12 * mean.abs().max(1.0);
        center[feature] = mean;
        scale[feature] = if constant { 1.0 } else { deviation };
        column.mapv_inplace(|x| {
            if constant {
                0.0
            } else {
                (x - mean) / scale[feature]
            }
        });
    }
    (scaled, center, scale)
}

/// The largest absolute component of the gradient of the summed log loss with its penalty, per
/// row: how far the solver stopped from the optimum.
fn gradient(model: &LinearModel, features: &Array2<f64>, labels: &[bool], l2: f64) -> f64 {
    let n = labels.len() as f64;
    let mut slopes = vec![0.0; model.weights.len() + 1];
    for (row, &label) in features.rows().into_iter().zip(labels) {
        let p = 1.0 / (1.0 + (-model.log_odds(row)).exp());
        let residual = p - f64::from(u8::from(label));
        slopes[0] += residual;
        for (slope, x) in slopes[1..].iter_mut().zip(row) {
            *slope += residual * x;
        }
    }
    for (slope, w) in slopes[1..].iter_mut().zip(&model.weights) {
        *slope += l2 * w;
    }
    slopes
        .iter()
        .fold(0.0, |most: f64, s| most.max(s.abs() / n))
}
