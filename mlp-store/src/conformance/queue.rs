//! The queue as a whole: other kinds of tasks, sweeping, depth.

use super::Limits;
use super::bench::{Bench, LEASE, decision, model, ok, ranking, task};
use crate::types::{
    DecisionKind, ModelStatus, NewModel, Outcome, QueueDepth, Settled, TaskKind, TaskStatus, Work,
};
use std::time::Duration;

pub(super) fn a_kind_has_one_task_until_it_is_final(bench: &Bench) {
    let open = bench.open();
    for kind in [TaskKind::Training, TaskKind::Monitoring] {
        let first = task(kind);
        assert_eq!(ok(open.store.enqueue(&first)), first.task_id);
        assert_eq!(ok(open.store.enqueue(&task(kind))), first.task_id);
        let lease = open.claim_of(kind, 10).remove(0);
        assert_eq!(ok(open.store.enqueue(&task(kind))), first.task_id);
        let result = "{}".to_owned();
        open.settle(&lease, Outcome::Done { result });
        let next = task(kind);
        assert_eq!(ok(open.store.enqueue(&next)), next.task_id);
    }
}

pub(super) fn an_inference_is_not_enqueued(bench: &Bench) {
    let open = bench.open();
    assert!(open.store.enqueue(&task(TaskKind::Inference)).is_err());
}

pub(super) fn kinds_are_claimed_apart(bench: &Bench) {
    let open = bench.open();
    let inference = open.start();
    let training = ok(open.store.enqueue(&task(TaskKind::Training)));
    let monitoring = ok(open.store.enqueue(&task(TaskKind::Monitoring)));
    for (kind, id) in [
        (TaskKind::Monitoring, monitoring),
        (TaskKind::Inference, inference),
        (TaskKind::Training, training),
    ] {
        let leases = open.claim_of(kind, 10);
        assert_eq!(leases.len(), 1);
        assert_eq!((leases[0].task_id, leases[0].kind), (id, kind));
    }
}

pub(super) fn a_task_brings_its_payload(bench: &Bench) {
    let open = bench.open();
    let mut new = task(TaskKind::Monitoring);
    new.payload = r#"{"why":"«drift» 🙂 \u0000","n":[1,2.5]}"#.to_owned();
    ok(open.store.enqueue(&new));
    let lease = open.claim_of(TaskKind::Monitoring, 1).remove(0);
    let payload = new.payload;
    assert_eq!(lease.work, Work::Task { payload });
}

pub(super) fn statuses_mix_kinds(bench: &Bench) {
    let open = bench.open();
    let training = ok(open.store.enqueue(&task(TaskKind::Training)));
    let inference = open.finished(ranking(2));
    let monitoring = ok(open.store.enqueue(&task(TaskKind::Monitoring)));
    open.claim_of(TaskKind::Monitoring, 1);
    let views = ok(open.store.statuses(&[monitoring, inference, training]));
    let seen: Vec<_> = (views.iter().flatten())
        .map(|view| (view.kind, view.status, view.attempts))
        .collect();
    assert_eq!(
        seen,
        [
            (TaskKind::Monitoring, TaskStatus::Started, 1),
            (TaskKind::Inference, TaskStatus::Success, 1),
            (TaskKind::Training, TaskStatus::Pending, 0),
        ]
    );
}

pub(super) fn training_leases_are_fenced_too(bench: &Bench) {
    let open = bench.open();
    let id = ok(open.store.enqueue(&task(TaskKind::Training)));
    let claim = || open.claim_of(TaskKind::Training, 1).remove(0);
    let first = claim();
    bench.outlive_leases();
    let second = claim();
    assert_eq!((second.task_id, second.attempt), (id, 2));
    let trained = |name: &str| Outcome::Trained {
        model: NewModel {
            task_id: Some(id),
            ..model(name)
        },
        decision: decision(DecisionKind::Promote),
    };
    assert_eq!(open.settle(&first, trained("stale")), Settled::Stale);
    assert!(ok(open.store.models(100)).is_empty());
    assert!(ok(open.store.decisions(10)).is_empty());
    let Settled::Now(TaskStatus::Success, Some(model_id)) = open.settle(&second, trained("new"))
    else {
        panic!("it is settled");
    };
    let kept = ok(open.store.model(model_id)).expect("the model is kept");
    assert_eq!(
        (kept.task_id, kept.status),
        (Some(id), ModelStatus::Champion)
    );
    assert_eq!(ok(open.store.decisions(10)).len(), 1);
    assert_eq!(open.settle(&second, trained("again")), Settled::Stale);
    assert_eq!(ok(open.store.models(100)).len(), 1);
}

pub(super) fn a_training_that_decides_nonsense_leaves_nothing(bench: &Bench) {
    let open = bench.open();
    let id = ok(open.store.enqueue(&task(TaskKind::Training)));
    let lease = open.claim_of(TaskKind::Training, 1).remove(0);
    let settled = open.store.settle(&[crate::types::Settlement {
        lease: lease.reference(),
        outcome: Outcome::Trained {
            model: model("m"),
            decision: decision(DecisionKind::Rollback),
        },
    }]);
    assert!(settled.is_err());
    assert!(ok(open.store.models(100)).is_empty());
    assert_eq!(open.status(id), TaskStatus::Started);
}

