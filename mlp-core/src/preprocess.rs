//! What is done to features between the schema and the weights: scaling, and choosing some of them.

use std::ops::Range;

use ndarray::{Array2, s};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::model::LinearModel;
use crate::schema::Schema;
use crate::solver::sum_blocks;
use crate::table::PairTable;

/// How features are brought to one size, so that one penalty fits all weights:
/// `(x − center) / scale`. A constant feature has weight 0 under each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scaling {
    /// Less the mean, over the population standard deviation; scikit-learn's `StandardScaler`.
    #[default]
    Standard,
    /// Less the minimum, over the range: 0 to 1 on the training rows; scikit-learn's `MinMaxScaler`.
    MinMax,
    /// As they are.
    None,
}

/// The features that were chosen by their chi² statistic, as scikit-learn's `SelectKBest(chi2, k=k)`
/// chooses from min–max scaled ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Selection {
    /// How many were to be chosen; all where there are fewer.
    pub k: usize,
    /// The statistic of each feature, shape `(n_features,)`; `None` for a constant one, which has
    /// none. Of features with the same one, the last in the schema are chosen.
    pub chi2: Vec<Option<f64>>,
    /// Whether each was chosen, shape `(n_features,)`; the others have weight 0.
    pub kept: Vec<bool>,
}

impl Selection {
    fn new(k: usize, chi2: Vec<Option<f64>>) -> Self {
        let mut order: Vec<usize> = (0..chi2.len()).collect();
        // Stable: equal ones stay in the schema's order, and `None` comes before all numbers.
        order.sort_by(|&a, &b| match (chi2[a], chi2[b]) {
            (Some(a), Some(b)) => a.total_cmp(&b),
            (a, b) => a.is_some().cmp(&b.is_some()),
        });
        let mut kept = vec![false; chi2.len()];
        for best in order.into_iter().rev().take(k) {
            kept[best] = true;
        }
        Self { k, chi2, kept }
    }
}

/// What preprocessing learned from the training rows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Preprocessing {
    pub center: Vec<f64>,
    pub scale: Vec<f64>,
    pub selection: Option<Selection>,
    /// The features that get a weight, ascending: neither constant nor left out by the selection.
    pub columns: Vec<usize>,
}

impl Preprocessing {
    /// Learns from a table of unscaled features.
    pub fn learn(table: &PairTable, scaling: Scaling, k_best: Option<usize>) -> Self {
        let facts = facts(table);
        let picks = table.labels().iter().filter(|label| **label).count();
        let share = picks as f64 / table.labels().len().max(1) as f64;
        let selection =
            k_best.map(|k| Selection::new(k, facts.iter().map(|f| f.chi2(share)).collect()));
        let is_kept = |at: usize| selection.as_ref().is_none_or(|s| s.kept[at]);
        let columns = (0..facts.len()).filter(|&at| is_kept(at) && !facts[at].is_constant());
        let (center, scale) = (facts.iter().map(|f| f.scaling(scaling))).unzip();
        Self {
            center,
            scale,
            columns: columns.collect(),
            selection,
        }
    }

    /// The table's columns that get a weight, scaled; in place where all of them do.
    pub fn apply(&self, table: PairTable) -> PairTable {
        table.map_features(|mut features| {
            let (n, p) = features.dim();
            if let Some(cells) = features.as_slice_mut()
                && self.columns.len() == p
                && p > 0
            {
                cells.par_chunks_mut(4096 * p).for_each(|rows| {
                    for row in rows.chunks_exact_mut(p) {
                        let scaling = self.center.iter().zip(&self.scale);
                        for (x, (center, scale)) in row.iter_mut().zip(scaling) {
                            *x = (*x - center) / scale;
                        }
                    }
                });
                return features;
            }
            Array2::from_shape_fn((n, self.columns.len()), |(row, column)| {
                let at = self.columns[column];
                (features[[row, at]] - self.center[at]) / self.scale[at]
            })
        })
    }

    /// Weights of scaled columns, and behind them the constant, that say what `model` says;
    /// shape `(n_columns + 1,)`.
    pub fn scaled(&self, model: &LinearModel) -> Vec<f64> {
        let shift: f64 = model
            .weights
            .iter()
            .zip(&self.center)
            .map(|(w, c)| w * c)
            .sum();
        let weights = self
            .columns
            .iter()
            .map(|&at| model.weights[at] * self.scale[at]);
        weights.chain([model.bias + shift]).collect()
    }

