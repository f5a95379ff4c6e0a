//! A trained model, and the self-contained form in which it is stored and moved.

use serde::{Deserialize, Serialize};

use crate::metrics::{EvaluateOptions, Evaluation, MetricError, evaluate};
use crate::schema::Schema;
use crate::table::PairTable;

/// `P(picked) = 1 / (1 + exp(−(bias + Σ weight·feature)))`, on unscaled features.
#[derive(Debug, Clone, PartialEq)]
pub struct LinearModel {
    /// The constant.
    pub bias: f64,
    /// A weight per feature, shape `(n_features,)`.
    pub weights: Vec<f64>,
}

impl LinearModel {
    /// The log-odds of a pick, for one pair's features, shape `(n_features,)`.
    pub fn log_odds<'a>(&self, features: impl IntoIterator<Item = &'a f64>) -> f64 {
        let products = self.weights.iter().zip(features).map(|(w, x)| w * x);
        self.bias + products.sum::<f64>()
    }

    /// The probability of a pick for every row of a table, shape `(n_rows,)`.
    pub fn probabilities(&self, table: &PairTable) -> Vec<f64> {
        (table.features().rows().into_iter())
            .map(|row| 1.0 / (1.0 + (-self.log_odds(row)).exp()))
            .collect()
    }

    /// How good the model is on a table.
    ///
    /// # Errors
    ///
    /// Where the weights give no number.
    pub fn evaluate(&self, table: &PairTable) -> Result<Evaluation, MetricError> {
        let probabilities = self.probabilities(table);
        let options = EvaluateOptions::default();
        evaluate(
            table.labels(),
            &probabilities,
            Some(table.sessions()),
            &options,
        )
    }
}

/// The version of the artifact's JSON that this crate writes and reads.
pub const ARTIFACT_FORMAT: u32 = 1;

/// The kind of model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// Logistic regression on user–item pairs.
    Logistic,
}

/// A trained model with all that is needed to use, judge and trace it; its JSON is what stores
/// keep and what `mlp models export` writes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// [`ARTIFACT_FORMAT`].
    pub format: u32,
    /// The kind of model.
    pub family: Family,
    /// The domain's name.
    pub domain: String,
    /// [`Schema::hash`] of the schema it was trained under.
    pub schema_hash: String,
    /// The features' names, shape `(n_features,)`.
    pub features: Vec<String>,
    /// What is subtracted from each feature, shape `(n_features,)`.
    pub center: Vec<f64>,
    /// What each centred feature is divided by, over 0, shape `(n_features,)`; 1 for a constant one.
    pub scale: Vec<f64>,
    /// The weights of the scaled features, shape `(n_features,)`.
    pub weights: Vec<f64>,
    /// The constant.
    pub bias: f64,
    /// Where it comes from.
    pub lineage: Lineage,
    /// Quality on the sessions it was fitted on.
    pub train: Evaluation,
    /// Quality on later sessions that it was not fitted on.
    pub test: Evaluation,
}

/// What a model was trained on, and how.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Lineage {
    /// Sessions fitted on.
    pub sessions: usize,
    /// Rows fitted on.
    pub rows: usize,
    /// The time of the first session's answer, in microseconds since 1970.
    pub from_us: Option<i64>,
    /// The time of the last session's answer, in microseconds since 1970.
    pub to_us: Option<i64>,
    /// The newest catalog version among the sessions.
    pub catalog_version: i64,
    /// The model that was champion when it was trained.
    pub parent: Option<i64>,
    /// The solver's name.
    pub solver: String,
    /// The L2 penalty on the weights of the scaled features.
    pub l2: f64,
    /// The largest absolute component of the objective's gradient at the solution, per row.
    pub gradient: f64,
}

/// Why an artifact cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArtifactError {
    /// It is no artifact.
    #[error("not a model artifact: {0}")]
    Json(String),
    /// It was written by another version of this program.
    #[error("artifact format `{found}` is not `{ARTIFACT_FORMAT}`, the one this program reads")]
    Format {
        /// The format it says it has.
        found: u32,
    },
    /// It was trained under another schema.
    #[error(
        "the model was trained under schema `{found}`, but the schema here is `{expected}`: retrain it"
    )]
    Schema {
        /// The schema's hash here, shortened.
        expected: String,
        /// The artifact's, shortened.
        found: String,
    },
    /// Its parts do not fit together.
    #[error("`{part}` has {found} entries for {expected} features, or one that is out of range")]
    Shape {
        /// Which part.
        part: &'static str,
        /// Its length.
        found: usize,
        /// The number of features.
        expected: usize,
    },
}

impl Artifact {
    /// Reads an artifact's JSON.
    ///
    /// # Errors
    ///
    /// Where it is none, or of another format.
    pub fn from_json(text: &str) -> Result<Self, ArtifactError> {
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        let json = |e: serde_json::Error| ArtifactError::Json(e.to_string());
        let head: Head = serde_json::from_str(text).map_err(json)?;
        if head.format != ARTIFACT_FORMAT {
            return Err(ArtifactError::Format { found: head.format });
        }
        serde_json::from_str(text).map_err(json)
    }

    /// Its JSON; the same artifact always gives the same bytes.
    pub fn to_json(&self) -> String {
        // Numbers, texts and lists alone: nothing that JSON cannot hold.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The model on unscaled features, for use under `schema`.
    ///
    /// # Errors
    ///
    /// Where it was trained under another schema, or its parts do not fit.
    pub fn model(&self, schema: &Schema) -> Result<LinearModel, ArtifactError> {
        if self.schema_hash != schema.hash() {
            let short = |hash: &str| hash.chars().take(12).collect();
            return Err(ArtifactError::Schema {
                expected: short(schema.hash()),
                found: short(&self.schema_hash),
            });
        }
        let expected = schema.features.len();
        let misfit = |part, found| ArtifactError::Shape {
            part,
            found,
            expected,
        };
        if self.features != schema.features.names() {
            return Err(misfit("features", self.features.len()));
        }
        let finite: fn(&f64) -> bool = |x| x.is_finite();
        let divisor: fn(&f64) -> bool = |x| x.is_finite() && *x > 0.0;
        for (part, numbers, good) in [
            ("center", &self.center, finite),
            ("scale", &self.scale, divisor),
            ("weights", &self.weights, finite),
        ] {
            if numbers.len() != expected || !numbers.iter().all(good) {
                return Err(misfit(part, numbers.len()));
            }
        }
        let model = self.unscaled();
        if !model.bias.is_finite() {
            return Err(misfit("bias", 1));
        }
        if !model.weights.iter().all(finite) {
            return Err(misfit("weights", model.weights.len()));
        }
        Ok(model)
    }

    fn unscaled(&self) -> LinearModel {
        let weights: Vec<f64> = (self.weights.iter().zip(&self.scale))
            .map(|(w, s)| w / s)
            .collect();
        let shift: f64 = weights.iter().zip(&self.center).map(|(w, c)| w * c).sum();
        LinearModel {
            bias: self.bias - shift,
            weights,
        }
    }
}
