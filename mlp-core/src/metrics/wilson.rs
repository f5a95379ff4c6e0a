//! How far a share may be off.

use statrs::distribution::{ContinuousCDF, Normal};

use super::{MetricError, check};

/// The interval of the true share, low and high, where `share` of `n` was found, at `confidence` (over
/// 0 and under 1): `(p̂ + z²/2n ± z √(p̂(1 − p̂)/n + z²/4n²)) / (1 + z²/n)`.
///
/// Source: Wilson, *Probable inference, the law of succession, and statistical inference*, Journal of
/// the American Statistical Association 22 (1927).
pub(crate) fn wilson(share: f64, n: usize, confidence: f64) -> Result<(f64, f64), MetricError> {
    check::share("confidence", confidence)?;
    let z = Normal::standard().inverse_cdf(0.5 + confidence / 2.0);
    let n = (n as f64).max(1.0);
    let per_row = z * z / n;
    let middle = share + per_row / 2.0;
    let half = (z * z * share * (1.0 - share) / n + per_row * per_row / 4.0).sqrt();
    let whole = 1.0 + per_row;
    let (low, high) = ((middle - half) / whole, (middle + half) / whole);
    Ok((low.max(0.0), high.min(1.0)))
}
