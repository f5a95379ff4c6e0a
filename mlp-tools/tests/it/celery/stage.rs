//! One publisher, one worker, and what lies between them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mlp_core::Schema;
use mlp_data::{Date, Mix, UserConfig, UserSampler};
use mlp_store::StoreOptions;
use mlp_store::conformance::postgres::TestDatabase;
use mlp_store::conformance::services::Space;
use mlp_store::postgres::{PostgresConfig, PostgresStore};
use rand::SeedableRng;
use serde_json::{Value, json};

use super::gate::Gate;
use super::python::{Driver, PythonWorker};
use crate::chaos::verdict;
use crate::faulty::add_items;
use crate::process::{self, Server, free_port, request};

/// Of our workers: what a killed one held is soon free.
const LEASE: Duration = Duration::from_secs(1);

/// How long anything may take here.
pub const PATIENCE: Duration = Duration::from_secs(40);

/// So many workers, one after another, may not leave a message behind.
const ROUNDS: usize = 4;

/// Whose publisher, whose worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Ours,
    Python,
}

impl Side {
    pub fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Python => "Python",
        }
    }
}

enum Worker {
    Ours(Server),
    Python(PythonWorker),
}

/// A publisher and a worker with a queue of their own, and a database where one of them is ours.
pub struct Stage {
    pub publisher: Side,
    pub worker: Side,
    pub space: Space,
    pub driver: Driver,
    /// `None` where both are Python.
    pub gate: Option<Gate>,
    process: Option<Worker>,
    api: Option<Server>,
    items: usize,
    directory: tempfile::TempDir,
    // Dropped last: the processes above use it.
    database: Option<TestDatabase>,
}

impl Stage {
    pub fn set(publisher: Side, worker: Side, space: Space) -> Self {
        let ours = publisher == Side::Ours || worker == Side::Ours;
        let database = ours.then(TestDatabase::create);
        let url = database.as_ref().map(TestDatabase::url);
        let items = url.as_deref().map_or(100, prepare);
        let driver = Driver::start(&space);
        let mut stage = Self {
            publisher,
            worker,
            driver,
            gate: url.as_deref().map(Gate::build),
            process: None,
            api: None,
            items,
            directory: tempfile::tempdir().unwrap(),
            database,
            space,
        };
        if publisher == Side::Ours {
            stage.start_api();
        }
        stage.start_worker();
        stage
    }

    pub fn name(&self) -> String {
        format!("{} -> {}", self.publisher.name(), self.worker.name())
    }

    /// Where the processes' logs are.
    pub fn log(&self) -> PathBuf {
        self.directory.path().join("log")
    }

    fn notes(&self) -> PathBuf {
        self.directory.path().join("notes")
    }

