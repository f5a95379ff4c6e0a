//! The system under test: a private PostgreSQL, two API processes, three workers.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mlp_core::Schema;
use mlp_store::StoreOptions;
use mlp_store::conformance::postgres::Cluster;
use mlp_store::postgres::{PostgresConfig, PostgresStore};
use postgres::{Client, NoTls};

use super::verdict;
use crate::faulty::add_items;
use crate::process::{self, Server, free_port};

pub const APIS: usize = 2;
pub const WORKERS: usize = 3;

/// A process of the system, by the name that its connections have in PostgreSQL.
pub struct Process {
    pub name: String,
    /// 0 for a worker.
    port: u16,
    log: PathBuf,
    /// `None` while it is dead.
    server: Option<Server>,
    /// Whether SIGSTOP holds it.
    pub frozen: bool,
}

pub struct System {
    pub cluster: Cluster,
    /// Whether PostgreSQL runs.
    pub database_up: bool,
    pub processes: Vec<Process>,
    directory: tempfile::TempDir,
    lease: Duration,
    /// Of the processes' environment.
    variables: Vec<(String, String)>,
    /// Processes that ended by themselves; each was started again, as an init system does.
    pub ended: Vec<String>,
}

impl System {
    pub fn start(lease: Duration) -> Self {
        Self::start_with(lease, &[])
    }

    /// With these variables in the processes' environment.
    pub fn start_with(lease: Duration, variables: &[(String, String)]) -> Self {
        let cluster = Cluster::start();
        let url = cluster.url();
        prepare(&url);
        let directory = tempfile::tempdir().unwrap();
        let names = (0..APIS).map(|i| (format!("api-{i}"), free_port()));
        let names = names.chain((0..WORKERS).map(|i| (format!("worker-{i}"), 0)));
        let process = |(name, port): (String, u16)| Process {
            log: directory.path().join(format!("{name}.log")),
            name,
            port,
            server: None,
            frozen: false,
        };
        let processes = names.map(process).collect();
        let mut system = Self {
            cluster,
            database_up: true,
            processes,
            directory,
            lease,
            variables: variables.to_vec(),
            ended: Vec::new(),
        };
        for i in 0..system.processes.len() {
            system.revive(i);
        }
        system.wait_until_ready();
        system
    }

    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub fn ports(&self) -> [u16; APIS] {
        [self.processes[0].port, self.processes[1].port]
    }

    pub fn connect(&self) -> Client {
        Client::connect(&self.cluster.url(), NoTls).unwrap()
    }

    /// How many items there are.
    #[cfg(feature = "celery")]
    pub fn items(&self) -> usize {
        let sql = "SELECT count(DISTINCT location_id) FROM locations";
        let count: i64 = self.connect().query_one(sql, &[]).unwrap().get(0);
        usize::try_from(count).unwrap()
    }

    /// Starts a process that is dead.
    pub fn revive(&mut self, i: usize) {
        let process = &mut self.processes[i];
        let url = format!("{}?application_name={}", self.cluster.url(), process.name);
        let mut command = match process.port {
            0 => process::worker(self.directory.path(), &url, self.lease),
            port => process::serve(self.directory.path(), port, &url),
        };
        let mut options = OpenOptions::new();
        let log: File = options
            .create(true)
            .append(true)
            .open(&process.log)
            .unwrap();
        command.envs(self.variables.iter().cloned()).stderr(log);
        process.server = Some(Server::start(command, process.port));
    }

    pub fn is_alive(&self, i: usize) -> bool {
        self.processes[i].server.is_some()
    }

    pub fn is_api(&self, i: usize) -> bool {
        self.processes[i].port != 0
    }

    pub fn kill(&mut self, i: usize) {
        self.processes[i].server.take().unwrap().kill();
    }

    pub fn freeze(&mut self, i: usize) {
        let process = &mut self.processes[i];
        process.server.as_ref().unwrap().signal("STOP");
        process.frozen = true;
    }

    pub fn thaw(&mut self, i: usize) {
        let process = &mut self.processes[i];
        process.server.as_ref().unwrap().signal("CONT");
        process.frozen = false;
    }

    /// Starts again what ended without being killed.
    pub fn supervise(&mut self) {
        for i in 0..self.processes.len() {
            let process = &mut self.processes[i];
            let ended = process.server.as_mut().and_then(Server::ended);
            if let Some(status) = ended {
                self.ended.push(format!("{}: {status}", process.name));
                self.revive(i);
            }
        }
    }

