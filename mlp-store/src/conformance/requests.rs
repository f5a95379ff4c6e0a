//! Requests: start, rank, idempotency and the limit.

use super::bench::{Bench, explored, ok, ranking};
use super::{Limits, sample_row};
use crate::types::{
    Idempotency, NONE_OF_THESE, NewSession, Outcome, SessionOp, SessionReply, Settled, TaskId,
    TaskKind, TaskStatus, Work,
};
use mlp_core::explore::Half;

fn keyed(bench: &Bench, key: &str, fingerprint: u8) -> NewSession {
    NewSession {
        idempotency: Some(Idempotency {
            key: key.to_owned(),
            fingerprint: [fingerprint; 32],
        }),
        ..bench.request()
    }
}

fn started(task_id: TaskId, status: TaskStatus) -> SessionReply {
    SessionReply::Started { task_id, status }
}

pub(super) fn a_start_makes_a_pending_task(bench: &Bench) {
    let open = bench.open();
    let id = open.start();
    let view = ok(open.store.statuses(&[id]))
        .remove(0)
        .expect("it is known");
    assert_eq!((view.task_id, view.kind), (id, TaskKind::Inference));
    assert_eq!((view.status, view.attempts), (TaskStatus::Pending, 0));
    assert_eq!(view.error, None);
}

pub(super) fn unknown_tasks_have_no_status(bench: &Bench) {
    let open = bench.open();
    let (a, unknown, b) = (open.start(), TaskId::new_v7(), open.start());
    let views = ok(open.store.statuses(&[b, unknown, a, a]));
    let ids: Vec<_> = views
        .iter()
        .map(|v| v.as_ref().map(|v| v.task_id))
        .collect();
    assert_eq!(ids, [Some(b), None, Some(a), Some(a)]);
    assert!(ok(open.store.statuses(&[])).is_empty());
}

pub(super) fn a_start_with_the_same_task_is_a_repeat(bench: &Bench) {
    let open = bench.open();
    let session = bench.request();
    let id = session.task_id;
    open.apply(SessionOp::Start(session.clone()));
    let lease = open.claim_one();
    let again = open.apply(SessionOp::Start(session));
    assert_eq!(again, started(id, TaskStatus::Started));
    assert_eq!(ok(open.store.counts()).users, 1);
    assert_eq!(
        open.settle(&lease, Outcome::Ranked(ranking(1))),
        Settled::Now(TaskStatus::Success, None)
    );
}

pub(super) fn a_repeated_key_answers_the_first_task(bench: &Bench) {
    let open = bench.open();
    let first = keyed(bench, "k-1", 7);
    let id = first.task_id;
    assert_eq!(
        open.apply(SessionOp::Start(first)),
        started(id, TaskStatus::Pending)
    );
    let lease = open.claim_one();
    let again = open.apply(SessionOp::Start(keyed(bench, "k-1", 7)));
    assert_eq!(again, started(id, TaskStatus::Started));
    open.settle(&lease, Outcome::Ranked(ranking(3)));
    let again = open.apply(SessionOp::Start(keyed(bench, "k-1", 7)));
    assert_eq!(again, started(id, TaskStatus::Success));
    assert_eq!(ok(open.store.counts()).users, 1);
}

pub(super) fn a_key_reused_for_another_request_is_refused(bench: &Bench) {
    let open = bench.open();
    open.apply(SessionOp::Start(keyed(bench, "k", 1)));
    let other = keyed(bench, "k", 2);
    let id = other.task_id;
    assert_eq!(open.apply(SessionOp::Start(other)), SessionReply::KeyReused);
    assert_eq!(ok(open.store.statuses(&[id])), [None]);
    assert_eq!(ok(open.store.counts()).users, 1);
}

pub(super) fn keys_are_told_apart_by_every_byte(bench: &Bench) {
    let open = bench.open();
    let long = "k".repeat(255);
    for key in ["k", "K", "k ", "é", "e\u{301}", &long, &long[..254]] {
        let session = keyed(bench, key, 1);
        let id = session.task_id;
        let reply = open.apply(SessionOp::Start(session));
        assert_eq!(reply, started(id, TaskStatus::Pending), "{key:?}");
    }
}

