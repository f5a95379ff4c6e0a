//! A server with a planted fault: it answers before it commits.
//!
//! It runs in a process of its own, which is this test program again, asked for one test that does
//! nothing else.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use mlp_core::Schema;
use mlp_http::App;
use mlp_store::sqlite::SqliteStore;
use mlp_store::{
    Live, LiveOptions, Result, SessionOp, SessionReply, Sessions, Store, StoreOptions, TaskId,
    TaskStatus, TaskView,
};
use mlp_worker::{Worker, WorkerOptions};

const DATA: &str = "FAULTY_SERVER_DATA";
const PORT: &str = "FAULTY_SERVER_PORT";

/// Answers starts and selections at once, and commits them later.
struct AnswersFirst {
    store: Arc<dyn Store>,
    later: Sender<SessionOp>,
}

impl AnswersFirst {
    fn new(store: Arc<dyn Store>) -> Self {
        let (later, ops) = channel::<SessionOp>();
        let kept = Arc::clone(&store);
        std::thread::spawn(move || {
            while let Ok(op) = ops.recv() {
                std::thread::sleep(Duration::from_millis(2));
                let _ = kept.apply(&[op]);
            }
        });
        Self { store, later }
    }
}

impl Sessions for AnswersFirst {
    fn apply(&self, ops: &[SessionOp]) -> Result<Vec<SessionReply>> {
        ops.iter()
            .map(|op| match op {
                SessionOp::Start(session) => {
                    self.later.send(op.clone()).unwrap();
                    Ok(SessionReply::Started {
                        task_id: session.task_id,
                        status: TaskStatus::Pending,
                    })
                }
                SessionOp::Select { .. } => {
                    self.later.send(op.clone()).unwrap();
                    Ok(SessionReply::Selected(None))
                }
                other => Ok(self.store.apply(std::slice::from_ref(other))?.remove(0)),
            })
            .collect()
    }

    fn statuses(&self, ids: &[TaskId]) -> Result<Vec<Option<TaskView>>> {
        // A task that is not there yet would give the fault away.
        std::thread::sleep(Duration::from_millis(20));
        self.store.statuses(ids)
    }
}

/// The command that runs the server.
pub fn command(data: &Path, port: u16) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "faulty::serve", "--ignored"])
        .env(DATA, data)
        .env(PORT, port.to_string());
    command
}

/// No test: the server's process.
#[test]
#[ignore = "the body of another process"]
fn serve() {
    let (Ok(data), Ok(port)) = (std::env::var(DATA), std::env::var(PORT)) else {
        return;
    };
    let schema = Arc::new(
        Schema::parse("travel.toml", include_str!("../../../config/travel.toml")).unwrap(),
    );
    let path = Path::new(&data).join("mlp.db");
    let store: Arc<dyn Store> =
        SqliteStore::open(&path, Arc::clone(&schema), StoreOptions::new().server(true)).unwrap();
    if store.counts().unwrap().items == 0 {
        add_items(&*store, &schema);
    }
    let live = Live::start(
        Arc::clone(&store),
        Arc::clone(&schema),
        LiveOptions::default(),
    )
    .unwrap();
    let options = WorkerOptions::default();
    let worker = Worker::start(
        Arc::clone(&store),
        Arc::clone(&schema),
        Arc::clone(&live),
        options,
    )
    .unwrap();
    let app = App::builder(schema, Arc::clone(&store), live)
        .sessions(Arc::new(AnswersFirst::new(store)))
        .build()
        .unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let address = format!("127.0.0.1:{port}");
        let listener = tokio::net::TcpListener::bind(address).await.unwrap();
        let mut term =
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).unwrap();
        let stop = async move {
            term.recv().await;
        };
        mlp_http::serve(listener, app, stop).await.unwrap();
    });
    worker.stop(Duration::from_secs(5));
}

/// The items of the travel domain, sampled.
pub fn add_items(store: &dyn Store, schema: &Schema) {
    use rand::SeedableRng;
    let locations = mlp_data::LocationConfig::from_reader(
        "location.tsv",
        mlp_data::shipped::LOCATIONS.as_bytes(),
    )
    .unwrap();
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    let changes: Vec<_> = mlp_data::sample_catalog(&locations.value, &mut rng)
        .iter()
        .map(|location| mlp_store::ItemChange::Put {
            item_id: None,
            row: schema
                .item
                .row_from_json(&serde_json::to_value(location).unwrap())
                .unwrap(),
        })
        .collect();
    store.change_items(&changes).unwrap();
}
