//! Leases: who may work on what, and for how long.

use super::Limits;
use super::bench::{Bench, LEASE, Opened, ok, ranking, task};
use crate::types::{
    Claim, Lease, LeaseRef, NewSession, Outcome, Priority, SessionOp, Settled, TaskId, TaskKind,
    TaskStatus, Work,
};
use std::time::Duration;

const SUCCESS: Settled = Settled::Now(TaskStatus::Success, None);

fn error(text: &str) -> Outcome {
    Outcome::Failed {
        error: text.to_owned(),
    }
}

fn retry(after: Duration) -> Outcome {
    Outcome::Retry {
        error: "the model was away".to_owned(),
        after,
    }
}

pub(super) fn a_claim_starts_the_task(bench: &Bench) {
    let open = bench.open();
    let id = open.start();
    let lease = open.claim_one();
    assert_eq!((lease.task_id, lease.kind), (id, TaskKind::Inference));
    assert_eq!(lease.attempt, 1);
    assert_eq!(open.status(id), TaskStatus::Started);
    assert!(open.claim(10).is_empty(), "it is taken");
}

pub(super) fn claims_take_the_oldest_first(bench: &Bench) {
    let open = bench.open();
    let ids: Vec<TaskId> = (0..7).map(|_| open.start()).collect();
    let claimed = |max| -> Vec<TaskId> {
        let leases = open.claim(max);
        leases.iter().map(|lease| lease.task_id).collect()
    };
    assert_eq!(claimed(3), ids[..3]);
    assert_eq!(claimed(0), []);
    assert_eq!(claimed(100), ids[3..]);
}

/// A request with a priority.
fn start_as(open: &Opened<'_>, priority: Priority) -> TaskId {
    let session = NewSession {
        priority,
        ..open.bench.request()
    };
    let task_id = session.task_id;
    open.apply(SessionOp::Start(session));
    task_id
}

pub(super) fn interactive_work_goes_before_batch_work(bench: &Bench) {
    let open = bench.open();
    let batch: Vec<_> = (0..3).map(|_| start_as(&open, Priority::Batch)).collect();
    let interactive: Vec<_> = (0..3).map(|_| open.start()).collect();
    let claimed = |max| -> Vec<TaskId> { open.claim(max).iter().map(|l| l.task_id).collect() };
    assert_eq!(claimed(2), interactive[..2]);
    assert_eq!(claimed(2), [interactive[2], batch[0]]);
    let late = open.start();
    assert_eq!(claimed(10), [late, batch[1], batch[2]]);
}

pub(super) fn batch_work_is_retried_and_expires_too(bench: &Bench) {
    let open = bench.open();
    let id = start_as(&open, Priority::Batch);
    let (error, after) = ("again".to_owned(), Duration::ZERO);
    let lease = open.claim_one();
    open.settle(&lease, Outcome::Retry { error, after });
    let lease = open.claim_one();
    assert_eq!((lease.task_id, lease.attempt), (id, 2));
    assert_eq!(ok(open.store.depth(TaskKind::Inference)).started, 1);
    bench.outlive_leases();
    let lease = open.claim_one();
    assert_eq!(lease.attempt, 3);
    open.settle(&lease, Outcome::Ranked(ranking(1)));
    assert_eq!(open.status(id), TaskStatus::Success);
}

pub(super) fn a_claim_of_nothing_is_empty(bench: &Bench) {
    let open = bench.open();
    for kind in TaskKind::ALL {
        assert!(open.claim_of(kind, 10).is_empty());
    }
}

fn claim_named(open: &Opened<'_>, ids: &[TaskId]) -> Vec<Claim> {
    let claims = ok(open.store.claim_inferences(ids, LEASE));
    assert_eq!(claims.len(), ids.len());
    claims
}

#[track_caller]
fn leased(claim: &Claim) -> &Lease {
    match claim {
        Claim::Leased(lease) => lease,
        other => panic!("it is not leased: {other:?}"),
    }
}

