//! The faults of a caller.

use thiserror::Error;

/// Why an input of a drift statistic or a detector was refused.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum DriftError {
    /// A value is NaN or infinite.
    #[error("value {index} is `{value}`, must be finite")]
    NotFinite {
        /// Position in the input.
        index: usize,
        /// What stands there.
        value: f64,
    },
    /// An edge of a bin is not over the one before it.
    #[error("edge {index} is `{value}`, must be over the edge before it")]
    BadEdge {
        /// Position in the edges.
        index: usize,
        /// What stands there.
        value: f64,
    },
    /// Counts of the same bins that are not equally many.
    #[error("there are counts of {current} current bins, must be {reference} as in the reference")]
    BinMismatch {
        /// Bins of the reference.
        reference: usize,
        /// Bins of what is compared with it.
        current: usize,
    },
    /// There is more of something than can be counted.
    #[error("there are over {most} {what}")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// The most.
        most: u64,
    },
    /// A setting is outside of what makes sense.
    #[error("{name} is `{value}`, must be {limit}")]
    BadSetting {
        /// The setting.
        name: &'static str,
        /// What it is.
        value: f64,
        /// What it must be.
        limit: &'static str,
    },
}
