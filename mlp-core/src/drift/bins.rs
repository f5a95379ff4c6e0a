//! Bins of numbers.

use super::{DriftError, Sample};

/// Bins of numbers, `(−∞, e₁]`, `(e₁, e₂]`, …, `(e_k, ∞)`: every number is in one.
///
/// ```
/// # use mlp_core::drift::{Bins, Sample};
/// let reference = Sample::new((1..=100).map(f64::from).collect())?;
/// let bins = Bins::of_quantiles(&reference, 4).unwrap();
/// assert_eq!(bins.edges(), [25.75, 50.5, 75.25]);
/// assert_eq!(bins.count(&[25.75, 26.0, 1e9]), [1, 1, 0, 1]);
/// assert_eq!(bins.count_sorted(&reference), [25; 4]);
/// # Ok::<(), mlp_core::drift::DriftError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Bins {
    edges: Vec<f64>,
}

impl Bins {
    /// Between these inner edges, shape `(n_bins − 1,)`, ascending. Without any there is one bin.
    ///
    /// # Errors
    ///
    /// Where an edge is NaN or infinite, or not over the one before it.
    pub fn new(edges: Vec<f64>) -> Result<Self, DriftError> {
        if let Some(index) = edges.iter().position(|x| !x.is_finite()) {
            let value = edges[index];
            return Err(DriftError::NotFinite { index, value });
        }
        if let Some(before) = edges.windows(2).position(|pair| pair[0] >= pair[1]) {
            let index = before + 1;
            let value = edges[index];
            return Err(DriftError::BadEdge { index, value });
        }
        Ok(Self { edges })
    }

    /// At most `bins` (at least 2) of about equal counts in the reference: the distinct ones among
    /// its quantiles 0, 1/`bins`, …, 1, without the first and the last. `None` without values.
    ///
    /// Where ties leave no edge, the least value is the only one: it tells apart a constant and
    /// whatever is over it.
    pub fn of_quantiles(reference: &Sample, bins: usize) -> Option<Self> {
        let least = reference.min()?;
        let bins = bins.max(2);
        // As numpy.linspace has it: 3 · 0.1 is not 0.3.
        let step = 1.0 / bins as f64;
        let mut edges: Vec<f64> = (0..=bins)
            .filter_map(|i| reference.quantile(i as f64 * step))
            .collect();
        // Rounding may put two of them in the wrong order.
        edges.sort_unstable_by(f64::total_cmp);
        edges.dedup();
        edges.pop();
        if edges.len() > 1 {
            edges.remove(0);
        } else {
            edges = vec![least];
        }
        Some(Self { edges })
    }

    /// The inner edges, shape `(n_bins − 1,)`.
    pub fn edges(&self) -> &[f64] {
        &self.edges
    }

    /// How many bins, at least one.
    pub fn len(&self) -> usize {
        self.edges.len() + 1
    }

    /// Never: there is at least one bin.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The bin of a number; what is not a number is in the first.
    pub fn bin(&self, value: f64) -> usize {
        self.edges.partition_point(|edge| *edge < value)
    }

    /// How many of the values, in any order, are in each bin, shape `(n_bins,)`.
    pub fn count(&self, values: &[f64]) -> Vec<u64> {
        let mut counts = vec![0; self.len()];
        for value in values {
            counts[self.bin(*value)] += 1;
        }
        counts
    }

    /// How many values of a sample are in each bin, shape `(n_bins,)`: the same as [`Bins::count`],
    /// in as many searches as there are edges.
    pub fn count_sorted(&self, sample: &Sample) -> Vec<u64> {
        let values = sample.values();
        let mut before = 0;
        let ends = self
            .edges
            .iter()
            .map(|e| values.partition_point(|x| x <= e));
        ends.chain([values.len()])
            .map(|end| {
                let count = end - before;
                before = end;
                count as u64
            })
            .collect()
    }
}
