//! A server in this process.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use mlp_http::{App, DrainReport, Options, Secret, serve};
use mlp_store::conformance::sample_row;
use mlp_store::sqlite::SqliteStore;
use mlp_store::{
    ClaimOptions, DecisionKind, ItemChange, Live, LiveOptions, NewDecision, NewModel, Outcome,
    RankScratch, Sessions, Settlement, Store, StoreOptions, TaskKind, Transport, Work,
};
use serde_json::Value as Json;
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::{Client, Domain};

type Wrap = Box<dyn FnOnce(Arc<dyn Store>) -> Arc<dyn Sessions>>;

/// What a server is to be like.
pub struct Setup {
    pub domain: Domain,
    pub items: u64,
    pub options: Options,
    pub store: StoreOptions,
    pub token: Option<&'static str>,
    pub public: Option<Vec<&'static str>>,
    pub worker: bool,
    /// Whether a model serves, without exploration.
    pub model: bool,
    pub wrap: Option<Wrap>,
    pub transport: Option<Arc<dyn Transport>>,
}

impl Setup {
    pub fn new(domain: Domain) -> Self {
        Self {
            domain,
            items: 30,
            options: Options::default(),
            store: StoreOptions::new(),
            token: None,
            public: None,
            worker: true,
            model: false,
            wrap: None,
            transport: None,
        }
    }

    pub fn start(self) -> Server {
        Server::start(self)
    }
}

/// A running server.
pub struct Server {
    pub domain: Domain,
    pub address: SocketAddr,
    pub store: Arc<dyn Store>,
    pub live: Arc<Live>,
    pub app: App,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<DrainReport>>,
    worker: Option<Worker>,
    directory: TempDir,
}

impl Server {
    fn start(setup: Setup) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let schema = Arc::clone(&setup.domain.schema);
        let path = directory.path().join("mlp.db");
        let store = SqliteStore::open(&path, Arc::clone(&schema), setup.store.clone());
        let store: Arc<dyn Store> = store.unwrap();
        let put = |seed| ItemChange::Put {
            item_id: None,
            row: sample_row(&schema.item, seed),
        };
        let changes: Vec<ItemChange> = (0..setup.items).map(put).collect();
        store.change_items(&changes).unwrap();
        if setup.model {
            install(store.as_ref(), setup.domain.artifact(1));
            store
                .set_setting(mlp_store::EXPLORATION_SETTING, "0")
                .unwrap();
        }
        let options = LiveOptions {
            poll: Duration::from_millis(20),
            rebuild: Duration::ZERO,
        };
        let live = Live::start(Arc::clone(&store), Arc::clone(&schema), options).unwrap();
        let mut builder = App::builder(schema, Arc::clone(&store), Arc::clone(&live));
        builder = builder.options(setup.options.clone());
        if let Some(token) = setup.token {
            builder = builder.token(Secret::new(token).unwrap());
        }
        if let Some(public) = &setup.public {
            builder = builder.public_routes(public.iter().copied());
        }
        if let Some(wrap) = setup.wrap {
            builder = builder.sessions(wrap(Arc::clone(&store)));
        }
        if let Some(transport) = setup.transport {
            builder = builder.transport(transport);
        }
        let app = builder.build().unwrap();
        let (address, stop, thread) = run(app.clone());
        let worker = setup
            .worker
            .then(|| Worker::start(Arc::clone(&store), Arc::clone(&live)));
        Self {
            domain: setup.domain,
            address,
            store,
            live,
            app,
            stop: Some(stop),
            thread: Some(thread),
            worker,
            directory,
        }
    }

    /// Takes tables away that every page needs.
    pub fn break_store(&self) {
        let path = self.directory.path().join("mlp.db");
        let connection = rusqlite::Connection::open(path).unwrap();
        connection
            .execute_batch("PRAGMA foreign_keys = OFF; DROP TABLE models")
            .unwrap();
    }

    pub fn client(&self) -> Client {
        Client::connect(self.address)
    }

    /// Starts an inference and waits for its end; gives its task.
    pub fn inference(&self, seed: i64) -> String {
        let mut client = self.client();
        let body = self.domain.request(seed);
        let task = client.json("POST", "/inference/start", &body).expect(200);
        let task = task["task_id"].as_str().unwrap().to_owned();
        let path = format!("/inference/status/{task}?wait=20");
        let status: Json = client.get(&path).expect(200);
        assert_eq!(status["status"], "SUCCESS");
        task
    }

    /// Begins the shutdown.
    pub fn begin_stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop.send(()).ok();
        }
    }

    /// Shuts down, and tells how that went.
    pub fn stop(mut self) -> DrainReport {
        self.begin_stop();
        let thread = self.thread.take().unwrap();
        thread.join().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.worker.take());
        self.begin_stop();
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

/// Makes a model the champion.
pub fn install(store: &dyn Store, artifact: String) -> i64 {
    let model = NewModel {
        task_id: None,
        artifact,
    };
    let id = store.insert_model(&model).unwrap();
    let decision = NewDecision {
        kind: DecisionKind::Promote,
        reason: "a test".to_owned(),
        evidence: "{}".to_owned(),
    };
    assert!(store.decide(id, &decision).unwrap());
    id
}

fn run(app: App) -> (SocketAddr, oneshot::Sender<()>, JoinHandle<DrainReport>) {
    let (stop, stopped) = oneshot::channel();
    let (tell, told) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell.send(listener.local_addr().unwrap()).unwrap();
            let shutdown = async {
                stopped.await.ok();
            };
            serve(listener, app, shutdown).await.unwrap()
        })
    });
    (told.recv().unwrap(), stop, thread)
}

/// Ranks what waits.
struct Worker {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    fn start(store: Arc<dyn Store>, live: Arc<Live>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut scratch = RankScratch::default();
            let mut seen = 0;
            while !stopped.load(Ordering::Relaxed) {
                if work(store.as_ref(), &live, &mut scratch) == 0 {
                    seen =
                        store.wait_for_work(TaskKind::Inference, seen, Duration::from_millis(20));
                }
            }
        });
        let thread = Some(thread);
        Self { stop, thread }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

fn work(store: &dyn Store, live: &Live, scratch: &mut RankScratch) -> usize {
    let options = ClaimOptions {
        kind: TaskKind::Inference,
        max: 256,
        lease: Duration::from_secs(30),
    };
    let leases = store.claim(&options).unwrap();
    let serving = live.current();
    let settlements: Vec<Settlement> = leases
        .iter()
        .filter_map(|lease| match &lease.work {
            Work::Inference { user, candidates } => {
                let candidates = candidates.as_deref();
                let ranking = serving.rank(&lease.task_id, user, candidates, scratch);
                Some(Settlement {
                    lease: lease.reference(),
                    outcome: Outcome::Ranked(ranking),
                })
            }
            Work::Task { .. } => None,
        })
        .collect();
    store.settle(&settlements).unwrap();
    leases.len()
}
