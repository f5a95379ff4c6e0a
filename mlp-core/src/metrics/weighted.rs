//! The usual set of statistics where each session counts so many times.

use std::collections::BTreeMap;

use super::{
    Binning, EvaluateOptions, Evaluation, MetricError, Predictions, check, log_loss, session_ndcg,
    session_precision, session_reciprocal_rank, ties,
};

/// Evaluates the same predictions under many weights of their sessions, as a bootstrap does.
///
/// All that does not depend on the weights is done once: rows are sorted by probability for the
/// rank statistics and put into the calibration error's bins, and what the other statistics need
/// is summed per session. An evaluation is then one pass, `O(n_rows)`, with no sorting.
#[derive(Debug, Clone)]
pub struct WeightedEvaluator {
    sums: Vec<Sums>,
    /// By descending probability.
    order: Vec<SortedRow>,
    bins: Bins,
}

/// What a session adds to the statistics that are a ratio of two sums over sessions.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    rows: f64,
    right: f64,
    true_positives: f64,
    predicted: f64,
    positives: f64,
    log_loss: f64,
    brier: f64,
    /// 1 where there is a pick.
    picked: f64,
    precision_at_1: f64,
    ndcg: f64,
    reciprocal_rank: f64,
}

/// A row's session, whether it is positive, and whether it is the last of its score: 4 bytes, since
/// reading them is what an evaluation spends its time on.
#[derive(Debug, Clone, Copy)]
struct SortedRow(u32);

impl SortedRow {
    const SESSIONS: usize = 1 << 30;

    fn new(session: u32, label: bool, ends: bool) -> Self {
        Self(session << 2 | u32::from(label) << 1 | u32::from(ends))
    }

    fn session(self) -> usize {
        (self.0 >> 2) as usize
    }

    fn label(self) -> bool {
        self.0 & 2 != 0
    }

    fn ends(self) -> bool {
        self.0 & 1 != 0
    }
}

#[derive(Debug, Clone, Copy)]
struct BinnedRow {
    session: u32,
    /// Where bins are of equal width, the bin.
    bin: u32,
    label: bool,
    probability: f64,
}

#[derive(Debug, Clone)]
enum Bins {
    /// Rows of any order, with the number of bins that are not empty.
    Width(Vec<BinnedRow>, usize),
    /// Rows by ascending probability, with the number of bins.
    Mass(Vec<BinnedRow>, usize),
}

#[derive(Debug, Clone, Copy, Default)]
struct BinSums {
    rows: u64,
    positives: u64,
    probability: f64,
}

impl WeightedEvaluator {
    /// Prepares.
    ///
    /// # Errors
    ///
    /// Where an option is out of range, or there are more than 2³⁰ sessions.
    pub fn new(predictions: &Predictions, options: &EvaluateOptions) -> Result<Self, MetricError> {
        let sessions = predictions.sessions();
        if sessions.len() > SortedRow::SESSIONS {
            return Err(MetricError::TooMany {
                what: "sessions",
                found: sessions.len(),
                most: SortedRow::SESSIONS,
            });
        }
        if options.threshold.is_nan() {
            return Err(MetricError::BadThreshold);
        }
        let sums = (sessions.ranges())
            .map(|rows| {
                let labels = &predictions.labels()[rows.clone()];
                Sums::of(labels, &predictions.probabilities()[rows], options)
            })
            .collect::<Result<_, _>>()?;
        let session_of: Vec<u32> = (sessions.ranges().enumerate())
            .flat_map(|(session, rows)| rows.map(move |_| session as u32))
            .collect();
        let values = session_of.iter().zip(predictions.labels());
        let ranked = ties::ranked(predictions.probabilities(), values)?;
        let order = ties::groups(&ranked)
            .flat_map(|group| {
                let last = group.len() - 1;
                (group.iter().enumerate()).map(move |(position, (_, (session, label)))| {
                    SortedRow::new(**session, **label, position == last)
                })
            })
            .collect();
        let rows = (session_of.iter().zip(predictions.labels())).zip(predictions.probabilities());
        let rows = rows.map(|((&session, &label), &probability)| BinnedRow {
            session,
            bin: 0,
            label,
            probability,
        });
        Ok(Self {
            sums,
            order,
            bins: Bins::new(rows.collect(), options.binning)?,
        })
    }

