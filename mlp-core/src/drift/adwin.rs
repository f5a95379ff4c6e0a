//! The detector ADWIN.

use std::marker::PhantomData;

use super::{DriftError, Observation};

/// How [`Adwin`] looks for a change.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdwinOptions {
    /// How readily it says drift: over 0 and under 1, by default 0.002. It bounds the false alarms of
    /// a look, not of a stream.
    pub delta: f64,
    /// It looks after every so many observations: at least 1, by default 32.
    pub clock: u32,
    /// The most buckets of a size before two become one of twice the size: at least 1, by default 5.
    pub max_buckets: usize,
    /// The fewest observations on either side of a cut: at least 1, by default 5.
    pub min_window_length: u32,
    /// It does not look at so many or fewer: by default 10.
    pub grace_period: u32,
}

impl Default for AdwinOptions {
    fn default() -> Self {
        Self {
            delta: 0.002,
            clock: 32,
            max_buckets: 5,
            min_window_length: 5,
            grace_period: 10,
        }
    }
}

/// ADWIN: a window of the newest observations that grows while their mean stays, and says drift where
/// two parts of it have means that are further apart than
/// `√(2/m · σ² · ln(2 ln W / δ)) + 2/(3m) · ln(2 ln W / δ)`, `1/m` the sum of the reciprocal sizes and W
/// the window's. It keeps sums of buckets whose sizes double: memory and time go with the logarithm
/// of the window.
///
/// It agrees with `river.drift.ADWIN` (river 0.26.1) to the element. As there, the observation after
/// a drift begins a new window.
///
/// Source: Bifet and Gavaldà, *Learning from time-changing data with adaptive windowing*, SIAM
/// International Conference on Data Mining (2007).
///
/// ```
/// use mlp_core::drift::{Adwin, Outcome};
/// let mut detector = Adwin::default();
/// let errors = (0..2000).map(|i| i % 10 == 0 || i >= 1000 && i % 2 == 0);
/// let outcomes = errors.map(|wrong| if wrong { Outcome::Wrong } else { Outcome::Right });
/// let drift = outcomes.map(|outcome| detector.update(outcome)).position(|drift| drift);
/// assert_eq!(drift, Some(1055));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Adwin<T> {
    options: AdwinOptions,
    /// Buckets of 2ⁱ observations in row i, the oldest of a row first; the first row is always there.
    rows: Vec<Vec<Bucket>>,
    width: u64,
    total: f64,
    /// The sum of the squared differences from the mean.
    variance: f64,
    ticks: u32,
    drift: bool,
    of: PhantomData<T>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Bucket {
    total: f64,
    variance: f64,
}

impl<T: Observation> Default for Adwin<T> {
    fn default() -> Self {
        Self::with(AdwinOptions::default())
    }
}

impl<T: Observation> Adwin<T> {
    /// With these settings.
    ///
    /// # Errors
    ///
    /// Where one is outside of its range.
    pub fn new(options: AdwinOptions) -> Result<Self, DriftError> {
        let least = |name, value: f64| DriftError::BadSetting {
            name,
            value,
            limit: "at least 1",
        };
        if !(options.delta > 0.0 && options.delta < 1.0) {
            return Err(DriftError::BadSetting {
                name: "delta",
                value: options.delta,
                limit: "over 0 and under 1",
            });
        }
        if options.clock == 0 {
            return Err(least("clock", 0.0));
        }
        if options.max_buckets == 0 {
            return Err(least("max_buckets", 0.0));
        }
        if options.min_window_length == 0 {
            return Err(least("min_window_length", 0.0));
        }
        Ok(Self::with(options))
    }

    fn with(options: AdwinOptions) -> Self {
        Self {
            options,
            rows: vec![Vec::new()],
            width: 0,
            total: 0.0,
            variance: 0.0,
            ticks: 0,
            drift: false,
            of: PhantomData,
        }
    }

