//! Pruning.

use super::bench::{Bench, Opened, explored, ok, ranking, task};
use crate::types::{Idempotency, NewSession, Outcome, Pruned, SessionOp, SessionReply, TaskKind};
use mlp_core::explore::Half;
use std::time::Duration;

/// A time after all that was done before, and before all that comes.
fn now(open: &Opened<'_>) -> i64 {
    let bench = open.bench;
    bench.pass_time(Duration::from_millis(5));
    let id = open.finished_beside(ranking(1));
    let user = open.show(id, 1).user_id;
    let now = ok(open.store.user(user)).expect("it is there").created_us;
    bench.pass_time(Duration::from_millis(5));
    now
}

#[track_caller]
fn prune_all(open: &Opened<'_>, before: i64, keep_explored: bool) -> Pruned {
    let mut all = Pruned::default();
    loop {
        let pruned = ok(open.store.prune(before, 2, keep_explored));
        if pruned == Pruned::default() {
            return all;
        }
        assert!(pruned.inferences <= 2 && pruned.tasks <= 2 && pruned.keys <= 2);
        all.inferences += pruned.inferences;
        all.tasks += pruned.tasks;
        all.keys += pruned.keys;
    }
}

pub(super) fn old_final_sessions_go_with_their_users(bench: &Bench) {
    let open = bench.open();
    let old: Vec<_> = (0..5).map(|_| open.answered(ranking(3), 1)).collect();
    let before = now(&open);
    let young = open.answered(ranking(3), 1);
    assert_eq!(prune_all(&open, before, true).inferences, 5);
    for id in old {
        assert_eq!(ok(open.store.results(id)), None);
        assert_eq!(ok(open.store.statuses(&[id])), [None]);
    }
    assert_eq!(open.results(young).len(), 3);
    let counts = ok(open.store.counts());
    assert_eq!(counts.users, 2);
    assert_eq!(ok(open.store.users_page(0, 10)).len(), 2);
}

pub(super) fn what_is_not_final_stays(bench: &Bench) {
    let open = bench.open();
    let failed = open.start();
    let error = "no".to_owned();
    open.settle(&open.claim_one(), Outcome::Failed { error });
    let started = open.start();
    open.claim_one();
    let pending = open.start();
    let before = now(&open);
    assert_eq!(prune_all(&open, before, false).inferences, 1);
    let known = ok(open.store.statuses(&[failed, started, pending]));
    assert_eq!(
        known.iter().map(Option::is_some).collect::<Vec<_>>(),
        [false, true, true]
    );
}

pub(super) fn explored_answers_stay_when_asked(bench: &Bench) {
    let open = bench.open();
    let plain = open.answered(ranking(3), 1);
    let kept = open.answered(explored(3, Half::Judging), 1);
    let censored = open.finished(explored(3, Half::Training));
    let before = now(&open);
    assert_eq!(prune_all(&open, before, true).inferences, 2);
    let known = ok(open.store.statuses(&[plain, kept, censored]));
    assert_eq!(
        known.iter().map(Option::is_some).collect::<Vec<_>>(),
        [false, true, false]
    );
    assert_eq!(open.logged(true, Half::Judging).len(), 1);
    assert_eq!(prune_all(&open, before, false).inferences, 1);
    assert!(open.logged(true, Half::Judging).is_empty());
}

pub(super) fn pruning_passes_by_what_stays(bench: &Bench) {
    let open = bench.open();
    let mut plain = 0;
    for turn in 0..12 {
        if turn % 3 == 0 {
            open.answered(explored(3, Half::Training), 1);
        } else {
            open.answered(ranking(3), 1);
            plain += 1;
        }
    }
    let before = now(&open);
    assert_eq!(prune_all(&open, before, true).inferences, plain);
    assert_eq!(prune_all(&open, before, true), Pruned::default());
    assert_eq!(open.logged(true, Half::Training).len(), 4);
}

