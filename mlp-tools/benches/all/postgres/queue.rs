//! The queue alone, from the start to the settlement, beside the same by plain statements.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use mlp_store::conformance::postgres::TestDatabase;
use mlp_store::postgres::PostgresStore;

use super::raw::{Raw, Tables};
use super::server;
use crate::args::Wanted;
use crate::load::Load;
use crate::row::{Row, median, note};

pub const NAMES: [&str; 2] = ["postgres_queue_single", "postgres_queue_batch"];

const BATCH: usize = 1024;
const REPEATS: usize = 3;

/// Threads that settle, each with a connection.
const SETTLERS: [usize; 3] = [4, 16, 48];
const IN_BATCHES: [usize; 2] = [2, 4];

/// Tasks under one lease call where each is settled by itself.
const CLAIM: usize = 64;

/// Tasks of one run.
const SINGLE: usize = 16 * BATCH;
const BATCHED: usize = 64 * BATCH;

pub fn run(wanted: &Wanted) -> Vec<Row> {
    let cluster = server::start(&[]);
    let load = Load::new();
    let url = server::url(&cluster);
    let database = TestDatabase::create_on(&url);
    let tables = Tables::create(&url, &load, BATCH);
    let most = SETTLERS.into_iter().max().unwrap_or(1);
    let store = server::open_in(&database, most + 1);
    let pair = Pair {
        load,
        store,
        tables,
    };
    let mut rows = Vec::new();
    if wanted.has(NAMES[0]) {
        let (ours, raw) = pair.best("settled singly", &SETTLERS, Pair::single, Pair::raw_single);
        let reference = "plain statements, same threads, enqueued meanwhile in batches of 1,024";
        let row = Row::new(NAMES[0], (ours, "tasks/s"), (reference, raw));
        rows.push(row.at_least(12_000.0).ratio_at_least(0.5));
    }
    if wanted.has(NAMES[1]) {
        let (ours, raw) = pair.best("in batches", &IN_BATCHES, Pair::batched, Pair::raw_batched);
        let reference = "plain statements, same threads and batches of 1,024";
        let row = Row::new(NAMES[1], (ours, "tasks/s"), (reference, raw));
        rows.push(row.at_least(40_000.0).ratio_at_least(0.5));
    }
    rows
}

struct Pair {
    load: Load,
    store: Arc<PostgresStore>,
    tables: Tables,
}

type Run = fn(&Pair, usize) -> Duration;

impl Pair {
    /// The best rates over several numbers of threads, each the median of its repeats.
    fn best(&self, what: &str, threads: &[usize], ours: Run, raw: Run) -> (f64, f64) {
        let tasks = if what == "in batches" {
            BATCHED
        } else {
            SINGLE
        };
        let rate = |run: Run, n| tasks as f64 / run(self, n).as_secs_f64();
        let (mut best, mut best_raw) = (0.0_f64, 0.0_f64);
        for &n in threads {
            let (mut rates, mut raws) = (Vec::new(), Vec::new());
            for _ in 0..REPEATS {
                rates.push(rate(ours, n));
                raws.push(rate(raw, n));
            }
            note(format_args!(
                "{what}, {n} threads: {rates:.0?} tasks/s, plain {raws:.0?}"
            ));
            (best, best_raw) = (best.max(median(rates)), best_raw.max(median(raws)));
        }
        (best, best_raw)
    }

    /// One thread enqueues; the others claim, and settle each task by a call of its own.
    fn single(&self, threads: usize) -> Duration {
        let (load, store, settled) = (&self.load, &*self.store, AtomicUsize::new(0));
        let (starts, begun) = (prepared(load, SINGLE), Instant::now());
        std::thread::scope(|scope| {
            scope.spawn(|| starts.iter().for_each(|batch| load.apply(store, batch)));
            for _ in 0..threads {
                scope.spawn(|| {
                    while settled.load(Ordering::Relaxed) < SINGLE {
                        let leases = load.claim(store, CLAIM);
                        if leases.is_empty() {
                            std::thread::sleep(Duration::from_micros(500));
                        }
                        for settlement in load.settlements(&leases) {
                            load.settle(store, &[settlement]);
                        }
                        settled.fetch_add(leases.len(), Ordering::Relaxed);
                    }
                });
            }
        });
        begun.elapsed()
    }

    fn raw_single(&self, threads: usize) -> Duration {
        let (tables, settled) = (&self.tables, AtomicUsize::new(0));
        let mut starter = tables.connect();
        let settlers: Vec<Raw<'_>> = (0..threads).map(|_| tables.connect()).collect();
        let begun = Instant::now();
        std::thread::scope(|scope| {
            scope.spawn(|| (0..SINGLE / BATCH).for_each(|_| starter.start()));
            for mut raw in settlers {
                let settled = &settled;
                scope.spawn(move || {
                    while settled.load(Ordering::Relaxed) < SINGLE {
                        let claimed = raw.claim(CLAIM);
                        if claimed.is_empty() {
                            std::thread::sleep(Duration::from_micros(500));
                        }
                        claimed.iter().for_each(|task| raw.settle_one(*task));
                        settled.fetch_add(claimed.len(), Ordering::Relaxed);
                    }
                });
            }
        });
        begun.elapsed()
    }

    /// Each thread enqueues, claims and settles batch after batch.
    fn batched(&self, threads: usize) -> Duration {
        let (load, store) = (&self.load, &*self.store);
        let starts = prepared(load, BATCHED);
        let shares: Vec<_> = starts.chunks(starts.len() / threads).collect();
        let settled = AtomicUsize::new(0);
        let begun = Instant::now();
        std::thread::scope(|scope| {
            for share in shares {
                let settled = &settled;
                scope.spawn(move || {
                    let round = |new: Option<&Vec<_>>| {
                        new.into_iter().for_each(|new| load.apply(store, new));
                        let leases = load.claim(store, BATCH);
                        if !leases.is_empty() {
                            load.settle(store, &load.settlements(&leases));
                        }
                        settled.fetch_add(leases.len(), Ordering::Relaxed);
                    };
                    share.iter().for_each(|new| round(Some(new)));
                    while settled.load(Ordering::Relaxed) < BATCHED {
                        round(None);
                    }
                });
            }
        });
        begun.elapsed()
    }

    fn raw_batched(&self, threads: usize) -> Duration {
        let connections: Vec<Raw<'_>> = (0..threads).map(|_| self.tables.connect()).collect();
        let settled = AtomicUsize::new(0);
        let begun = Instant::now();
        std::thread::scope(|scope| {
            for mut raw in connections {
                let settled = &settled;
                scope.spawn(move || {
                    let mut started = 0;
                    while settled.load(Ordering::Relaxed) < BATCHED {
                        if started < BATCHED / BATCH / threads {
                            started += 1;
                            raw.start();
                        }
                        let claimed = raw.claim(BATCH);
                        if !claimed.is_empty() {
                            raw.settle(&claimed);
                        }
                        settled.fetch_add(claimed.len(), Ordering::Relaxed);
                    }
                });
            }
        });
        begun.elapsed()
    }
}

fn prepared(load: &Load, n: usize) -> Vec<Vec<mlp_store::SessionOp>> {
    (0..n / BATCH).map(|_| load.starts(BATCH).1).collect()
}
