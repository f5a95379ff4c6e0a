//! What Prometheus sees.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hyper::{Method, StatusCode};
use mlp_store::{QueueDepth, TaskKind};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    path: Arc<str>,
    status_code: &'static str,
    app_name: Arc<str>,
}

type OneLabel = [(&'static str, &'static str); 1];

/// The handles of one combination of labels.
#[derive(Debug)]
struct Series {
    requests: Counter,
    exceptions: Counter,
    time: Histogram,
}

const METHODS: [&str; 8] = [
    "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "OTHER",
];

/// Every status that the server answers with; the last one stands for any other.
const STATUSES: [(u16, &str); 19] = [
    (200, "200"),
    (204, "204"),
    (400, "400"),
    (401, "401"),
    (403, "403"),
    (404, "404"),
    (405, "405"),
    (408, "408"),
    (409, "409"),
    (413, "413"),
    (415, "415"),
    (422, "422"),
    (429, "429"),
    (431, "431"),
    (500, "500"),
    (501, "501"),
    (503, "503"),
    (504, "504"),
    (0, "other"),
];

/// The stages of a request's way, as [`Metrics::stage`] names them.
#[derive(Debug, Clone)]
pub(crate) struct Stages {
    /// From the handler until a store thread takes the operation.
    pub queue_wait: Histogram,
    /// One transaction of the hot path.
    pub commit: Histogram,
    /// One batch of status reads.
    pub lookup: Histogram,
    /// One read or change of anything else.
    pub read: Histogram,
    pub rank: Histogram,
    /// Making an answer's body.
    pub render: Histogram,
    /// A long-poll's wait.
    pub wait: Histogram,
}

/// All metrics of a server.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    exceptions: Family<RequestLabels, Counter>,
    times: Family<RequestLabels, Histogram, fn() -> Histogram>,
    app_name: Arc<str>,
    paths: Vec<Arc<str>>,
    /// Shape `(paths, METHODS, STATUSES)`: looked up without making a label.
    series: Vec<OnceLock<Series>>,
    pub stages: Stages,
    pub write_batch: Histogram,
    pub lookup_batch: Histogram,
    pub write_queue: Gauge,
    pub lookup_queue: Gauge,
    pub read_queue: Gauge,
    pub connections: Gauge,
    pub waiters: Gauge,
    pub panics: Counter,
    pub shown: Counter,
    pub picks: Counter,
    pub nones: Counter,
    active: Gauge,
    waiting: Family<OneLabel, Gauge>,
    started: Family<OneLabel, Gauge>,
    oldest: Family<OneLabel, Gauge<f64, std::sync::atomic::AtomicU64>>,
    catalog_items: Gauge,
    serving_models: Gauge,
}

fn request_time() -> Histogram {
    Histogram::new([
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
    ])
}

fn stage_time() -> Histogram {
    Histogram::new([
        0.000_02, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05,
        0.1, 0.25, 1.0, 5.0, 30.0,
    ])
}

fn sizes() -> Histogram {
    Histogram::new([
        1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0,
    ])
}

fn stages(registry: &mut Registry) -> Stages {
    let family: Family<OneLabel, Histogram, fn() -> Histogram> =
        Family::new_with_constructor(stage_time);
    let help = "Time in one stage of a request, in seconds";
    registry.register("mlp_stage_seconds", help, family.clone());
    let stage = |name| family.get_or_create_owned(&[("stage", name)]);
    Stages {
        queue_wait: stage("queue_wait"),
        commit: stage("commit"),
        lookup: stage("lookup"),
        read: stage("read"),
        rank: stage("rank"),
        render: stage("render"),
        wait: stage("wait"),
    }
}

