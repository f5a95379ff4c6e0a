//! What becomes of a task is told.

use std::time::{Duration, Instant};

use mlp_core::explore::Half;

use super::super::Limits;
use super::super::bench::{explored, ok, ranking};
use super::stage::{LONG, Stage};
use crate::types::{Outcome, Ranking, Settled, Settlement, TaskStatus};

pub(super) const SUCCESS: Settled = Settled::Now(TaskStatus::Success, None);

pub(super) fn failed(error: &str) -> Outcome {
    let error = error.to_owned();
    Outcome::Failed { error }
}

pub(super) fn retry(after: Duration) -> Outcome {
    let error = "the model was away".to_owned();
    Outcome::Retry { error, after }
}

pub(super) fn a_settled_task_is_final_for_everybody(stage: &Stage) {
    let (publisher, worker, other) = (stage.publisher(), stage.worker(), stage.worker());
    let id = publisher.start();
    // Whichever the medium gives it to: the other leaves.
    drop(other);
    let lease = worker.take_one(LONG);
    assert_eq!(worker.settle(&lease, Outcome::Ranked(ranking(3))), SUCCESS);
    let late = stage.worker();
    for member in [&publisher, &worker, &late] {
        assert_eq!(member.status(id), TaskStatus::Success);
        assert_eq!(member.results(id).len(), 3);
    }
    worker.check_nothing_comes();
    late.check_nothing_comes();
    drop((worker, late));
    stage.check_waiting(0);
}

pub(super) fn a_ranking_survives_as_it_was(stage: &Stage) {
    let (publisher, worker) = (stage.publisher(), stage.worker());
    for ranking in [ranking(100), explored(100, Half::Judging), ranking(0)] {
        let id = publisher.start();
        let lease = worker.take_one(LONG);
        let Ranking { ranked, .. } = ranking.clone();
        assert_eq!(worker.settle(&lease, Outcome::Ranked(ranking)), SUCCESS);
        let rows = publisher.results(id);
        let found: Vec<_> = rows.iter().map(|row| (row.item_id, row.score)).collect();
        let given: Vec<_> = ranked.iter().map(|r| (r.item_id, r.score)).collect();
        assert_eq!(found, given);
    }
}

pub(super) fn a_failure_keeps_its_reason(stage: &Stage) {
    let (publisher, worker) = (stage.publisher(), stage.worker());
    let id = publisher.start();
    let lease = worker.take_one(LONG);
    let settled = worker.settle(&lease, failed("no model, since Zoë 🙂 took it"));
    assert_eq!(settled, Settled::Now(TaskStatus::Failure, None));
    let view = publisher.view(id);
    assert_eq!(view.status, TaskStatus::Failure);
    assert_eq!(
        view.error.as_deref(),
        Some("no model, since Zoë 🙂 took it")
    );
    worker.check_nothing_comes();
    drop(worker);
    stage.check_waiting(0);
}

pub(super) fn a_retry_comes_after_its_wait(stage: &Stage) {
    let (publisher, worker) = (stage.publisher(), stage.worker());
    let id = publisher.start();
    let first = worker.take_one(LONG);
    let (begun, wait) = (Instant::now(), Duration::from_millis(400));
    let settled = worker.settle(&first, retry(wait));
    assert_eq!(settled, Settled::Now(TaskStatus::Retry, None));
    assert_eq!(publisher.status(id), TaskStatus::Retry);
    worker.check_nothing_comes();
    let second = worker.take_one(LONG);
    // Two clocks may differ by a little.
    let waited = begun.elapsed() + Duration::from_millis(20);
    assert!(waited >= wait, "it came after {waited:?}");
    assert!(waited < wait + Duration::from_secs(5), "after {waited:?}");
    assert_eq!((second.task_id, second.attempt), (id, 2));
    assert_eq!(second.work, first.work);
    assert_eq!(worker.settle(&second, Outcome::Ranked(ranking(1))), SUCCESS);
    worker.check_nothing_comes();
    drop(worker);
    stage.check_waiting(0);
}

