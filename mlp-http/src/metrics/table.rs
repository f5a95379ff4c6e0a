//! Every metric, as data: what is registered and what `docker/prometheus/METRICS.md` tells of it.

mod learning;

use prometheus_client::metrics::MetricType;

pub(crate) use learning::*;

/// How the numbers of several API processes become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    /// Each process counts its own.
    Sum,
    /// Each process tells the same of the one store: a sum would count it as often as there are
    /// processes.
    Max,
    /// What one process tells is about it alone.
    Each,
}

/// Which processes tell a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Where {
    Everywhere,
    /// Where tasks go over a broker.
    Broker,
    /// Where a model serves.
    Model,
    /// Where the newest look at the live traffic has the number.
    Look,
}

/// The values that a label can have. There is none whose values a client chooses.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Values {
    /// One of these.
    Of(&'static [&'static str]),
    /// What the text says.
    Told(
        #[cfg_attr(not(test), expect(dead_code, reason = "the document alone has it"))]
        &'static str,
    ),
}

/// One metric.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    /// The name without unit and suffix.
    pub name: &'static str,
    pub kind: MetricType,
    /// `seconds`, or nothing.
    pub unit: &'static str,
    pub labels: &'static [(&'static str, Values)],
    #[cfg_attr(not(test), expect(dead_code, reason = "the document alone has it"))]
    pub over: Over,
    pub told: Where,
    pub help: &'static str,
}

use MetricType::{Counter, Gauge, Histogram, Info};
use Over::{Each, Max, Sum};
use Values::{Of, Told};

/// Methods as labels name them; the last stands for any other.
pub(crate) const METHODS: [&str; 8] = [
    "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "OTHER",
];

/// Statuses as labels name them; the last stands for any other.
pub(crate) const STATUSES: [&str; 20] = [
    "200", "204", "303", "400", "401", "403", "404", "405", "408", "409", "413", "415", "422",
    "429", "431", "500", "501", "503", "504", "other",
];

/// Stages of a request's way.
pub(crate) const STAGES: [&str; 7] = [
    "queue_wait",
    "commit",
    "lookup",
    "read",
    "rank",
    "render",
    "wait",
];

/// Why a request failed through no fault of its own.
pub(crate) const REASONS: [&str; 8] = [
    "internal",
    "panic",
    "deadline",
    "store",
    "requests_full",
    "tasks_full",
    "stopping",
    "task_failed",
];

const TASKS: &[(&str, Values)] = &[("kind", Of(&["inference", "training", "monitoring"]))];

const REQUEST: &[(&str, Values)] = &[
    ("method", Of(&METHODS)),
    (
        "path",
        Told("a route's pattern, cut to two segments, or `unknown`"),
    ),
    ("status_code", Of(&STATUSES)),
    ("app_name", Told("`mlp`, or what the program says")),
];

const fn row(
    name: &'static str,
    kind: MetricType,
    labels: &'static [(&'static str, Values)],
    over: Over,
    help: &'static str,
) -> Row {
    Row {
        name,
        kind,
        unit: "",
        labels,
        over,
        told: Where::Everywhere,
        help,
    }
}

impl Row {
    const fn seconds(mut self) -> Self {
        self.unit = "seconds";
        self
    }

    const fn over_a_broker(mut self) -> Self {
        self.told = Where::Broker;
        self
    }

    const fn of_a_model(mut self) -> Self {
        self.told = Where::Model;
        self
    }

    /// The values of its only label; none where it has another number of labels, or they are not a
    /// closed set.
    pub fn values(&self) -> &'static [&'static str] {
        match self.labels {
            [(_, Of(values))] => values,
            _ => &[],
        }
    }
}