    /// What a weight of the columns, or the constant behind them, is called.
    pub fn name(&self, schema: &Schema, weight: usize) -> String {
        match self.columns.get(weight) {
            Some(&feature) => schema.features.names()[feature].clone(),
            None => "the constant".to_owned(),
        }
    }

    /// One weight per feature, of one per column.
    pub fn widen(&self, weights: &[f64]) -> Vec<f64> {
        let mut wide = vec![0.0; self.center.len()];
        for (&at, weight) in self.columns.iter().zip(weights) {
            wide[at] = *weight;
        }
        wide
    }
}

/// What the training rows say of one feature.
#[derive(Debug, Clone, Copy)]
struct Facts {
    mean: f64,
    /// The population standard deviation.
    deviation: f64,
    min: f64,
    max: f64,
    /// The sum of the min–max scaled values; 0 for a constant feature.
    all: f64,
    /// That sum over the rows of picked items.
    picked: f64,
}

impl Facts {
    /// A constant feature's deviation is rounding error, not exactly 0.
    fn is_constant(&self) -> bool {
        self.deviation <= 1e-12 * self.mean.abs().max(1.0)
    }

    /// Center and scale.
    fn scaling(&self, scaling: Scaling) -> (f64, f64) {
        let (center, scale) = match scaling {
            Scaling::Standard => (self.mean, self.deviation),
            Scaling::MinMax => (self.min, self.max - self.min),
            Scaling::None => (0.0, 1.0),
        };
        (center, if self.is_constant() { 1.0 } else { scale })
    }

    /// `Σ (observed − expected)² / expected` over the two classes, of which the picked one has that
    /// share of the rows, over 0 and under 1; `None` for a constant feature.
    fn chi2(&self, share: f64) -> Option<f64> {
        let class = |observed: f64, share: f64| {
            let expected = share * self.all;
            (observed - expected).powi(2) / expected
        };
        let sum = class(self.picked, share) + class(self.all - self.picked, 1.0 - share);
        (!self.is_constant() && sum.is_finite()).then_some(sum)
    }
}

/// Two passes: deviations and scaled values are taken from the mean and the range of the first.
fn facts(table: &PairTable) -> Vec<Facts> {
    let (features, labels) = (table.features(), table.labels());
    let (n, p) = features.dim();
    let first = |rows: Range<usize>| {
        let mut parts = vec![(0.0, f64::INFINITY, f64::NEG_INFINITY); p];
        for row in features.slice(s![rows, ..]).rows() {
            for (part, &x) in parts.iter_mut().zip(row) {
                *part = (part.0 + x, x.min(part.1), x.max(part.2));
            }
        }
        parts
    };
    let add = |sums: &mut Vec<(f64, f64, f64)>, parts: Vec<(f64, f64, f64)>| {
        for (sum, part) in sums.iter_mut().zip(parts) {
            *sum = (sum.0 + part.0, sum.1.min(part.1), sum.2.max(part.2));
        }
    };
    let extremes = sum_blocks(n, first, add).unwrap_or_else(|| vec![(0.0, 0.0, 0.0); p]);
    let known: Vec<(f64, f64, f64)> = (extremes.iter())
        .map(|(sum, min, max)| (sum / n.max(1) as f64, *min, max - min))
        .collect();
    let second = |rows: Range<usize>| {
        let mut parts = vec![[0.0; 3]; p];
        let picked = labels[rows.clone()].iter().map(|l| f64::from(u8::from(*l)));
        for (row, picked) in features.slice(s![rows, ..]).rows().into_iter().zip(picked) {
            for ((part, &x), (mean, min, range)) in parts.iter_mut().zip(row).zip(&known) {
                let scaled = if *range > 0.0 { (x - min) / range } else { 0.0 };
                part[0] += (x - mean).powi(2);
                part[1] += scaled;
                part[2] += picked * scaled;
            }
        }
        parts
    };
    let add = |sums: &mut Vec<[f64; 3]>, parts: Vec<[f64; 3]>| {
        for (sum, part) in sums.iter_mut().flatten().zip(parts.into_iter().flatten()) {
            *sum += part;
        }
    };
    let sums = sum_blocks(n, second, add).unwrap_or_else(|| vec![[0.0; 3]; p]);
    let fact = |((mean, min, range), [squares, all, picked]): (&(f64, f64, f64), [f64; 3])| Facts {
        mean: *mean,
        deviation: (squares / n.max(1) as f64).sqrt(),
        min: *min,
        max: min + range,
        all,
        picked,
    };
    known.iter().zip(sums).map(fact).collect()
}