    fn ours(&self, mut command: std::process::Command) -> std::process::Command {
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log())
            .unwrap();
        command.envs(self.space.variables()).stderr(log);
        command
    }

    fn start_api(&mut self) {
        let port = free_port();
        let url = self.database.as_ref().unwrap().url();
        let command = self.ours(process::serve(self.directory.path(), port, &url));
        let mut api = Server::start(command, port);
        api.wait_until_ready();
        self.api = Some(api);
    }

    pub fn start_worker(&mut self) {
        self.process = Some(match self.worker {
            Side::Ours => {
                let url = self.database.as_ref().unwrap().url();
                let command = process::worker(self.directory.path(), &url, LEASE);
                Worker::Ours(Server::start(self.ours(command), 0))
            }
            Side::Python => Worker::Python(PythonWorker::start(
                &self.space,
                &self.notes(),
                self.items,
                &self.log(),
            )),
        });
    }

    /// In good order.
    pub fn stop_worker(&mut self) {
        match self.process.take() {
            Some(Worker::Ours(server)) => drop(server.stop()),
            Some(Worker::Python(worker)) => worker.stop(),
            None => {}
        }
    }

    /// SIGKILL, of its children too.
    pub fn kill_worker(&mut self) {
        self.process = None;
    }

    /// Publishes a task and gives its id. `name` is the user's, which says what Python's worker does;
    /// `options` are those of `driver.py`, for Python's publisher.
    pub fn publish(&self, name: &str, options: &Value) -> Result<String, String> {
        let mut user = user();
        user["name"] = json!(format!("test:{name}"));
        let id = match self.publisher {
            Side::Ours => self.post(&user)?,
            Side::Python => self.send(&user, options)?,
        };
        self.space.owns(&id);
        Ok(id)
    }

    fn post(&self, user: &Value) -> Result<String, String> {
        let (status, said) = self.ask("POST", "/inference/start", &user.to_string())?;
        let id = said["task_id"].as_str().map(str::to_owned);
        id.filter(|_| status == 200)
            .ok_or_else(|| format!("start: {status} {said}"))
    }

    /// As Python does, whoever the publisher is.
    pub fn send(&self, user: &Value, options: &Value) -> Result<String, String> {
        let mut command = json!({ "do": "send", "queue": self.space.queue(), "args": [user] });
        for (name, value) in options.as_object().into_iter().flatten() {
            command[name] = value.clone();
        }
        let said = self.driver.ask(&command)?;
        let id = said["id"].as_str().ok_or("no id")?.to_owned();
        self.space.owns(&id);
        Ok(id)
    }

    /// A request to our API: the status and the body.
    pub fn ask(&self, method: &str, path: &str, body: &str) -> Result<(u16, Value), String> {
        let port = self.api.as_ref().unwrap().port;
        let said = request(port, method, path, body).ok_or("the API does not answer")?;
        let status = said.get(9..12).and_then(|text| text.parse().ok());
        let body = said.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        let body = serde_json::from_str(body).unwrap_or_default();
        Ok((status.ok_or("no HTTP")?, body))
    }

    /// How often Python's worker began a task, and ended it.
    pub fn executions(&self, id: &str) -> (usize, usize) {
        let text = std::fs::read_to_string(self.notes()).unwrap_or_default();
        let count = |what: &str| {
            let line = format!("{id} {what}");
            text.lines().filter(|found| *found == line).count()
        };
        (count("begin"), count("end"))
    }

    /// Waits until a worker is at work on a task.
    pub fn wait_until_begun(&mut self, id: &str) -> Result<(), String> {
        if self.worker == Side::Ours {
            return self.gate.as_mut().unwrap().wait_for_somebody(PATIENCE);
        }
        until("Python's worker begins", || self.executions(id).0 > 0)
    }

    /// What Python's worker answers, by descending score.
    pub fn expected(&self) -> Vec<(i64, f64)> {
        let score = |item: i64| ((item * 37) % 101) as f64 / 101.0 + item as f64 / 1e6;
        let items = 1..=i64::try_from(self.items).unwrap();
        sorted(items.map(|item| (item, score(item))).collect())
    }

    /// What stays in the queue though the worker had its chances, also what it never acknowledged.
    /// A worker that stops gives back what it had in advance, and what an API sent again in between:
    /// the next one acknowledges that.
    pub fn left_in_queue(&mut self) -> Result<u32, String> {
        drop(self.api.take());
        let mut left = 0;
        for _ in 0..ROUNDS {
            let taken = until("the queue is taken", || {
                self.space.counts().is_ok_and(|found| found.messages == 0)
            });
            self.stop_worker();
            let counts = self.space.counts().map_err(|error| error.to_string())?;
            left = counts.messages;
            if left == 0 {
                return taken.map(|()| 0);
            }
            self.start_worker();
        }
        self.stop_worker();
        Ok(left)
    }
}

/// By descending score.
pub fn sorted(mut pairs: Vec<(i64, f64)>) -> Vec<(i64, f64)> {
    pairs.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    pairs
}

/// Waits until something holds.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) -> Result<(), String> {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        if Instant::now() > end {
            return Err(format!("{what}: not within {PATIENCE:?}"));
        }
        std::thread::sleep(Duration::from_millis(30));
    }
    Ok(())
}

/// A body for `POST /inference/start`.
pub fn user() -> Value {
    let users = UserConfig::from_reader("user.tsv", mlp_data::shipped::USERS.as_bytes()).unwrap();
    let sampler = UserSampler::new(&users.value, Mix::Even, Date::FIRST_OF_2026);
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(7);
    serde_json::to_value(sampler.sample(&mut rng).user).unwrap()
}

/// Tables, items and the notes of effects; how many items.
fn prepare(url: &str) -> usize {
    let text = include_str!("../../../../config/travel.toml");
    let schema = Arc::new(Schema::parse("travel.toml", text).unwrap());
    let config = PostgresConfig::parse(url).unwrap();
    let store = PostgresStore::open(config, Arc::clone(&schema), StoreOptions::new()).unwrap();
    add_items(&*store, &schema);
    let mut db = postgres::Client::connect(url, postgres::NoTls).unwrap();
    db.batch_execute(verdict::NOTES).unwrap();
    let count = db.query_one("SELECT count(DISTINCT location_id) FROM locations", &[]);
    usize::try_from(count.unwrap().get::<_, i64>(0)).unwrap()
}
