//! Rows of what learning and watching tell.

use super::{Counter, Gauge, Info, Max, Of, Row, Told, Values, Where, row};

const FEATURE: &[(&str, Values)] = &[(
    "feature",
    Told("a column of the schema's user, or `score`, and never another"),
)];

const MODEL_ID: (&str, Values) = ("model_id", Told("a model's number"));

/// A number that the newest look at the live traffic found; every process tells the same.
const fn look(
    name: &'static str,
    labels: &'static [(&'static str, Values)],
    help: &'static str,
) -> Row {
    let mut row = row(name, Gauge, labels, Max, help);
    row.told = Where::Look;
    row
}

pub(crate) const DECISIONS: Row = row(
    "mlp_decisions",
    Counter,
    &[(
        "kind",
        Of(&[
            "promote", "canary", "withdraw", "rollback", "reject", "wait", "alarm", "recover",
        ]),
    )],
    Max,
    "Decisions about models and traffic that were ever taken, counted in the store",
);
pub(crate) const EXPLORATION: Row = row(
    "mlp_exploration_share",
    Gauge,
    &[],
    Max,
    "The share of explored sessions in force, 0 to 1; 1 without a model",
);
pub(crate) const RAISED: Row = row(
    "mlp_exploration_raised",
    Gauge,
    &[],
    Max,
    "1 while that share is over what is set, for a challenger's or an alarm's sake",
);
pub(crate) const MODEL: Row = row(
    "mlp_model",
    Info,
    &[
        MODEL_ID,
        ("family", Of(&["logistic", "choice"])),
        ("status", Of(&["champion", "canary"])),
    ],
    Max,
    "A model that serves; always 1",
)
.of_a_model();
pub(crate) const MODEL_SHARE: Row = row(
    "mlp_model_share",
    Gauge,
    &[MODEL_ID],
    Max,
    "The share of traffic that a serving model answers, 0 to 1",
)
.of_a_model();
pub(crate) const MODEL_CREATED: Row = row(
    "mlp_model_created_timestamp",
    Gauge,
    &[MODEL_ID],
    Max,
    "When a serving model was made, since 1970",
)
.of_a_model()
.seconds();

pub(crate) const WATCH_TIME: Row = look(
    "mlp_watch_last_timestamp",
    &[],
    "When the newest look at the live traffic was taken, since 1970",
)
.seconds();
pub(crate) const WATCH_WINDOW: Row = look(
    "mlp_watch_window_requests",
    &[],
    "Requests that the newest look was at",
);
pub(crate) const WATCH_REFERENCE: Row = look(
    "mlp_watch_reference_requests",
    &[],
    "Distinct requests of the reference that these were held against",
);
pub(crate) const DRIFT_ALARM: Row = look(
    "mlp_drift_alarm",
    &[],
    "1 while an alarm is on: from the look that confirms it until the traffic agrees with the reference in force",
);
pub(crate) const DRIFT_DETECTED: Row = look(
    "mlp_drift_detected",
    FEATURE,
    "1 where the feature changed beyond noise, as the policy of the look sees it",
);
pub(crate) const DRIFT_P: Row = look(
    "mlp_drift_p_value",
    FEATURE,
    "The probability of so large a change by chance, corrected for all features and tests of the look",
);
pub(crate) const DRIFT_PSI: Row = look(
    "mlp_drift_psi",
    FEATURE,
    "Population stability index; it grows as windows shrink, and no bound of it means the same everywhere",
);
pub(crate) const DRIFT_KS: Row = look(
    "mlp_drift_ks",
    FEATURE,
    "Kolmogorov-Smirnov distance, 0 to 1; of features that are numbers",
);
pub(crate) const PICK_ANSWERED: Row = look(
    "mlp_pick_rate_answered",
    &[MODEL_ID],
    "Answered sessions of the model in the look, without explored ones",
);
pub(crate) const PICK_RATE: Row = look(
    "mlp_pick_rate",
    &[MODEL_ID],
    "Share of the answered sessions of the look, without explored ones, that have a pick, 0 to 1; what old dashboards call accuracy",
);
pub(crate) const PICK_LOW: Row = look(
    "mlp_pick_rate_low",
    &[MODEL_ID],
    "The lower bound of Wilson's 95 % interval for `mlp_pick_rate`",
);
pub(crate) const PICK_HIGH: Row = look(
    "mlp_pick_rate_high",
    &[MODEL_ID],
    "The upper bound of Wilson's 95 % interval for `mlp_pick_rate`",
);
pub(crate) const PICK_EXPECTED: Row = look(
    "mlp_pick_rate_expected",
    &[MODEL_ID],
    "The mean probability of a pick, by the model itself, over the sessions of `mlp_pick_rate`",
);
pub(crate) const EXPLORED: Row = look(
    "mlp_explored_sessions",
    &[],
    "Explored judging sessions of the look, which no model chose the items of",
);
pub(crate) const LOG_LOSS: Row = look(
    "mlp_explored_log_loss",
    &[],
    "The champion's log loss of the choice on explored judging sessions, in nats per session",
);
pub(crate) const LOG_LOSS_LOW: Row = look(
    "mlp_explored_log_loss_low",
    &[],
    "The lower bound of the 95 % bootstrap interval for `mlp_explored_log_loss`",
);
pub(crate) const LOG_LOSS_HIGH: Row = look(
    "mlp_explored_log_loss_high",
    &[],
    "The upper bound of the 95 % bootstrap interval for `mlp_explored_log_loss`",
);
pub(crate) const PRECISION: Row = look(
    "mlp_explored_precision_at_1",
    &[],
    "The share of picks on explored judging sessions that stand first by the champion's score, 0 to 1",
);
pub(crate) const PRECISION_LOW: Row = look(
    "mlp_explored_precision_at_1_low",
    &[],
    "The lower bound of the 95 % bootstrap interval for `mlp_explored_precision_at_1`",
);
pub(crate) const PRECISION_HIGH: Row = look(
    "mlp_explored_precision_at_1_high",
    &[],
    "The upper bound of the 95 % bootstrap interval for `mlp_explored_precision_at_1`",
);
pub(crate) const COVERAGE: Row = look(
    "mlp_answer_coverage",
    &[],
    "Share of the shown sessions of the look, old enough to be answered, that were, 0 to 1",
);
pub(crate) const DELAY_P50: Row = look(
    "mlp_answer_delay_p50",
    &[],
    "Median of the time from what was shown to the answer",
)
.seconds();
pub(crate) const DELAY_P90: Row = look(
    "mlp_answer_delay_p90",
    &[],
    "The 90th percentile of the time from what was shown to the answer",
)
.seconds();
