//! From the acknowledged start in one handle to the claim in another, when nothing else happens.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use mlp_store::conformance::postgres::Cluster;
use mlp_store::{Queue, TaskId, TaskKind};
use postgres::fallible_iterator::FallibleIterator;

use super::raw::Tables;
use super::server;
use crate::load::Load;
use crate::row::{Row, note, quantile};

pub const NAME: &str = "postgres_pickup_p95";

const TASKS: usize = 300;
const POLL: Duration = Duration::from_millis(500);

pub fn run() -> Row {
    let cluster = server::start(&[]);
    let load = Load::new();
    let ours = ours(&cluster, &load);
    let raw = raw(&cluster, &load);
    for (what, times) in [("store", &ours), ("plain", &raw)] {
        note(format_args!(
            "pick-up, {what}: p50 {:.2}, p95 {:.2}, p99 {:.2}, most {:.2} ms",
            quantile(times, 0.5),
            quantile(times, 0.95),
            quantile(times, 0.99),
            quantile(times, 1.0)
        ));
    }
    let reference = ("plain INSERT, NOTIFY, LISTEN, claim", quantile(&raw, 0.95));
    Row::new(NAME, (quantile(&ours, 0.95), "ms"), reference).at_most(10.0)
}

/// Between two tasks the system is idle: at no multiple of any period.
fn rest(n: usize) {
    std::thread::sleep(Duration::from_micros(15_000 + (n * 7919 % 20_000) as u64));
}

fn ours(cluster: &Cluster, load: &Load) -> Vec<f64> {
    let (starter, worker) = (server::open(cluster, 2), server::open(cluster, 2));
    let (claimed, claims) = mpsc::channel::<(TaskId, Instant)>();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let claimed = claimed;
            let mut seen = 0;
            while !over.load(Ordering::Relaxed) {
                let leases = load.claim(&*worker, 32);
                let now = Instant::now();
                if leases.is_empty() {
                    seen = worker.wait_for_work(TaskKind::Inference, seen, POLL);
                    continue;
                }
                load.settle(&*worker, &load.settlements(&leases));
                for lease in leases {
                    claimed.send((lease.task_id, now)).unwrap();
                }
            }
        });
        let once = |n| {
            rest(n);
            let (ids, starts) = load.starts(1);
            load.apply(&*starter, &starts);
            let acknowledged = Instant::now();
            let (id, at) = claims.recv_timeout(Duration::from_secs(10)).unwrap();
            assert_eq!(id, ids[0]);
            // It may be taken before its starter hears that it is there.
            at.saturating_duration_since(acknowledged).as_secs_f64() * 1000.0
        };
        let times = (0..TASKS).map(once).collect();
        over.store(true, Ordering::Relaxed);
        times
    })
}

fn raw(cluster: &Cluster, load: &Load) -> Vec<f64> {
    let tables = Tables::create(&server::url(cluster), load, 1);
    let (mut starter, mut worker) = (tables.connect(), tables.connect());
    let mut listener = server::connect(&tables.database.url());
    let mut teller = server::connect(&tables.database.url());
    listener.batch_execute("LISTEN work").unwrap();
    let (claimed, claims) = mpsc::channel::<Instant>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for _ in 0..TASKS {
                let task = loop {
                    let found = worker.claim(32);
                    if let Some(task) = found.first() {
                        break *task;
                    }
                    let mut heard = listener.notifications();
                    heard.timeout_iter(POLL).next().unwrap();
                };
                claimed.send(Instant::now()).unwrap();
                worker.settle_one(task);
            }
        });
        let once = |n| {
            rest(n);
            starter.start();
            let acknowledged = Instant::now();
            teller.batch_execute("NOTIFY work").unwrap();
            let at = claims.recv_timeout(Duration::from_secs(10)).unwrap();
            at.saturating_duration_since(acknowledged).as_secs_f64() * 1000.0
        };
        (0..TASKS).map(once).collect()
    })
}
