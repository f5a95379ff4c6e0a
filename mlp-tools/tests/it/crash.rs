//! Servers that are killed at random moments, under traffic: what was acknowledged is there.
//!
//! The server is a process of its own and is killed with SIGKILL; the clients' log of
//! acknowledgements is written durably outside of it, and compared with the database row by row.
//! `MLP_CRASHES` sets how often it is killed: 5 times unless set, 20 in `scripts/verify.sh`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mlp_data::{Date, Mix, UserConfig, UserSampler};
use mlp_tools::traffic::{Client, Event, Observer, Plan, Report, Shared, run};
use tokio::sync::watch;

use crate::faulty;
use crate::log::Log;
use crate::process::{Server, free_port};

impl Observer for Log {
    fn on(&self, event: Event<'_>) {
        match event {
            Event::Started { task_id, .. } => self.write(format_args!("accepted {task_id}")),
            Event::Selected {
                task_id,
                location_id,
                ..
            } => self.write(format_args!("selected {task_id} {location_id}")),
            _ => {}
        }
    }
}

/// What the clients were promised.
#[derive(Default)]
struct Promises {
    accepted: Vec<String>,
    selected: HashMap<String, i64>,
}

impl Promises {
    fn read(path: &Path) -> Self {
        let mut promises = Self::default();
        for line in std::fs::read_to_string(path).unwrap().lines() {
            match line.split(' ').collect::<Vec<_>>()[..] {
                ["accepted", task] => promises.accepted.push(task.to_owned()),
                ["selected", task, item] => {
                    promises
                        .selected
                        .insert(task.to_owned(), item.parse().unwrap());
                }
                _ => panic!("`{line}` is no line of the log"),
            }
        }
        promises
    }
}

/// What is wrong with the database, compared with what was promised.
#[derive(Debug, Default, PartialEq)]
struct Broken {
    unknown: usize,
    unfinished: usize,
    missing_selections: usize,
    other_selections: usize,
    doubled: usize,
}

/// Compares the database, row by row, with what was promised.
fn compare(database: &Path, promises: &Promises) -> Broken {
    let db = rusqlite::Connection::open(database).unwrap();
    let mut query = db
        .prepare(
            "SELECT status, selected, selected_rank, shown_n FROM inferences WHERE task_id = ?1",
        )
        .unwrap();
    let mut broken = Broken::default();
    for task in &promises.accepted {
        let id = task.parse::<uuid::Uuid>().unwrap();
        let rows: Vec<(i64, Option<i64>)> = query
            .query_map([id.as_bytes().as_slice()], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let [(status, selected)] = rows[..] else {
            broken.unknown += usize::from(rows.is_empty());
            broken.doubled += rows.len().saturating_sub(1);
            continue;
        };
        // 3 is SUCCESS, 4 is FAILURE.
        broken.unfinished += usize::from(status < 3);
        match (promises.selected.get(task), selected) {
            (Some(_), None) => broken.missing_selections += 1,
            (Some(promised), Some(found)) => {
                broken.other_selections += usize::from(*promised != found);
            }
            (None, _) => {}
        }
    }
    broken
}

fn plan(port: u16, seed: u64) -> Plan {
    let users = UserConfig::from_reader("user.tsv", mlp_data::shipped::USERS.as_bytes()).unwrap();
    let sampler = UserSampler::new(&users.value, Mix::Even, Date::FIRST_OF_2026);
    Plan::builder(
        format!("http://127.0.0.1:{port}").parse().unwrap(),
        move |_, rng| sampler.sample(rng),
    )
    .parallel(8)
    .answer(1.0)
    .seed(seed)
    .timeout(Duration::from_secs(5))
    .check()
    .unwrap()
}

/// Traffic in a thread of its own, until it is told to stop.
struct Traffic {
    stop: watch::Sender<bool>,
    thread: std::thread::JoinHandle<Report>,
}

impl Traffic {
    fn start(port: u16, seed: u64, log: Arc<Log>) -> Self {
        let (stop, mut stopped) = watch::channel(false);
        let thread = std::thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap()
                .block_on(run(plan(port, seed), Shared(log), async move {
                    let _ = stopped.wait_for(|stop| *stop).await;
                }))
        });
        Self { stop, thread }
    }

    fn stop(self) -> Report {
        self.stop.send_replace(true);
        self.thread.join().unwrap()
    }
}

/// Waits until every accepted session is final, by the server's own word.
fn settle(port: u16, promises: &Promises) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let target = format!("http://127.0.0.1:{port}").parse().unwrap();
        let mut client = Client::new(target);
        let end = Instant::now() + Duration::from_secs(60);
        for task in &promises.accepted {
            while Instant::now() < end {
                match client.status(task, Duration::from_secs(10)).await {
                    Ok(state) if !state.is_final() => {}
                    _ => break,
                }
            }
        }
    });
}

struct Outcome {
    promises: Promises,
    broken: Broken,
    report: Report,
}

/// Kills the server `crashes` times under traffic, starting it again each time, and compares.
fn crash(start: impl Fn(&Path, u16) -> Server, crashes: u32, seed: u64) -> Outcome {
    let dir = tempfile::tempdir().unwrap();
    let data: PathBuf = dir.path().join("data");
    let log_path = dir.path().join("acknowledged.log");
    let log = Arc::new(Log::create(&log_path));
    let port = free_port();
    let mut server = start(&data, port);
    server.wait_until_ready();
    let traffic = Traffic::start(port, seed, log);
    let mut random = seed;
    for _ in 0..crashes {
        // Any moment will do; this one differs from run to run of the loop.
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        std::thread::sleep(Duration::from_millis(150 + (random >> 33) % 450));
        server.kill();
        server = start(&data, port);
        server.wait_until_ready();
    }
    std::thread::sleep(Duration::from_millis(300));
    let report = traffic.stop();
    let promises = Promises::read(&log_path);
    settle(port, &promises);
    server.stop();
    let broken = compare(&data.join("mlp.db"), &promises);
    Outcome {
        promises,
        broken,
        report,
    }
}

#[test]
fn killed_servers_keep_what_they_acknowledged() {
    let crashes = std::env::var("MLP_CRASHES").map_or(5, |n| n.parse().unwrap());
    let outcome = crash(
        |data, port| Server::up(data, port, &["--sessions", "100", "--settle", "0"]),
        crashes,
        1,
    );
    println!(
        "{crashes} crashes: {} accepted, {} selections acknowledged, {} errors seen, {:?}",
        outcome.promises.accepted.len(),
        outcome.promises.selected.len(),
        outcome.report.errors,
        outcome.broken
    );
    assert!(outcome.promises.selected.len() > 50 * crashes as usize);
    assert_eq!(outcome.broken, Broken::default());
}

/// The same test with a server that answers before it commits: it must find that out.
#[test]
fn a_server_that_answers_before_it_commits_is_caught() {
    let outcome = crash(
        |data, port| Server::start(faulty::command(data, port), port),
        5,
        2,
    );
    println!(
        "{} accepted, {} selections acknowledged, {:?}",
        outcome.promises.accepted.len(),
        outcome.promises.selected.len(),
        outcome.broken
    );
    assert!(outcome.broken.unknown + outcome.broken.missing_selections > 0);
}
