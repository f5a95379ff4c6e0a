//! How well models do: by what users did, and by what the models themselves expect.

use std::collections::BTreeMap;

use super::{Delay, Explored, PickCurve, PickRate, Quality};
use crate::choice::{Outside, softmax};
use crate::metrics::{
    Binning, BootstrapOptions, MetricError, Sessions, choice_losses, ratio_interval, reliability,
    session_precision, wilson,
};

/// A request as its list came to the user.
#[derive(Debug, Clone, PartialEq)]
pub struct SeenList {
    /// The model that scored; `None` where there was none.
    pub model_id: Option<i64>,
    /// Whether the items were drawn at random.
    pub explored: bool,
    /// The stored scores of what was shown, [`Ranked::score`](crate::Ranked), shape `(n_shown,)`;
    /// empty where nothing was.
    pub scores: Vec<f32>,
    /// When it was shown, in microseconds since 1970.
    pub shown_us: Option<i64>,
    /// When it was answered; `None`: not yet, or never.
    pub answered_us: Option<i64>,
    /// The position of the choice in the list; `None` for "none of these", and without an answer.
    pub picked: Option<usize>,
}

/// How quality is found.
#[derive(Debug, Clone, PartialEq)]
pub struct QualityOptions {
    /// Lists shown at or before this time, in microseconds since 1970, are old enough to have been
    /// answered: coverage counts these.
    pub settled_us: i64,
    /// What becomes of the lists of which a model expects so much, by model; of one that is not here
    /// its own expectation is told as it is.
    pub curves: BTreeMap<i64, PickCurve>,
    /// How the intervals on explored sessions are found.
    pub bootstrap: BootstrapOptions,
    /// With fewer explored sessions, or fewer with a pick for precision@1, there is no interval: a
    /// bootstrap of few does not cover what it promises. Default 100, as of
    /// [`ReplayOptions`](crate::replay::ReplayOptions).
    pub enough: usize,
}

impl QualityOptions {
    /// The defaults, at a time.
    pub fn at(settled_us: i64) -> Self {
        Self {
            settled_us,
            curves: BTreeMap::new(),
            bootstrap: BootstrapOptions::default(),
            enough: 100,
        }
    }
}

/// The probability that one of the shown items is picked and not "none of these", by the model's own
/// scores: `Σ exp(u) / (1 + Σ exp(u))` with `u = ln(s / (1 − s))`, as
/// [`choice_probabilities`](crate::LinearModel::choice_probabilities) sees it for both families.
/// `scores` has shape `(n_shown,)`; 0 where nothing is shown.
///
/// ```
/// use mlp_core::watch::expected_pick;
///
/// // Odds of 1 and 3 against "none": (1 + 3) / (1 + 1 + 3).
/// assert!((expected_pick(&[0.5, 0.75]) - 0.8).abs() < 1e-7);
/// assert_eq!(expected_pick(&[]), 0.0);
/// ```
pub fn expected_pick(scores: &[f32]) -> f64 {
    choice(scores).iter().sum::<f64>().min(1.0)
}

/// The probability of each item's being the list's pick, shape `(n_shown,)`.
fn choice(scores: &[f32]) -> Vec<f64> {
    let mut utilities: Vec<f64> = scores.iter().map(|score| log_odds(*score)).collect();
    softmax(&mut utilities, Outside::Present);
    utilities
}

/// A stored score is an `f32`, which rounds to 1 from `u` = 17 on, and to 0 from −104 on: then what is
/// nearest inside is meant.
fn log_odds(score: f32) -> f64 {
    const MOST: f64 = 1.0 - f32::EPSILON as f64 / 2.0;
    let score = f64::from(score).clamp(f64::from(f32::MIN_POSITIVE), MOST);
    (score / (1.0 - score)).ln()
}

/// What the lists of a window say, and `judging`: explored judging sessions that were scored by the
/// champion and answered, which it was not trained on.
///
/// # Errors
///
/// Where a score is no number, or an option is out of range.
pub fn quality(
    lists: &[SeenList],
    judging: &[SeenList],
    options: &QualityOptions,
) -> Result<Quality, MetricError> {
    Ok(Quality {
        models: pick_rates(lists, &options.curves)?,
        coverage: coverage(lists, options.settled_us),
        delay: delay(lists),
        explored: explored(judging, options)?,
    })
}

/// What is counted of one model.
#[derive(Default)]
struct Tally {
    shown: u64,
    answered: u64,
    picked: u64,
    expected: f64,
    expected_shown: f64,
}

