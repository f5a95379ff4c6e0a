//! Two histograms in the same bins.

use super::DriftError;

/// The most of a kind, so that every count is a `f64` too.
const MOST: u64 = 1 << 53;

/// Counts of a reference and of what is compared with it, in the same bins.
///
/// Of a pair of which one side has no counts at all, a statistic says `None`. A bin that is empty on
/// both sides is allowed.
///
/// ```
/// # use mlp_core::drift::BinnedPair;
/// let pair = BinnedPair::new(&[3, 1], &[1, 1])?;
/// assert_eq!((pair.reference_total(), pair.current_total()), (4, 2));
/// assert_eq!(
///     BinnedPair::new(&[3, 1], &[1]).unwrap_err().to_string(),
///     "there are counts of 1 current bins, must be 2 as in the reference",
/// );
/// # Ok::<(), mlp_core::drift::DriftError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BinnedPair<'a> {
    reference: &'a [u64],
    current: &'a [u64],
    reference_total: u64,
    current_total: u64,
}

impl<'a> BinnedPair<'a> {
    /// Of counts of shape `(n_bins,)` each.
    ///
    /// # Errors
    ///
    /// Where the shapes differ, or the counts of a side add up to over 2⁵³.
    pub fn new(reference: &'a [u64], current: &'a [u64]) -> Result<Self, DriftError> {
        if reference.len() != current.len() {
            return Err(DriftError::BinMismatch {
                reference: reference.len(),
                current: current.len(),
            });
        }
        Ok(Self {
            reference,
            current,
            reference_total: total(reference)?,
            current_total: total(current)?,
        })
    }

    /// Of counts by [`Levels`](super::Levels), shape `(n_levels + 1,)`: the last bin, of levels that
    /// the reference never had, is left out where it is empty on both sides.
    ///
    /// # Errors
    ///
    /// As [`BinnedPair::new`].
    pub fn of_levels(reference: &'a [u64], current: &'a [u64]) -> Result<Self, DriftError> {
        match (reference, current) {
            ([reference @ .., 0], [current @ .., 0]) => Self::new(reference, current),
            _ => Self::new(reference, current),
        }
    }

    /// How many bins.
    pub fn bins(&self) -> usize {
        self.reference.len()
    }

    /// The reference's counts, shape `(n_bins,)`.
    pub fn reference(&self) -> &'a [u64] {
        self.reference
    }

    /// The counts of what is compared with it, shape `(n_bins,)`.
    pub fn current(&self) -> &'a [u64] {
        self.current
    }

    /// The sum of the reference's counts.
    pub fn reference_total(&self) -> u64 {
        self.reference_total
    }

    /// The sum of the counts of what is compared with it.
    pub fn current_total(&self) -> u64 {
        self.current_total
    }

    /// The two counts of each bin.
    pub(super) fn counts(self) -> impl Iterator<Item = (u64, u64)> {
        self.reference
            .iter()
            .copied()
            .zip(self.current.iter().copied())
    }

    /// The share of either side's counts in each bin: p of the reference, q of the other. `None`
    /// where a side has none.
    pub(super) fn shares(self) -> Option<impl Iterator<Item = (f64, f64)>> {
        let (n, m) = (self.reference_total as f64, self.current_total as f64);
        (n > 0.0 && m > 0.0).then(|| {
            self.counts()
                .map(move |(a, b)| (a as f64 / n, b as f64 / m))
        })
    }
}

fn total(counts: &[u64]) -> Result<u64, DriftError> {
    counts
        .iter()
        .try_fold(0_u64, |sum, count| sum.checked_add(*count))
        .filter(|sum| *sum <= MOST)
        .ok_or(DriftError::TooMany {
            what: "values in the bins",
            most: MOST,
        })
}
