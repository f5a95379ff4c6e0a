//! What a store still knows when it is opened again.

use super::bench::{Bench, decision, explored, model, ok, ranking, task};
use crate::types::{
    DecisionKind, Idempotency, NewSession, Outcome, SessionOp, SessionReply, Settled, TaskKind,
    TaskStatus,
};
use mlp_core::explore::Half;

pub(super) fn sessions_outlive_a_restart(bench: &Bench) {
    let open = bench.open();
    let answered = open.answered(explored(8, Half::Judging), 5);
    let (results, logged) = (open.results(answered), open.logged(true, Half::Judging));
    let pending = open.start();
    drop(open);
    let open = bench.open();
    assert_eq!(open.results(answered), results);
    assert_eq!(open.logged(true, Half::Judging), logged);
    assert_eq!(open.status(pending), TaskStatus::Pending);
    assert_eq!(open.claim_one().task_id, pending);
    assert_eq!(ok(open.store.counts()).users, 2);
}

pub(super) fn leases_outlive_a_restart(bench: &Bench) {
    let open = bench.open();
    let (held, lost) = (open.start(), open.start());
    let leases = open.claim(2);
    drop(open);
    let open = bench.open();
    let settled = open.settle(&leases[0], Outcome::Ranked(ranking(1)));
    assert_eq!(settled, Settled::Now(TaskStatus::Success, None));
    assert_eq!(open.status(held), TaskStatus::Success);
    bench.outlive_leases();
    let again = open.claim_one();
    assert_eq!(again.task_id, lost);
    assert!(again.token > leases[1].token);
    let stale = open.settle(&leases[1], Outcome::Ranked(ranking(1)));
    assert_eq!(stale, Settled::Stale);
}

pub(super) fn keys_outlive_a_restart(bench: &Bench) {
    let keyed = || NewSession {
        idempotency: Some(Idempotency {
            key: "k".to_owned(),
            fingerprint: [9; 32],
        }),
        ..bench.request()
    };
    let first = keyed();
    let task_id = first.task_id;
    bench.open().apply(SessionOp::Start(first));
    let reply = bench.open().apply(SessionOp::Start(keyed()));
    let status = TaskStatus::Pending;
    assert_eq!(reply, SessionReply::Started { task_id, status });
}

pub(super) fn catalog_and_registry_outlive_a_restart(bench: &Bench) {
    let open = bench.open();
    ok(open
        .store
        .change_items(&[bench.new_item(), bench.new_item()]));
    let id = ok(open.store.insert_model(&model("m")));
    ok(open.store.decide(id, &decision(DecisionKind::Promote)));
    ok(open.store.set_setting("exploration", "1"));
    ok(open.store.enqueue(&task(TaskKind::Training)));
    let seen = |open: &super::bench::Opened<'_>| {
        let store = &open.store;
        (
            ok(store.catalog()),
            ok(store.models(100)),
            ok(store.decisions(10)),
            ok(store.setting("exploration")),
            ok(store.versions()),
            ok(store.depth(TaskKind::Training)).waiting,
        )
    };
    let before = seen(&open);
    drop(open);
    assert_eq!(seen(&bench.open()), before);
}

pub(super) fn numbers_go_on_after_a_restart(bench: &Bench) {
    let open = bench.open();
    let id = open.finished(ranking(1));
    let last = open.show(id, 1);
    ok(open.store.prune(i64::MAX, 100, false));
    drop(open);
    let open = bench.open();
    let id = open.finished(ranking(1));
    let next = open.show(id, 1);
    assert!(next.inference_id > last.inference_id && next.user_id > last.user_id);
    assert_eq!(ok(open.store.counts()).users, 1);
}

pub(super) fn a_second_handle_sees_what_the_first_wrote(bench: &Bench) {
    let (here, there) = (bench.open(), bench.open());
    let id = here.start();
    assert_eq!(there.status(id), TaskStatus::Pending);
    let lease = there.claim_one();
    assert_eq!(lease.task_id, id);
    assert!(here.claim(10).is_empty());
    there.settle(&lease, Outcome::Ranked(ranking(3)));
    assert_eq!(here.show(id, 2).results.len(), 2);
    assert_eq!(there.results(id).iter().filter(|r| r.shown).count(), 2);
    ok(there.store.change_items(&[bench.new_item()]));
    assert_eq!(ok(here.store.versions()).catalog, 1);
    ok(here.store.change_items(&[bench.new_item()]));
    assert_eq!(ok(there.store.catalog()).1.len(), 2);
}

pub(super) fn a_store_says_what_it_is(bench: &Bench) {
    let open = bench.open();
    open.start();
    let status = ok(open.store.status());
    assert_eq!(status.schema_version, status.program_version);
    assert!(status.schema_version >= 1);
    assert!(!status.place.is_empty() && !status.backend.is_empty());
    assert!(status.bytes > 0);
    ok(open.store.ping());
}