pub(super) fn a_key_repeated_in_one_batch_makes_one_task(bench: &Bench) {
    let open = bench.open();
    let (a, b, c) = (
        keyed(bench, "k", 1),
        keyed(bench, "k", 1),
        keyed(bench, "k", 2),
    );
    let id = a.task_id;
    let ops = [a, b, c].map(SessionOp::Start);
    let replies = ok(open.store.apply(&ops));
    let pending = started(id, TaskStatus::Pending);
    assert_eq!(replies, [pending.clone(), pending, SessionReply::KeyReused]);
}

pub(super) fn a_full_queue_refuses_and_opens_again(bench: &Bench) {
    let open = bench.open_with(Limits {
        max_pending: 3,
        ..Limits::default()
    });
    for _ in 0..3 {
        open.start();
    }
    let refused = bench.request();
    let id = refused.task_id;
    let full = SessionReply::Full { pending: 3 };
    assert_eq!(open.apply(SessionOp::Start(refused)), full);
    assert_eq!(ok(open.store.statuses(&[id])), [None]);
    let leases = open.claim(1);
    open.settle(&leases[0], Outcome::Ranked(ranking(1)));
    open.start();
    assert_eq!(open.apply(SessionOp::Start(bench.request())), full);
}

pub(super) fn a_batch_stops_at_the_limit(bench: &Bench) {
    let open = bench.open_with(Limits {
        max_pending: 5,
        ..Limits::default()
    });
    let ops: Vec<_> = (0..8).map(|_| SessionOp::Start(bench.request())).collect();
    let replies = ok(open.store.apply(&ops));
    let is_full = |reply: &SessionReply| matches!(reply, SessionReply::Full { pending: 5 });
    let full: Vec<_> = replies.iter().map(is_full).collect();
    assert_eq!(full, [[false; 5].as_slice(), &[true; 3]].concat());
}

pub(super) fn a_repeat_is_answered_though_the_queue_is_full(bench: &Bench) {
    let open = bench.open_with(Limits {
        max_pending: 1,
        ..Limits::default()
    });
    let first = keyed(bench, "k", 1);
    let id = first.task_id;
    open.apply(SessionOp::Start(first));
    let again = open.apply(SessionOp::Start(keyed(bench, "k", 1)));
    assert_eq!(again, started(id, TaskStatus::Pending));
}

pub(super) fn a_rank_is_settled_and_shown_at_once(bench: &Bench) {
    let open = bench.open();
    let session = bench.request();
    let id = session.task_id;
    let op = SessionOp::Rank {
        session: session.clone(),
        ranking: ranking(9),
        limit: 4,
    };
    let SessionReply::Shown(shown) = open.apply(op) else {
        panic!("it is shown");
    };
    assert_eq!((shown.task_id, shown.model_id), (id, None));
    assert_eq!(shown.results, ranking(9).ranked[..4]);
    assert_eq!(open.status(id), TaskStatus::Success);
    assert!(open.claim(10).is_empty(), "nothing is queued");
    let user = ok(open.store.user(shown.user_id)).expect("the user is kept");
    assert_eq!(user.row, session.user);
    let flags: Vec<bool> = open.results(id).iter().map(|r| r.shown).collect();
    assert_eq!(flags, [[true; 4].as_slice(), &[false; 5]].concat());
    assert!(open.select(id, 2).is_some());
}

pub(super) fn a_repeated_rank_answers_the_first(bench: &Bench) {
    let open = bench.open();
    let rank = |fingerprint, ranking, limit| SessionOp::Rank {
        session: keyed(bench, "k", fingerprint),
        ranking,
        limit,
    };
    let SessionReply::Shown(first) = open.apply(rank(1, ranking(9), 4)) else {
        panic!("it is shown");
    };
    let again = open.apply(rank(1, explored(9, Half::Judging), 4));
    assert_eq!(again, SessionReply::Shown(first));
    let other = open.apply(rank(2, ranking(9), 4));
    assert_eq!(other, SessionReply::KeyReused);
    assert_eq!(ok(open.store.counts()).users, 1);
}

pub(super) fn a_rank_without_items_shows_nothing(bench: &Bench) {
    let open = bench.open();
    let session = bench.request();
    let id = session.task_id;
    let op = SessionOp::Rank {
        session,
        ranking: ranking(0),
        limit: 10,
    };
    let SessionReply::Shown(shown) = open.apply(op) else {
        panic!("it is shown");
    };
    assert!(shown.results.is_empty());
    assert_eq!(open.results(id), []);
}

