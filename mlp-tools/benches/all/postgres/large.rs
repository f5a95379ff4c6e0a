//! Single operations on millions of inferences, beside the same on a thousand.

use std::sync::Arc;
use std::time::Instant;

use mlp_store::conformance::postgres::{TestDatabase, multiply};
use mlp_store::postgres::PostgresStore;
use mlp_store::{Content, Items, Queue, SessionOp, Sessions, TaskId, TaskKind};
use postgres::Client;
use uuid::Uuid;

use super::server;
use crate::args::Wanted;
use crate::fixture;
use crate::load::Load;
use crate::row::{Row, median, note, quantile};

pub const NAMES: [&str; 11] = [
    "postgres_large_status",
    "postgres_large_results",
    "postgres_large_select",
    "postgres_large_start",
    "postgres_large_depth",
    "postgres_large_counts",
    "postgres_large_user",
    "postgres_large_users_page",
    "postgres_large_result",
    "postgres_large_all_results",
    "postgres_large_items_page",
];

/// How many, if not as many as the goal says.
const ROWS: &str = "BENCH_LARGE_ROWS";
const GOAL: i64 = 10_000_000;
const SHORT_OF_DISK: i64 = 2_000_000;
const BYTES_PER_ROW: i64 = 2500;

const SMALL: i64 = 1000;
const SAMPLES: usize = 400;
const AHEAD: usize = 50;

pub fn run(wanted: &Wanted) -> Vec<Row> {
    eprintln!("==> postgres, large");
    // What is lost when the machine dies while it is filled is no loss.
    let quick = [
        ("fsync", "off"),
        ("full_page_writes", "off"),
        ("max_wal_size", "2GB"),
    ];
    let cluster = server::start(&quick);
    let rows = rows(cluster.directory());
    let load = Load::new();
    let large = Side::fill(&server::url(&cluster), &load, rows);
    let small = Side::fill(&server::url(&cluster), &load, SMALL);
    let mut client = server::plain(&cluster);
    for statement in [
        "CHECKPOINT",
        "ALTER SYSTEM SET fsync = on",
        "ALTER SYSTEM SET full_page_writes = on",
        "SELECT pg_reload_conf()",
    ] {
        client.batch_execute(statement).unwrap();
    }
    // What a program does once, as to prepare statements, and to count users for the first time.
    for side in [&large, &small] {
        for operation in OPERATIONS {
            let begun = Instant::now();
            operation(side, &load, SAMPLES);
            let first = begun.elapsed().as_secs_f64() * 1000.0;
            if first > 100.0 {
                note(format_args!(
                    "{} rows: a first call took {first:.0} ms",
                    side.rows
                ));
            }
            (1..AHEAD).for_each(|n| operation(side, &load, SAMPLES + n));
        }
    }
    let measured = NAMES.iter().zip(OPERATIONS);
    let measured = measured.filter(|(name, _)| wanted.has(name));
    measured
        .map(|(name, operation)| {
            let (mut ours, mut peers) = (Vec::new(), Vec::new());
            for n in 0..SAMPLES {
                for (side, times) in [(&large, &mut ours), (&small, &mut peers)] {
                    let begun = Instant::now();
                    operation(side, &load, n);
                    times.push(begun.elapsed().as_secs_f64() * 1000.0);
                }
            }
            note(format_args!(
                "{name}: p95 {:.3} ms, with {SMALL} inferences {:.3}",
                quantile(&ours, 0.95),
                quantile(&peers, 0.95)
            ));
            let reference = format!("with {SMALL} inferences instead of {rows}");
            Row::new(name, (median(ours), "ms"), (reference, median(peers))).ratio_at_most(1.5)
        })
        .collect()
}

/// As many as were asked for, or the disk takes.
fn rows(directory: &std::path::Path) -> i64 {
    if let Ok(rows) = std::env::var(ROWS) {
        return rows.parse().unwrap();
    }
    let mut df = std::process::Command::new("df");
    let said = df.args(["--output=avail", "-B1"]).arg(directory).output();
    let text = String::from_utf8_lossy(&said.unwrap().stdout).into_owned();
    let free: i64 = text.lines().nth(1).unwrap().trim().parse().unwrap();
    if free > GOAL * BYTES_PER_ROW {
        return GOAL;
    }
    note(format_args!(
        "the disk has {:.0} GB: {SHORT_OF_DISK} inferences instead of {GOAL}",
        free as f64 / 1e9
    ));
    SHORT_OF_DISK
}

