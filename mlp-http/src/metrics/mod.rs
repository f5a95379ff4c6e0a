//! What Prometheus sees.

mod history;
mod learning;
mod store;
mod table;
mod text;
mod transport;

use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use hyper::{Method, StatusCode};
use mlp_core::Schema;
use mlp_store::{QueueDepth, Serving, TaskKind, Transport};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry, Unit};
use tokio::sync::Mutex;

use crate::pages::Tally;
pub(crate) use history::{History, Stretch};
use learning::Learning;
pub(crate) use store::Said;
use table::{METHODS, Row, STATUSES};
pub(crate) use text::Format;
use transport::OfTransport;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    path: Arc<str>,
    status_code: &'static str,
    app_name: Arc<str>,
}

type OneLabel = [(&'static str, &'static str); 1];

type Histograms<Labels> = Family<Labels, Histogram, fn() -> Histogram>;

/// How old what the store said may be: so often it is asked at most, however many scrape.
const FRESH: Duration = Duration::from_secs(1);

/// The handles of one combination of labels.
#[derive(Debug)]
struct Series {
    requests: Counter,
    exceptions: Counter,
    time: Histogram,
}

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
    times: Histograms<RequestLabels>,
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
    pub abandoned: Counter,
    pub swept: Counter,
    failures: Family<OneLabel, Counter>,
    pub shown: Counter,
    pub picks: Counter,
    pub nones: Counter,
    /// What users asked for in the last hour.
    pub history: History,
    active: Gauge,
    waiting: Family<OneLabel, Gauge>,
    started: Family<OneLabel, Gauge>,
    oldest: Family<OneLabel, Gauge<f64, std::sync::atomic::AtomicU64>>,
    store_up: Gauge,
    catalog_items: Gauge,
    serving_models: Gauge,
    learning: Learning,
    asked: Mutex<Asked>,
}

/// When the store was asked, and what version of its registry it said.
#[derive(Debug, Default)]
struct Asked {
    at: Option<Instant>,
    registry: Option<i64>,
}