pub(super) fn named_inferences_are_leased_and_others_explained(bench: &Bench) {
    let open = bench.open();
    assert!(claim_named(&open, &[]).is_empty());
    let request = NewSession {
        candidates: Some(vec![3, 1]),
        ..open.bench.request()
    };
    let (a, user) = (request.task_id, request.user.clone());
    open.apply(SessionOp::Start(request));
    let (b, nobody) = (open.start(), TaskId::new_v7());
    let done = open.finished_beside(ranking(2));
    let claims = claim_named(&open, &[done, a, nobody, a]);
    assert_eq!(claims[0], Claim::Final(TaskStatus::Success));
    assert_eq!(claims[2], Claim::Unknown);
    assert!(matches!(claims[3], Claim::Held(left) if left <= LEASE));
    let lease = leased(&claims[1]);
    assert_eq!((lease.task_id, lease.attempt), (a, 1));
    let work = Work::Inference {
        user,
        candidates: Some(vec![3, 1]),
    };
    assert_eq!(lease.work, work);
    assert_eq!(open.claim_one().task_id, b, "the other is under lease");
    assert!(matches!(
        claim_named(&open, &[a, b])[..],
        [Claim::Held(_), Claim::Held(_)]
    ));
    assert_eq!(open.settle(lease, Outcome::Ranked(ranking(3))), SUCCESS);
    bench.outlive_leases();
    let claims = claim_named(&open, &[a, b]);
    assert_eq!(claims[0], Claim::Final(TaskStatus::Success));
    assert_eq!(leased(&claims[1]).attempt, 2);
}

pub(super) fn a_named_inference_is_leased_before_its_retry_is_due(bench: &Bench) {
    let open = bench.open();
    let id = open.start();
    let lease = open.claim_one();
    open.settle(&lease, retry(Duration::from_secs(60)));
    assert!(open.claim(10).is_empty());
    let claims = claim_named(&open, &[id]);
    let second = leased(&claims[0]);
    assert_eq!(second.attempt, 2);
    assert_eq!(
        open.settle(&lease, Outcome::Ranked(ranking(1))),
        Settled::Stale
    );
    assert_eq!(open.settle(second, Outcome::Ranked(ranking(1))), SUCCESS);
}

pub(super) fn a_named_inference_whose_attempts_are_spent_fails(bench: &Bench) {
    let open = bench.open_with(Limits {
        max_attempts: 1,
        ..Limits::default()
    });
    let id = open.start();
    leased(&claim_named(&open, &[id])[0]);
    bench.outlive_leases();
    let failed = Claim::Final(TaskStatus::Failure);
    assert_eq!(claim_named(&open, &[id]), [failed]);
    assert_eq!(
        open.error(id).as_deref(),
        Some("the lease of attempt 1 of 1 expired")
    );
}

pub(super) fn what_nobody_takes_is_overdue(bench: &Bench) {
    let open = bench.open();
    let wait = Duration::from_millis(100);
    let overdue = |limit| ok(open.store.overdue_inferences(wait, limit));
    let request = NewSession {
        candidates: Some(vec![5]),
        priority: Priority::Batch,
        ..open.bench.request()
    };
    let (batch, user) = (request.task_id, request.user.clone());
    open.apply(SessionOp::Start(request));
    let (first, second, taken) = (open.start(), open.start(), open.start());
    open.finished_beside(ranking(1));
    leased(&claim_named(&open, &[taken])[0]);
    assert!(overdue(10).is_empty(), "nothing has waited yet");
    bench.pass_time(wait * 2);
    let found = overdue(10);
    let ids: Vec<_> = found.iter().map(|o| o.task_id).collect();
    assert_eq!(ids, [first, second, batch]);
    assert_eq!(
        (&found[2].user, &found[2].candidates),
        (&user, &Some(vec![5]))
    );
    assert!(found.iter().all(|o| o.waited >= wait));
    assert_eq!(overdue(1).len(), 1);
    bench.pass_time(LEASE + wait);
    let ids: Vec<_> = overdue(10).iter().map(|o| o.task_id).collect();
    assert!(ids.contains(&taken), "its lease has ended: {ids:?}");
}

pub(super) fn an_expired_lease_is_claimed_again(bench: &Bench) {
    let open = bench.open();
    let id = open.start();
    let first = open.claim_one();
    bench.outlive_leases();
    let second = open.claim_one();
    assert_eq!(second.task_id, id);
    assert_eq!((second.attempt, second.work), (2, first.work));
    assert!(second.token > first.token);
}

pub(super) fn a_stale_settlement_is_refused(bench: &Bench) {
    let open = bench.open();
    let id = open.start();
    let first = open.claim_one();
    bench.outlive_leases();
    let second = open.claim_one();
    for outcome in [
        Outcome::Ranked(ranking(9)),
        error("late"),
        retry(Duration::ZERO),
        Outcome::Released,
    ] {
        assert_eq!(open.settle(&first, outcome), Settled::Stale);
        assert_eq!(open.status(id), TaskStatus::Started);
    }
    assert_eq!(open.settle(&second, Outcome::Ranked(ranking(3))), SUCCESS);
    assert_eq!(open.results(id).len(), 3);
}