type Operation = fn(&Side, &Load, usize);

const OPERATIONS: [Operation; NAMES.len()] = [
    |side, _, n| {
        assert!(side.store.statuses(&[side.task(n)]).unwrap()[0].is_some());
    },
    |side, load, n| load.apply(&*side.store, &load.shows(&[side.task(n)])),
    |side, load, n| load.apply(&*side.store, &load.selects(&[side.task(n)])),
    |side, load, _| {
        let (_, starts): (_, Vec<SessionOp>) = load.starts(1);
        load.apply(&*side.store, &starts);
    },
    |side, _, _| {
        side.store.depth(TaskKind::Inference).unwrap();
    },
    |side, _, _| {
        assert!(side.store.counts().unwrap().users >= side.rows);
    },
    |side, _, n| {
        assert!(side.store.user(side.number(n)).unwrap().is_some());
    },
    |side, _, n| {
        let page = side.store.users_page(side.number(n) / 2, 50).unwrap();
        assert_eq!(page.len(), 50);
    },
    |side, _, n| {
        let result = side.store.result(side.number(n) * 1024 + 7).unwrap();
        assert!(result.is_some());
    },
    |side, _, n| {
        let results = side.store.results(side.task(n)).unwrap();
        assert_eq!(results.unwrap().len(), 100);
    },
    |side, _, n| {
        let page = side.store.items_page((n % 150) as i64, 50).unwrap();
        assert_eq!(page.len(), 50);
    },
];

/// A database with so many finished sessions.
struct Side {
    store: Arc<PostgresStore>,
    rows: i64,
    /// Some of the inferences, anywhere.
    some: Vec<(i64, TaskId)>,
    _database: TestDatabase,
}

impl Side {
    fn fill(server_url: &str, load: &Load, rows: i64) -> Self {
        let database = TestDatabase::create_on(server_url);
        let store = server::open_in(&database, 4);
        store.change_items(&items()).unwrap();
        let (_, starts) = load.starts(1);
        load.apply(&*store, &starts);
        load.settle(&*store, &load.settlements(&load.claim(&*store, 1)));
        let mut client = server::connect(&database.url());
        let begun = Instant::now();
        multiply(&mut client, &fixture::schema().user.table, rows).unwrap();
        let filled = begun.elapsed().as_secs_f64();
        client.batch_execute("VACUUM ANALYZE").unwrap();
        let bytes = server::number(&mut client, "pg_database_size(current_database())");
        note(format_args!(
            "{rows} inferences: filled in {filled:.0} s, vacuumed in {:.0} s, {:.1} GB",
            begun.elapsed().as_secs_f64() - filled,
            bytes / 1e9
        ));
        Self {
            some: some(&mut client, rows),
            store,
            rows,
            _database: database,
        }
    }

    fn number(&self, n: usize) -> i64 {
        self.some[n].0
    }

    fn task(&self, n: usize) -> TaskId {
        self.some[n].1
    }
}

/// Inferences spread over all, in no order.
fn some(client: &mut Client, rows: i64) -> Vec<(i64, TaskId)> {
    let wanted = (SAMPLES + AHEAD) as i64;
    // A step without a common factor meets every one.
    let numbers: Vec<i64> = (1..=wanted)
        .map(|n| 2 + n * 7_654_321 % (rows - 1))
        .collect();
    let select = "SELECT i.inference_id, i.task_id FROM unnest($1::bigint[]) AS s (number)
        JOIN inferences AS i ON i.inference_id = s.number";
    let rows = client.query(select, &[&numbers]).unwrap();
    assert_eq!(rows.len(), numbers.len());
    let task = |id: Uuid| TaskId::from_bytes(*id.as_bytes());
    rows.iter()
        .map(|row| (row.get(0), task(row.get(1))))
        .collect()
}

fn items() -> Vec<mlp_store::ItemChange> {
    let rows = fixture::rows(&fixture::schema().item, &fixture::locations());
    rows.into_iter()
        .map(|row| mlp_store::ItemChange::Put { item_id: None, row })
        .collect()
}
