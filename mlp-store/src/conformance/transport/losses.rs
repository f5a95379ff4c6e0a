//! A medium that loses, repeats and is away.

use std::time::{Duration, Instant};

use super::super::bench::{ok, ranking};
use super::settling::SUCCESS;
use super::stage::{LONG, Member, Stage};
use crate::types::{Outcome, TaskStatus};

/// Does the only task that comes.
fn do_one(worker: &Member<'_>) {
    let lease = worker.take_one(LONG);
    assert_eq!(worker.settle(&lease, Outcome::Ranked(ranking(2))), SUCCESS);
}

pub(super) fn told_twice_has_one_effect(stage: &Stage) {
    let (publisher, workers) = (stage.publisher(), [stage.worker(), stage.worker()]);
    let request = stage.request();
    publisher.start_all(vec![request.clone()]);
    publisher.announce(&request);
    publisher.announce(&request);
    publisher.told(3);
    let mut leases = Vec::new();
    for worker in workers.iter().cycle().take(6) {
        let taken = worker.take(10, LONG, Duration::from_millis(50));
        leases.extend(taken.into_iter().map(|lease| (worker, lease)));
    }
    assert_eq!(leases.len(), 1);
    let (worker, lease) = leases.remove(0);
    assert_eq!((lease.task_id, lease.attempt), (request.task_id, 1));
    assert_eq!(worker.settle(&lease, Outcome::Ranked(ranking(2))), SUCCESS);
    workers.iter().for_each(Member::check_nothing_comes);
    let view = publisher.view(request.task_id);
    assert_eq!((view.status, view.attempts), (TaskStatus::Success, 1));
}

pub(super) fn telling_of_a_final_task_does_no_harm(stage: &Stage) {
    let (publisher, worker) = (stage.publisher(), stage.worker());
    let request = stage.request();
    publisher.start_all(vec![request.clone()]);
    do_one(&worker);
    publisher.announce(&request);
    publisher.told(2);
    worker.check_nothing_comes();
    let view = publisher.view(request.task_id);
    assert_eq!((view.status, view.attempts), (TaskStatus::Success, 1));
    publisher.start();
    do_one(&worker);
    drop(worker);
    stage.check_waiting(0);
}

pub(super) fn telling_of_an_unknown_task_does_no_harm(stage: &Stage) {
    let (publisher, worker) = (stage.publisher(), stage.worker());
    let request = stage.request();
    publisher.announce(&request);
    publisher.told(1);
    worker.check_nothing_comes();
    let found = ok(publisher.store.statuses(&[request.task_id]));
    assert_eq!(found, [None], "the store is the truth");
    publisher.start();
    do_one(&worker);
    drop(worker);
    stage.check_waiting(0);
}

pub(super) fn what_was_lost_comes_again(stage: &Stage) {
    let publisher = stage.publisher();
    let mut started = publisher.start_many(5);
    publisher.told(5);
    stage.medium.lose();
    let worker = stage.worker();
    let leases = worker.take_all(5, LONG);
    let mut taken: Vec<_> = leases.iter().map(|lease| lease.task_id).collect();
    taken.sort_unstable();
    started.sort_unstable();
    assert_eq!(taken, started);
    if let Some(status) = publisher.transport.status() {
        assert!(status.resent >= 5, "{status:?}");
    }
    worker.check_nothing_comes();
}

pub(super) fn what_was_told_before_anybody_listened_is_taken(stage: &Stage) {
    let publisher = stage.publisher();
    let started = publisher.start_many(3);
    publisher.told(3);
    drop(publisher);
    let worker = stage.worker();
    let leases = worker.take_all(3, LONG);
    let taken: Vec<_> = leases.iter().map(|lease| lease.task_id).collect();
    assert_eq!(taken, started);
}

pub(super) fn work_goes_on_without_the_medium(stage: &Stage) {
    let (publisher, worker) = (stage.cut_off(false), stage.cut_off(true));
    let begun = Instant::now();
    let id = publisher.start();
    let lease = worker.take_one(LONG);
    let waited = begun.elapsed();
    assert!(waited < Duration::from_secs(3), "it came after {waited:?}");
    assert_eq!(lease.task_id, id);
    assert_eq!(worker.settle(&lease, Outcome::Ranked(ranking(2))), SUCCESS);
    assert_eq!(publisher.status(id), TaskStatus::Success);
    worker.check_nothing_comes();
}

/// Another publisher tells of it.
pub(super) fn who_is_cut_off_can_still_start_work(stage: &Stage) {
    let (alone, _publisher) = (stage.cut_off(false), stage.publisher());
    let worker = stage.worker();
    let id = alone.start();
    let lease = worker.take_one(LONG);
    assert_eq!(lease.task_id, id);
    assert_eq!(worker.settle(&lease, Outcome::Ranked(ranking(2))), SUCCESS);
    assert_eq!(alone.status(id), TaskStatus::Success);
}
