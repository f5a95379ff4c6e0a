//! The Jensen–Shannon distance.

use super::BinnedPair;

/// In which unit information is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base {
    /// Bits: the distance is at most 1.
    Two,
    /// Nats: the distance is at most √ln 2, about 0.83.
    E,
}

/// The Jensen–Shannon distance of two histograms, the root of the divergence
/// `½ Σ p ln(p / m) + ½ Σ q ln(q / m)` with `m = (p + q) / 2`, p and q the shares of reference and
/// current: a metric, from 0 to 1 to the base 2. Empty bins need no smoothing. `None` where a side
/// has no counts.
///
/// Source: Lin, *Divergence measures based on the Shannon entropy*, IEEE Transactions on Information
/// Theory 37 (1991); that the root is a metric: Endres and Schindelin, ibid. 49 (2003).
///
/// ```
/// # use mlp_core::drift::{Base, BinnedPair, jensen_shannon};
/// let apart = BinnedPair::new(&[50, 0], &[0, 30])?;
/// assert_eq!(jensen_shannon(apart, Base::Two), Some(1.0));
/// # Ok::<(), mlp_core::drift::DriftError>(())
/// ```
pub fn jensen_shannon(pair: BinnedPair<'_>, base: Base) -> Option<f64> {
    let part = |p: f64, m: f64| if p > 0.0 { p * (p / m).ln() } else { 0.0 };
    let shares = pair.shares()?;
    let twice: f64 = shares
        .map(|(p, q)| {
            let m = f64::midpoint(p, q);
            part(p, m) + part(q, m)
        })
        .sum();
    let unit = match base {
        Base::Two => std::f64::consts::LN_2,
        Base::E => 1.0,
    };
    // Rounding may leave a little less than nothing.
    Some((twice.max(0.0) / 2.0 / unit).sqrt())
}
