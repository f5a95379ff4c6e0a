//! Drift: whether the requests of now are those that a model was trained on.

mod check;
mod collect;
mod counts;
mod mismatch;
mod onset;
mod policy;
mod profile;
mod report;
mod tails;
mod window;
mod words;

pub use check::{check, check_counts};
pub use collect::ProfileBuilder;
pub use counts::{Counts, FeatureCounts};
pub use mismatch::ProfileError;
pub use onset::onset;
pub use policy::Policy;
pub use profile::{FeatureProfile, LEAST_REFERENCE, LevelCounts, Numbers, Profile, SCORE, Values};
pub use report::{
    Bars, DriftReport, DriftVerdict, FeatureDrift, FeatureKind, OtherRules, PolicyKind, Statistics,
};
pub use window::Window;