pub(super) fn the_request_reaches_the_worker_as_it_was(bench: &Bench) {
    let open = bench.open();
    for candidates in [None, Some(vec![]), Some(vec![3, 1, i64::MAX, 1])] {
        let session = NewSession {
            candidates: candidates.clone(),
            ..bench.request()
        };
        let user = session.user.clone();
        open.apply(SessionOp::Start(session));
        let lease = open.claim_one();
        assert_eq!(lease.work, Work::Inference { user, candidates });
        open.settle(&lease, Outcome::Ranked(ranking(1)));
    }
}

pub(super) fn a_batch_mixes_operations_in_their_order(bench: &Bench) {
    let open = bench.open();
    let done = open.finished(ranking(5));
    let session = bench.request();
    let new = session.task_id;
    let show = |task_id| SessionOp::Show { task_id, limit: 3 };
    let select = |task_id, item_id| SessionOp::Select { task_id, item_id };
    let replies = ok(open.store.apply(&[
        SessionOp::Start(session),
        show(done),
        show(new),
        select(done, 2),
        select(done, NONE_OF_THESE),
    ]));
    assert_eq!(replies[0], started(new, TaskStatus::Pending));
    assert!(matches!(&replies[1], SessionReply::Shown(s) if s.results.len() == 3));
    assert_eq!(replies[2], SessionReply::NotFinished(TaskStatus::Pending));
    assert!(matches!(&replies[3], SessionReply::Selected(Some(r)) if r.shown));
    assert_eq!(replies[4], SessionReply::Selected(None));
    assert!(open.results(done).iter().all(|row| !row.label));
}

pub(super) fn one_that_fails_does_not_undo_the_others(bench: &Bench) {
    let open = bench.open();
    let done = open.finished(ranking(5));
    let unknown = TaskId::new_v7();
    let (a, b) = (bench.request(), bench.request());
    let ids = [a.task_id, b.task_id];
    let replies = ok(open.store.apply(&[
        SessionOp::Start(a),
        SessionOp::Show {
            task_id: unknown,
            limit: 1,
        },
        SessionOp::Select {
            task_id: done,
            item_id: 99,
        },
        SessionOp::Select {
            task_id: unknown,
            item_id: 1,
        },
        SessionOp::Start(b),
    ]));
    assert_eq!(
        replies[1..4],
        [
            SessionReply::NotFound,
            SessionReply::NotRanked,
            SessionReply::NotFound
        ]
    );
    for id in ids {
        assert_eq!(open.status(id), TaskStatus::Pending);
    }
}

pub(super) fn an_invalid_row_fails_its_whole_batch(bench: &Bench) {
    let open = bench.open();
    let good = bench.request();
    let id = good.task_id;
    let mut bad = bench.request();
    bad.user.0.pop();
    let failed = open
        .store
        .apply(&[SessionOp::Start(good), SessionOp::Start(bad)]);
    assert!(failed.is_err());
    assert_eq!(ok(open.store.statuses(&[id])), [None]);
    assert_eq!(ok(open.store.counts()).users, 0);
    open.start();
}

pub(super) fn an_empty_batch_does_nothing(bench: &Bench) {
    let open = bench.open();
    assert!(ok(open.store.apply(&[])).is_empty());
    assert!(ok(open.store.settle(&[])).is_empty());
    assert!(ok(open.store.heartbeat(&[], super::bench::LEASE)).is_empty());
}

pub(super) fn users_are_numbered_in_order(bench: &Bench) {
    let open = bench.open();
    let ops: Vec<_> = (0..20).map(|_| SessionOp::Start(bench.request())).collect();
    ok(open.store.apply(&ops));
    let page = ok(open.store.users_page(0, 100));
    assert_eq!(page.len(), 20);
    let rows = ops.iter().zip(&page);
    for (op, kept) in rows {
        assert!(matches!(op, SessionOp::Start(session) if session.user == kept.row));
    }
    assert!(page.is_sorted_by(|a, b| a.user_id < b.user_id));
    assert_ne!(
        sample_row(&bench.schema.user, 1),
        sample_row(&bench.schema.user, 2)
    );
}
