//! Workers that stop.

use std::time::{Duration, Instant};

use mlp_store::{ClaimOptions, TaskKind, TaskStatus};
use mlp_worker::{StopReport, WorkerOptions};

use crate::support::{Random, row, schemas, settled, start, store, success, worker};

#[test]
fn an_idle_worker_stops_at_once_and_claims_nothing_more() {
    let [schema, _] = schemas();
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path(), &schema);
    let worker = worker(&store, &schema, WorkerOptions::default());
    let task = start(&*store, row(&schema.user, &mut Random(1)), None);
    success(&settled(&*store, task));
    let begun = Instant::now();
    assert_eq!(worker.stop(Duration::from_secs(30)), StopReport::default());
    assert!(begun.elapsed() < Duration::from_secs(10));
    let late = start(&*store, row(&schema.user, &mut Random(2)), None);
    std::thread::sleep(Duration::from_millis(100));
    let view = store.statuses(&[late]).unwrap().remove(0).unwrap();
    assert_eq!(view.status, TaskStatus::Pending);
}

#[test]
fn what_a_dead_worker_held_is_done_by_another() {
    let [schema, _] = schemas();
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path(), &schema);
    let task = start(&*store, row(&schema.user, &mut Random(1)), None);
    // A worker that claims and is never heard of again.
    let claim = ClaimOptions {
        kind: TaskKind::Inference,
        max: 10,
        lease: Duration::from_millis(200),
    };
    assert_eq!(store.claim(&claim).unwrap().len(), 1);
    let options = WorkerOptions {
        poll: Duration::from_millis(20),
        ..WorkerOptions::default()
    };
    let worker = worker(&store, &schema, options);
    let view = settled(&*store, task);
    assert_eq!((view.status, view.attempts), (TaskStatus::Success, 2));
    worker.stop(Duration::from_secs(5));
}
