//! Workers that die, hang and stop.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::super::bench::{ok, ranking};
use super::settling::{SUCCESS, failed, retry};
use super::stage::{LONG, PATIENCE, SHORT, Stage};
use crate::types::{Outcome, Settled, TaskStatus};

pub(super) fn a_dead_workers_task_goes_to_another(stage: &Stage) {
    let (publisher, dead) = (stage.publisher(), stage.worker());
    let id = publisher.start();
    let lease = dead.take_one(SHORT * 2);
    let begun = Instant::now();
    // Nobody is there to tell of it again: what the medium has must be enough.
    drop((publisher, dead));
    stage.check_waiting(1);
    let heir = stage.worker();
    let again = heir.take_one(LONG);
    let waited = begun.elapsed() + Duration::from_millis(20);
    assert!(waited >= SHORT * 2, "it came after {waited:?}");
    assert_eq!((again.task_id, again.attempt), (id, 2));
    assert_eq!(again.work, lease.work);
    assert_eq!(heir.settle(&again, Outcome::Ranked(ranking(1))), SUCCESS);
    drop(heir);
    stage.check_waiting(0);
}

pub(super) fn a_hanging_workers_task_goes_to_another(stage: &Stage) {
    let (publisher, hanging) = (stage.publisher(), stage.worker());
    let id = publisher.start();
    hanging.take_one(SHORT);
    let heir = stage.worker();
    let again = heir.take_one(LONG);
    assert_eq!((again.task_id, again.attempt), (id, 2));
}

pub(super) fn a_stale_settlement_changes_nothing(stage: &Stage) {
    let (publisher, slow) = (stage.publisher(), stage.worker());
    let id = publisher.start();
    let first = slow.take_one(SHORT);
    let fast = stage.worker();
    let second = fast.take_one(LONG);
    assert!(second.task_id == id && second.token > first.token);
    for outcome in [
        Outcome::Ranked(ranking(9)),
        failed("late"),
        retry(Duration::ZERO),
        Outcome::Released,
    ] {
        assert_eq!(slow.settle(&first, outcome), Settled::Stale);
        assert_eq!(publisher.status(id), TaskStatus::Started);
    }
    slow.check_nothing_comes();
    assert_eq!(fast.settle(&second, Outcome::Ranked(ranking(3))), SUCCESS);
    assert_eq!(publisher.results(id).len(), 3);
    // Takes what was held back for the one who was late, and is done with it.
    slow.check_nothing_comes();
    drop((slow, fast));
    let last = stage.worker();
    last.check_nothing_comes();
    drop(last);
    stage.check_waiting(0);
}

pub(super) fn a_heartbeat_keeps_a_task_from_others(stage: &Stage) {
    let (publisher, worker) = (stage.publisher(), stage.worker());
    publisher.start();
    let lease = worker.take_one(SHORT);
    let other = stage.worker();
    let end = Instant::now() + SHORT * 3;
    while Instant::now() < end {
        let kept = ok(worker.store.heartbeat(&[lease.reference()], SHORT));
        assert_eq!(kept, [true]);
        assert_eq!(other.take(10, LONG, SHORT / 4), []);
        sleep(Duration::from_millis(10));
    }
    assert_eq!(worker.settle(&lease, Outcome::Ranked(ranking(1))), SUCCESS);
}

pub(super) fn a_stop_leaves_the_rest_to_others(stage: &Stage) {
    let (publisher, leaving) = (stage.publisher(), stage.worker());
    let started = publisher.start_many(20);
    let mut mine = leaving.take_all(5, LONG);
    // As a worker stops: some are done, some given back, one forgotten under its lease.
    let forgotten = mine.remove(0);
    let done = mine.remove(0);
    assert_eq!(leaving.settle(&done, Outcome::Ranked(ranking(1))), SUCCESS);
    for lease in &mine {
        leaving.settle(lease, Outcome::Released);
    }
    drop((publisher, leaving));
    let begun = Instant::now();
    let heir = stage.worker();
    let taken = heir.take_all(18, LONG);
    assert!(begun.elapsed() < PATIENCE / 3);
    let mut expected = started;
    expected.retain(|id| ![forgotten.task_id, done.task_id].contains(id));
    let mut taken: Vec<_> = taken.iter().map(|lease| lease.task_id).collect();
    taken.sort_unstable();
    assert_eq!(taken, expected);
    heir.check_nothing_comes();
    assert_eq!(heir.status(forgotten.task_id), TaskStatus::Started);
}
