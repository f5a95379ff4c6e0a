//! The two-sample Kolmogorov–Smirnov test.

use super::kolmogorov;
use super::lattice;
use super::sample::Steps;
use super::{BinnedPair, Sample};

/// Up to so many values on either side [`Ks::p`] is exact.
const EXACT: u64 = 10_000;

/// What [`ks`] finds: how far two distribution functions F, of the reference, and G are apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ks {
    /// The distance, `height / (n · m)`.
    height: u128,
    sizes: (u64, u64),
    argument: f64,
    reference_above: bool,
}

/// The two-sided Kolmogorov–Smirnov distance of two samples, `max |F − G|` of their distribution
/// functions. `None` where a sample is empty.
///
/// Ties are no fault of the distance, which is exact; but the p-values are those of continuous data,
/// and with ties they are too large: the test is cautious then.
///
/// Source: Smirnov, *On the estimation of the discrepancy between empirical curves of distribution
/// for two independent samples* (1939); Hodges, *The significance probability of the Smirnov
/// two-sample test*, Arkiv för Matematik 3 (1958).
///
/// ```
/// # use mlp_core::drift::{Sample, ks};
/// let reference = Sample::new(vec![0.1, 0.4, 0.7])?;
/// let found = ks(&reference, &Sample::new(vec![0.5, 0.8, 0.9, 1.0])?).unwrap();
/// assert_eq!((found.statistic(), found.argument()), (0.75, 0.7));
/// // scipy.stats.ks_2samp, SciPy 1.17.1
/// assert_eq!(format!("{:.4}", found.p()), "0.2286");
/// # Ok::<(), mlp_core::drift::DriftError>(())
/// ```
pub fn ks(reference: &Sample, current: &Sample) -> Option<Ks> {
    if reference.is_empty() || current.is_empty() {
        return None;
    }
    let (n, m) = (reference.len() as i64, current.len() as i64);
    let mut furthest = Place::default();
    let mut before = 0;
    for (at, i, j) in Steps::new(reference, current) {
        let apart = i as i64 * m - j as i64 * n;
        // Seldom, so that no step divides.
        if apart.abs() >= furthest.height {
            let rounded = i as f64 / n as f64 - j as f64 / m as f64;
            furthest = furthest.or(Place {
                height: apart.abs(),
                favour: (rounded.abs(), apart >= 0, i > before),
                at,
            });
        }
        before = i;
    }
    Some(Ks {
        height: u128::from(furthest.height.unsigned_abs()),
        sizes: (n as u64, m as u64),
        argument: furthest.at,
        reference_above: furthest.favour.1,
    })
}

/// Where two functions are how far apart.
#[derive(Clone, Copy)]
struct Place {
    height: i64,
    /// Which of several equal heights SciPy names: the one that rounding makes the greatest, one with
    /// the reference above, one at a value of the reference.
    favour: (f64, bool, bool),
    at: f64,
}

impl Default for Place {
    /// Under any other.
    fn default() -> Self {
        Self {
            height: -1,
            favour: (0.0, true, true),
            at: 0.0,
        }
    }
}

impl Place {
    fn or(self, next: Self) -> Self {
        let more =
            next.height > self.height || next.height == self.height && next.favour > self.favour;
        if more { next } else { self }
    }
}

/// The Kolmogorov–Smirnov distance of two histograms over ordered bins, [`ks`] of values that are as
/// coarse as the bins: it is the same from counts as from values if each value has a bin, and else
/// at most that. Its argument is the number of a bin. `None` where a side has no counts.
///
/// ```
/// # use mlp_core::drift::{BinnedPair, ks_of_counts};
/// let found = ks_of_counts(BinnedPair::new(&[10, 10, 0], &[5, 5, 10])?).unwrap();
/// assert_eq!((found.statistic(), found.argument()), (0.5, 1.0));
/// # Ok::<(), mlp_core::drift::DriftError>(())
/// ```
pub fn ks_of_counts(pair: BinnedPair<'_>) -> Option<Ks> {
    let sizes = (pair.reference_total(), pair.current_total());
    if sizes.0 == 0 || sizes.1 == 0 {
        return None;
    }
    let (n, m) = (i128::from(sizes.0), i128::from(sizes.1));
    let (mut apart, mut furthest, mut place) = (0_i128, 0_i128, 0);
    for (bin, (a, b)) in pair.counts().enumerate() {
        apart += i128::from(a) * m - i128::from(b) * n;
        if apart.abs() > furthest.abs() {
            (furthest, place) = (apart, bin);
        }
    }
    Some(Ks {
        height: furthest.unsigned_abs(),
        sizes,
        argument: place as f64,
        reference_above: furthest >= 0,
    })
}

impl Ks {
    /// The distance, 0 to 1.
    pub fn statistic(&self) -> f64 {
        self.height as f64 / (self.sizes.0 as f64 * self.sizes.1 as f64)
    }

    /// A value at which the functions are as far apart; of several the one that SciPy names.
    pub fn argument(&self) -> f64 {
        self.argument
    }

    /// Whether the reference's function is the upper one there: its values tend to be smaller.
    pub fn reference_above(&self) -> bool {
        self.reference_above
    }

    /// The probability of a distance as large by chance: [`Ks::p_exact`] where neither sample has
    /// over 10,000 values, else [`Ks::p_asymptotic`], as SciPy's "auto".
    pub fn p(&self) -> f64 {
        let exact = self.sizes.0.max(self.sizes.1) <= EXACT;
        let exact = exact.then(|| self.p_exact()).flatten();
        exact.unwrap_or_else(|| self.p_asymptotic())
    }

    /// The exact probability of a distance as large by chance between two samples of one continuous
    /// distribution: the share of paths from (0, 0) to (n, m) that leave the band, itself and not
    /// 1 less its complement. Takes a time of the order of n · m times the distance, or of n where
    /// n = m. `None` for sizes whose least common multiple is over 2³¹ − 1, as in SciPy.
    ///
    /// Source: Viehmann, *Numerically more stable computation of the p-values for the two-sample
    /// Kolmogorov–Smirnov test*, arXiv 2102.08037 (2021); for n = m Gnedenko and Korolyuk (1951).
    pub fn p_exact(&self) -> Option<f64> {
        lattice::outside(self.sizes, self.height)
    }

    /// The probability of a distance as large by chance for large samples: that of a sample of
    /// nm / (n + m) values, rounded, against a known continuous distribution, as SciPy's "asymp".
    pub fn p_asymptotic(&self) -> f64 {
        let (n, m) = (self.sizes.0 as f64, self.sizes.1 as f64);
        let (n, m) = (n.max(m), n.min(m));
        kolmogorov::survival((n * m / (n + m)).round_ties_even(), self.statistic())
    }
}