pub(super) fn a_final_task_is_settled_no_more(bench: &Bench) {
    let open = bench.open();
    let id = open.start();
    let lease = open.claim_one();
    assert_eq!(open.settle(&lease, Outcome::Ranked(ranking(3))), SUCCESS);
    assert_eq!(open.settle(&lease, error("too late")), Settled::Stale);
    assert_eq!(open.settle(&lease, Outcome::Released), Settled::Stale);
    assert_eq!(open.status(id), TaskStatus::Success);
}

pub(super) fn a_lease_that_expired_unclaimed_still_settles(bench: &Bench) {
    let open = bench.open();
    open.start();
    let lease = open.claim_one();
    bench.outlive_leases();
    assert_eq!(open.settle(&lease, Outcome::Ranked(ranking(3))), SUCCESS);
    assert!(open.claim(10).is_empty());
}

pub(super) fn a_task_settled_twice_in_one_batch_counts_once(bench: &Bench) {
    let open = bench.open();
    open.start();
    let lease = open.claim_one();
    let settlement = |n| crate::types::Settlement {
        lease: lease.reference(),
        outcome: Outcome::Ranked(ranking(n)),
    };
    let settled = ok(open.store.settle(&[settlement(3), settlement(5)]));
    assert_eq!(settled, [SUCCESS, Settled::Stale]);
    assert_eq!(open.results(lease.task_id).len(), 3);
}

pub(super) fn a_made_up_lease_is_stale(bench: &Bench) {
    let open = bench.open();
    let id = open.start();
    let never = |task_id, token| crate::types::Settlement {
        lease: LeaseRef {
            task_id,
            kind: TaskKind::Inference,
            token,
        },
        outcome: Outcome::Ranked(ranking(1)),
    };
    let made_up = [never(id, 0), never(id, 1), never(TaskId::new_v7(), 1)];
    assert_eq!(ok(open.store.settle(&made_up)), [Settled::Stale; 3]);
    assert_eq!(open.status(id), TaskStatus::Pending);
}

pub(super) fn a_heartbeat_keeps_a_lease(bench: &Bench) {
    let open = bench.open();
    open.start();
    let lease = open.claim_one();
    for _ in 0..3 {
        bench.pass_time(LEASE / 2);
        let kept = ok(open.store.heartbeat(&[lease.reference()], LEASE));
        assert_eq!(kept, [true]);
        assert!(open.claim(10).is_empty());
    }
    bench.outlive_leases();
    assert_eq!(open.claim_one().attempt, 2);
}

pub(super) fn a_heartbeat_of_a_stale_lease_says_so(bench: &Bench) {
    let open = bench.open();
    open.start();
    let first = open.claim_one();
    bench.outlive_leases();
    let second = open.claim_one();
    open.start();
    let other = open.claim_one();
    open.settle(&other, Outcome::Ranked(ranking(1)));
    let leases = [second.reference(), first.reference(), other.reference()];
    let kept = ok(open.store.heartbeat(&leases, LEASE));
    assert_eq!(kept, [true, false, false]);
}

pub(super) fn the_last_attempt_that_expires_is_a_failure(bench: &Bench) {
    let open = bench.open_with(Limits {
        max_attempts: 2,
        ..Limits::default()
    });
    let id = open.start();
    let mut lease = open.claim_one();
    bench.outlive_leases();
    lease = Lease {
        token: lease.token,
        ..open.claim_one()
    };
    bench.outlive_leases();
    let young = open.start();
    assert_eq!(open.claim_one().task_id, young);
    assert_eq!(open.status(id), TaskStatus::Failure);
    assert!(open.error(id).is_some_and(|e| e.contains('2')));
    assert_eq!(
        open.settle(&lease, Outcome::Ranked(ranking(1))),
        Settled::Stale
    );
}

pub(super) fn a_claim_finds_work_behind_what_it_gives_up(bench: &Bench) {
    let open = bench.open_with(Limits {
        max_attempts: 1,
        ..Limits::default()
    });
    for _ in 0..5 {
        open.start();
    }
    assert_eq!(open.claim(5).len(), 5);
    bench.outlive_leases();
    let young = open.start();
    // One place for six that are due.
    let leases = open.claim(1);
    assert_eq!(leases.len(), 1);
    assert_eq!(leases[0].task_id, young);
}

