//! The population stability index.

use super::BinnedPair;

/// What is done about empty bins, whose logarithm is infinite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Smoothing {
    /// Shares are at least this, over 0 and usually 1e-4; they need not add up to 1 then. On small
    /// windows the index is mostly this number: 0.1 of a share in a bin that is empty on the other
    /// side weighs 0.69 at 1e-4 and 1.15 at 1e-6.
    Floor(f64),
    /// Counts are half a value more: `(count + ½) / (n + ½ B)` of B bins. What the thresholds by
    /// chi² were measured with.
    Half,
}

/// The population stability index of two histograms, `Σ (q − p) ln(q / p)` over the bins, p and q
/// the shares of reference and current: 0 and more, the same both ways. `None` where a side has no
/// counts, or a floor is not over 0.
///
/// Without drift it is about `(1/n + 1/m)` times a chi² of B − 1 degrees of freedom, for n and m
/// values in B bins: a fixed threshold such as 0.1 is a matter of the sizes.
///
/// Source: Siddiqi, *Credit Risk Scorecards* (2006); it is Jeffreys' divergence (1946). The
/// distribution: Yurdakul, *Statistical properties of the population stability index* (2018).
///
/// ```
/// # use mlp_core::drift::{BinnedPair, Smoothing, psi};
/// let pair = BinnedPair::new(&[73, 27], &[26, 34])?;
/// assert_eq!(format!("{:.4}", psi(pair, Smoothing::Floor(1e-4)).unwrap()), "0.3747");
/// assert_eq!(format!("{:.4}", psi(pair, Smoothing::Half).unwrap()), "0.3657");
/// # Ok::<(), mlp_core::drift::DriftError>(())
/// ```
pub fn psi(pair: BinnedPair<'_>, smoothing: Smoothing) -> Option<f64> {
    let term = |(p, q): (f64, f64)| (q - p) * (q / p).ln();
    match smoothing {
        Smoothing::Floor(least) if least > 0.0 => {
            let floored = |(p, q): (f64, f64)| term((p.max(least), q.max(least)));
            Some(pair.shares()?.map(floored).sum())
        }
        Smoothing::Floor(_) => None,
        Smoothing::Half => {
            let (n, m) = (pair.reference_total() as f64, pair.current_total() as f64);
            let more = 0.5 * pair.bins() as f64;
            let share = |count: u64, of: f64| (count as f64 + 0.5) / (of + more);
            let terms = pair.counts().map(|(a, b)| term((share(a, n), share(b, m))));
            (n > 0.0 && m > 0.0).then(|| terms.sum())
        }
    }
}
