//! Whether what was promised with probability p happens with frequency p.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::wilson::wilson;
use super::{MetricError, check};

/// How probabilities are put into bins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Binning {
    /// This many bins of equal width over `0..=1`: bin `min(⌊p · n⌋, n − 1)`.
    EqualWidth(usize),
    /// This many bins of nearly equal counts, the first `rows mod n` one row larger: the stable
    /// order by probability, split as by `numpy.array_split`.
    ///
    /// Equal probabilities on a border fall to one side or the other by their place in the input:
    /// with many ties the error depends on the order of rows and is high even for a constant
    /// scorer that is calibrated. Equal width has no such weakness.
    EqualMass(usize),
}

/// One row of a reliability table.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityBin {
    /// Rows in it, at least one.
    pub rows: usize,
    /// Smallest probability in it.
    pub min: f64,
    /// Largest probability in it.
    pub max: f64,
    /// Mean probability.
    pub predicted: f64,
    /// Share of positive rows.
    pub observed: f64,
}

impl ReliabilityBin {
    /// The interval of the true share of positive rows, low and high, at `confidence` (over 0 and
    /// under 1): `(p̂ + z²/2n ± z √(p̂(1 − p̂)/n + z²/4n²)) / (1 + z²/n)`.
    ///
    /// Source: Wilson, *Probable inference, the law of succession, and statistical inference*,
    /// Journal of the American Statistical Association 22 (1927). Rows of one session exclude each
    /// other, which makes it a little too long.
    ///
    /// # Errors
    ///
    /// Where `confidence` is out of range.
    pub fn interval(&self, confidence: f64) -> Result<(f64, f64), MetricError> {
        wilson(self.observed, self.rows, confidence)
    }
}

/// The reliability table, by ascending probability, without empty bins: shape
/// `(at most n_bins,)`, empty without rows.
///
/// `labels` and `probabilities` have shape `(n_rows,)`.
///
/// ```
/// # use mlp_core::metrics::{Binning, reliability};
/// let table = reliability(&[false, true, true], &[0.1, 0.12, 0.9], Binning::EqualWidth(10))?;
/// assert_eq!(table.len(), 2);
/// assert_eq!((table[0].rows, table[0].predicted, table[0].observed), (2, 0.11, 0.5));
/// # Ok::<(), mlp_core::metrics::MetricError>(())
/// ```
pub fn reliability(
    labels: &[bool],
    probabilities: &[f64],
    binning: Binning,
) -> Result<Vec<ReliabilityBin>, MetricError> {
    check::probabilities(labels.len(), probabilities)?;
    match binning {
        Binning::EqualWidth(bins) | Binning::EqualMass(bins) => check::at_least_one("bins", bins)?,
    }
    let rows = labels.iter().copied().zip(probabilities.iter().copied());
    Ok(match binning {
        Binning::EqualWidth(bins) => equal_width(rows, bins),
        Binning::EqualMass(bins) => equal_mass(rows.collect(), bins),
    })
}

/// Expected calibration error: `Σ share of bin · |observed − predicted|`; `None` without rows.
///
/// Source: Naeini, Cooper and Hauskrecht, *Obtaining well calibrated probabilities using Bayesian
/// binning*, AAAI 2015. `labels` and `probabilities` have shape `(n_rows,)`.
pub fn calibration_error(
    labels: &[bool],
    probabilities: &[f64],
    binning: Binning,
) -> Result<Option<f64>, MetricError> {
    let table = reliability(labels, probabilities, binning)?;
    if labels.is_empty() {
        return Ok(None);
    }
    let sum: f64 = table
        .iter()
        .map(|bin| bin.rows as f64 * (bin.observed - bin.predicted).abs())
        .sum();
    Ok(Some(sum / labels.len() as f64))
}

fn equal_width(rows: impl Iterator<Item = (bool, f64)>, bins: usize) -> Vec<ReliabilityBin> {
    // A map and not a vector: the number of bins is the caller's and may be absurd.
    let mut filled: BTreeMap<usize, Bin> = BTreeMap::new();
    for (label, p) in rows {
        let bin = ((p * bins as f64) as usize).min(bins - 1);
        filled.entry(bin).or_default().add(label, p);
    }
    filled.into_values().map(Bin::finish).collect()
}

fn equal_mass(mut rows: Vec<(bool, f64)>, bins: usize) -> Vec<ReliabilityBin> {
    // `total_cmp` would put -0.0 before 0.0, which are equal and must keep their order.
    rows.sort_by(|a, b| (a.1 + 0.0).total_cmp(&(b.1 + 0.0)));
    let (size, larger) = (rows.len() / bins, rows.len() % bins);
    let mut rest = rows.as_slice();
    let mut table = Vec::new();
    for bin in 0..bins.min(rows.len()) {
        let (head, tail) = rest.split_at(size + usize::from(bin < larger));
        let mut sums = Bin::default();
        head.iter().for_each(|&(label, p)| sums.add(label, p));
        table.push(sums.finish());
        rest = tail;
    }
    table
}

struct Bin {
    rows: usize,
    positives: usize,
    sum: f64,
    min: f64,
    max: f64,
}

impl Default for Bin {
    fn default() -> Self {
        Self {
            rows: 0,
            positives: 0,
            sum: 0.0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
        }
    }
}

impl Bin {
    fn add(&mut self, label: bool, p: f64) {
        self.rows += 1;
        self.positives += usize::from(label);
        self.sum += p;
        self.min = self.min.min(p);
        self.max = self.max.max(p);
    }

    fn finish(self) -> ReliabilityBin {
        let rows = self.rows as f64;
        ReliabilityBin {
            rows: self.rows,
            min: self.min,
            max: self.max,
            predicted: self.sum / rows,
            observed: self.positives as f64 / rows,
        }
    }
}
