//! Kinds of tasks are told apart.

use std::thread;
use std::time::{Duration, Instant};

use super::super::bench::{decision, model, ok, task};
use super::stage::{LONG, Member, PATIENCE, QUIET, Stage};
use crate::types::{
    ClaimOptions, DecisionKind, Lease, Outcome, Settled, TaskId, TaskKind, TaskStatus, Work,
};

fn take(worker: &Member<'_>, kind: TaskKind, timeout: Duration) -> Vec<Lease> {
    let options = ClaimOptions {
        kind,
        max: 10,
        lease: LONG,
    };
    ok(worker.transport.take(&options, timeout))
}

#[track_caller]
fn take_one(worker: &Member<'_>, kind: TaskKind) -> Lease {
    let end = Instant::now() + PATIENCE;
    loop {
        let mut leases = take(worker, kind, Duration::from_millis(200));
        match leases.pop() {
            Some(lease) if leases.is_empty() => return lease,
            Some(_) => panic!("there is one {}", kind.name()),
            None => assert!(Instant::now() < end, "no {} came", kind.name()),
        }
    }
}

fn enqueue(publisher: &Member<'_>, kind: TaskKind) -> TaskId {
    let task = task(kind);
    publisher.stage.medium.owns(task.task_id);
    ok(publisher.store.enqueue(&task))
}

pub(super) fn a_training_is_taken_as_one(stage: &Stage) {
    let (publisher, worker) = (stage.publisher(), stage.worker());
    let training = enqueue(&publisher, TaskKind::Training);
    let monitoring = enqueue(&publisher, TaskKind::Monitoring);
    worker.check_nothing_comes();
    for (kind, id) in [
        (TaskKind::Monitoring, monitoring),
        (TaskKind::Training, training),
    ] {
        let lease = take_one(&worker, kind);
        assert_eq!((lease.task_id, lease.kind, lease.attempt), (id, kind, 1));
        let payload = task(kind).payload;
        assert_eq!(lease.work, Work::Task { payload });
    }
}

pub(super) fn an_inference_is_no_training(stage: &Stage) {
    let (publisher, worker) = (stage.publisher(), stage.worker());
    let id = publisher.start();
    publisher.told(1);
    for kind in [TaskKind::Training, TaskKind::Monitoring] {
        assert_eq!(take(&worker, kind, QUIET), []);
    }
    assert_eq!(worker.take_one(LONG).task_id, id);
}

pub(super) fn who_waits_for_a_training_is_woken(stage: &Stage) {
    let (publisher, worker) = (stage.publisher(), stage.worker());
    thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let end = Instant::now() + PATIENCE;
            loop {
                let leases = take(&worker, TaskKind::Training, PATIENCE);
                if !leases.is_empty() || Instant::now() > end {
                    return (leases, Instant::now());
                }
            }
        });
        thread::sleep(Duration::from_millis(200));
        let begun = Instant::now();
        let id = enqueue(&publisher, TaskKind::Training);
        let (leases, at) = waiting.join().expect("the worker did not panic");
        assert!(at - begun < Duration::from_secs(1), "{:?}", at - begun);
        assert_eq!((leases.len(), leases[0].task_id), (1, id));
    });
}

pub(super) fn a_training_is_settled_too(stage: &Stage) {
    let (publisher, worker) = (stage.publisher(), stage.worker());
    let id = enqueue(&publisher, TaskKind::Training);
    let lease = take_one(&worker, TaskKind::Training);
    let trained = Outcome::Trained {
        model: model("new"),
        decision: decision(DecisionKind::Promote),
    };
    let settled = worker.settle(&lease, trained.clone());
    let Settled::Now(TaskStatus::Success, Some(model_id)) = settled else {
        panic!("it is {settled:?}");
    };
    assert_eq!(worker.settle(&lease, trained), Settled::Stale);
    assert_eq!(publisher.status(id), TaskStatus::Success);
    let models = ok(publisher.store.models(10));
    assert_eq!((models.len(), models[0].model_id), (1, model_id));
}
