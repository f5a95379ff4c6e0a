//! The detector of Page and Hinkley.

use std::marker::PhantomData;

use super::{DriftError, Observation};

/// Which way the mean has to move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// Either.
    #[default]
    Both,
    /// Up.
    Up,
    /// Down.
    Down,
}

/// How [`PageHinkley`] looks for a change.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PageHinkleyOptions {
    /// It does not look at fewer observations: by default 30.
    pub min_instances: u64,
    /// The change that is tolerated, in the observations' unit: by default 0.005.
    pub delta: f64,
    /// How far the sum may be from its extreme, in the observations' unit: by default 50.
    pub threshold: f64,
    /// What is left of the sum at each step: over 0 and at most 1, by default 0.9999.
    pub alpha: f64,
    /// Which way, by default both.
    pub direction: Direction,
}

impl Default for PageHinkleyOptions {
    fn default() -> Self {
        Self {
            min_instances: 30,
            delta: 0.005,
            threshold: 50.0,
            alpha: 1.0 - 0.0001,
            direction: Direction::Both,
        }
    }
}

/// The test of Page and Hinkley: says drift where the forgetful sum of what the observations are away
/// from their mean so far, `S ← α S + (x − x̄) ∓ δ`, is more than a threshold over its minimum (up) or
/// under its maximum (down).
///
/// It agrees with `river.drift.PageHinkley` (river 0.26.1) to the element. As there, the observation
/// after a drift begins anew.
///
/// Source: Page, *Continuous inspection schemes*, Biometrika 41 (1954); Hinkley, *Inference about the
/// change-point from cumulative sum tests*, ibid. 58 (1971).
///
/// ```
/// use mlp_core::drift::{Measured, PageHinkley};
/// let mut detector = PageHinkley::default();
/// let numbers = (0..2000).map(|i| f64::from(i % 3) + if i < 1000 { 0.0 } else { 2.0 });
/// let mut drift = None;
/// for (i, x) in numbers.enumerate() {
///     if detector.update(Measured::new(x)?) && drift.is_none() {
///         drift = Some(i);
///     }
/// }
/// assert_eq!(drift, Some(1025));
/// # Ok::<(), mlp_core::drift::DriftError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct PageHinkley<T> {
    options: PageHinkleyOptions,
    state: State,
    of: PhantomData<T>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct State {
    n: f64,
    mean: f64,
    increase: f64,
    decrease: f64,
    least: f64,
    greatest: f64,
    drift: bool,
}

impl State {
    const NEW: Self = Self {
        n: 0.0,
        mean: 0.0,
        increase: 0.0,
        decrease: 0.0,
        least: f64::INFINITY,
        // Not −∞: river's.
        greatest: -1.0,
        drift: false,
    };
}

impl<T: Observation> Default for PageHinkley<T> {
    fn default() -> Self {
        Self {
            options: PageHinkleyOptions::default(),
            state: State::NEW,
            of: PhantomData,
        }
    }
}

impl<T: Observation> PageHinkley<T> {
    /// With these settings.
    ///
    /// # Errors
    ///
    /// Where one is outside of its range.
    pub fn new(options: PageHinkleyOptions) -> Result<Self, DriftError> {
        let refused = |name, value, limit| Err(DriftError::BadSetting { name, value, limit });
        if !(options.alpha > 0.0 && options.alpha <= 1.0) {
            return refused("alpha", options.alpha, "over 0 and at most 1");
        }
        for (name, value) in [("delta", options.delta), ("threshold", options.threshold)] {
            if !(value >= 0.0 && value.is_finite()) {
                return refused(name, value, "finite and at least 0");
            }
        }
        Ok(Self {
            options,
            ..Self::default()
        })
    }

    /// How many observations since the beginning or the last drift.
    pub fn seen(&self) -> u64 {
        self.state.n as u64
    }

    /// Their mean; `None` before the first.
    pub fn mean(&self) -> Option<T::Mean> {
        (self.state.n > 0.0).then(|| T::mean(self.state.mean))
    }

    /// Takes one more and says whether the mean has changed.
    pub fn update(&mut self, observation: T) -> bool {
        let mut state = if self.state.drift {
            State::NEW
        } else {
            self.state
        };
        let x = observation.number();
        let options = &self.options;
        // The order of operations is river's: it decides the last bit, and that a drift.
        state.n += 1.0;
        state.mean += 1.0 / state.n * (x - state.mean);
        let apart = x - state.mean;
        state.increase = options.alpha * state.increase + apart - options.delta;
        state.decrease = options.alpha * state.decrease + apart + options.delta;
        state.least = state.least.min(state.increase);
        state.greatest = state.greatest.max(state.decrease);
        let up = state.increase - state.least > options.threshold;
        let down = state.greatest - state.decrease > options.threshold;
        let moved = match options.direction {
            Direction::Both => up || down,
            Direction::Up => up,
            Direction::Down => down,
        };
        state.drift = moved && state.n >= options.min_instances as f64;
        self.state = state;
        state.drift
    }
}
