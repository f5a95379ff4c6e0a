//! What a check for drift found.

use serde::{Deserialize, Serialize};

/// What a check found of all features together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DriftReport {
    /// What follows.
    pub verdict: DriftVerdict,
    /// The verdict in a sentence, with the features that changed, how sure it is and what changed.
    pub sentence: String,
    /// How it was judged.
    pub policy: PolicyKind,
    /// The probability that this check says drift where there is none, all features together.
    pub alpha: f64,
    /// Distinct requests that the reference was made of.
    pub reference_requests: u64,
    /// Requests in the window.
    pub window_requests: u64,
    /// Each feature, in the schema's order, the score last.
    pub features: Vec<FeatureDrift>,
    /// What other rules would have said of the same numbers.
    pub others: OtherRules,
}

/// What follows from a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriftVerdict {
    /// Nothing beyond noise.
    Calm,
    /// At least one feature changed beyond noise.
    Drift,
    /// The reference or the window has too few requests.
    TooFew,
}

/// How often one looks, which decides how sure a single look has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyKind {
    /// Once.
    OneLook,
    /// Again and again.
    Continuous,
}

/// What a feature's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeatureKind {
    /// Numbers.
    Numeric,
    /// Levels, among them those of a boolean.
    Category,
}

/// What a check found of one feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeatureDrift {
    /// The feature's name: a column of the user, or `score`.
    pub name: String,
    /// What its values are.
    pub kind: FeatureKind,
    /// Whether it changed beyond noise.
    pub drifted: bool,
    /// The probability of a change as large by chance, corrected for all features and tests of this
    /// check (not for its repetition), at most 1; `None` without a verdict.
    pub p: Option<f64>,
    /// What changed, in words, such as `median 320 → 9,800`; said of calm features too.
    pub change: String,
    /// The reference's histogram and the window's, in the same bins.
    pub bars: Bars,
    /// The numbers.
    pub statistics: Statistics,
}

/// Two histograms in the same bins.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Bars {
    /// What each bin is called: `(100, 200]`, or a level; shape `(n_bins,)`.
    pub labels: Vec<String>,
    /// The share of the reference's values in each, shape `(n_bins,)`.
    pub reference: Vec<f64>,
    /// The share of the window's values in each, shape `(n_bins,)`.
    pub window: Vec<f64>,
}

/// The statistics of one feature; `None` where one does not apply, or has nothing to say.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Statistics {
    /// Of how many of the newest requests: watching looks at two lengths of window, and tells of each
    /// feature the one that is least like the reference. Of a score, those that have one.
    #[serde(default)]
    pub requests: u64,
    /// The Kolmogorov–Smirnov distance, 0 to 1.
    pub ks: Option<f64>,
    /// Its p-value.
    pub ks_p: Option<f64>,
    /// Pearson's chi².
    pub chi2: Option<f64>,
    /// The p-value of the same counts, by a power divergence whose null is that of bins made of the
    /// reference's own values: that of chi² is off for windows of a few hundred.
    pub chi2_p: Option<f64>,
    /// The population stability index, of counts half a value more.
    pub psi: Option<f64>,
    /// Its p-value, too great where few values are expected in a bin.
    pub psi_p: Option<f64>,
    /// The Jensen–Shannon distance to the base 2, 0 to 1.
    pub jensen_shannon: Option<f64>,
    /// The Hellinger distance, 0 to 1.
    pub hellinger: Option<f64>,
    /// Wasserstein's distance, in the feature's unit.
    pub wasserstein: Option<f64>,
    /// The total variation distance, 0 to 1.
    pub total_variation: Option<f64>,
    /// The share of the window's values that are under the reference's least or over its greatest,
    /// or of levels that it never saw.
    pub out_of_range: f64,
    /// The probability of so many by chance.
    pub out_of_range_p: Option<f64>,
    /// The share of missing values in the reference.
    pub missing_reference: f64,
    /// The share of missing values in the window.
    pub missing_window: f64,
    /// The reference's median; `None` for levels.
    pub median_reference: Option<f64>,
    /// The window's median; `None` for levels.
    pub median_window: Option<f64>,
}

/// What rules that are in use elsewhere would have said of the whole window: the features that each
/// would have alarmed about.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OtherRules {
    /// PSI over 0.1, shares being at least 0.0001 as is usual.
    pub psi_over_0_1: Vec<String>,
    /// Kolmogorov–Smirnov (chi² for levels) with p under 0.05, for each feature by itself.
    pub ks_uncorrected: Vec<String>,
    /// Always alarming: every feature.
    pub always: Vec<String>,
    /// Never alarming: none.
    pub never: Vec<String>,
}