    /// Number of sessions.
    pub fn sessions(&self) -> usize {
        self.sums.len()
    }

    /// What [`evaluate`](super::evaluate) would say if session `i` were there `weights[i]` times.
    /// `weights` has shape `(n_sessions,)`.
    ///
    /// # Errors
    ///
    /// Where there are more or fewer weights than sessions.
    pub fn evaluate(&self, weights: &[u32]) -> Result<Evaluation, MetricError> {
        check::same_len("weights", self.sums.len(), weights.len())?;
        let mut total = Sums::default();
        let mut sessions = 0_u64;
        for (sums, &weight) in self.sums.iter().zip(weights) {
            total.add(sums, f64::from(weight));
            sessions += u64::from(weight);
        }
        let (auc, average_precision) = self.of_ranks(weights);
        let of_picked = |sum| share(sum, total.picked);
        Ok(Evaluation {
            auc,
            average_precision,
            accuracy: share(total.right, total.rows),
            precision: share(total.true_positives, total.predicted),
            recall: share(total.true_positives, total.positives),
            f1: share(
                2.0 * total.true_positives,
                total.predicted + total.positives,
            ),
            log_loss: share(total.log_loss, total.rows),
            brier: share(total.brier, total.rows),
            calibration_error: self.bins.error(weights, total.rows),
            precision_at_1: of_picked(total.precision_at_1),
            ndcg: of_picked(total.ndcg),
            mrr: of_picked(total.reciprocal_rank),
            rows: total.rows as usize,
            sessions: sessions as usize,
            picked_sessions: total.picked as usize,
        })
    }

    /// ROC AUC and average precision, as in `auc` and `average_precision`.
    fn of_ranks(&self, weights: &[u32]) -> (Option<f64>, Option<f64>) {
        let (mut positives, mut negatives) = (0_u64, 0_u64);
        let (mut positive, mut negative) = (0_u64, 0_u64);
        let mut wrong = 0_u128;
        let mut sum = 0.0;
        for row in &self.order {
            let weight = u64::from(weights[row.session()]);
            if row.label() {
                positive += weight;
            } else {
                negative += weight;
            }
            if row.ends() && positive + negative > 0 {
                wrong += u128::from(positive) * u128::from(2 * negatives + negative);
                positives += positive;
                negatives += negative;
                let precision = positives as f64 / (positives + negatives) as f64;
                sum += positive as f64 * precision;
                (positive, negative) = (0, 0);
            }
        }
        let pairs = 2 * u128::from(positives) * u128::from(negatives);
        if pairs == 0 {
            return (None, None);
        }
        (
            Some((pairs - wrong) as f64 / pairs as f64),
            Some(sum / positives as f64),
        )
    }
}

impl Sums {
    fn of(
        labels: &[bool],
        probabilities: &[f64],
        options: &EvaluateOptions,
    ) -> Result<Self, MetricError> {
        let mut sums = Self::default();
        let one = |yes| f64::from(u8::from(yes));
        for (&label, &p) in labels.iter().zip(probabilities) {
            let predicted = p >= options.threshold;
            sums.rows += 1.0;
            sums.right += one(predicted == label);
            sums.true_positives += one(predicted && label);
            sums.predicted += one(predicted);
            sums.positives += one(label);
            sums.log_loss += log_loss::loss_of(if label { p } else { 1.0 - p });
            sums.brier += (p - one(label)).powi(2);
        }
        let gains: Vec<f64> = labels.iter().map(|&label| one(label)).collect();
        sums.picked = one(labels.contains(&true));
        sums.precision_at_1 = session_precision(labels, probabilities, 1)?.unwrap_or(0.0);
        sums.ndcg = session_ndcg(&gains, probabilities, options.ndcg_k)?.unwrap_or(0.0);
        sums.reciprocal_rank = session_reciprocal_rank(labels, probabilities)?.unwrap_or(0.0);
        Ok(sums)
    }

