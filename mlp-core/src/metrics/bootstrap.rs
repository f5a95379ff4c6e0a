//! How far a statistic may be off: bootstrap intervals over sessions.

use std::collections::BTreeMap;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

use super::{
    EvaluateOptions, Evaluation, MetricError, Predictions, Statistic, WeightedEvaluator, check,
};

/// How intervals are found.
#[derive(Debug, Clone, PartialEq)]
pub struct BootstrapOptions {
    /// Resamples drawn. Default 2,000: the ends of a 95 % interval are then themselves known to
    /// about a twentieth of its length.
    pub resamples: usize,
    /// The share of intervals that should cover the truth, over 0 and under 1. Default 0.95.
    pub confidence: f64,
    /// Where the random numbers begin. Default 0.
    pub seed: u64,
}

impl Default for BootstrapOptions {
    fn default() -> Self {
        Self {
            resamples: 2000,
            confidence: 0.95,
            seed: 0,
        }
    }
}

/// An interval for a statistic of the population that the sessions were drawn from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// The standard deviation over the resamples.
    pub standard_error: f64,
}

/// An evaluation with an interval for each statistic that has one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct EvaluationWithIntervals {
    /// The values.
    #[serde(flatten)]
    pub evaluation: Evaluation,
    /// The intervals; see [`evaluate_with_intervals`] for which statistics have none.
    pub intervals: BTreeMap<Statistic, Interval>,
}

/// Evaluates predictions, with an interval for each statistic by resampling whole sessions: rows of
/// one session depend on each other (at most one is picked), sessions do not.
///
/// Intervals are bias-corrected and accelerated (BCa). Source: Efron, *Better bootstrap confidence
/// intervals*, Journal of the American Statistical Association 82 (1987), with the bias from the
/// resamples, ties counting one half, and the acceleration from a jackknife over at most 200 groups
/// of sessions. `n_sessions` sessions are drawn with replacement for each resample, from a random
/// stream of its own: the same arguments give the same bytes on any number of threads.
///
/// There is no interval where the statistic is undefined, where over 5 % of the resamples leave
/// it undefined, and where no two resamples differ (every pick ranked first, say): there the
/// bootstrap knows nothing.
///
/// The calibration error counts noise as error: its expectation is over the truth's, and that of
/// a resample is even more so. BCa corrects for both, so the interval may lie under the value.
///
/// # Errors
///
/// Where an option is out of range.
///
/// ```
/// use mlp_core::metrics::{
///     BootstrapOptions, EvaluateOptions, Predictions, Sessions, Statistic, evaluate_with_intervals,
/// };
///
/// // 200 sessions of two items; the first is promised more, and is picked three times of four.
/// let labels = (0..400).map(|row| (row % 2 == 0) == (row % 8 < 6)).collect();
/// let probabilities = (0..400).map(|row| [0.7, 0.3][row % 2]).collect();
/// let predictions = Predictions::new(labels, probabilities, Sessions::equal(400, 2)?)?;
/// let found = evaluate_with_intervals(
///     &predictions,
///     &EvaluateOptions::default(),
///     &BootstrapOptions::default(),
/// )?;
/// assert_eq!(found.evaluation.precision_at_1, Some(0.75));
/// let interval = found.intervals[&Statistic::PrecisionAt1];
/// // 1.96 · √(¾ · ¼ / 200) = 0.06
/// assert!((interval.low - 0.69).abs() < 0.01 && (interval.high - 0.81).abs() < 0.01);
/// # Ok::<(), mlp_core::metrics::MetricError>(())
/// ```
pub fn evaluate_with_intervals(
    predictions: &Predictions,
    options: &EvaluateOptions,
    bootstrap: &BootstrapOptions,
) -> Result<EvaluationWithIntervals, MetricError> {
    let evaluation = predictions.evaluate(options)?;
    let evaluator = WeightedEvaluator::new(predictions, options)?;
    let values = |weights: &[u32]| {
        // The weights are as many as the sessions: it cannot fail.
        let found = evaluator.evaluate(weights).unwrap_or_default();
        Statistic::ALL.map(|statistic| statistic.of(&found))
    };
    let found = bca(evaluator.sessions(), bootstrap, values)?;
    let intervals = (Statistic::ALL.into_iter().zip(found))
        .filter_map(|(statistic, interval)| Some((statistic, interval?)))
        .collect();
    Ok(EvaluationWithIntervals {
        evaluation,
        intervals,
    })
}

/// The interval of `Σ numerators / Σ denominators` over sessions, which most statistics are: a mean
/// over sessions has a denominator of 1 for each session that counts, and 0 for others. The method
/// is that of [`evaluate_with_intervals`].
///
/// `numerators` (finite) and `denominators` (finite, at least 0) have shape `(n_sessions,)`. The
/// result is `None` under the same conditions.
///
/// # Errors
///
/// Where lengths differ, a number is not finite or an option is out of range.
pub fn ratio_interval(
    numerators: &[f64],
    denominators: &[f64],
    options: &BootstrapOptions,
) -> Result<Option<Interval>, MetricError> {
    check::same_len("denominators", numerators.len(), denominators.len())?;
    check::gains(denominators)?;
    if let Some(index) = numerators.iter().position(|x| !x.is_finite()) {
        return Err(MetricError::NotANumber { index });
    }
    let [interval] = bca(numerators.len(), options, |weights| {
        let (mut above, mut below) = (0.0, 0.0);
        for ((n, d), &weight) in numerators.iter().zip(denominators).zip(weights) {
            above += f64::from(weight) * n;
            below += f64::from(weight) * d;
        }
        [(below > 0.0).then(|| above / below)]
    })?;
    Ok(interval)
}

