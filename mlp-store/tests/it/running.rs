//! A file in use: full disks, other processes, the log, what erasing leaves, indexes.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use mlp_core::Value;
use mlp_store::conformance::{reading, sample_row};
use mlp_store::sqlite::SqliteStore;
use mlp_store::{
    Content, Maintenance, NewSession, SessionOp, Sessions, StoreError, StoreOptions, TaskId,
};
use rusqlite::Connection;

use crate::support::{directory, open, start};

#[test]
fn a_full_store_refuses_and_recovers() {
    let (_directory, path) = directory();
    let limited = |bytes| {
        let options = StoreOptions::new().max_bytes(Some(bytes));
        SqliteStore::open(&path, reading(), options).unwrap()
    };
    let store = limited(200_000);
    let mut kept = Vec::new();
    let error = loop {
        match start(&store, kept.len() as u64) {
            Ok(id) => kept.push(id),
            Err(error) => break error,
        }
        assert!(kept.len() < 10_000);
    };
    assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
    assert!(error.is_transient());
    assert!(kept.len() > 100);
    // Nothing is lost, and reading goes on.
    let views = store.statuses(&kept).unwrap();
    assert!(views.iter().all(Option::is_some));
    assert_eq!(store.counts().unwrap().users, kept.len() as i64);
    drop(store);
    let store = limited(400_000);
    kept.push(start(&store, 1).unwrap());
    assert_eq!(store.counts().unwrap().users, kept.len() as i64);
}

fn log_bytes(path: &Path) -> u64 {
    fs::metadata(path.with_extension("db-wal")).unwrap().len()
}

/// Writers that leave no pause in which a checkpoint could catch up by itself.
#[test]
fn the_log_stays_bounded_under_constant_writing() {
    let (_directory, path) = directory();
    let options = StoreOptions::new().max_pending(u64::MAX);
    let store = SqliteStore::open(&path, reading(), options).unwrap();
    let written = AtomicUsize::new(0);
    let longest = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while written.fetch_add(1, Ordering::Relaxed) < 200 {
                    let starts: Vec<_> = (0..100).map(bulky).collect();
                    store.apply(&starts).unwrap();
                    longest.fetch_max(log_bytes(&path), Ordering::Relaxed);
                }
            });
        }
    });
    let size = fs::metadata(&path).unwrap().len();
    let longest = longest.into_inner();
    assert!(size > 30 << 20, "enough was written: {size}");
    assert!(longest < 20 << 20, "{longest}");
}

/// A request of about 2 kB.
fn bulky(seed: u64) -> SessionOp {
    SessionOp::Start(NewSession {
        task_id: TaskId::new_v7(),
        user: sample_row(&reading().user, seed),
        candidates: Some((10_000..10_600).collect()),
        idempotency: None,
        priority: Default::default(),
    })
}

#[test]
fn a_reader_that_stays_does_not_stop_writers() {
    let (_directory, path) = directory();
    let store = open(&path).unwrap();
    start(&store, 0).unwrap();
    let reader = Connection::open(&path).unwrap();
    reader
        .execute_batch("BEGIN; SELECT count(*) FROM readers;")
        .unwrap();
    for seed in 1..300 {
        start(&store, seed).unwrap();
    }
    let seen: i64 = (reader.query_row("SELECT count(*) FROM readers", [], |r| r.get(0))).unwrap();
    assert_eq!(seen, 1);
    assert_eq!(store.counts().unwrap().users, 300);
}

#[test]
fn another_process_that_writes_too_long_makes_it_unavailable() {
    let (_directory, path) = directory();
    let store = open(&path).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = start(&store, 1).expect_err("the other one writes");
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
    assert!(error.is_transient());
    assert_eq!(store.counts().unwrap().users, 0, "reading goes on");
    other.execute_batch("COMMIT").unwrap();
    start(&store, 1).unwrap();
}

#[test]
fn a_lock_of_another_process_is_waited_for() {
    let (_directory, path) = directory();
    let store = open(&path).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| start(&store, 1).unwrap());
        std::thread::sleep(Duration::from_millis(200));
        other.execute_batch("COMMIT").unwrap();
        waiting.join().unwrap();
    });
}

#[test]
fn erased_texts_are_not_in_the_file() {
    let (_directory, path) = directory();
    let store = open(&path).unwrap();
    let secret = "Ada Lovelace, 12 St James's Square";
    let mut user = sample_row(&reading().user, 1);
    user.0[0] = Value::Text(secret.into());
    for seed in 0..50 {
        start(&store, seed).unwrap();
    }
    let task_id = TaskId::new_v7();
    let session = NewSession {
        task_id,
        user,
        candidates: None,
        idempotency: None,
        priority: Default::default(),
    };
    store.apply(&[SessionOp::Start(session)]).unwrap();
    assert!(store.erase_user(51).unwrap());
    drop(store);
    let bytes = fs::read(&path).unwrap();
    let found = bytes.windows(12).any(|w| w == &secret.as_bytes()[..12]);
    assert!(!found);
}

#[test]
fn hot_statements_use_their_indexes() {
    let (_directory, path) = directory();
    drop(open(&path).unwrap());
    let connection = Connection::open(&path).unwrap();
    for (statement, index) in [
        ("SELECT * FROM inferences WHERE task_id = x'00'", "inferences_task"),
        ("SELECT * FROM tasks WHERE task_id = x'00'", "tasks_task"),
        (
            "SELECT * FROM inferences WHERE status < 3 AND due_at <= 1 ORDER BY due_at, inference_id",
            "inferences_due",
        ),
        (
            "SELECT * FROM inferences WHERE explored = 1 AND judging = 1 AND answered_at IS NOT NULL
             AND inference_id < 9 ORDER BY inference_id DESC",
            "inferences_explored",
        ),
        ("SELECT * FROM idempotency WHERE key = 'k'", "idempotency_key"),
    ] {
        let plan: Vec<String> = connection
            .prepare(&format!("EXPLAIN QUERY PLAN {statement}"))
            .unwrap()
            .query_map([], |row| row.get(3))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let plan = plan.join("; ");
        assert!(plan.contains(index), "{statement}: {plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{statement}: {plan}");
    }
}

/// A file system of 1 MB.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
            .arg(directory.path())
            .status()
            .unwrap();
        assert!(mount.success());
        Self(directory)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
#[ignore = "mounts a file system: needs root"]
fn a_full_disk_is_said_and_recovered_from() {
    let disk = SmallDisk::mount();
    let path = disk.0.path().join("store.db");
    let store = open(&path).unwrap();
    let mut kept = vec![start(&store, 0).unwrap()];
    let ballast = disk.0.path().join("ballast");
    fs::write(&ballast, vec![0; 300_000]).unwrap();
    let error = loop {
        match start(&store, kept.len() as u64) {
            Ok(id) => kept.push(id),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
    // A ping writes less than a start: a little may still fit.
    assert!((0..200).any(|_| store.ping().is_err()));
    let views = store.statuses(&kept).unwrap();
    assert!(views.iter().all(Option::is_some));
    fs::remove_file(&ballast).unwrap();
    kept.push(start(&store, 1).unwrap());
    assert_eq!(store.counts().unwrap().users, kept.len() as i64);
    drop(store);
    let store = open(&path).unwrap();
    assert_eq!(store.counts().unwrap().users, kept.len() as i64);
}