    fn add(&mut self, other: &Self, weight: f64) {
        self.rows += weight * other.rows;
        self.right += weight * other.right;
        self.true_positives += weight * other.true_positives;
        self.predicted += weight * other.predicted;
        self.positives += weight * other.positives;
        self.log_loss += weight * other.log_loss;
        self.brier += weight * other.brier;
        self.picked += weight * other.picked;
        self.precision_at_1 += weight * other.precision_at_1;
        self.ndcg += weight * other.ndcg;
        self.reciprocal_rank += weight * other.reciprocal_rank;
    }
}

impl Bins {
    fn new(mut rows: Vec<BinnedRow>, binning: Binning) -> Result<Self, MetricError> {
        match binning {
            Binning::EqualWidth(bins) => {
                check::at_least_one("bins", bins)?;
                // The number of bins is the caller's and may be absurd; that of the filled is not.
                let bin = |p: f64| ((p * bins as f64) as usize).min(bins - 1);
                let mut filled: BTreeMap<usize, u32> =
                    rows.iter().map(|row| (bin(row.probability), 0)).collect();
                for (number, dense) in filled.values_mut().enumerate() {
                    *dense = number as u32;
                }
                for row in &mut rows {
                    row.bin = filled[&bin(row.probability)];
                }
                Ok(Self::Width(rows, filled.len()))
            }
            Binning::EqualMass(bins) => {
                check::at_least_one("bins", bins)?;
                // As in `calibration`: -0.0 and 0.0 keep their order.
                rows.sort_by(|a, b| (a.probability + 0.0).total_cmp(&(b.probability + 0.0)));
                Ok(Self::Mass(rows, bins))
            }
        }
    }

    fn error(&self, weights: &[u32], total: f64) -> Option<f64> {
        let sum = match self {
            Self::Width(rows, bins) => of_equal_width(rows, *bins, weights),
            Self::Mass(rows, bins) => of_equal_mass(rows, *bins, weights),
        };
        share(sum, total)
    }
}

fn of_equal_width(rows: &[BinnedRow], bins: usize, weights: &[u32]) -> f64 {
    let mut sums = vec![BinSums::default(); bins];
    for row in rows {
        let weight = u64::from(weights[row.session as usize]);
        sums[row.bin as usize].add(row, weight);
    }
    sums.iter().map(BinSums::gap).sum()
}

fn of_equal_mass(rows: &[BinnedRow], bins: usize, weights: &[u32]) -> f64 {
    let weight_of = |row: &BinnedRow| u64::from(weights[row.session as usize]);
    let total: u64 = rows.iter().map(weight_of).sum();
    let (size, larger) = (total / bins as u64, total % bins as u64);
    let room = |bin: u64| size + u64::from(bin < larger);
    let (mut bin, mut sums, mut error) = (0, BinSums::default(), 0.0);
    for row in rows {
        let mut weight = weight_of(row);
        while weight > 0 {
            let put = weight.min(room(bin) - sums.rows);
            sums.add(row, put);
            weight -= put;
            if sums.rows == room(bin) {
                error += sums.gap();
                bin += 1;
                sums = BinSums::default();
            }
        }
    }
    error
}

impl BinSums {
    fn add(&mut self, row: &BinnedRow, weight: u64) {
        self.rows += weight;
        self.positives += weight * u64::from(row.label);
        self.probability += weight as f64 * row.probability;
    }

    /// Rows times `|observed − predicted|`.
    fn gap(&self) -> f64 {
        (self.positives as f64 - self.probability).abs()
    }
}

fn share(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}
