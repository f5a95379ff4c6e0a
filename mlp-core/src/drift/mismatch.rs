//! Why a profile and what is held against it do not fit.

/// Why a check for drift is not possible.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// The profile's numbers contradict each other.
    #[error("the reference profile of `{feature}` contradicts itself")]
    Unsound {
        /// The feature.
        feature: String,
    },
    /// The schema has other features.
    #[error("the reference profile has `{found}` user features, the schema here {expected}")]
    Columns {
        /// How many the profile has.
        found: usize,
        /// How many the schema has.
        expected: usize,
    },
    /// A feature is another, or of another type, or has other levels.
    #[error(
        "the reference profile has `{found}` where the schema here has `{expected}`, or its values are of another kind"
    )]
    Feature {
        /// The profile's.
        found: String,
        /// The schema's.
        expected: String,
    },
    /// Counts that do not fit the profile's bins.
    #[error(
        "the counts of `{feature}` have `{found}` bins, or add up to other numbers, than a profile with {expected} bins allows"
    )]
    Counts {
        /// The feature.
        feature: String,
        /// How many bins were counted.
        found: usize,
        /// How many the profile has.
        expected: usize,
    },
}