    pub fn wait_until_ready(&mut self) {
        for process in &mut self.processes {
            if process.port != 0 {
                process.server.as_mut().unwrap().wait_until_ready();
            }
        }
    }

    /// Waits until no task is open, a minute at most; how long it took.
    pub fn drain(&self) -> Duration {
        let begun = Instant::now();
        let mut db = self.connect();
        let open = "SELECT EXISTS (SELECT FROM inferences WHERE open)
            OR EXISTS (SELECT FROM tasks WHERE open)";
        while db.query_one(open, &[]).unwrap().get(0) {
            if begun.elapsed() > Duration::from_secs(60) {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        begun.elapsed()
    }

    /// How many lines of the processes' logs contain a text.
    pub fn said(&self, text: &str) -> usize {
        let logs = self.processes.iter();
        logs.map(|p| std::fs::read_to_string(&p.log).unwrap_or_default())
            .map(|log| log.lines().filter(|line| line.contains(text)).count())
            .sum()
    }

    /// Freezes a worker that is about to keep results, and ends its connection: when it wakes up, its
    /// lease has ended, and it must try to keep them under its old token. Gives its place; `None`
    /// where no worker could be caught in time.
    pub fn freeze_at_settlement(&mut self) -> Option<usize> {
        let mut db = self.connect();
        let end = Instant::now() + Duration::from_secs(3);
        while Instant::now() < end {
            let mut lock = db.transaction().unwrap();
            // Nobody changes a row meanwhile: who has a claim waits with its results.
            lock.batch_execute(
                "SET LOCAL lock_timeout = '1s'; LOCK TABLE inferences IN SHARE MODE",
            )
            .ok()?;
            let look = Instant::now() + Duration::from_millis(60);
            while Instant::now() < look {
                let waiting = lock
                    .query(
                        "SELECT pid, application_name FROM pg_stat_activity
                        WHERE application_name LIKE 'worker-%' AND wait_event_type = 'Lock'
                            AND query LIKE 'UPDATE inferences%SET status = 3%'",
                        &[],
                    )
                    .unwrap();
                for row in waiting {
                    let (pid, name): (i32, String) = (row.get(0), row.get(1));
                    let place = self.processes.iter().position(|p| p.name == name).unwrap();
                    if !self.is_alive(place) || self.processes[place].frozen {
                        continue;
                    }
                    self.freeze(place);
                    lock.execute("SELECT pg_terminate_backend($1)", &[&pid])
                        .unwrap();
                    // It ends before it gets the lock, or its settlement would be in time.
                    let gone = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1)";
                    let until = Instant::now() + Duration::from_secs(2);
                    while Instant::now() < until {
                        lock.batch_execute("SELECT pg_stat_clear_snapshot()")
                            .unwrap();
                        if !lock.query_one(gone, &[&pid]).unwrap().get::<_, bool>(0) {
                            break;
                        }
                        std::thread::sleep(Duration::from_millis(2));
                    }
                    return Some(place);
                }
                lock.batch_execute("SELECT pg_stat_clear_snapshot()")
                    .unwrap();
                std::thread::sleep(Duration::from_millis(4));
            }
            drop(lock);
            std::thread::sleep(Duration::from_millis(15));
        }
        None
    }

    /// Ends some of the processes' connections; how many.
    pub fn cut_connections(&self, most: i64) -> i64 {
        let cut = "SELECT count(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity
            WHERE application_name ~ '^(api|worker)-' ORDER BY random() LIMIT $1) AS chosen";
        self.connect().query_one(cut, &[&most]).unwrap().get(0)
    }

    /// For a look afterwards: keeps the logs, and says where.
    pub fn keep_logs(mut self) -> PathBuf {
        std::fs::write(self.directory().join("postgres.log"), self.cluster.log()).unwrap();
        self.processes.clear();
        self.directory.keep()
    }
}

/// Tables, items, and the notes of effects.
fn prepare(url: &str) {
    let text = include_str!("../../../../config/travel.toml");
    let schema = Arc::new(Schema::parse("travel.toml", text).unwrap());
    let config = PostgresConfig::parse(url).unwrap();
    let store = PostgresStore::open(config, Arc::clone(&schema), StoreOptions::new()).unwrap();
    add_items(&*store, &schema);
    let mut db = Client::connect(url, NoTls).unwrap();
    db.batch_execute(verdict::NOTES).unwrap();
}
