//! Several processes on one file, and one that is killed.

use std::collections::HashSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use mlp_store::conformance::reading;
use mlp_store::sqlite::SqliteStore;
use mlp_store::{
    ClaimOptions, Content, Queue, Sessions, Settled, Settlement, StoreOptions, TaskId, TaskKind,
    TaskStatus,
};
use mlp_store::{Outcome, Ranking};

use crate::support::{directory, open, start};

const PATH: &str = "MLP_TEST_CHILD_PATH";
const WORK: &str = "MLP_TEST_CHILD_WORK";

fn claim(store: &SqliteStore, max: usize) -> Vec<mlp_store::Lease> {
    let options = ClaimOptions {
        kind: TaskKind::Inference,
        max,
        lease: Duration::from_secs(600),
    };
    store.claim(&options).unwrap()
}

/// Not a test by itself: the other process. It says each thing after it was done.
#[test]
#[ignore = "the other tests run it as a process of its own"]
fn child() {
    let Some(path) = std::env::var_os(PATH) else {
        return;
    };
    let options = StoreOptions::new().server(true).max_pending(u64::MAX);
    let store = SqliteStore::open(Path::new(&path), reading(), options).unwrap();
    println!("\nready");
    match std::env::var(WORK).as_deref() {
        Ok("start") => {
            for seed in 0.. {
                println!("id {}", start(&store, seed).unwrap());
            }
        }
        Ok("claim") => loop {
            let leases = claim(&store, 1);
            match leases.first() {
                Some(lease) => println!("id {}", lease.task_id),
                None => break println!("done"),
            }
        },
        other => panic!("{other:?}"),
    }
}

fn run_child(path: &Path, work: &str) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "processes::child", "--ignored", "--nocapture"])
        .env(PATH, path)
        .env(WORK, work)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while line.trim() != "ready" {
        line.clear();
        assert!(said.read_line(&mut line).unwrap() > 0, "the child ended");
    }
    (child, said)
}

/// The next id; `None` at the end. A line that was cut by the child's death is no acknowledgement.
fn next_id(said: &mut BufReader<ChildStdout>) -> Option<TaskId> {
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    let id = line.strip_suffix('\n')?.strip_prefix("id ")?;
    Some(id.parse().unwrap())
}

#[test]
fn what_was_acknowledged_outlives_a_kill() {
    let (_directory, path) = directory();
    let mut acknowledged = Vec::new();
    for round in 0..5 {
        let (mut child, mut said) = run_child(&path, "start");
        acknowledged.extend((0..20 + round * 7).map_while(|_| next_id(&mut said)));
        child.kill().unwrap();
        child.wait().unwrap();
        acknowledged.extend(std::iter::from_fn(|| next_id(&mut said)));
        // Nothing keeps the next server out.
        let options = StoreOptions::new().server(true);
        let store = SqliteStore::open(&path, reading(), options).unwrap();
        let views = store.statuses(&acknowledged).unwrap();
        assert!(views.iter().all(Option::is_some));
        let users = store.counts().unwrap().users;
        // At most one start of each round was done and not said.
        assert!((0..=round + 1).contains(&(users - acknowledged.len() as i64)));
    }
    assert!(acknowledged.len() > 100);
}

#[test]
fn two_processes_claim_each_task_once() {
    let (_directory, path) = directory();
    let store = open(&path).unwrap();
    let all: HashSet<TaskId> = (0..200).map(|seed| start(&store, seed).unwrap()).collect();
    let (mut child, mut said) = run_child(&path, "claim");
    let mut mine = HashSet::new();
    loop {
        let leases = claim(&store, 3);
        if leases.is_empty() {
            break;
        }
        mine.extend(leases.iter().map(|lease| lease.task_id));
    }
    let theirs: HashSet<TaskId> = std::iter::from_fn(|| next_id(&mut said)).collect();
    child.wait().unwrap();
    assert!(mine.is_disjoint(&theirs));
    assert_eq!(mine.len() + theirs.len(), all.len());
    assert!(mine.union(&theirs).all(|id| all.contains(id)));
}

#[test]
fn a_lease_survives_its_processs_kill_until_it_expires() {
    let (_directory, path) = directory();
    let store = open(&path).unwrap();
    let id = start(&store, 1).unwrap();
    let (mut child, mut said) = run_child(&path, "claim");
    assert_eq!(next_id(&mut said), Some(id));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(claim(&store, 1).is_empty());
    let views = store.statuses(&[id]).unwrap();
    assert_eq!(
        views[0].as_ref().map(|v| v.status),
        Some(TaskStatus::Started)
    );
}

#[test]
fn another_process_is_noticed() {
    let (_directory, path) = directory();
    let store = open(&path).unwrap();
    let seen = store.wait_for_work(TaskKind::Inference, 0, Duration::ZERO);
    let cursor = store.wait_for_settled(0, Duration::ZERO).cursor;
    let (mut child, mut said) = run_child(&path, "start");
    let id = next_id(&mut said).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let short = Duration::from_millis(20);
    assert_ne!(store.wait_for_work(TaskKind::Inference, seen, short), seen);
    assert!(store.wait_for_settled(cursor, short).incomplete);
    let lease = claim(&store, 1).remove(0);
    assert_eq!(lease.task_id, id);
    let ranking = Ranking {
        model_id: None,
        catalog_version: 0,
        explored: false,
        half: mlp_core::explore::Half::Training,
        ranked: vec![],
    };
    let settled = store.settle(&[Settlement {
        lease: lease.reference(),
        outcome: Outcome::Ranked(ranking),
    }]);
    assert_eq!(settled.unwrap(), [Settled::Now(TaskStatus::Success, None)]);
}