pub(crate) const REQUESTS: Row = row(
    "api_request",
    Counter,
    REQUEST,
    Sum,
    "Requests that were answered",
);
pub(crate) const EXCEPTIONS: Row = row(
    "api_exception",
    Counter,
    REQUEST,
    Sum,
    "Requests that were answered with a status of 500 or more, after a panic or a deadline too",
);
pub(crate) const TIMES: Row = row(
    "api_processing_time",
    Histogram,
    REQUEST,
    Sum,
    "Time from a request's head to its answer, in seconds; that of a long poll includes the wait",
);
pub(crate) const ACTIVE: Row = row(
    "api_active_inferences",
    Gauge,
    &[],
    Max,
    "Inferences that are not final, counted in the store",
);
pub(crate) const FAILURES: Row = row(
    "mlp_failures",
    Counter,
    &[("reason", Of(&REASONS))],
    Sum,
    "Requests that failed through no fault of their own, by the reason",
);
pub(crate) const ABANDONED: Row = row(
    "mlp_abandoned",
    Counter,
    &[],
    Sum,
    "Requests whose connection ended before their answer; no other metric counts them",
);
pub(crate) const SWEPT: Row = row(
    "mlp_swept",
    Counter,
    &[],
    Sum,
    "Inferences that this process ended in FAILURE because nobody took them in time",
);
pub(crate) const SHOWN: Row = row(
    "mlp_shown",
    Counter,
    &[],
    Sum,
    "Lists of results that were shown",
);
pub(crate) const SELECTIONS: Row = row(
    "mlp_selections",
    Counter,
    &[("answer", Of(&["pick", "none"]))],
    Sum,
    "Selections that were kept; a repeated one counts again",
);
pub(crate) const WAITING: Row = row(
    "mlp_queue_waiting",
    Gauge,
    TASKS,
    Max,
    "Tasks that wait for a worker, in the store",
);
pub(crate) const STARTED: Row = row(
    "mlp_queue_started",
    Gauge,
    TASKS,
    Max,
    "Tasks that a worker holds a lease of, in the store",
);
pub(crate) const OLDEST: Row = row(
    "mlp_queue_oldest",
    Gauge,
    TASKS,
    Max,
    "Age of the oldest task that is not final, 0 without one",
)
.seconds();
pub(crate) const STORE_UP: Row = row(
    "mlp_store_up",
    Gauge,
    &[],
    Each,
    "1 where the store told of its queue when it was last asked; 0: the queue's metrics are old",
);
pub(crate) const ITEMS: Row = row(
    "mlp_catalog_items",
    Gauge,
    &[],
    Each,
    "Items that this process ranks",
);
pub(crate) const MODELS: Row = row(
    "mlp_serving_models",
    Gauge,
    &[],
    Each,
    "Models with traffic in this process; 0: every list is random",
);
pub(crate) const STAGE: Row = row(
    "mlp_stage",
    Histogram,
    &[("stage", Of(&STAGES))],
    Sum,
    "Time in one stage of a request's way",
)
.seconds();
pub(crate) const BATCH: Row = row(
    "mlp_batch_size",
    Histogram,
    &[("kind", Of(&["write", "lookup"]))],
    Sum,
    "Operations that shared a transaction",
);
pub(crate) const QUEUE: Row = row(
    "mlp_store_queue",
    Gauge,
    &[("kind", Of(&["write", "lookup", "read"]))],
    Sum,
    "Operations that wait for this process's store threads",
);
pub(crate) const CONNECTIONS: Row = row(
    "mlp_connections",
    Gauge,
    &[],
    Sum,
    "Open connections of clients",
);
pub(crate) const WAITERS: Row = row(
    "mlp_waiters",
    Gauge,
    &[],
    Sum,
    "Requests that wait for a task's end",
);
pub(crate) const BUILD: Row = row(
    "mlp_build",
    Info,
    &[("version", Told("the program's version"))],
    Each,
    "What runs; always 1",
);

pub(crate) const TRANSPORT_CONNECTED: Row = row(
    "mlp_transport_connected",
    Gauge,
    &[("to", Of(&["broker", "results"]))],
    Each,
    "1 where this process is connected to RabbitMQ (`broker`), and where Redis (`results`) answered when it was last used",
)
.over_a_broker();
pub(crate) const TRANSPORT_PUBLISHED: Row = row(
    "mlp_transport_published",
    Counter,
    &[],
    Sum,
    "Messages that the broker confirmed",
)
.over_a_broker();
pub(crate) const TRANSPORT_POSTPONED: Row = row(
    "mlp_transport_postponed",
    Counter,
    &[],
    Sum,
    "Tasks that were not published at once because too many waited; they are published later",
)
.over_a_broker();
pub(crate) const TRANSPORT_RESENT: Row = row(
    "mlp_transport_resent",
    Counter,
    &[],
    Sum,
    "Tasks that were published again because nobody had taken them",
)
.over_a_broker();
pub(crate) const TRANSPORT_RECEIVED: Row = row(
    "mlp_transport_received",
    Counter,
    &[],
    Sum,
    "Messages received; by a process that works only",
)
.over_a_broker();
pub(crate) const TRANSPORT_MIRRORED: Row = row(
    "mlp_transport_mirrored",
    Counter,
    &[],
    Sum,
    "States and results written to Redis",
)
.over_a_broker();
pub(crate) const TRANSPORT_UNMIRRORED: Row = row(
    "mlp_transport_unmirrored",
    Counter,
    &[],
    Sum,
    "States and results given up because the process stopped while Redis was away",
)
.over_a_broker();
pub(crate) const TRANSPORT_COLLECTED: Row = row(
    "mlp_transport_collected",
    Counter,
    &[],
    Sum,
    "Results of other programs that were stored",
)
.over_a_broker();

