//! Whether a challenger may replace the champion.

mod paired;
mod rise;
mod sequence;

use serde::{Deserialize, Serialize};

pub use paired::{Comparison, Paired, paired};
pub use rise::{LossChange, loss_change};
pub use sequence::Interval;
pub(crate) use sequence::Stream;

use crate::metrics::{MetricError, choice_log_loss, choice_losses};
use crate::model::LinearModel;
use crate::table::PairTable;

/// How the gate judges.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateOptions {
    /// Fewer judging sessions give no verdict: the intervals rest on the central limit theorem.
    /// Default 100.
    pub min_sessions: usize,
    /// Fewer of them with a pick give no verdict. Default 20.
    pub min_picks: usize,
    /// The probability that a challenger which is no better is ever promoted, however often one
    /// looks; and that one which is no worse is ever rejected as worse. Over 0 and under 0.5.
    /// Default 0.025.
    pub alpha: f64,
    /// The number of sessions about which the intervals are narrowest, over 0. Default 500.
    pub tuned: f64,
    /// A session's difference counts for at most this, in nats: 4 is a factor of 55 between the
    /// probabilities that two models gave to what happened. Else one pick that a model held for
    /// impossible would outweigh hundreds of sessions. Default 4.
    pub clip: f64,
    /// An improvement under this, in nats per session, is not worth a change: a challenger that
    /// can be no better than that is rejected. Default 0.01.
    pub worthwhile: f64,
    /// A challenger that has not been found better on so many sessions is rejected: no wait is
    /// without end. Default 10,000.
    pub max_sessions: usize,
}

impl Default for GateOptions {
    fn default() -> Self {
        Self {
            min_sessions: 100,
            min_picks: 20,
            alpha: 0.025,
            tuned: 500.0,
            clip: 4.0,
            worthwhile: 0.01,
            max_sessions: 10_000,
        }
    }
}

/// What the gate found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateReport {
    /// What follows.
    pub verdict: Verdict,
    /// Why.
    pub because: Because,
    /// Judging sessions that both models were compared on.
    pub sessions: usize,
    /// Of them, those with a pick.
    pub picked: usize,
    /// The champion's log loss of the choice, in nats per session; `None` without a champion or
    /// sessions.
    pub champion_log_loss: Option<f64>,
    /// The challenger's.
    pub challenger_log_loss: Option<f64>,
    /// The champion's precision@1; `None` without a champion or picks.
    pub champion_precision_at_1: Option<f64>,
    /// The challenger's.
    pub challenger_precision_at_1: Option<f64>,
    /// The champion's log loss less the challenger's, each session's difference clipped; `None`
    /// without a champion or sessions.
    pub improvement: Option<Interval>,
    /// The challenger's precision@1 less the champion's; `None` without a champion or picks.
    pub first_place: Option<Interval>,
}

/// What follows from a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The challenger becomes champion.
    Promote,
    /// The challenger goes.
    Reject,
    /// More judging sessions are needed.
    Wait,
}

/// Why a verdict is what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Because {
    /// There is no champion: any model is better than none.
    NoChampion,
    /// Its log loss is better, beyond noise, and its precision@1 not worse beyond noise.
    Better,
    /// Its log loss is worse, beyond noise.
    Worse,
    /// Its precision@1 is worse, beyond noise.
    WorseFirstPlace,
    /// It is better by less than [`GateOptions::worthwhile`], if at all.
    NotWorthwhile,
    /// It has not been found better on [`GateOptions::max_sessions`] sessions.
    Exhausted,
    /// There are fewer sessions than [`GateOptions::min_sessions`]: it waits for these.
    FewSessions,
    /// There are fewer picks than [`GateOptions::min_picks`]: it waits for these.
    FewPicks,
    /// The difference is within noise: it waits for more sessions.
    Undecided,
}

impl Because {
    /// The verdict that it is the reason of.
    pub fn verdict(self) -> Verdict {
        match self {
            Self::NoChampion | Self::Better => Verdict::Promote,
            Self::Worse | Self::WorseFirstPlace | Self::NotWorthwhile | Self::Exhausted => {
                Verdict::Reject
            }
            Self::FewSessions | Self::FewPicks | Self::Undecided => Verdict::Wait,
        }
    }
}

/// Compares two models on judging sessions, which neither was trained on, session by session, by
/// the log loss of the choice; see [`Comparison`]. It may be asked again after every session: the
/// errors of all looks together stay within [`GateOptions::alpha`]. Without a champion any
/// challenger passes.
///
/// # Errors
///
/// Where a model gives no number.
pub fn gate(
    champion: Option<&LinearModel>,
    challenger: &LinearModel,
    judging: &PairTable,
    options: &GateOptions,
) -> Result<GateReport, MetricError> {
    let new = challenger.evaluate(judging)?;
    let new_p = challenger.choice_probabilities(judging);
    let log_loss = |p: &[f64]| choice_log_loss(judging.labels(), p, judging.sessions());
    let mut report = GateReport {
        verdict: Verdict::Promote,
        because: Because::NoChampion,
        sessions: new.sessions,
        picked: new.picked_sessions,
        champion_log_loss: None,
        challenger_log_loss: log_loss(&new_p)?,
        champion_precision_at_1: None,
        challenger_precision_at_1: new.precision_at_1,
        improvement: None,
        first_place: None,
    };
    let Some(champion) = champion else {
        return Ok(report);
    };
    let mut comparison = Comparison::new(options);
    for pair in paired_models(champion, challenger, judging)? {
        comparison.push(&pair);
    }
    let old_p = champion.choice_probabilities(judging);
    report.because = comparison.because();
    report.verdict = report.because.verdict();
    report.champion_log_loss = log_loss(&old_p)?;
    report.champion_precision_at_1 = champion.evaluate(judging)?.precision_at_1;
    report.improvement = (report.sessions > 0).then(|| comparison.improvement());
    report.first_place = (report.picked > 0).then(|| comparison.first_place());
    Ok(report)
}

/// What each judging session says of two models, shape `(n_sessions,)`.
///
/// # Errors
///
/// Where a model gives no number.
pub fn paired_models(
    champion: &LinearModel,
    challenger: &LinearModel,
    judging: &PairTable,
) -> Result<Vec<Paired>, MetricError> {
    paired(
        judging.labels(),
        &champion.choice_probabilities(judging),
        &challenger.choice_probabilities(judging),
        judging.sessions(),
    )
}

/// A model's log loss of each session's choice, shape `(n_sessions,)`, in nats, as the gate counts
/// it.
///
/// # Errors
///
/// Where the model gives no number.
pub fn model_losses(model: &LinearModel, judging: &PairTable) -> Result<Vec<f64>, MetricError> {
    let probabilities = model.choice_probabilities(judging);
    choice_losses(judging.labels(), &probabilities, judging.sessions())
}
