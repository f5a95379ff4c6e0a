//! What a model would have been worth on lists that did not depend on any model.
//!
//! An explored session saw a uniformly random list, so its choice says the same of every model: a
//! candidate ranks the same list anew, and is valued by where it puts what was picked and by the
//! probability that it gave to what happened. Nothing is reweighted, and the candidate need never
//! have been served. Source: Li, Chu, Langford and Wang, *Unbiased offline evaluation of
//! contextual-bandit-based news article recommendation algorithms*, WSDM 2011, with lists in the
//! place of single actions.
//!
//! Only sessions that the candidate was not fitted on may be given: the *judging* half of
//! [`explore`](crate::explore).
//!
//! ```
//! use mlp_core::replay::{Answer, Replay, ReplayOptions, choice_probabilities};
//! use mlp_core::Session;
//!
//! // Lists of two items, the first of which is picked in three sessions of four.
//! let sessions: Vec<Session> = (0..400)
//!     .map(|i| Session {
//!         user: vec![],
//!         shown: vec![vec![1.0], vec![0.0]],
//!         picked: Some(usize::from(i % 4 == 0)),
//!     })
//!     .collect();
//! let replay = Replay::new(&sessions);
//! let log_odds = (0..800).map(|row| [2.0, 1.0][row % 2]).collect::<Vec<f64>>();
//! let candidate = choice_probabilities(&log_odds, replay.lists())?;
//! let found = replay.value(&candidate, &ReplayOptions::default())?;
//! let Answer::Known { value, interval } = found.precision_at_1 else { panic!() };
//! assert_eq!(value, 0.75);
//! assert!(interval.low < 0.72 && interval.high > 0.78);
//!
//! let few = Replay::new(&sessions[..40]);
//! let found = few.value(&candidate[..80], &ReplayOptions::default())?;
//! assert_eq!(
//!     found.log_loss.to_string(),
//!     "too few: 40 sessions, at least 100 are needed",
//! );
//! # Ok::<(), mlp_core::metrics::MetricError>(())
//! ```

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::choice::{Outside, softmax};
use crate::metrics::{
    BootstrapOptions, Interval, MetricError, Sessions, choice_losses, ratio_interval,
    session_precision, session_reciprocal_rank,
};
use crate::table::Session;

/// When a replay answers, and with which intervals.
///
/// With so many the intervals are what they say: from 150 lists on, of which some 120 have a pick,
/// 95 % intervals cover a simulation's known truth in 92 to 98 % of 400 runs
/// (`scripts/verify.sh replay`).
#[derive(Debug, Clone, PartialEq)]
pub struct ReplayOptions {
    /// Fewer sessions give no log loss. Default 100.
    pub min_sessions: usize,
    /// Fewer sessions with a pick give neither precision@1 nor MRR. Default 100.
    pub min_picked: usize,
    /// Fewer picks that were ranked first, or that were not, give no precision@1: the interval of a
    /// share near 0 or 1 is not to be trusted. Default 10.
    pub min_each: usize,
    /// How intervals are found.
    pub bootstrap: BootstrapOptions,
}

impl Default for ReplayOptions {
    fn default() -> Self {
        Self {
            min_sessions: 100,
            min_picked: 100,
            min_each: 10,
            bootstrap: BootstrapOptions::default(),
        }
    }
}

/// What there must be enough of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counted {
    /// Answered lists.
    Sessions,
    /// Lists with a pick.
    Picked,
    /// Picks that the model ranks first.
    Hits,
    /// Picks that it does not rank first.
    Misses,
    /// Lists that differ from each other in what they say.
    Different,
}

/// The answer to one question.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// There are enough.
    Known {
        /// The estimate.
        value: f64,
        /// Its interval.
        #[serde(flatten)]
        interval: Interval,
    },
    /// There are too few to say.
    TooFew {
        /// Of what.
        of: Counted,
        /// How many there are.
        found: usize,
        /// How many are needed.
        needed: usize,
    },
}

impl Answer {
    /// The estimate, where there are enough.
    pub fn value(&self) -> Option<f64> {
        match self {
            Self::Known { value, .. } => Some(*value),
            Self::TooFew { .. } => None,
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known { value, interval } => {
                let Interval { low, high, .. } = interval;
                write!(f, "{value:.4} ({low:.4} to {high:.4})")
            }
            Self::TooFew {
                of: Counted::Different,
                ..
            } => write!(f, "too few: all sessions say the same"),
            Self::TooFew { of, found, needed } => {
                let what = match of {
                    Counted::Sessions => "sessions",
                    Counted::Picked => "sessions with a pick",
                    Counted::Hits => "picks ranked first",
                    Counted::Misses => "picks not ranked first",
                    Counted::Different => "different sessions",
                };
                write!(f, "too few: {found} {what}, at least {needed} are needed")
            }
        }
    }
}