pub(super) fn trainings_retry_and_fail_like_inferences(bench: &Bench) {
    let open = bench.open();
    let id = ok(open.store.enqueue(&task(TaskKind::Training)));
    for attempt in 1..=3 {
        let lease = open.claim_of(TaskKind::Training, 1).remove(0);
        assert_eq!(lease.attempt, attempt);
        let error = "too few answers".to_owned();
        let after = Duration::ZERO;
        open.settle(&lease, Outcome::Retry { error, after });
    }
    assert_eq!(open.status(id), TaskStatus::Failure);
    assert!(
        open.error(id)
            .is_some_and(|e| e.contains("too few answers"))
    );
}

pub(super) fn a_training_that_expires_for_good_makes_room(bench: &Bench) {
    let open = bench.open_with(Limits {
        max_attempts: 1,
        ..Limits::default()
    });
    let id = ok(open.store.enqueue(&task(TaskKind::Training)));
    open.claim_of(TaskKind::Training, 1);
    bench.outlive_leases();
    assert!(open.claim_of(TaskKind::Training, 1).is_empty());
    assert_eq!(open.status(id), TaskStatus::Failure);
    let next = task(TaskKind::Training);
    assert_eq!(ok(open.store.enqueue(&next)), next.task_id);
}

fn abandoned_after(bench: &Bench, after: Duration) -> super::bench::Opened<'_> {
    bench.open_with(Limits {
        abandon_after: after,
        ..Limits::default()
    })
}

pub(super) fn a_sweep_ends_what_nobody_took(bench: &Bench) {
    let after = Duration::from_millis(600);
    let open = abandoned_after(bench, after);
    let old = open.start();
    assert_eq!(ok(open.store.sweep()), 0);
    bench.pass_time(after + Duration::from_millis(10));
    let young = open.start();
    assert_eq!(ok(open.store.sweep()), 1);
    assert_eq!(open.status(old), TaskStatus::Failure);
    assert!(open.error(old).is_some());
    assert_eq!(open.status(young), TaskStatus::Pending);
    assert_eq!(ok(open.store.sweep()), 0);
}

pub(super) fn a_sweep_leaves_what_is_worked_on(bench: &Bench) {
    let after = Duration::from_millis(600);
    let open = abandoned_after(bench, after);
    open.start();
    let lease = open.claim_one();
    for _ in 0..4 {
        bench.pass_time(LEASE / 2);
        ok(open.store.heartbeat(&[lease.reference()], LEASE));
    }
    assert_eq!(ok(open.store.sweep()), 0);
    assert_eq!(
        open.settle(&lease, Outcome::Ranked(ranking(1))),
        Settled::Now(TaskStatus::Success, None)
    );
}

pub(super) fn a_released_old_task_has_time_to_be_taken(bench: &Bench) {
    let after = Duration::from_millis(600);
    let open = abandoned_after(bench, after);
    let id = open.start();
    let lease = open.claim_one();
    for _ in 0..4 {
        bench.pass_time(LEASE / 2);
        ok(open.store.heartbeat(&[lease.reference()], LEASE));
    }
    open.settle(&lease, Outcome::Released);
    assert_eq!(ok(open.store.sweep()), 0);
    assert_eq!(open.status(id), TaskStatus::Pending);
}

pub(super) fn a_sweep_ends_what_workers_left_behind(bench: &Bench) {
    let after = Duration::from_millis(300);
    let open = abandoned_after(bench, after);
    let id = open.start();
    let lease = open.claim_one();
    bench.outlive_leases();
    assert_eq!(ok(open.store.sweep()), 0, "it may be rescued");
    bench.pass_time(after);
    assert_eq!(ok(open.store.sweep()), 1);
    assert_eq!(open.status(id), TaskStatus::Failure);
    assert_eq!(
        open.settle(&lease, Outcome::Ranked(ranking(1))),
        Settled::Stale
    );
}

pub(super) fn depth_counts_by_kind_and_age(bench: &Bench) {
    let open = bench.open();
    for kind in TaskKind::ALL {
        assert_eq!(ok(open.store.depth(kind)), QueueDepth::default());
    }
    for _ in 0..3 {
        open.start();
    }
    let leases = open.claim(2);
    ok(open.store.enqueue(&task(TaskKind::Training)));
    let waited = Duration::from_millis(30);
    bench.pass_time(waited);
    let depth = ok(open.store.depth(TaskKind::Inference));
    assert_eq!((depth.waiting, depth.started), (1, 2));
    assert!(depth.oldest_us >= waited.as_micros() as i64);
    let training = ok(open.store.depth(TaskKind::Training));
    assert_eq!((training.waiting, training.started), (1, 0));
    let monitoring = ok(open.store.depth(TaskKind::Monitoring));
    assert_eq!(monitoring, QueueDepth::default());
    open.settle(&leases[0], Outcome::Ranked(ranking(1)));
    let depth = ok(open.store.depth(TaskKind::Inference));
    assert_eq!((depth.waiting, depth.started), (1, 1));
}