pub(super) fn retries_past_the_limit_are_a_failure(stage: &Stage) {
    let limits = Limits {
        max_attempts: 2,
        ..Limits::default()
    };
    let publisher = stage.join(false, false, limits);
    let worker = stage.join(true, false, limits);
    let id = publisher.start();
    for (attempt, status) in [(1, TaskStatus::Retry), (2, TaskStatus::Failure)] {
        let lease = worker.take_one(LONG);
        assert_eq!((lease.task_id, lease.attempt), (id, attempt));
        let settled = worker.settle(&lease, retry(Duration::ZERO));
        assert_eq!(settled, Settled::Now(status, None));
    }
    let error = publisher.view(id).error;
    assert!(error.is_some_and(|e| e.contains("the model was away")));
    worker.check_nothing_comes();
    drop(worker);
    stage.check_waiting(0);
}

pub(super) fn a_released_task_comes_back_at_once(stage: &Stage) {
    let (publisher, worker) = (stage.publisher(), stage.worker());
    let id = publisher.start();
    for _ in 0..3 {
        let lease = worker.take_one(LONG);
        assert_eq!((lease.task_id, lease.attempt), (id, 1));
        let begun = Instant::now();
        worker.settle(&lease, Outcome::Released);
        let again = worker.take_one(LONG);
        assert!(begun.elapsed() < Duration::from_secs(2));
        assert_eq!((again.task_id, again.attempt), (id, 1));
        assert!(again.token > lease.token);
        worker.settle(&again, Outcome::Released);
    }
    let lease = worker.take_one(LONG);
    assert_eq!(worker.settle(&lease, Outcome::Ranked(ranking(1))), SUCCESS);
}

pub(super) fn replies_have_the_order_of_their_settlements(stage: &Stage) {
    let (publisher, worker) = (stage.publisher(), stage.worker());
    let started = publisher.start_many(6);
    let mut leases = worker.take_all(6, LONG);
    leases.sort_by_key(|lease| lease.task_id);
    let mut stale = leases[4].reference();
    stale.token -= 1;
    let outcomes = [
        Outcome::Ranked(ranking(1)),
        failed("it is no user"),
        retry(LONG),
        Outcome::Ranked(ranking(4)),
        Outcome::Ranked(ranking(5)),
        Outcome::Released,
    ];
    let mut settlements: Vec<Settlement> = (leases.iter().zip(outcomes))
        .map(|(lease, outcome)| Settlement {
            lease: lease.reference(),
            outcome,
        })
        .collect();
    settlements[4].lease = stale;
    let settled = ok(worker.transport.settle(&settlements));
    use TaskStatus::{Failure, Retry, Started, Success};
    let now = |status| Settled::Now(status, None);
    let expected = [SUCCESS, now(Failure), now(Retry), SUCCESS, Settled::Stale];
    assert_eq!(settled[..5], expected);
    assert_ne!(settled[5], Settled::Stale);
    assert_eq!(settled.len(), 6);
    let statuses: Vec<_> = started[..5]
        .iter()
        .map(|id| publisher.status(*id))
        .collect();
    assert_eq!(statuses, [Success, Failure, Retry, Success, Started]);
    assert_eq!(publisher.results(started[3]).len(), 4);
    assert_eq!(worker.take_one(LONG).task_id, started[5], "it was released");
}

pub(super) fn an_empty_settlement_does_nothing(stage: &Stage) {
    let worker = stage.worker();
    assert_eq!(ok(worker.transport.settle(&[])), []);
}

pub(super) fn what_is_settled_twice_counts_once(stage: &Stage) {
    let (publisher, worker) = (stage.publisher(), stage.worker());
    let id = publisher.start();
    let lease = worker.take_one(LONG);
    assert_eq!(worker.settle(&lease, Outcome::Ranked(ranking(3))), SUCCESS);
    for outcome in [
        Outcome::Ranked(ranking(5)),
        failed("late"),
        Outcome::Released,
    ] {
        assert_eq!(worker.settle(&lease, outcome), Settled::Stale);
    }
    assert_eq!(publisher.results(id).len(), 3);
    worker.check_nothing_comes();
}