/// What a candidate is worth on the lists.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReplayReport {
    /// Answered lists.
    pub sessions: usize,
    /// Of them, those with a pick.
    pub picked_sessions: usize,
    /// The mean log loss of the choice, "none of these" included, in nats, over all lists.
    pub log_loss: Answer,
    /// The probability that the pick is ranked first, over lists with a pick.
    pub precision_at_1: Answer,
    /// The mean reciprocal rank of the pick, over lists with a pick.
    pub mrr: Answer,
}

/// Random lists with what was picked from them.
#[derive(Debug, Clone, PartialEq)]
pub struct Replay {
    picked: Vec<bool>,
    lists: Sessions,
}

impl Replay {
    /// Of explored sessions. One that was shown nothing says nothing and is left out, as in
    /// [`PairTable::new`](crate::PairTable::new), whose rows are in the same order.
    pub fn new<'a>(sessions: impl IntoIterator<Item = &'a Session>) -> Self {
        let mut picked = Vec::new();
        let mut list_of = Vec::new();
        for (number, session) in sessions.into_iter().enumerate() {
            picked.extend((0..session.shown.len()).map(|i| session.picked == Some(i)));
            list_of.resize(picked.len(), number);
        }
        Self {
            picked,
            lists: Sessions::from_runs(&list_of),
        }
    }

    /// Which rows are one list.
    pub fn lists(&self) -> &Sessions {
        &self.lists
    }

    /// Values a candidate. `probabilities`, shape `(n_rows,)`, is of each row being its list's pick;
    /// what is missing to 1 in a list is that of "none of these". A list is ranked by it.
    ///
    /// # Errors
    ///
    /// Where these are no such probabilities, or an option is out of range.
    pub fn value(
        &self,
        probabilities: &[f64],
        options: &ReplayOptions,
    ) -> Result<ReplayReport, MetricError> {
        let losses = choice_losses(&self.picked, probabilities, &self.lists)?;
        let (mut first, mut reciprocal) = (Vec::new(), Vec::new());
        for rows in self.lists.ranges() {
            let (picked, p) = (&self.picked[rows.clone()], &probabilities[rows]);
            first.extend(session_precision(picked, p, 1)?);
            reciprocal.extend(session_reciprocal_rank(picked, p)?);
        }
        let sessions = (losses.len(), options.min_sessions, Counted::Sessions);
        let picked = (first.len(), options.min_picked, Counted::Picked);
        // A tied pick is a part of a hit and a part of a miss.
        let hits = first.iter().sum::<f64>();
        let misses = (first.len() as f64 - hits).floor() as usize;
        let hits = hits.floor() as usize;
        let each = options.min_each;
        let bootstrap = &options.bootstrap;
        Ok(ReplayReport {
            sessions: losses.len(),
            picked_sessions: first.len(),
            log_loss: answer(&losses, &[sessions], bootstrap)?,
            precision_at_1: answer(
                &first,
                &[
                    picked,
                    (hits, each, Counted::Hits),
                    (misses, each, Counted::Misses),
                ],
                bootstrap,
            )?,
            mrr: answer(&reciprocal, &[picked], bootstrap)?,
        })
    }
}

/// The mean of `values`, shape `(n_sessions,)`, where there are enough of everything.
fn answer(
    values: &[f64],
    limits: &[(usize, usize, Counted)],
    bootstrap: &BootstrapOptions,
) -> Result<Answer, MetricError> {
    for &(found, needed, of) in limits {
        if found < needed {
            return Ok(Answer::TooFew { of, found, needed });
        }
    }
    let ones = vec![1.0; values.len()];
    Ok(match ratio_interval(values, &ones, bootstrap)? {
        Some(interval) => Answer::Known {
            value: values.iter().sum::<f64>() / values.len() as f64,
            interval,
        },
        None => Answer::TooFew {
            of: Counted::Different,
            found: values.len().min(1),
            needed: 2,
        },
    })
}

/// The probability that each row is its list's pick, where one of the list or none is picked:
/// `exp(uᵢ) / (1 + Σ exp(uⱼ))`, shape `(n_rows,)`.
///
/// For a conditional logit `u` is the utility over that of "none of these". For a model of single
/// pairs it is the log-odds of a pick, and the result is what independent pairs give on the
/// condition that at most one of them is picked: `∏` of all "no" cancels, and each row's odds
/// remain.
///
/// `log_odds`, any number but NaN and +∞, has shape `(n_rows,)`, in the order of `lists`.
///
/// # Errors
///
/// Where lengths differ or a number is none.
pub fn choice_probabilities(log_odds: &[f64], lists: &Sessions) -> Result<Vec<f64>, MetricError> {
    if log_odds.len() != lists.rows() {
        return Err(MetricError::LengthMismatch {
            what: "log_odds",
            expected: lists.rows(),
            found: log_odds.len(),
        });
    }
    if let Some(index) = (log_odds.iter()).position(|u| u.is_nan() || *u == f64::INFINITY) {
        return Err(MetricError::NotANumber { index });
    }
    let mut probabilities = log_odds.to_vec();
    for list in lists.ranges() {
        softmax(&mut probabilities[list], Outside::Present);
    }
    Ok(probabilities)
}