impl Metrics {
    pub fn new(app_name: &str, paths: &[String]) -> Self {
        let mut all = Registry::default();
        let registry = &mut all;
        let (requests, exceptions) = (Family::default(), Family::default());
        let times = Family::new_with_constructor(request_time as fn() -> Histogram);
        registry.register("api_request", "Requests answered", requests.clone());
        let help = "Requests that ended in a status of 500 or more";
        registry.register("api_exception", help, exceptions.clone());
        let help = "Time to answer a request, in seconds";
        registry.register("api_processing_time", help, times.clone());
        let stages = stages(registry);
        let batches: Family<OneLabel, Histogram, fn() -> Histogram> =
            Family::new_with_constructor(sizes);
        registry.register("mlp_batch_size", "Operations in one batch", batches.clone());
        let queues: Family<OneLabel, Gauge> = Family::default();
        let help = "Operations that wait for a store thread";
        registry.register("mlp_store_queue", help, queues.clone());
        let answers: Family<OneLabel, Counter> = Family::default();
        let help = "Selections kept, by what was answered";
        registry.register("mlp_selections", help, answers.clone());
        let gauge = |registry: &mut Registry, name: &str, help: &str| {
            let gauge: Gauge = Gauge::default();
            registry.register(name, help, gauge.clone());
            gauge
        };
        let counter = |registry: &mut Registry, name: &str, help: &str| {
            let counter: Counter = Counter::default();
            registry.register(name, help, counter.clone());
            counter
        };
        let (waiting, started, oldest) = (Family::default(), Family::default(), Family::default());
        registry.register("mlp_queue_waiting", "Tasks that wait", waiting.clone());
        registry.register("mlp_queue_started", "Tasks under a lease", started.clone());
        let help = "Age of the oldest task that is not final, in seconds";
        registry.register("mlp_queue_oldest_seconds", help, oldest.clone());
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        registry.register("mlp_build", "What runs", Info::new(version));
        let cells = paths.len() * METHODS.len() * STATUSES.len();
        Self {
            requests,
            exceptions,
            times,
            app_name: app_name.into(),
            paths: paths.iter().map(|p| p.as_str().into()).collect(),
            series: (0..cells).map(|_| OnceLock::new()).collect(),
            stages,
            write_batch: batches.get_or_create_owned(&[("kind", "write")]),
            lookup_batch: batches.get_or_create_owned(&[("kind", "lookup")]),
            write_queue: queues.get_or_create_owned(&[("kind", "write")]),
            lookup_queue: queues.get_or_create_owned(&[("kind", "lookup")]),
            read_queue: queues.get_or_create_owned(&[("kind", "read")]),
            picks: answers.get_or_create_owned(&[("answer", "pick")]),
            nones: answers.get_or_create_owned(&[("answer", "none")]),
            connections: gauge(registry, "mlp_connections", "Open connections"),
            waiters: gauge(
                registry,
                "mlp_waiters",
                "Requests that wait for a task's end",
            ),
            panics: counter(registry, "mlp_panics", "Handlers that panicked"),
            shown: counter(registry, "mlp_shown", "Answers with results"),
            active: gauge(
                registry,
                "api_active_inferences",
                "Inferences not yet final",
            ),
            catalog_items: gauge(registry, "mlp_catalog_items", "Items that are ranked"),
            serving_models: gauge(registry, "mlp_serving_models", "Models with traffic"),
            waiting,
            started,
            oldest,
            registry: all,
        }
    }

    /// Counts an answered request; `path` is the position of its label.
    pub fn record(&self, path: usize, method: &Method, status: StatusCode, took: Duration) {
        let method = METHODS.iter().position(|m| *m == method.as_str());
        let method = method.unwrap_or(METHODS.len() - 1);
        let status = STATUSES.iter().position(|(s, _)| *s == status.as_u16());
        let status = status.unwrap_or(STATUSES.len() - 1);
        let cell = (path * METHODS.len() + method) * STATUSES.len() + status;
        let series = self.series[cell].get_or_init(|| {
            let labels = RequestLabels {
                method: METHODS[method],
                path: Arc::clone(&self.paths[path]),
                status_code: STATUSES[status].1,
                app_name: Arc::clone(&self.app_name),
            };
            Series {
                requests: self.requests.get_or_create_owned(&labels),
                exceptions: self.exceptions.get_or_create_owned(&labels),
                time: self.times.get_or_create_owned(&labels),
            }
        });
        series.requests.inc();
        series.time.observe(took.as_secs_f64());
        if STATUSES[status].0 >= 500 {
            series.exceptions.inc();
        }
    }

    /// Keeps what the store says of its queue.
    pub fn queue(&self, kind: TaskKind, depth: &QueueDepth) {
        let labels = [("kind", kind.name())];
        let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        self.waiting
            .get_or_create(&labels)
            .set(signed(depth.waiting));
        self.started
            .get_or_create(&labels)
            .set(signed(depth.started));
        self.oldest
            .get_or_create(&labels)
            .set(depth.oldest_us as f64 / 1e6);
        if kind == TaskKind::Inference {
            self.active.set(signed(depth.waiting + depth.started));
        }
    }

    /// Keeps what is served.
    pub fn serving(&self, items: usize, models: usize) {
        self.catalog_items.set(items as i64);
        self.serving_models.set(models as i64);
    }

    /// All of it as OpenMetrics text.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &self.registry);
        text
    }
}
