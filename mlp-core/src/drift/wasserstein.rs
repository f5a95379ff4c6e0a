//! Wasserstein's distance.

use super::Sample;
use super::sample::Steps;

/// Wasserstein's distance of order 1 between two samples, `∫ |F − G| dx` of their distribution
/// functions: how far values have to be moved, on the average, to turn one into the other, in the
/// feature's unit. `None` where a sample is empty, or where it is over the greatest number.
///
/// It is exact, ties and unequal sizes included. A single far value moves it as much as it is far:
/// with heavy tails it tells of the tail.
///
/// Source: Vallender, *Calculation of the Wasserstein distance between probability distributions on
/// the line*, Theory of Probability and Its Applications 18 (1974).
///
/// ```
/// # use mlp_core::drift::{Sample, wasserstein};
/// let (a, b) = (Sample::new(vec![0.0, 1.0])?, Sample::new(vec![2.0, 3.0, 3.0, 2.0])?);
/// assert_eq!(wasserstein(&a, &b), Some(2.0));
/// # Ok::<(), mlp_core::drift::DriftError>(())
/// ```
pub fn wasserstein(reference: &Sample, current: &Sample) -> Option<f64> {
    if reference.is_empty() || current.is_empty() {
        return None;
    }
    let (n, m) = (reference.len() as i64, current.len() as i64);
    let (mut sum, mut before, mut apart) = (0.0, 0.0, 0_i64);
    for (at, i, j) in Steps::new(reference, current) {
        // Twice nothing is left of a gap that is infinite.
        if apart != 0 {
            sum += apart.abs() as f64 * (at - before);
        }
        before = at;
        apart = i as i64 * m - j as i64 * n;
    }
    Some(sum / (n as f64 * m as f64)).filter(|distance| distance.is_finite())
}

/// [`wasserstein`] in standard deviations of the reference (those of its values, divided by n), to
/// compare features of unlike units. `None` also where all values of the reference are equal.
///
/// ```
/// # use mlp_core::drift::{Sample, wasserstein_normalised};
/// let (a, b) = (Sample::new(vec![0.0, 10.0])?, Sample::new(vec![10.0, 20.0])?);
/// assert_eq!(wasserstein_normalised(&a, &b), Some(2.0));
/// assert_eq!(wasserstein_normalised(&Sample::new(vec![1.0; 9])?, &b), None);
/// # Ok::<(), mlp_core::drift::DriftError>(())
/// ```
pub fn wasserstein_normalised(reference: &Sample, current: &Sample) -> Option<f64> {
    let unit = reference.std().filter(|std| *std > 0.0)?;
    Some(wasserstein(reference, current)? / unit)
}
