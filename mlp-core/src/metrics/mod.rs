//! How good a model is, in numbers: values in, values out.
//!
//! Three families, over flat slices of one row per shown item:
//!
//! - of *scores*, any finite or infinite number: [`roc_auc`], [`average_precision`], [`Confusion`];
//! - of *probabilities* in `0..=1`: [`log_loss`], [`brier`], [`reliability`] and
//!   [`calibration_error`];
//! - of *sessions*, runs of rows that were shown together ([`Sessions`]): [`precision_at_k`],
//!   [`ndcg`], [`mrr`] and [`choice_log_loss`].
//!
//! [`evaluate`] computes the usual set in one call, [`evaluate_with_intervals`] with a bootstrap
//! interval over sessions for each; [`segments`] slices sessions by what their users are.
//!
//! Three rules hold throughout:
//!
//! - What the data cannot answer is `None` (no rows, a single class, no pick), never NaN, never a
//!   number that looks like a result.
//! - A fault of the caller (lengths that differ, NaN, a probability of 1.2) is a [`MetricError`].
//! - Equal scores share their ranks: a ranking statistic is its expectation over all orders of
//!   the tied rows, so a constant scorer does exactly as well as a random one.
//!
//! ```
//! use mlp_core::metrics::{EvaluateOptions, Sessions, evaluate};
//!
//! // Two sessions of three items; the user of the second picked nothing.
//! let labels = [false, true, false, false, false, false];
//! let probabilities = [0.2, 0.7, 0.1, 0.1, 0.2, 0.1];
//! let sessions = Sessions::equal(6, 3)?;
//! let found = evaluate(&labels, &probabilities, Some(&sessions), &EvaluateOptions::default())?;
//! assert_eq!(found.auc, Some(1.0));
//! assert_eq!(found.precision_at_1, Some(1.0));
//! assert_eq!((found.rows, found.sessions, found.picked_sessions), (6, 2, 1));
//! # Ok::<(), mlp_core::metrics::MetricError>(())
//! ```

mod auc;
mod average_precision;
mod bootstrap;
mod brier;
mod calibration;
mod check;
mod choice;
mod confusion;
mod error;
mod evaluate;
mod lift;
mod log_loss;
mod predictions;
mod ranking;
mod segments;
mod sessions;
mod statistic;
mod ties;
mod weighted;
mod wilson;

pub use auc::roc_auc;
pub use average_precision::average_precision;
pub use bootstrap::{
    BootstrapOptions, EvaluationWithIntervals, Interval, evaluate_with_intervals, mean_interval,
    ratio_interval,
};
pub use brier::brier;
pub use calibration::{Binning, ReliabilityBin, calibration_error, reliability};
pub use choice::{choice_log_loss, choice_losses};
pub use confusion::Confusion;
pub use error::MetricError;
pub use evaluate::{EvaluateOptions, Evaluation, evaluate};
pub use lift::{LiftPoint, lift};
pub use log_loss::log_loss;
pub use predictions::Predictions;
pub use ranking::{
    mrr, ndcg, precision_at_1, precision_at_k, session_ndcg, session_precision,
    session_reciprocal_rank,
};
pub use segments::{Segment, segments};
pub use sessions::Sessions;
pub use statistic::Statistic;
pub use weighted::WeightedEvaluator;

pub(crate) use check::share as check_share;
pub(crate) use wilson::wilson;
