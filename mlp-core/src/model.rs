//! A trained model, and the self-contained form in which it is stored and moved.

use serde::{Deserialize, Serialize};

use crate::choice::{Outside, softmax};
use crate::drift::Profile;
use crate::fit::CrossValidation;
use crate::metrics::{EvaluateOptions, Evaluation, MetricError, evaluate};
use crate::preprocess::{Scaling, Selection};
use crate::schema::Schema;
use crate::table::PairTable;
use crate::watch::PickCurve;

/// `u = bias + Σ weight·feature`, on unscaled features, and what it says of a pick: see [`Family`].
#[derive(Debug, Clone, PartialEq)]
pub struct LinearModel {
    /// How `u` becomes a probability.
    pub family: Family,
    /// The constant.
    pub bias: f64,
    /// A weight per feature, shape `(n_features,)`.
    pub weights: Vec<f64>,
}

impl LinearModel {
    /// `u`, for one pair's features, shape `(n_features,)`: the log-odds of the item against none in
    /// a list of it alone, in nats.
    pub fn log_odds<'a>(&self, features: impl IntoIterator<Item = &'a f64>) -> f64 {
        let products = self.weights.iter().zip(features).map(|(w, x)| w * x);
        self.bias + products.sum::<f64>()
    }

    /// The probability that each row's item is picked in the list that it was shown in, shape
    /// `(n_rows,)`. Those of a choice model add up to under 1 in each list, the rest being that of
    /// "none of these"; those of a logistic model, which does not see the list, may add up to more.
    pub fn probabilities(&self, table: &PairTable) -> Vec<f64> {
        match self.family {
            Family::Choice => self.choice_probabilities(table),
            Family::Logistic => {
                let mut scores = self.scores(table);
                (scores.iter_mut()).for_each(|u| *u = 1.0 / (1.0 + (-*u).exp()));
                scores
            }
        }
    }

    /// The probability that each row's item is its session's one pick, `exp(u_i) / (1 + Σ exp(u_j))`,
    /// shape `(n_rows,)`: what two models of whatever family can be compared by, choice by choice.
    /// For a logistic model that is what its pairs say given that at most one is picked: of
    /// independent picks with odds `exp(u)`, the outcome "i alone" has odds `exp(u_i)` against
    /// "none".
    pub fn choice_probabilities(&self, table: &PairTable) -> Vec<f64> {
        let mut scores = self.scores(table);
        for list in table.sessions().ranges() {
            softmax(&mut scores[list], Outside::Present);
        }
        scores
    }

    /// `u` of every row, shape `(n_rows,)`.
    fn scores(&self, table: &PairTable) -> Vec<f64> {
        let features = table.features();
        let rows = features.rows().into_iter();
        rows.map(|row| self.log_odds(row)).collect()
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

/// The version of the artifact's JSON that this crate writes. It reads those before it too: format 1
/// had neither `scaling`, which was [`Scaling::Standard`], nor `selection`; format 2 had no
/// `reference`.
pub const ARTIFACT_FORMAT: u32 = 3;

/// The kind of model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    #[default]
    /// Logistic regression on user–item pairs: `P(picked) = 1 / (1 + exp(−u))`, whatever else is
    /// shown.
    Logistic,
    /// Conditional logit over the shown items and "none of these": `P(picked i) = exp(u_i) / (1 + Σ
    /// exp(u_j))`, the sum over all that is shown; see [`choice`](crate::choice).
    Choice,
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
    /// How `center` and `scale` were found.
    #[serde(default)]
    pub scaling: Scaling,
    /// Which features were chosen; `None` where all were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selection: Option<Selection>,
    /// What is subtracted from each feature, shape `(n_features,)`.
    pub center: Vec<f64>,
    /// What each centred feature is divided by, over 0, shape `(n_features,)`; 1 for a constant one.
    pub scale: Vec<f64>,
    /// The weights of the scaled features, shape `(n_features,)`; 0 for what is constant or was not
    /// chosen.
    pub weights: Vec<f64>,
    /// The standard errors of `weights`, shape `(n_features,)`, 0 where these are 0 by construction;
    /// see [`covariance`](crate::solver::covariance) for what they are under a penalty. `None` where
    /// they were not or cannot be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standard_errors: Option<Vec<f64>>,
    /// The constant.
    pub bias: f64,
    /// Where it comes from.
    pub lineage: Lineage,
    /// Quality on the sessions it was fitted on.
    pub train: Evaluation,
    /// Quality on later sessions that it was not fitted on.
    pub test: Evaluation,
    /// What the requests were like, for later ones to be held against. [`fit`](crate::fit()) sees
    /// sessions, in which requests come again, and leaves it to its caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Profile>,
    /// How often the lists that it was fitted and tested on were picked from, by what it expects of
    /// them; `None` where they were too few to tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pick_curve: Option<PickCurve>,
}

