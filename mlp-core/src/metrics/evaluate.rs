//! The usual set of statistics in one call.

use serde::{Deserialize, Serialize};

use super::{
    Binning, Confusion, MetricError, Sessions, auc, average_precision, brier, calibration_error,
    check, log_loss, mrr, ndcg, precision_at_1, ties,
};

/// What [`evaluate`] may be told.
#[derive(Debug, Clone, PartialEq)]
pub struct EvaluateOptions {
    /// A row is predicted positive from this probability on. Default 0.5.
    pub threshold: f64,
    /// Bins of the calibration error. Default ten of equal width.
    pub binning: Binning,
    /// Where NDCG is cut; `None`, the default, for the whole session.
    pub ndcg_k: Option<usize>,
}

impl Default for EvaluateOptions {
    fn default() -> Self {
        Self {
            threshold: 0.5,
            binning: Binning::EqualWidth(10),
            ndcg_k: None,
        }
    }
}

/// What [`evaluate`] found. A statistic that the data cannot answer is `None`, in JSON `null`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Evaluation {
    /// Area under the ROC curve, over rows.
    pub auc: Option<f64>,
    /// Average precision, over rows.
    pub average_precision: Option<f64>,
    /// Share of rows on the right side of the threshold.
    pub accuracy: Option<f64>,
    /// Precision at the threshold.
    pub precision: Option<f64>,
    /// Recall at the threshold.
    pub recall: Option<f64>,
    /// F1 at the threshold.
    pub f1: Option<f64>,
    /// Log loss over rows, in nats.
    pub log_loss: Option<f64>,
    /// Brier score over rows.
    pub brier: Option<f64>,
    /// Expected calibration error over rows.
    pub calibration_error: Option<f64>,
    /// Probability that the pick is ranked first, over sessions with a pick.
    pub precision_at_1: Option<f64>,
    /// NDCG of the pick, over sessions with a pick.
    pub ndcg: Option<f64>,
    /// Mean reciprocal rank of the pick, over sessions with a pick.
    pub mrr: Option<f64>,
    /// Rows that were evaluated.
    pub rows: usize,
    /// Sessions that they come from; 0 where they were not told.
    pub sessions: usize,
    /// Sessions with a positive row, which the ranking statistics average over.
    pub picked_sessions: usize,
}

/// Evaluates probabilities against labels, and their order within sessions where these are known.
///
/// `labels` and `probabilities` (in `0..=1`) have shape `(n_rows,)`, in the order of `sessions`.
pub fn evaluate(
    labels: &[bool],
    probabilities: &[f64],
    sessions: Option<&Sessions>,
    options: &EvaluateOptions,
) -> Result<Evaluation, MetricError> {
    check::probabilities(labels.len(), probabilities)?;
    let ranked = ties::ranked(probabilities, labels.iter().copied())?;
    let counts = Confusion::at(options.threshold, labels, probabilities)?;
    let mut found = Evaluation {
        auc: auc::of_ranked(&ranked),
        average_precision: average_precision::of_ranked(&ranked),
        accuracy: counts.accuracy(),
        precision: counts.precision(),
        recall: counts.recall(),
        f1: counts.f1(),
        log_loss: log_loss(labels, probabilities)?,
        brier: brier(labels, probabilities)?,
        calibration_error: calibration_error(labels, probabilities, options.binning)?,
        rows: labels.len(),
        ..Evaluation::default()
    };
    if let Some(sessions) = sessions {
        found.precision_at_1 = precision_at_1(labels, probabilities, sessions)?;
        found.ndcg = ndcg(labels, probabilities, sessions, options.ndcg_k)?;
        found.mrr = mrr(labels, probabilities, sessions)?;
        found.sessions = sessions.len();
        found.picked_sessions = sessions
            .ranges()
            .filter(|range| labels[range.clone()].contains(&true))
            .count();
    }
    Ok(found)
}
