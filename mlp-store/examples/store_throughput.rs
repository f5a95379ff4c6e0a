//! Complete sessions per second through the store alone, beside the same rows and statements
//! without it: `cargo run --release -p mlp-store --example store_throughput -- [SESSIONS] [DIR]`.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mlp_core::explore::Half;
use mlp_core::{Ranked, Schema};
use mlp_store::conformance::{sample_row, travel};
use mlp_store::sqlite::SqliteStore;
use mlp_store::{
    ClaimOptions, Maintenance, NewSession, Outcome, Queue, Ranking, SessionOp, Sessions,
    Settlement, StoreOptions, TaskId, TaskKind,
};
use rusqlite::{Connection, params};

type Done = Result<f64, Box<dyn std::error::Error>>;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let sessions: usize = arguments.next().map_or(Ok(20_000), |n| n.parse())?;
    let directory = arguments.next().unwrap_or_else(|| ".".to_owned());
    let schema = travel();
    println!("batch   store   statements   inserts   (sessions/s)");
    for batch in [16, 64, 256] {
        let mut rates = Vec::new();
        for run in [through_store, through_statements, through_inserts] {
            let directory = tempfile::tempdir_in(&directory)?;
            let path = directory.path().join("bench.db");
            rates.push(run(&path, &schema, sessions, batch)?);
        }
        println!(
            "{batch:5} {:7.0} {:12.0} {:9.0}",
            rates[0], rates[1], rates[2]
        );
    }
    Ok(())
}

fn request(schema: &Schema, seed: usize) -> NewSession {
    NewSession {
        task_id: TaskId::new_v7(),
        user: sample_row(&schema.user, seed as u64),
        candidates: None,
        idempotency: None,
        priority: Default::default(),
    }
}

fn ranking() -> Ranking {
    let ranked = (0..100).map(|i| Ranked {
        item_id: 1 + (i * 37) % 210,
        score: 1.0 / (i as f32 + 2.0),
    });
    Ranking {
        model_id: Some(1),
        catalog_version: 1,
        explored: false,
        half: Half::Training,
        ranked: ranked.collect(),
    }
}

fn open(path: &Path, schema: &Arc<Schema>) -> Result<Arc<SqliteStore>, mlp_store::StoreError> {
    SqliteStore::open(path, Arc::clone(schema), StoreOptions::new())
}

/// Start, claim, settle, show, select: five transactions for each batch, four of them synced.
fn through_store(path: &Path, schema: &Arc<Schema>, sessions: usize, batch: usize) -> Done {
    let store = open(path, schema)?;
    let requests: Vec<_> = (0..sessions).map(|seed| request(schema, seed)).collect();
    let mut took = Vec::new();
    let began = Instant::now();
    for requests in requests.chunks(batch) {
        let starts: Vec<_> = requests.iter().cloned().map(SessionOp::Start).collect();
        let starting = Instant::now();
        store.apply(&starts)?;
        took.push(starting.elapsed().as_secs_f64() * 1e3);
        let leases = store.claim(&ClaimOptions {
            kind: TaskKind::Inference,
            max: batch,
            lease: Duration::from_secs(60),
        })?;
        let settle = leases.iter().map(|lease| Settlement {
            lease: lease.reference(),
            outcome: Outcome::Ranked(ranking()),
        });
        store.settle(&settle.collect::<Vec<_>>())?;
        let ids = requests.iter().map(|r| r.task_id);
        let limit = 10;
        let show = |task_id| SessionOp::Show { task_id, limit };
        store.apply(&ids.clone().map(show).collect::<Vec<_>>())?;
        let item_id = 1;
        let select = |task_id| SessionOp::Select { task_id, item_id };
        store.apply(&ids.map(select).collect::<Vec<_>>())?;
    }
    let rate = sessions as f64 / began.elapsed().as_secs_f64();
    took.sort_by(f64::total_cmp);
    println!(
        "      a batch of starts: p50 {:.1} ms, p99 {:.1} ms, longest {:.1} ms; {} bytes a session",
        took[took.len() / 2],
        took[took.len() * 99 / 100],
        took[took.len() - 1],
        store.status()?.bytes / sessions as u64
    );
    Ok(rate)
}

