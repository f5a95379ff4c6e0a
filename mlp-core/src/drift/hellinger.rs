//! The Hellinger distance.

use super::BinnedPair;

/// The Hellinger distance of two histograms, `√(½ Σ (√p − √q)²)`, which is `√(1 − Σ √(p q))`, p and q
/// the shares of reference and current: a metric, from 0 to 1, which is reached where no bin has
/// both. `None` where a side has no counts.
///
/// Source: Hellinger (1909); Le Cam and Yang, *Asymptotics in Statistics* (2000), section 3.2.
///
/// ```
/// # use mlp_core::drift::{BinnedPair, hellinger};
/// assert_eq!(hellinger(BinnedPair::new(&[5, 0], &[0, 9])?), Some(1.0));
/// # Ok::<(), mlp_core::drift::DriftError>(())
/// ```
pub fn hellinger(pair: BinnedPair<'_>) -> Option<f64> {
    // The other form is 1e-8 and not 0 where rounding leaves 1e-16.
    let squares = pair.shares()?.map(|(p, q)| (p.sqrt() - q.sqrt()).powi(2));
    Some((squares.sum::<f64>() / 2.0).sqrt().min(1.0))
}