/// The interval of a mean of independent values, as of repetitions under other seeds: Student's
/// `mean ± t √(s²/n)`. `None` with fewer than two values. `values` are finite, of shape `(n,)`.
///
/// # Errors
///
/// Where `confidence` is not over 0 and under 1.
pub fn mean_interval(values: &[f64], confidence: f64) -> Result<Option<Interval>, MetricError> {
    check::share("confidence", confidence)?;
    let n = values.len() as f64;
    let Ok(student) = StudentsT::new(0.0, 1.0, n - 1.0) else {
        return Ok(None);
    };
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
    let standard_error = (squares / (n - 1.0) / n).sqrt();
    let half = student.inverse_cdf(0.5 + confidence / 2.0) * standard_error;
    Ok(Some(Interval {
        low: mean - half,
        high: mean + half,
        standard_error,
    }))
}

/// Groups of the jackknife.
const GROUPS: usize = 200;

/// The least share of resamples that must leave a statistic defined.
const DEFINED: f64 = 0.95;

/// Intervals of `N` statistics of `sessions` sessions; `values` gives them where session `i` is there
/// `weights[i]` times.
fn bca<const N: usize>(
    sessions: usize,
    options: &BootstrapOptions,
    values: impl Fn(&[u32]) -> [Option<f64>; N] + Sync,
) -> Result<[Option<Interval>; N], MetricError> {
    check::at_least_one("resamples", options.resamples)?;
    check::share("confidence", options.confidence)?;
    if sessions < 2 {
        return Ok([None; N]);
    }
    let resamples: Vec<[Option<f64>; N]> = (0..options.resamples as u64)
        .into_par_iter()
        .map_init(
            || vec![0; sessions],
            |weights, number| {
                draw(weights, options.seed, number);
                values(weights)
            },
        )
        .collect();
    let groups = GROUPS.min(sessions);
    let jackknife: Vec<[Option<f64>; N]> = (0..groups)
        .into_par_iter()
        .map_init(
            || vec![1; sessions],
            |weights, group| {
                weights
                    .iter_mut()
                    .skip(group)
                    .step_by(groups)
                    .for_each(|w| *w = 0);
                let found = values(weights);
                weights.fill(1);
                found
            },
        )
        .collect();
    let whole = values(&vec![1; sessions]);
    Ok(std::array::from_fn(|i| {
        let of = |all: &[[Option<f64>; N]]| all.iter().filter_map(|v| v[i]).collect();
        interval(whole[i]?, of(&resamples), of(&jackknife), options)
    }))
}

/// How often each of as many sessions as there are weights is drawn.
fn draw(weights: &mut [u32], seed: u64, number: u64) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(number);
    weights.fill(0);
    for _ in 0..weights.len() {
        weights[rng.random_range(0..weights.len())] += 1;
    }
}

fn interval(
    whole: f64,
    mut resamples: Vec<f64>,
    jackknife: Vec<f64>,
    options: &BootstrapOptions,
) -> Option<Interval> {
    if (resamples.len() as f64) < DEFINED * options.resamples as f64 {
        return None;
    }
    resamples.sort_unstable_by(f64::total_cmp);
    let (first, last) = (*resamples.first()?, *resamples.last()?);
    // What is constant differs by the rounding of sums all the same.
    if last - first <= 1e-12 * first.abs().max(last.abs()) {
        return None;
    }
    let n = resamples.len() as f64;
    let mean = resamples.iter().sum::<f64>() / n;
    let squares: f64 = resamples.iter().map(|x| (x - mean).powi(2)).sum();
    let below = resamples.partition_point(|x| *x < whole) as f64;
    let up_to = resamples.partition_point(|x| *x <= whole) as f64;
    let under = ((below + up_to) / (2.0 * n)).clamp(0.5 / n, 1.0 - 0.5 / n);
    let normal = Normal::standard();
    let bias = normal.inverse_cdf(under);
    let acceleration = acceleration(&jackknife);
    let end = |share: f64| {
        let z = bias + normal.inverse_cdf(share);
        // Over 0 but for data that are a few outliers, which has no good interval anyway.
        let stretch = (1.0 - acceleration * z).max(0.1);
        quantile(&resamples, normal.cdf(bias + z / stretch))
    };
    let tail = (1.0 - options.confidence) / 2.0;
    Some(Interval {
        low: end(tail),
        high: end(1.0 - tail),
        standard_error: (squares / (n - 1.0).max(1.0)).sqrt(),
    })
}

/// `Σ d³ / (6 (Σ d²)^{3/2})` with `d` the mean less each value. Groups of `m` sessions in the place
/// of single ones leave it the same in expectation: the skewness of their sums falls by √m, the
/// root of their number too.
fn acceleration(jackknife: &[f64]) -> f64 {
    let mean = jackknife.iter().sum::<f64>() / jackknife.len() as f64;
    let (mut squares, mut cubes) = (0.0, 0.0);
    for value in jackknife {
        let d = mean - value;
        squares += d * d;
        cubes += d * d * d;
    }
    if squares > 0.0 {
        cubes / (6.0 * squares.powf(1.5))
    } else {
        0.0
    }
}

/// The value at rank `(n + 1) · share` of sorted values, between two of them in proportion.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len() - 1;
    let rank = ((sorted.len() + 1) as f64 * share - 1.0).clamp(0.0, last as f64);
    let (low, part) = (rank.floor() as usize, rank.fract());
    sorted[low] + part * (sorted[(low + 1).min(last)] - sorted[low])
}
