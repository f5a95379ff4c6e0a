//! The total variation distance.

use super::BinnedPair;

/// The total variation distance of two histograms, `½ Σ |p − q|`, p and q the shares of reference
/// and current: the share of values that would have to be in another bin, from 0 to 1. `None` where
/// a side has no counts.
///
/// Source: Levin and Peres, *Markov Chains and Mixing Times* (2017), section 4.1.
///
/// ```
/// # use mlp_core::drift::{BinnedPair, total_variation};
/// assert_eq!(total_variation(BinnedPair::new(&[2, 2], &[3, 1])?), Some(0.25));
/// # Ok::<(), mlp_core::drift::DriftError>(())
/// ```
pub fn total_variation(pair: BinnedPair<'_>) -> Option<f64> {
    let sum: f64 = pair.shares()?.map(|(p, q)| (p - q).abs()).sum();
    Some((sum / 2.0).min(1.0))
}

/// The greatest difference of a bin's shares, `max |p − q|` (l∞), from 0 to 1. `None` where a side
/// has no counts.
///
/// ```
/// # use mlp_core::drift::{BinnedPair, greatest_difference};
/// let pair = BinnedPair::new(&[2, 1, 1], &[1, 2, 1])?;
/// assert_eq!(greatest_difference(pair), Some(0.25));
/// # Ok::<(), mlp_core::drift::DriftError>(())
/// ```
pub fn greatest_difference(pair: BinnedPair<'_>) -> Option<f64> {
    let differences = pair.shares()?.map(|(p, q)| (p - q).abs());
    Some(differences.fold(0.0, f64::max))
}
