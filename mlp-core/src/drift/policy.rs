//! How sure a check has to be, which depends on how often one looks.

use super::report::PolicyKind;

/// How sure a check for drift has to be before it says so. Each divides its probability of a false
/// alarm among the looks, features and tests (Bonferroni), whose own probabilities are those of the
/// actual window, reference and bins; however these depend on each other, and on the looks before,
/// the sum is an upper bound.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Policy {
    /// One look at one window, taken whole.
    OneLook {
        /// The probability that it alarms without drift, all features together. Default 0.01.
        alpha: f64,
    },
    /// Looks again and again at the newest requests, at two lengths of window: the newest
    /// [`Policy::WINDOW`] for changes that are small, and the newest [`Policy::SHORT`] for those that
    /// are rare but plain, which the long one takes longer to see: at the onset it is still full of
    /// calm requests.
    Continuous {
        /// The probability that any of that many looks alarms without drift. Default 0.05.
        alpha: f64,
        /// How many looks that is said of. Default 720: a month of hours. Looks with few new
        /// requests between them count as one each all the same.
        looks: u32,
    },
}

impl Policy {
    /// The most requests that [`Policy::Continuous`] looks at: callers need give it no more.
    pub const WINDOW: usize = 1000;

    /// Its shorter window.
    pub const SHORT: usize = 250;

    /// The fewest distinct requests in a window that a verdict is given of.
    pub const LEAST: usize = 50;

    /// One look, wrong in one of a hundred.
    pub fn one_look() -> Self {
        Self::OneLook { alpha: 0.01 }
    }

    /// Watching, with a false alarm in at most one of twenty times 720 looks.
    pub fn continuous() -> Self {
        Self::Continuous {
            alpha: 0.05,
            looks: 720,
        }
    }

    /// Which of the two.
    pub fn kind(self) -> PolicyKind {
        match self {
            Self::OneLook { .. } => PolicyKind::OneLook,
            Self::Continuous { .. } => PolicyKind::Continuous,
        }
    }

    /// The probability that a single look alarms without drift, all features together; one that is
    /// no probability is taken for the nearest one.
    pub fn per_look(self) -> f64 {
        let (alpha, looks) = match self {
            Self::OneLook { alpha } => (alpha, 1),
            Self::Continuous { alpha, looks } => (alpha, looks.max(1)),
        };
        // NaN alarms never.
        let alpha = if alpha.is_nan() {
            0.0
        } else {
            alpha.clamp(0.0, 1.0)
        };
        alpha / f64::from(looks)
    }

    /// How many of the newest requests are looked at, each by itself; the first is the one that is
    /// reported of what is calm.
    pub fn lengths(self) -> &'static [usize] {
        match self {
            Self::OneLook { .. } => &[usize::MAX],
            Self::Continuous { .. } => &[Self::WINDOW, Self::SHORT],
        }
    }
}