/// Tables as the store makes them, on a connection that is tuned alike.
fn plain(path: &Path, schema: &Arc<Schema>) -> Result<Connection, Box<dyn std::error::Error>> {
    drop(open(path, schema)?);
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "cache_size", -8192)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    Ok(connection)
}

const USER: &str = "INSERT INTO users (creation_time, name, people_num, age_avg, age_std, age_min,
        age_max, children_num, budget, nights, time_arrival, pool, spa, pet_friendly, lake,
        mountain, sport)
    VALUES (?1, 'Ada', 2, 30.5, 1.5, 29, 32, 0, 1000.0, 3, '2026-05-01', 1, 0, 1, 0, 1, 0)";

fn blob() -> Vec<u8> {
    (0..601_u16).map(|i| (i % 251) as u8).collect()
}

/// The same six statements by hand, in the same five transactions.
fn through_statements(path: &Path, schema: &Arc<Schema>, sessions: usize, batch: usize) -> Done {
    let mut connection = plain(path, schema)?;
    connection.set_prepared_statement_cache_capacity(64);
    let ids: Vec<TaskId> = (0..sessions).map(|_| TaskId::new_v7()).collect();
    let blob = blob();
    let began = Instant::now();
    let mut now = 1_767_225_600_000_000_i64;
    for ids in ids.chunks(batch) {
        now += 1;
        let start = connection.transaction()?;
        for id in ids {
            start.prepare_cached(USER)?.execute([now])?;
            let user = start.last_insert_rowid();
            let insert = "INSERT INTO inferences (task_id, user_id, creation_time, status, due_at)
                VALUES (?1, ?2, ?3, 0, ?3)";
            let mut insert = start.prepare_cached(insert)?;
            insert.execute(params![id.as_bytes(), user, now])?;
        }
        start.commit()?;
        connection.execute_batch("PRAGMA synchronous = NORMAL")?;
        let updates: [(&str, bool); 4] = [
            (
                "UPDATE inferences SET status = 1, due_at = ?2, token = 1, attempt = 1 WHERE task_id = ?1",
                false,
            ),
            (
                "UPDATE inferences SET status = 3, model_id = 1, catalog_version = 1, ranked = ?2 WHERE task_id = ?1",
                true,
            ),
            (
                "UPDATE inferences SET shown_n = 10, shown_at = ?2 WHERE task_id = ?1",
                false,
            ),
            (
                "UPDATE inferences SET selected = 1, selected_rank = 0, answered_n = 10, answered_at = ?2 WHERE task_id = ?1",
                false,
            ),
        ];
        for (update, ranked) in updates {
            let transaction = connection.transaction()?;
            for id in ids {
                let mut update = transaction.prepare_cached(update)?;
                match ranked {
                    true => update.execute(params![id.as_bytes(), blob])?,
                    false => update.execute(params![id.as_bytes(), now + 60_000_000])?,
                };
            }
            transaction.commit()?;
            connection.execute_batch("PRAGMA synchronous = FULL")?;
        }
    }
    Ok(sessions as f64 / began.elapsed().as_secs_f64())
}

/// The final rows alone, one transaction for each batch.
fn through_inserts(path: &Path, schema: &Arc<Schema>, sessions: usize, batch: usize) -> Done {
    let mut connection = plain(path, schema)?;
    let ids: Vec<TaskId> = (0..sessions).map(|_| TaskId::new_v7()).collect();
    let blob = blob();
    let began = Instant::now();
    let now = 1_767_225_600_000_000_i64;
    for ids in ids.chunks(batch) {
        let transaction = connection.transaction()?;
        for id in ids {
            transaction.prepare_cached(USER)?.execute([now])?;
            let user = transaction.last_insert_rowid();
            let insert = "INSERT INTO inferences (task_id, user_id, creation_time, status, due_at,
                    token, attempt, model_id, catalog_version, shown_n, shown_at, selected,
                    selected_rank, answered_n, answered_at, ranked)
                VALUES (?1, ?2, ?3, 3, ?3, 1, 1, 1, 1, 10, ?3, 1, 0, 10, ?3, ?4)";
            let mut insert = transaction.prepare_cached(insert)?;
            insert.execute(params![id.as_bytes(), user, now, blob])?;
        }
        transaction.commit()?;
    }
    Ok(sessions as f64 / began.elapsed().as_secs_f64())
}