/// What a model was trained on, and how.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Lineage {
    /// Sessions fitted on.
    pub sessions: usize,
    /// Rows fitted on.
    pub rows: usize,
    /// SHA-256, in hexadecimal, of what was fitted on, session by session: the same data, schema and
    /// options give the same model. Empty in artifacts of before.
    pub content_hash: String,
    /// The time of the first session's answer, in microseconds since 1970.
    pub from_us: Option<i64>,
    /// The time of the last session's answer, in microseconds since 1970.
    pub to_us: Option<i64>,
    /// When the requests changed that it was trained for, in microseconds since 1970: it is judged by
    /// sessions that were answered after. `None` where nothing was known to have changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub judged_from_us: Option<i64>,
    /// The newest catalog version among the sessions.
    pub catalog_version: i64,
    /// The model that was champion when it was trained.
    pub parent: Option<i64>,
    /// The solvers' names, in the order in which they worked.
    pub solver: String,
    /// The L2 penalty on the weights of the scaled features.
    pub l2: f64,
    /// How that was chosen; `None` where it was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cross_validation: Option<CrossValidation>,
    /// The largest absolute component of the objective's gradient at the solution, per row.
    pub gradient: f64,
    /// Steps of the last solver; `None` in artifacts of format 1.
    pub iterations: Option<u64>,
    /// Whether it converged; `None` in artifacts of format 1.
    pub converged: Option<bool>,
    /// Whether it began at the weights of another model.
    pub warm_start: bool,
}

/// Why an artifact cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArtifactError {
    /// It is no artifact.
    #[error("not a model artifact: {0}")]
    Json(String),
    /// It was written by another version of this program.
    #[error(
        "artifact format `{found}` is not one of those this program reads, 1 to {ARTIFACT_FORMAT}"
    )]
    Format {
        /// The format it says it has.
        found: u32,
    },
    /// It is of another domain.
    #[error("the model is of the domain `{found}`, but the domain here is `{expected}`")]
    Domain {
        /// The domain here.
        expected: String,
        /// The artifact's.
        found: String,
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
    /// Reads an artifact's JSON; one of an earlier format becomes one of [`ARTIFACT_FORMAT`].
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
        if !(1..=ARTIFACT_FORMAT).contains(&head.format) {
            return Err(ArtifactError::Format { found: head.format });
        }
        let artifact: Self = serde_json::from_str(text).map_err(json)?;
        Ok(Self {
            format: ARTIFACT_FORMAT,
            ..artifact
        })
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
        if self.domain != schema.name {
            return Err(ArtifactError::Domain {
                expected: schema.name.clone(),
                found: self.domain.clone(),
            });
        }
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
        if let Some(errors) = &self.standard_errors
            && (errors.len() != expected || errors.iter().any(|e| !e.is_finite() || *e < 0.0))
        {
            return Err(misfit("standard_errors", errors.len()));
        }
        if let Some(selection) = &self.selection {
            let Selection { chi2, kept, .. } = selection;
            let unchosen = kept.iter().zip(&self.weights).filter(|(kept, _)| !**kept);
            let fits = chi2.len() == expected && kept.len() == expected;
            if !fits || unchosen.into_iter().any(|(_, weight)| *weight != 0.0) {
                return Err(misfit("selection", kept.len()));
            }
        }
        if let Some(reference) = &self.reference
            && reference.validate().is_err()
        {
            return Err(misfit("reference", reference.features.len()));
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
            family: self.family,
            bias: self.bias - shift,
            weights,
        }
    }
}
