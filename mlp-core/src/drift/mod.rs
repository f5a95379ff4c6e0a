//! Drift: whether the requests of now are those that a model was trained on.

mod report;

pub use report::{
    Bars, DriftReport, DriftVerdict, FeatureDrift, FeatureKind, OtherRules, PolicyKind, Statistics,
};