/// All of them, in the document's order.
#[cfg(test)]
pub(crate) const TABLE: [Row; 58] = [
    REQUESTS,
    EXCEPTIONS,
    TIMES,
    ACTIVE,
    FAILURES,
    ABANDONED,
    SWEPT,
    SHOWN,
    SELECTIONS,
    WAITING,
    STARTED,
    OLDEST,
    STORE_UP,
    ITEMS,
    MODELS,
    STAGE,
    BATCH,
    QUEUE,
    CONNECTIONS,
    WAITERS,
    BUILD,
    DECISIONS,
    EXPLORATION,
    RAISED,
    MODEL,
    MODEL_SHARE,
    MODEL_CREATED,
    WATCH_TIME,
    WATCH_WINDOW,
    WATCH_REFERENCE,
    DRIFT_ALARM,
    DRIFT_DETECTED,
    DRIFT_P,
    DRIFT_PSI,
    DRIFT_KS,
    PICK_ANSWERED,
    PICK_RATE,
    PICK_LOW,
    PICK_HIGH,
    PICK_EXPECTED,
    EXPLORED,
    LOG_LOSS,
    LOG_LOSS_LOW,
    LOG_LOSS_HIGH,
    PRECISION,
    PRECISION_LOW,
    PRECISION_HIGH,
    COVERAGE,
    DELAY_P50,
    DELAY_P90,
    TRANSPORT_CONNECTED,
    TRANSPORT_PUBLISHED,
    TRANSPORT_POSTPONED,
    TRANSPORT_RESENT,
    TRANSPORT_RECEIVED,
    TRANSPORT_MIRRORED,
    TRANSPORT_UNMIRRORED,
    TRANSPORT_COLLECTED,
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The name as queries say it; that of a histogram without `_bucket`, `_sum` and `_count`.
    fn full_name(row: &Row) -> String {
        let unit = if row.unit.is_empty() { "" } else { "_" };
        let suffix = match row.kind {
            Counter => "_total",
            Info => "_info",
            _ => "",
        };
        format!("{}{unit}{}{suffix}", row.name, row.unit)
    }

    fn labels(row: &Row) -> String {
        let label = |(name, values): &(&str, Values)| match values {
            Of(values) => {
                let values: Vec<String> = values.iter().map(|v| format!("`{v}`")).collect();
                format!("`{name}`: {}", values.join(" "))
            }
            Told(text) => format!("`{name}`: {text}"),
        };
        let all: Vec<String> = row.labels.iter().map(label).collect();
        all.join("; ")
    }

    fn markdown() -> String {
        let mut text = String::from(
            "| metric | type | unit | over processes | meaning | labels |\n|---|---|---|---|---|---|\n",
        );
        for row in &TABLE {
            let kind = format!("{:?}", row.kind).to_lowercase();
            // The old name of the request's time has no unit in it.
            let unit = match row.help.contains("in seconds") {
                true => "seconds",
                false => row.unit,
            };
            let over = format!("{:?}", row.over).to_lowercase();
            let name = full_name(row);
            let mark = match row.told {
                Where::Everywhere => "",
                Where::Broker => " (broker)",
                Where::Model => " (model)",
                Where::Look => " (look)",
            };
            let help = row.help;
            text += &format!(
                "| `{name}`{mark} | {kind} | {unit} | {over} | {help} | {} |\n",
                labels(row)
            );
        }
        text
    }

    #[test]
    fn closed_sets_are_those_of_the_store() {
        let decisions = mlp_store::DecisionKind::ALL.map(mlp_store::DecisionKind::name);
        assert_eq!(DECISIONS.values(), decisions);
        let tasks = mlp_store::TaskKind::ALL.map(mlp_store::TaskKind::name);
        assert_eq!(WAITING.values(), tasks);
    }

    #[test]
    fn the_document_has_the_table() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../docker/prometheus/METRICS.md"
        );
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let wanted = markdown();
        assert!(text.contains(&wanted), "METRICS.md has not:\n{wanted}");
    }
}
