//! The values of one feature, checked and in order.

use rayon::slice::ParallelSliceMut;

use super::DriftError;

/// The most values, so that a product of two sizes fits in 64 bits.
const MOST: usize = i32::MAX as usize;

/// From so many on, a sort by several threads is the faster one.
const PARALLEL: usize = 1 << 15;

/// Finite values in ascending order, none allowed.
///
/// It is sorted once; every statistic of it is a pass. Of an empty sample a statistic says `None`.
/// A missing value is no value: it is left out, and counted by the caller.
///
/// ```
/// # use mlp_core::drift::Sample;
/// let sample = Sample::new(vec![3.0, 1.0, 2.0])?;
/// assert_eq!(sample.values(), [1.0, 2.0, 3.0]);
/// assert_eq!((sample.median(), sample.min(), sample.max()), (Some(2.0), Some(1.0), Some(3.0)));
/// assert_eq!(
///     Sample::new(vec![3.0, f64::NAN]).unwrap_err().to_string(),
///     "value 1 is `NaN`, must be finite",
/// );
/// # Ok::<(), mlp_core::drift::DriftError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sample {
    values: Vec<f64>,
}

impl Sample {
    /// From values in any order, shape `(n,)`.
    ///
    /// # Errors
    ///
    /// Where one is NaN or infinite, or there are over 2³¹ − 1.
    pub fn new(mut values: Vec<f64>) -> Result<Self, DriftError> {
        if values.len() > MOST {
            return Err(DriftError::TooMany {
                what: "values",
                most: MOST as u64,
            });
        }
        if let Some(index) = values.iter().position(|x| !x.is_finite()) {
            let value = values[index];
            return Err(DriftError::NotFinite { index, value });
        }
        // The total order has −0 under 0, which would be no tie.
        values.iter_mut().for_each(|x| *x += 0.0);
        if values.len() < PARALLEL {
            values.sort_unstable_by(f64::total_cmp);
        } else {
            values.par_sort_unstable_by(f64::total_cmp);
        }
        Ok(Self { values })
    }

    /// In ascending order, shape `(n,)`.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The least.
    pub fn min(&self) -> Option<f64> {
        self.values.first().copied()
    }

    /// The greatest.
    pub fn max(&self) -> Option<f64> {
        self.values.last().copied()
    }

    /// The median: that of an even number lies in the middle between two.
    pub fn median(&self) -> Option<f64> {
        self.quantile(0.5)
    }

    /// The quantile of a share, which is clamped to 0 to 1, between two values by a straight line.
    ///
    /// Source: definition 7 of Hyndman and Fan, *Sample quantiles in statistical packages*, The
    /// American Statistician 50 (1996), as `numpy.quantile` has it by default, to the last bit.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let last = self.values.len().checked_sub(1)?;
        let place = last as f64 * share.clamp(0.0, 1.0);
        // NaN is place 0.
        let below = (place as usize).min(last);
        let (a, b) = (self.values[below], self.values[(below + 1).min(last)]);
        let t = (place - below as f64).max(0.0);
        let gap = b - a;
        Some(if !gap.is_finite() {
            a * (1.0 - t) + b * t
        } else if t < 0.5 {
            a + gap * t
        } else {
            b - gap * (1.0 - t)
        })
    }

    /// The standard deviation of the values themselves (divided by n, not by n − 1); 0 where all
    /// are equal.
    pub fn std(&self) -> Option<f64> {
        let (min, max) = (self.min()?, self.max()?);
        // The mean of equal values may be off by a bit, and then so would this be off from 0.
        if min == max {
            return Some(0.0);
        }
        let n = self.values.len() as f64;
        let mean = self.values.iter().sum::<f64>() / n;
        let squares: f64 = self.values.iter().map(|x| (x - mean) * (x - mean)).sum();
        Some((squares / n).sqrt())
    }
}

/// The distinct values of two samples in ascending order, and how many of each sample are not over
/// it.
pub(super) struct Steps<'a> {
    reference: &'a [f64],
    current: &'a [f64],
    ranks: (usize, usize),
}

impl<'a> Steps<'a> {
    pub(super) fn new(reference: &'a Sample, current: &'a Sample) -> Self {
        Self {
            reference: reference.values(),
            current: current.values(),
            ranks: (0, 0),
        }
    }
}

impl Iterator for Steps<'_> {
    type Item = (f64, usize, usize);

    fn next(&mut self) -> Option<Self::Item> {
        let (mut i, mut j) = self.ranks;
        let at = match (self.reference.get(i), self.current.get(j)) {
            (Some(a), Some(b)) => a.min(*b),
            (Some(x), None) | (None, Some(x)) => *x,
            (None, None) => return None,
        };
        while self.reference.get(i) == Some(&at) {
            i += 1;
        }
        while self.current.get(j) == Some(&at) {
            j += 1;
        }
        self.ranks = (i, j);
        Some((at, i, j))
    }
}
