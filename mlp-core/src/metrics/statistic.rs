//! The statistics of an [`Evaluation`] as data: to print, store and draw all of them alike.

use serde::{Deserialize, Serialize};

use super::Evaluation;

/// One statistic of an [`Evaluation`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Statistic {
    /// [`Evaluation::auc`].
    Auc,
    /// [`Evaluation::average_precision`].
    AveragePrecision,
    /// [`Evaluation::log_loss`].
    LogLoss,
    /// [`Evaluation::brier`].
    Brier,
    /// [`Evaluation::calibration_error`].
    CalibrationError,
    /// [`Evaluation::accuracy`].
    Accuracy,
    /// [`Evaluation::precision`].
    Precision,
    /// [`Evaluation::recall`].
    Recall,
    /// [`Evaluation::f1`].
    F1,
    /// [`Evaluation::precision_at_1`].
    #[serde(rename = "precision_at_1")]
    PrecisionAt1,
    /// [`Evaluation::ndcg`].
    Ndcg,
    /// [`Evaluation::mrr`].
    Mrr,
}

impl Statistic {
    /// All of them, in the order in which people read them.
    pub const ALL: [Self; 12] = [
        Self::Auc,
        Self::AveragePrecision,
        Self::LogLoss,
        Self::Brier,
        Self::CalibrationError,
        Self::Accuracy,
        Self::Precision,
        Self::Recall,
        Self::F1,
        Self::PrecisionAt1,
        Self::Ndcg,
        Self::Mrr,
    ];

    /// What people call it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Auc => "ROC AUC",
            Self::AveragePrecision => "average precision",
            Self::LogLoss => "log loss",
            Self::Brier => "Brier score",
            Self::CalibrationError => "calibration error",
            Self::Accuracy => "accuracy",
            Self::Precision => "precision",
            Self::Recall => "recall",
            Self::F1 => "f1",
            Self::PrecisionAt1 => "precision@1",
            Self::Ndcg => "NDCG",
            Self::Mrr => "MRR",
        }
    }

    /// The least and the most that it can be.
    pub fn range(self) -> (f64, f64) {
        match self {
            Self::LogLoss => (0.0, f64::INFINITY),
            _ => (0.0, 1.0),
        }
    }

    /// Its value; `None` where the data cannot answer.
    pub fn of(self, evaluation: &Evaluation) -> Option<f64> {
        match self {
            Self::Auc => evaluation.auc,
            Self::AveragePrecision => evaluation.average_precision,
            Self::LogLoss => evaluation.log_loss,
            Self::Brier => evaluation.brier,
            Self::CalibrationError => evaluation.calibration_error,
            Self::Accuracy => evaluation.accuracy,
            Self::Precision => evaluation.precision,
            Self::Recall => evaluation.recall,
            Self::F1 => evaluation.f1,
            Self::PrecisionAt1 => evaluation.precision_at_1,
            Self::Ndcg => evaluation.ndcg,
            Self::Mrr => evaluation.mrr,
        }
    }
}