pub(super) fn a_retry_waits_its_time(bench: &Bench) {
    let open = bench.open();
    let id = open.start();
    let after = Duration::from_millis(300);
    let settled = open.settle(&open.claim_one(), retry(after));
    assert_eq!(settled, Settled::Now(TaskStatus::Retry, None));
    assert_eq!(open.status(id), TaskStatus::Retry);
    assert_eq!(open.error(id).as_deref(), Some("the model was away"));
    assert!(open.claim(10).is_empty(), "its wait is not over");
    bench.pass_time(after);
    let again = open.claim_one();
    assert_eq!((again.task_id, again.attempt), (id, 2));
}

pub(super) fn retries_end_at_the_limit_with_the_reason(bench: &Bench) {
    let open = bench.open();
    let id = open.start();
    for attempt in 1..=3 {
        let lease = open.claim_one();
        assert_eq!(lease.attempt, attempt);
        let settled = open.settle(&lease, retry(Duration::ZERO));
        let status = match attempt {
            3 => TaskStatus::Failure,
            _ => TaskStatus::Retry,
        };
        assert_eq!(settled, Settled::Now(status, None));
    }
    assert_eq!(open.status(id), TaskStatus::Failure);
    assert!(
        open.error(id)
            .is_some_and(|e| e.contains("the model was away"))
    );
    assert!(open.claim(10).is_empty());
}

pub(super) fn a_failure_keeps_its_reason(bench: &Bench) {
    let open = bench.open();
    let id = open.start();
    let settled = open.settle(
        &open.claim_one(),
        error("no model of that name — ça va pas"),
    );
    assert_eq!(settled, Settled::Now(TaskStatus::Failure, None));
    let error = open.error(id);
    assert_eq!(error.as_deref(), Some("no model of that name — ça va pas"));
}

pub(super) fn a_release_does_not_count(bench: &Bench) {
    let open = bench.open();
    let (id, behind) = (open.start(), open.start());
    for _ in 0..5 {
        let leases = open.claim(1);
        assert_eq!((leases[0].task_id, leases[0].attempt), (id, 1));
        let settled = open.settle(&leases[0], Outcome::Released);
        assert_eq!(settled, Settled::Now(TaskStatus::Pending, None));
    }
    assert_eq!(open.status(id), TaskStatus::Pending);
    let order: Vec<_> = open.claim(2).iter().map(|l| l.task_id).collect();
    assert_eq!(order, [id, behind], "it keeps its place");
}

pub(super) fn a_release_after_a_retry_is_a_retry(bench: &Bench) {
    let open = bench.open();
    open.start();
    open.settle(&open.claim_one(), retry(Duration::ZERO));
    let lease = open.claim_one();
    let settled = open.settle(&lease, Outcome::Released);
    assert_eq!(settled, Settled::Now(TaskStatus::Retry, None));
    let again = open.claim_one();
    assert_eq!(again.attempt, 2);
    assert!(again.token > lease.token);
}

pub(super) fn tokens_rise_with_every_claim(bench: &Bench) {
    let open = bench.open();
    open.start();
    let mut last = open.claim_one().token;
    for _ in 0..2 {
        bench.outlive_leases();
        let lease = open.claim_one();
        assert!(lease.token > last);
        last = lease.token;
    }
}

pub(super) fn outcomes_fit_the_kind_of_task(bench: &Bench) {
    let open = bench.open();
    open.start();
    ok(open.store.enqueue(&task(TaskKind::Training)));
    let inference = open.claim_one();
    let training = open.claim_of(TaskKind::Training, 1).remove(0);
    let done = || Outcome::Done {
        result: "{}".to_owned(),
    };
    for (lease, outcome) in [
        (&inference, done()),
        (&training, Outcome::Ranked(ranking(1))),
    ] {
        let settlement = crate::types::Settlement {
            lease: lease.reference(),
            outcome,
        };
        assert!(open.store.settle(&[settlement]).is_err());
        assert_eq!(open.status(lease.task_id), TaskStatus::Started);
    }
    let settled = open.settle(&training, done());
    assert_eq!(settled, SUCCESS);
}

pub(super) fn one_bad_settlement_undoes_its_batch(bench: &Bench) {
    let open = bench.open();
    open.start();
    open.start();
    let leases = open.claim(2);
    let settlement = |lease: &Lease, outcome| crate::types::Settlement {
        lease: lease.reference(),
        outcome,
    };
    let result = String::new();
    let batch = [
        settlement(&leases[0], Outcome::Ranked(ranking(2))),
        settlement(&leases[1], Outcome::Done { result }),
    ];
    assert!(open.store.settle(&batch).is_err());
    for lease in &leases {
        assert_eq!(open.status(lease.task_id), TaskStatus::Started);
        assert_eq!(open.settle(lease, Outcome::Ranked(ranking(2))), SUCCESS);
    }
}
