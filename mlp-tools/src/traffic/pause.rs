//! How long a user waits.

use std::time::Duration;

use rand::Rng;
use rand_distr::{Beta, Distribution};

use super::plan::PlanError;

/// The longest pause that may be asked for, in seconds.
const LONGEST_S: f64 = 86_400.0;
/// The largest shape parameter: beyond it the distribution is a point.
const LARGEST_SHAPE: f64 = 1e6;

/// A random wait: Beta(a, b) stretched over `[min, max]`.
///
/// ```
/// use mlp_tools::traffic::Pause;
/// use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
///
/// let pause = Pause::new(0.1, 3.0, 2.0, 5.0)?;
/// let seconds = pause.draw(&mut ChaCha8Rng::seed_from_u64(1)).as_secs_f64();
/// assert!((0.1..=3.0).contains(&seconds));
/// # Ok::<(), mlp_tools::traffic::PlanError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pause {
    min_s: f64,
    max_s: f64,
    shape: Beta<f64>,
}

impl Pause {
    /// A wait between `min_s` and `max_s` seconds (at most a day), with the shape Beta(a, b).
    pub fn new(min_s: f64, max_s: f64, a: f64, b: f64) -> Result<Self, PlanError> {
        for (name, value) in [("tmin", min_s), ("tmax", max_s)] {
            if !(0.0..=LONGEST_S).contains(&value) {
                return Err(PlanError::Pause { name, value });
            }
        }
        if min_s > max_s {
            return Err(PlanError::PauseOrder { min_s, max_s });
        }
        for (name, value) in [("a", a), ("b", b)] {
            if !(value > 0.0 && value <= LARGEST_SHAPE) {
                return Err(PlanError::Shape { name, value });
            }
        }
        let shape = Beta::new(a, b).map_err(|_| PlanError::Shape {
            name: "a",
            value: a,
        })?;
        Ok(Pause {
            min_s,
            max_s,
            shape,
        })
    }

    /// Draws one wait.
    pub fn draw<R: Rng + ?Sized>(&self, rng: &mut R) -> Duration {
        let share = self.shape.sample(rng);
        // A tiny shape parameter can make the sampler divide 0 by 0.
        let share = if share.is_nan() { 0.0 } else { share };
        let seconds = self.min_s + share * (self.max_s - self.min_s);
        Duration::from_secs_f64(seconds.clamp(self.min_s, self.max_s))
    }
}