pub(super) fn numbers_are_never_given_again(bench: &Bench) {
    let open = bench.open();
    let id = open.finished(ranking(1));
    let last = open.show(id, 1);
    // All that there is, the newest too.
    assert_eq!(prune_all(&open, i64::MAX, false).inferences, 1);
    assert_eq!(ok(open.store.counts()).users, 0);
    let id = open.finished(ranking(1));
    let next = open.show(id, 1);
    assert!(next.inference_id > last.inference_id);
    assert!(next.user_id > last.user_id);
}

pub(super) fn old_tasks_go_when_final(bench: &Bench) {
    let open = bench.open();
    let done = ok(open.store.enqueue(&task(TaskKind::Training)));
    let lease = open.claim_of(TaskKind::Training, 1).remove(0);
    let result = "{}".to_owned();
    open.settle(&lease, Outcome::Done { result });
    let waits = ok(open.store.enqueue(&task(TaskKind::Monitoring)));
    let before = now(&open);
    assert_eq!(prune_all(&open, before, true).tasks, 1);
    let known = ok(open.store.statuses(&[done, waits]));
    assert_eq!(
        known.iter().map(Option::is_some).collect::<Vec<_>>(),
        [false, true]
    );
}

pub(super) fn old_keys_are_forgotten(bench: &Bench) {
    let open = bench.open();
    let keyed = || NewSession {
        idempotency: Some(Idempotency {
            key: "k".to_owned(),
            fingerprint: [1; 32],
        }),
        ..bench.request()
    };
    open.apply(SessionOp::Start(keyed()));
    open.settle(&open.claim_one(), Outcome::Ranked(ranking(1)));
    let before = now(&open);
    assert_eq!(prune_all(&open, before, true).keys, 1);
    let again = keyed();
    let id = again.task_id;
    let reply = open.apply(SessionOp::Start(again));
    assert!(matches!(reply, SessionReply::Started { task_id, .. } if task_id == id));
}

pub(super) fn items_and_models_outlive_pruning(bench: &Bench) {
    let open = bench.open();
    ok(open.store.change_items(&[bench.new_item()]));
    ok(open.store.insert_model(&super::bench::model("m")));
    open.answered(ranking(1), 1);
    prune_all(&open, i64::MAX, false);
    assert_eq!(ok(open.store.catalog()).1.len(), 1);
    assert_eq!(ok(open.store.models(100)).len(), 1);
}

pub(super) fn nothing_old_prunes_nothing(bench: &Bench) {
    let open = bench.open();
    open.answered(ranking(1), 1);
    assert_eq!(ok(open.store.prune(0, 10, false)), Pruned::default());
    assert_eq!(ok(open.store.prune(i64::MIN, 10, true)), Pruned::default());
    assert_eq!(ok(open.store.counts()).users, 1);
}

pub(super) fn a_duty_is_one_callers_turn_at_a_time(bench: &Bench) {
    let (here, there) = (bench.open(), bench.open());
    let every = Duration::from_millis(300);
    assert!(ok(here.store.turn("sweep", every)));
    assert!(!ok(there.store.turn("sweep", every)));
    assert!(!ok(here.store.turn("sweep", every)));
    assert!(ok(there.store.turn("watch", every)));
    bench.pass_time(every);
    // The first may have died: the turn is nobody's before it is taken.
    assert!(ok(there.store.turn("sweep", every)));
    assert!(!ok(here.store.turn("sweep", every)));
}

pub(super) fn a_turn_is_one_of_many_callers(bench: &Bench) {
    let handles: Vec<_> = (0..4).map(|_| bench.open()).collect();
    let hour = Duration::from_secs(3600);
    let turns: Vec<bool> = std::thread::scope(|scope| {
        let one = |open: &Opened<'_>| {
            let store = std::sync::Arc::clone(&open.store);
            scope.spawn(move || ok(store.turn("sweep", hour)))
        };
        let threads: Vec<_> = handles.iter().map(one).collect();
        threads
            .into_iter()
            .map(|t| t.join().expect("no panic"))
            .collect()
    });
    assert_eq!(turns.iter().filter(|turn| **turn).count(), 1);
}