fn pick_rates(
    lists: &[SeenList],
    curves: &BTreeMap<i64, PickCurve>,
) -> Result<Vec<PickRate>, MetricError> {
    let mut tallies: BTreeMap<i64, Tally> = BTreeMap::new();
    for list in lists.iter().filter(|list| !list.explored) {
        let Some(model_id) = list.model_id.filter(|_| !list.scores.is_empty()) else {
            continue;
        };
        let tally = tallies.entry(model_id).or_default();
        let expected = expected_pick(&list.scores);
        let curve = curves.get(&model_id);
        let expected = curve.map_or(expected, |curve| curve.rate(expected));
        tally.shown += 1;
        tally.expected_shown += expected;
        if list.answered_us.is_some() {
            tally.answered += 1;
            tally.picked += u64::from(list.picked.is_some());
            tally.expected += expected;
        }
    }
    let rates = tallies.into_iter();
    rates
        .map(|(model_id, tally)| tally.rate(model_id))
        .collect()
}

impl Tally {
    fn rate(self, model_id: i64) -> Result<PickRate, MetricError> {
        let of = |sum: f64, n: u64| (n > 0).then(|| sum / n as f64);
        let rate = of(self.picked as f64, self.answered);
        let interval = match rate {
            Some(rate) => Some(wilson(rate, self.answered as usize, CONFIDENCE)?),
            None => None,
        };
        Ok(PickRate {
            model_id,
            shown: self.shown,
            answered: self.answered,
            picked: self.picked,
            rate,
            low: interval.map(|(low, _)| low),
            high: interval.map(|(_, high)| high),
            expected: of(self.expected, self.answered),
            expected_shown: of(self.expected_shown, self.shown),
        })
    }
}

/// Of all intervals here.
const CONFIDENCE: f64 = 0.95;

fn coverage(lists: &[SeenList], settled_us: i64) -> Option<f64> {
    let old = |list: &&SeenList| list.shown_us.is_some_and(|at| at <= settled_us);
    let (mut shown, mut answered) = (0_u64, 0_u64);
    for list in lists.iter().filter(old) {
        shown += 1;
        answered += u64::from(list.answered_us.is_some());
    }
    (shown > 0).then(|| answered as f64 / shown as f64)
}

fn delay(lists: &[SeenList]) -> Option<Delay> {
    let waited = |list: &SeenList| Some(list.answered_us?.saturating_sub(list.shown_us?));
    let mut delays: Vec<f64> = (lists.iter())
        .filter_map(waited)
        .map(|us| us.max(0) as f64 / 1e6)
        .collect();
    delays.sort_unstable_by(f64::total_cmp);
    Some(Delay {
        p50_s: percentile(&delays, 0.5)?,
        p90_s: percentile(&delays, 0.9)?,
    })
}

/// Linear between the two nearest, as `numpy.percentile` does; `None` of nothing.
fn percentile(sorted: &[f64], share: f64) -> Option<f64> {
    let place = sorted.len().checked_sub(1)? as f64 * share;
    let (low, high) = (place.floor() as usize, place.ceil() as usize);
    Some(sorted[low] + (sorted[high] - sorted[low]) * (place - place.floor()))
}

fn explored(
    judging: &[SeenList],
    options: &QualityOptions,
) -> Result<Option<Explored>, MetricError> {
    let answered = |list: &&SeenList| list.answered_us.is_some() && !list.scores.is_empty();
    let judging: Vec<&SeenList> = judging.iter().filter(answered).collect();
    if judging.is_empty() {
        return Ok(None);
    }
    let lists = Sessions::from_lengths(judging.iter().map(|list| list.scores.len()))?;
    let (mut picked, mut probabilities, mut first) = (Vec::new(), Vec::new(), Vec::new());
    for list in &judging {
        let labels: Vec<bool> = (0..list.scores.len())
            .map(|i| list.picked == Some(i))
            .collect();
        let p = choice(&list.scores);
        first.extend(session_precision(&labels, &p, 1)?);
        picked.extend(labels);
        probabilities.extend(p);
    }
    let losses = choice_losses(&picked, &probabilities, &lists)?;
    let log_loss = Mean::of(&losses, options)?;
    let precision = Mean::of(&first, options)?;
    let bins = reliability(&picked, &probabilities, Binning::EqualWidth(10))?;
    Ok(Some(Explored {
        sessions: losses.len() as u64,
        picked: first.len() as u64,
        log_loss: log_loss.value,
        log_loss_low: log_loss.low,
        log_loss_high: log_loss.high,
        precision_at_1: precision.value,
        precision_at_1_low: precision.low,
        precision_at_1_high: precision.high,
        reliability: (bins.iter())
            .map(|bin| (bin.predicted, bin.observed, bin.rows as u64))
            .collect(),
    }))
}

/// A mean over sessions, with its interval where there are enough.
struct Mean {
    value: Option<f64>,
    low: Option<f64>,
    high: Option<f64>,
}

impl Mean {
    fn of(values: &[f64], options: &QualityOptions) -> Result<Self, MetricError> {
        let value = match values.len() {
            0 => None,
            n => Some(values.iter().sum::<f64>() / n as f64),
        };
        let interval = match values.len() >= options.enough.max(2) {
            true => ratio_interval(values, &vec![1.0; values.len()], &options.bootstrap)?,
            false => None,
        };
        Ok(Self {
            value,
            low: interval.map(|interval| interval.low),
            high: interval.map(|interval| interval.high),
        })
    }
}
