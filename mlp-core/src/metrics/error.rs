//! The faults of a caller.

use thiserror::Error;

/// Why a statistic was refused.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum MetricError {
    /// Two inputs that must run in parallel do not.
    #[error("`{what}` has {found} values, must have {expected}")]
    LengthMismatch {
        /// The input at fault.
        what: &'static str,
        /// Values it must have.
        expected: usize,
        /// Values it has.
        found: usize,
    },
    /// A score is NaN and has no rank.
    #[error("score {index} is `NaN`, must be a number")]
    NotANumber {
        /// Position in the input.
        index: usize,
    },
    /// The threshold is NaN and divides nothing.
    #[error("threshold is `NaN`, must be a number")]
    BadThreshold,
    /// A probability is NaN or outside of `0..=1`.
    #[error("probability {index} is `{value}`, must be from 0 to 1")]
    NotAProbability {
        /// Position in the input.
        index: usize,
        /// What stands there.
        value: f64,
    },
    /// A gain is NaN, infinite or negative.
    #[error("gain {index} is `{value}`, must be finite and at least 0")]
    BadGain {
        /// Position in the input.
        index: usize,
        /// What stands there.
        value: f64,
    },
    /// A count that must be at least one is zero.
    #[error("`{what}` is `0`, must be at least 1")]
    Zero {
        /// The parameter at fault.
        what: &'static str,
    },
    /// Session offsets do not start at zero or do not increase.
    #[error("session offset {index} is wrong, offsets must start at 0 and increase")]
    BadOffset {
        /// Position in the offsets.
        index: usize,
    },
    /// A session has more than one pick where a choice has at most one.
    #[error("session {session} has {picks} picks, must have at most 1")]
    ManyPicks {
        /// Position of the session.
        session: usize,
        /// Picks in it.
        picks: usize,
    },
    /// The probabilities of a session's picks add up to more than one.
    #[error("session {session} has pick probabilities that sum to `{total}`, must be at most 1")]
    ExcessProbability {
        /// Position of the session.
        session: usize,
        /// Their sum.
        total: f64,
    },
    /// There is more of something than can be counted.
    #[error("there are {found} {what}, must be at most {most}")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How many.
        found: usize,
        /// The most.
        most: usize,
    },
    /// A share or a level of confidence is not between 0 and 1.
    #[error("`{what}` is `{value}`, must be over 0 and under 1")]
    NotAShare {
        /// The parameter at fault.
        what: &'static str,
        /// What it is.
        value: f64,
    },
}
