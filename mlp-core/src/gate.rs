//! Whether a challenger may replace the champion.

use crate::metrics::MetricError;
use crate::model::LinearModel;
use crate::table::PairTable;

/// How the gate judges.
#[derive(Debug, Clone, PartialEq)]
pub struct GateOptions {
    /// Fewer judging sessions give no verdict. Default 100.
    pub min_sessions: usize,
}

impl Default for GateOptions {
    fn default() -> Self {
        Self { min_sessions: 100 }
    }
}

/// What the gate found.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct GateReport {
    /// What follows.
    pub verdict: Verdict,
    /// Judging sessions that both models were compared on.
    pub sessions: usize,
    /// Of them, those with a pick.
    pub picked: usize,
    /// The champion's log loss per pair; `None` without a champion.
    pub champion_log_loss: Option<f64>,
    /// The challenger's log loss per pair.
    pub challenger_log_loss: Option<f64>,
    /// The champion's precision@1; `None` without a champion.
    pub champion_precision_at_1: Option<f64>,
    /// The challenger's precision@1.
    pub challenger_precision_at_1: Option<f64>,
}

/// What follows from a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The challenger is not worse: it becomes champion.
    Promote,
    /// The challenger is worse.
    Reject,
    /// Too few judging sessions, or none with a pick: no verdict.
    Wait,
}

/// Compares two models on judging sessions, which neither was trained on: the challenger passes
/// when neither its log loss nor its precision@1 is worse. Without a champion any challenger
/// passes.
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
    let old = champion.map(|c| c.evaluate(judging)).transpose()?;
    let enough = new.sessions >= options.min_sessions && new.picked_sessions > 0;
    let verdict = match &old {
        None => Verdict::Promote,
        Some(_) if !enough => Verdict::Wait,
        Some(old) => {
            let better_loss = new.log_loss <= old.log_loss;
            let better_first = new.precision_at_1 >= old.precision_at_1;
            if better_loss && better_first {
                Verdict::Promote
            } else {
                Verdict::Reject
            }
        }
    };
    Ok(GateReport {
        verdict,
        sessions: new.sessions,
        picked: new.picked_sessions,
        champion_log_loss: old.as_ref().and_then(|o| o.log_loss),
        challenger_log_loss: new.log_loss,
        champion_precision_at_1: old.as_ref().and_then(|o| o.precision_at_1),
        challenger_precision_at_1: new.precision_at_1,
    })
}
