//! Many threads, and many handles, on one store.

use super::Limits;
use super::bench::{Bench, LEASE, Opened, ok, ranking};
use crate::types::{
    ClaimOptions, ItemChange, Outcome, SessionOp, SessionReply, Settled, Settlement, TaskId,
    TaskKind, TaskStatus,
};
use std::collections::HashSet;
use std::sync::Mutex;
use std::time::Duration;

const THREADS: usize = 8;

/// Runs `work` on so many threads; gives what each made.
fn threads<T: Send>(work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    std::thread::scope(|scope| {
        let work = &work;
        let running: Vec<_> = (0..THREADS).map(|i| scope.spawn(move || work(i))).collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, T>| match thread.join() {
            Ok(value) => value,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        running.into_iter().map(join).collect()
    })
}

fn claim_long(open: &Opened<'_>, max: usize) -> Vec<crate::types::Lease> {
    let options = ClaimOptions {
        kind: TaskKind::Inference,
        max,
        lease: Duration::from_secs(600),
    };
    ok(open.store.claim(&options))
}

pub(super) fn each_task_is_claimed_once(bench: &Bench) {
    let open = bench.open();
    let ops: Vec<_> = (0..400)
        .map(|_| SessionOp::Start(bench.request()))
        .collect();
    ok(open.store.apply(&ops));
    let claimed: Vec<TaskId> = threads(|i| {
        let mut ids = Vec::new();
        loop {
            let leases = claim_long(&open, 1 + i);
            if leases.is_empty() {
                return ids;
            }
            ids.extend(leases.iter().map(|l| l.task_id));
        }
    })
    .concat();
    assert_eq!(claimed.len(), 400);
    assert_eq!(claimed.iter().collect::<HashSet<_>>().len(), 400);
}

pub(super) fn each_task_is_claimed_once_by_many_handles(bench: &Bench) {
    let open = bench.open();
    let ops: Vec<_> = (0..200)
        .map(|_| SessionOp::Start(bench.request()))
        .collect();
    ok(open.store.apply(&ops));
    let handles: Vec<_> = (0..THREADS).map(|_| bench.open()).collect();
    let claimed: Vec<TaskId> = threads(|i| {
        let mut ids = Vec::new();
        loop {
            let leases = claim_long(&handles[i], 3);
            if leases.is_empty() {
                return ids;
            }
            ids.extend(leases.iter().map(|l| l.task_id));
        }
    })
    .concat();
    assert_eq!(claimed.len(), 200);
    assert_eq!(claimed.iter().collect::<HashSet<_>>().len(), 200);
}

pub(super) fn one_settlement_of_many_wins(bench: &Bench) {
    let open = bench.open();
    open.start();
    let lease = claim_long(&open, 1).remove(0);
    let settled = threads(|i| open.settle(&lease, Outcome::Ranked(ranking(1 + i as i64))));
    let won: Vec<usize> = (0..THREADS)
        .filter(|i| settled[*i] == Settled::Now(TaskStatus::Success, None))
        .collect();
    assert_eq!(won.len(), 1);
    assert_eq!(open.results(lease.task_id).len(), 1 + won[0]);
}

pub(super) fn one_enqueue_of_many_makes_the_task(bench: &Bench) {
    let open = bench.open();
    let ids = threads(|_| ok(open.store.enqueue(&super::bench::task(TaskKind::Training))));
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 1);
    assert_eq!(ok(open.store.depth(TaskKind::Training)).waiting, 1);
}

pub(super) fn one_start_of_many_under_a_key_makes_the_task(bench: &Bench) {
    let open = bench.open();
    let ids = threads(|_| {
        let mut session = bench.request();
        session.idempotency = Some(crate::types::Idempotency {
            key: "k".to_owned(),
            fingerprint: [1; 32],
        });
        match open.apply(SessionOp::Start(session)) {
            SessionReply::Started { task_id, .. } => task_id,
            other => panic!("{other:?}"),
        }
    });
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 1);
    assert_eq!(ok(open.store.counts()).users, 1);
}

pub(super) fn the_limit_holds_for_all_threads_together(bench: &Bench) {
    let open = bench.open_with(Limits {
        max_pending: 20,
        ..Limits::default()
    });
    let started: usize = threads(|_| {
        let replies = (0..10).map(|_| open.apply(SessionOp::Start(bench.request())));
        replies
            .filter(|reply| matches!(reply, SessionReply::Started { .. }))
            .count()
    })
    .iter()
    .sum();
    assert_eq!(started, 20);
}

pub(super) fn concurrent_changes_are_versions_of_their_own(bench: &Bench) {
    let open = bench.open();
    let mut versions: Vec<i64> = threads(|_| {
        let change = bench.new_item();
        let one = |change: ItemChange| ok(open.store.change_items(&[change])).0;
        one(change)
    });
    versions.sort_unstable();
    assert_eq!(versions, (1..=THREADS as i64).collect::<Vec<_>>());
    let (version, items) = ok(open.store.catalog());
    assert_eq!((version, items.len()), (THREADS as i64, THREADS));
}

pub(super) fn there_is_a_champion_at_every_moment(bench: &Bench) {
    use crate::types::DecisionKind;
    let open = bench.open();
    for name in ["a", "b", "c", "d"] {
        ok(open.store.insert_model(&super::bench::model(name)));
    }
    let ids: Vec<i64> = (ok(open.store.models(100)).iter())
        .map(|model| model.model_id)
        .collect();
    let promote = super::bench::decision(DecisionKind::Promote);
    ok(open.store.decide(ids[0], &promote));
    threads(|i| {
        for turn in 0..10 {
            if i % 2 == 0 {
                ok(open.store.decide(ids[(i + turn) % 4], &promote));
            } else {
                let serving = ok(open.store.serving_models());
                assert_eq!(serving.len(), 1);
                assert_eq!(serving[0].use_percentage, 1.0);
            }
        }
    });
}

/// Clients and workers at once, some of which die with their leases: every session ends once.
pub(super) fn sessions_end_once_whoever_dies(bench: &Bench) {
    let open = bench.open_with(Limits {
        max_attempts: 100,
        ..Limits::default()
    });
    const EACH: usize = 25;
    let done = Mutex::new(HashSet::new());
    threads(|i| {
        for turn in 0..EACH {
            if i < 4 {
                open.start();
                continue;
            }
            let leases = ok(open.store.claim(&ClaimOptions {
                kind: TaskKind::Inference,
                max: 4,
                lease: LEASE,
            }));
            // One in five dies here.
            if turn % 5 == 4 {
                continue;
            }
            settle_all(&open, &leases, &done);
        }
    });
    while done.lock().expect("no panic").len() < 4 * EACH {
        bench.outlive_leases();
        settle_all(&open, &open.claim(1000), &done);
    }
    let depth = ok(open.store.depth(TaskKind::Inference));
    assert_eq!((depth.waiting, depth.started), (0, 0));
}

fn settle_all(open: &Opened<'_>, leases: &[crate::types::Lease], done: &Mutex<HashSet<TaskId>>) {
    let settlements: Vec<_> = leases
        .iter()
        .map(|lease| Settlement {
            lease: lease.reference(),
            outcome: Outcome::Ranked(ranking(5)),
        })
        .collect();
    let settled = ok(open.store.settle(&settlements));
    for (lease, settled) in leases.iter().zip(settled) {
        if settled == Settled::Now(TaskStatus::Success, None) {
            let new = done.lock().expect("no panic").insert(lease.task_id);
            assert!(new, "settled twice to effect");
        }
    }
}
