//! What a streaming detector is fed.

use super::DriftError;

/// What a detector is fed, one at a time: [`Measured`] numbers or [`Outcome`]s. A detector is of one
/// of them, so that neither an outcome nor a rate of them can be fed where a number belongs:
///
/// ```compile_fail,E0308
/// use mlp_core::drift::{Adwin, Measured, Outcome};
/// let mut scores = Adwin::<Measured>::default();
/// let mut errors = Adwin::<Outcome>::default();
/// errors.update(Outcome::Wrong);
/// scores.update(errors.mean().unwrap()); // An error rate.
/// ```
///
/// What fits compiles:
///
/// ```
/// use mlp_core::drift::{Adwin, Measured, Outcome};
/// let mut scores = Adwin::<Measured>::default();
/// let mut errors = Adwin::<Outcome>::default();
/// errors.update(Outcome::Wrong);
/// assert_eq!(errors.mean().unwrap().get(), 1.0);
/// scores.update(Measured::new(0.25)?);
/// scores.update(scores.mean().unwrap());
/// assert_eq!(scores.mean().unwrap().get(), 0.25);
/// # Ok::<(), mlp_core::drift::DriftError>(())
/// ```
pub trait Observation: Copy + sealed::Sealed {
    /// The mean of many.
    type Mean;
}

/// A number that was measured, such as a feature's value or a score; finite.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Measured(f64);

impl Measured {
    /// A finite number.
    ///
    /// # Errors
    ///
    /// Where it is NaN or infinite.
    pub fn new(value: f64) -> Result<Self, DriftError> {
        if value.is_finite() {
            Ok(Self(value))
        } else {
            Err(DriftError::NotFinite { index: 0, value })
        }
    }

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }
}

/// Whether what was predicted came true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It did: 0 errors.
    Right,
    /// It did not: 1 error.
    Wrong,
}

/// The share of [`Outcome::Wrong`] among outcomes, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct ErrorRate(f64);

impl ErrorRate {
    /// The share.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl Observation for Measured {
    type Mean = Measured;
}

impl Observation for Outcome {
    type Mean = ErrorRate;
}

pub(super) mod sealed {
    use super::{ErrorRate, Measured, Observation, Outcome};

    /// How a detector sees it.
    pub trait Sealed {
        fn number(self) -> f64;
        fn mean(mean: f64) -> <Self as Observation>::Mean
        where
            Self: Observation;
    }

    impl Sealed for Measured {
        fn number(self) -> f64 {
            self.0
        }

        fn mean(mean: f64) -> Measured {
            Measured(mean)
        }
    }

    impl Sealed for Outcome {
        fn number(self) -> f64 {
            f64::from(u8::from(self == Outcome::Wrong))
        }

        fn mean(mean: f64) -> ErrorRate {
            ErrorRate(mean)
        }
    }
}