    /// How many observations the window has.
    pub fn width(&self) -> u64 {
        self.width
    }

    /// The window's mean; `None` before the first observation.
    pub fn mean(&self) -> Option<T::Mean> {
        (self.width > 0).then(|| T::mean(self.total / self.width as f64))
    }

    /// Takes one more and says whether the mean has changed.
    pub fn update(&mut self, observation: T) -> bool {
        if self.drift {
            self.restart();
        }
        self.insert(observation.number());
        self.ticks += 1;
        if self.ticks == self.options.clock {
            self.ticks = 0;
            if self.width > u64::from(self.options.grace_period) {
                while self.has_cut() {
                    self.drift = true;
                    self.drop_oldest();
                }
            }
        }
        self.drift
    }

    fn restart(&mut self) {
        self.rows.truncate(1);
        self.rows[0].clear();
        (self.width, self.ticks, self.drift) = (0, 0, false);
        (self.total, self.variance) = (0.0, 0.0);
    }

    /// The order of operations is river's, here and below: it decides the last bit, and that a drift.
    fn insert(&mut self, value: f64) {
        if self.width > 0 {
            let before = self.width as f64;
            let apart = value - self.total / before;
            self.variance += before * apart * apart / (before + 1.0);
        }
        self.width += 1;
        self.total += value;
        self.rows[0].push(Bucket {
            total: value,
            variance: 0.0,
        });
        let mut row = 0;
        while self.rows[row].len() > self.options.max_buckets {
            self.merge_oldest(row);
            row += 1;
        }
    }

    /// Makes one bucket of the next row of a row's two oldest.
    fn merge_oldest(&mut self, row: usize) {
        if row + 1 == self.rows.len() {
            self.rows
                .push(Vec::with_capacity(self.options.max_buckets + 1));
        }
        let (a, b) = (self.rows[row][0], self.rows[row][1]);
        let size = size(row);
        let apart = a.total / size - b.total / size;
        self.rows[row + 1].push(Bucket {
            total: a.total + b.total,
            variance: a.variance + b.variance + size * 0.5 * apart * apart,
        });
        self.rows[row].drain(..2);
    }

    /// Whether some cut between two buckets, from the oldest on, has means too far apart.
    fn has_cut(&self) -> bool {
        let width = self.width as f64;
        let confidence = (2.0 * width.ln() / self.options.delta).ln();
        let third = 2.0 / 3.0 * confidence;
        let variance = self.variance / width;
        let least = f64::from(self.options.min_window_length);
        let (mut n0, mut n1) = (0.0, width);
        let (mut u0, mut u1) = (0.0, self.total);
        for (row, buckets) in self.rows.iter().enumerate().rev() {
            let size = size(row);
            for bucket in buckets {
                n0 += size;
                n1 -= size;
                u0 += bucket.total;
                u1 -= bucket.total;
                if n1 < least || n0 < least {
                    continue;
                }
                let apart: f64 = u0 / n0 - u1 / n1;
                let m = 1.0 / (n0 - least + 1.0) + 1.0 / (n1 - least + 1.0);
                let limit = (2.0 * m * variance * confidence).sqrt() + third * m;
                if apart.abs() > limit {
                    return true;
                }
            }
        }
        false
    }

    fn drop_oldest(&mut self) {
        let last = self.rows.len() - 1;
        let n = size(last);
        let oldest = self.rows[last].remove(0);
        // More than one where rows may be empty, with one bucket a row.
        while self.rows.len() > 1 && self.rows.last().is_some_and(Vec::is_empty) {
            self.rows.pop();
        }
        // A cut leaves observations behind it, so there are some.
        self.width -= 1 << last;
        self.total -= oldest.total;
        let width = self.width as f64;
        let apart = oldest.total / n - self.total / width;
        self.variance -= oldest.variance + n * width * apart * apart / (n + width);
    }
}

/// How many observations a bucket of a row has.
fn size(row: usize) -> f64 {
    (1_u64 << row) as f64
}