/// Those of Python's client, which dashboards may name, and finer ones below.
fn request_time() -> Histogram {
    Histogram::new([
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5,
        5.0, 7.5, 10.0, 30.0,
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

/// Registers a row's metric.
fn register<M: Metric + Clone>(registry: &mut Registry, row: &Row, metric: M) -> M {
    let (name, help) = (row.name, row.help);
    match unit(row) {
        Some(unit) => registry.register_with_unit(name, help, unit.clone(), metric.clone()),
        None => registry.register(name, help, metric.clone()),
    }
    metric
}

fn unit(row: &Row) -> Option<&'static Unit> {
    (row.unit == "seconds").then_some(&Unit::Seconds)
}

fn one<M: Metric + Clone + Default>(registry: &mut Registry, row: &Row) -> M {
    register(registry, row, M::default())
}

fn stages(registry: &mut Registry) -> Stages {
    let family: Histograms<OneLabel> = Family::new_with_constructor(stage_time);
    let family = register(registry, &table::STAGE, family);
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

/// All reasons from the start: of a counter that appears with its first event, a rate misses that.
fn failures(registry: &mut Registry) -> Family<OneLabel, Counter> {
    let family: Family<OneLabel, Counter> = one(registry, &table::FAILURES);
    for &reason in table::FAILURES.values() {
        drop(family.get_or_create(&[("reason", reason)]));
    }
    family
}

impl Metrics {
    /// With the transport's, where it has any.
    pub fn new(
        app_name: &str,
        schema: &Schema,
        paths: &[String],
        transport: Option<Arc<dyn Transport>>,
    ) -> Self {
        let mut all = Registry::default();
        let registry = &mut all;
        let requests = one(registry, &table::REQUESTS);
        let exceptions = one(registry, &table::EXCEPTIONS);
        let times = Family::new_with_constructor(request_time as fn() -> Histogram);
        let times = register(registry, &table::TIMES, times);
        let batches: Histograms<OneLabel> = Family::new_with_constructor(sizes);
        let batches = register(registry, &table::BATCH, batches);
        let queues: Family<OneLabel, Gauge> = one(registry, &table::QUEUE);
        let answers: Family<OneLabel, Counter> = one(registry, &table::SELECTIONS);
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        registry.register(table::BUILD.name, table::BUILD.help, Info::new(version));
        if let Some(transport) = transport {
            registry.register_collector(Box::new(OfTransport(transport)));
        }
        let learning = Learning::new(schema);
        registry.register_collector(Box::new(learning.clone()));
        let cells = paths.len() * METHODS.len() * STATUSES.len();
        Self {
            requests,
            exceptions,
            times,
            app_name: app_name.into(),
            paths: paths.iter().map(|p| p.as_str().into()).collect(),
            series: (0..cells).map(|_| OnceLock::new()).collect(),
            stages: stages(registry),
            write_batch: batches.get_or_create_owned(&[("kind", "write")]),
            lookup_batch: batches.get_or_create_owned(&[("kind", "lookup")]),
            write_queue: queues.get_or_create_owned(&[("kind", "write")]),
            lookup_queue: queues.get_or_create_owned(&[("kind", "lookup")]),
            read_queue: queues.get_or_create_owned(&[("kind", "read")]),
            picks: answers.get_or_create_owned(&[("answer", "pick")]),
            nones: answers.get_or_create_owned(&[("answer", "none")]),
            history: History::new(),
            connections: one(registry, &table::CONNECTIONS),
            waiters: one(registry, &table::WAITERS),
            shown: one(registry, &table::SHOWN),
            abandoned: one(registry, &table::ABANDONED),
            swept: one(registry, &table::SWEPT),
            failures: failures(registry),
            active: one(registry, &table::ACTIVE),
            waiting: one(registry, &table::WAITING),
            started: one(registry, &table::STARTED),
            oldest: one(registry, &table::OLDEST),
            store_up: one(registry, &table::STORE_UP),
            catalog_items: one(registry, &table::ITEMS),
            serving_models: one(registry, &table::MODELS),
            learning,
            asked: Mutex::default(),
            registry: all,
        }
    }

    /// Counts an answered request; `path` is the position of its label.
    pub fn record(&self, path: usize, method: &Method, status: StatusCode, took: Duration) {
        let method = METHODS.iter().position(|m| *m == method.as_str());
        let method = method.unwrap_or(METHODS.len() - 1);
        let is_exception = status.as_u16() >= 500;
        let status = STATUSES.iter().position(|s| *s == status.as_str());
        let status = status.unwrap_or(STATUSES.len() - 1);
        let cell = (path * METHODS.len() + method) * STATUSES.len() + status;
        let series = self.series[cell].get_or_init(|| {
            let labels = RequestLabels {
                method: METHODS[method],
                path: Arc::clone(&self.paths[path]),
                status_code: STATUSES[status],
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
        if is_exception {
            series.exceptions.inc();
        }
    }

    /// The answers of users, as the pages tell of them.
    pub fn tally(&self) -> Tally {
        Tally {
            shown: self.shown.get(),
            picks: self.picks.get(),
            nones: self.nones.get(),
        }
    }

    /// Counts a failure by its reason, one of [`table::REASONS`].
    pub fn failed(&self, reason: &'static str) {
        self.failures.get_or_create(&[("reason", reason)]).inc();
    }

    /// Keeps what the store says; where it was asked just now, or is being asked, it is not asked
    /// again. `ask` is given the version of the registry that is known. `None`, it did not say: the
    /// numbers stay what they were.
    pub async fn ask_store<F: Future<Output = Option<Said>>>(
        &self,
        ask: impl FnOnce(Option<i64>) -> F,
    ) {
        let mut asked = self.asked.lock().await;
        if asked.at.is_some_and(|at| at.elapsed() < FRESH) {
            return;
        }
        let said = ask(asked.registry).await;
        self.store_up.set(i64::from(said.is_some()));
        if let Some(said) = said {
            for (kind, depth) in &said.depths {
                self.queue(*kind, depth);
            }
            self.learning.looked(said.report);
            if let Some(decisions) = said.decisions {
                self.learning.decided(decisions);
            }
            asked.registry = Some(said.registry);
        }
        asked.at = Some(Instant::now());
    }

    fn queue(&self, kind: TaskKind, depth: &QueueDepth) {
        let labels = [("kind", kind.name())];
        let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let (waiting, started) = (signed(depth.waiting), signed(depth.started));
        self.waiting.get_or_create(&labels).set(waiting);
        self.started.get_or_create(&labels).set(started);
        let oldest = depth.oldest_us as f64 / 1e6;
        self.oldest.get_or_create(&labels).set(oldest);
        if kind == TaskKind::Inference {
            self.active.set(waiting.saturating_add(started));
        }
    }

    /// Keeps what is served.
    pub fn serving(&self, serving: &Serving) {
        let items = serving.catalog().items().len();
        self.catalog_items.set(items as i64);
        self.serving_models.set(serving.models().len() as i64);
        self.learning.serves(serving);
    }

    /// All of it.
    pub fn encode(&self, format: Format) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &self.registry);
        match format {
            Format::Open => text,
            Format::Plain => text::plain(&text),
        }
    }
}
