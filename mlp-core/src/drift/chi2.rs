//! Pearson's chi² test.

use statrs::function::gamma::checked_gamma_ur;

use super::BinnedPair;

/// What [`chi2`] finds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Chi2 {
    /// The sum of squares, 0 and more.
    pub statistic: f64,
    /// Bins that are not empty on both sides, less one.
    pub degrees: usize,
    /// The probability of a statistic as large by chance; 1 where there is but one bin.
    pub p: f64,
}

/// Whether the step of the counts is allowed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Correction {
    /// No.
    #[default]
    None,
    /// With two bins, by half a count towards what is expected. It makes small tables cautious:
    /// their p is too large.
    ///
    /// Source: Yates, *Contingency tables involving small numbers and the χ² test*, Supplement to
    /// the Journal of the Royal Statistical Society 1 (1934).
    Yates,
}

/// Pearson's test of whether two histograms are of one distribution: `Σ (o − e)² / e` over both
/// sides of all bins, e what a bin would have if either side had the same share of it. A bin that is
/// empty on both sides is left out. `None` where a side has no counts.
///
/// Its p is good where most e are at least 5, and a rough guide on tiny samples.
///
/// Source: Pearson, *On the criterion that a given system of deviations …*, Philosophical Magazine 50
/// (1900); Agresti, *Categorical Data Analysis* (2013), section 3.2.
///
/// ```
/// # use mlp_core::drift::{BinnedPair, Correction, chi2};
/// let found = chi2(BinnedPair::new(&[73, 27, 0], &[26, 34, 0])?, Correction::None).unwrap();
/// assert_eq!((found.degrees, format!("{:.3}", found.statistic)), (1, "13.991".into()));
/// assert_eq!(format!("{:.2e}", found.p), "1.84e-4");
/// # Ok::<(), mlp_core::drift::DriftError>(())
/// ```
pub fn chi2(pair: BinnedPair<'_>, correction: Correction) -> Option<Chi2> {
    let (n, m) = (pair.reference_total() as f64, pair.current_total() as f64);
    if n == 0.0 || m == 0.0 {
        return None;
    }
    let filled = || pair.counts().filter(|(a, b)| a + b > 0);
    // Both sides have counts, so there is a bin.
    let degrees = filled().count() - 1;
    if degrees == 0 {
        // Rounding may leave a little more than nothing.
        let (statistic, p) = (0.0, 1.0);
        return Some(Chi2 {
            statistic,
            degrees,
            p,
        });
    }
    let most = match correction {
        Correction::Yates if degrees == 1 => 0.5,
        _ => 0.0,
    };
    let mut statistic = 0.0;
    for (a, b) in filled() {
        let column = (a + b) as f64;
        let expected = column * (n / (n + m));
        // The two sides of a bin differ from what is expected by as much.
        let apart = (a as f64 - expected).abs();
        let square = (apart - apart.min(most)).powi(2);
        statistic += square / expected + square / (column * (m / (n + m)));
    }
    let p = chi2_survival(statistic, degrees);
    Some(Chi2 {
        statistic,
        degrees,
        p,
    })
}

/// The probability that a chi² of so many degrees of freedom is at least `statistic`: 1 for no
/// degrees. It is as good in the far tail as elsewhere.
///
/// ```
/// # use mlp_core::drift::chi2_survival;
/// // scipy.stats.chi2.sf(80, 1), SciPy 1.17.1
/// assert_eq!(format!("{:.6e}", chi2_survival(80.0, 1)), "3.744097e-19");
/// ```
pub fn chi2_survival(statistic: f64, degrees: usize) -> f64 {
    if degrees == 0 || statistic <= 0.0 {
        return 1.0;
    }
    // The survival function itself, a continued fraction in the tail: no 1 − cdf.
    let p = checked_gamma_ur(degrees as f64 / 2.0, statistic / 2.0);
    p.map_or(0.0, |p| p.clamp(0.0, 1.0))
}
