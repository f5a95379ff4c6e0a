//! Answered sessions, to learn from.

use super::bench::{Bench, explored, ok, ranking};
use super::sample_row;
use crate::types::{ImportedSession, NONE_OF_THESE, SessionQuery, TaskId, TaskStatus};
use mlp_core::explore::Half;
use std::time::Duration;

pub(super) fn an_answered_session_is_logged_as_it_was(bench: &Bench) {
    let open = bench.open();
    let id = open.finished(explored(8, Half::Training));
    let shown = open.show(id, 5);
    open.select(id, 6);
    let logged = open.logged(true, Half::Training);
    assert_eq!(logged.len(), 1);
    let session = &logged[0];
    assert_eq!(session.inference_id, shown.inference_id);
    assert_eq!(session.shown, shown.results);
    assert_eq!(session.picked, Some(2));
    assert_eq!((session.model_id, session.catalog_version), (None, 0));
    let user = ok(open.store.user(shown.user_id)).expect("it is kept");
    assert_eq!(session.user, user.row);
    assert!(session.answered_us >= user.created_us);
}

pub(super) fn a_session_without_an_answer_is_censored(bench: &Bench) {
    let open = bench.open();
    let shown = open.finished(ranking(8));
    open.show(shown, 5);
    let id = open.finished(explored(8, Half::Judging));
    open.show(id, 5);
    open.start();
    for (explored, half) in [
        (false, Half::Training),
        (true, Half::Training),
        (true, Half::Judging),
    ] {
        assert!(open.logged(explored, half).is_empty());
    }
}

pub(super) fn halves_and_others_are_kept_apart(bench: &Bench) {
    let open = bench.open();
    let of = |ranking| {
        let id = open.answered(ranking, 3);
        open.show(id, 10).inference_id
    };
    let training = of(explored(8, Half::Training));
    let judging = of(explored(8, Half::Judging));
    let plain = of(crate::types::Ranking {
        half: Half::Judging,
        ..ranking(8)
    });
    let logged = |explored, half| -> Vec<i64> {
        let sessions = open.logged(explored, half);
        sessions.iter().map(|s| s.inference_id).collect()
    };
    assert_eq!(logged(true, Half::Training), [training]);
    assert_eq!(logged(true, Half::Judging), [judging]);
    for ignored in [Half::Training, Half::Judging] {
        assert_eq!(logged(false, ignored), [plain]);
    }
}

pub(super) fn only_settled_answers_are_read(bench: &Bench) {
    let open = bench.open();
    open.answered(ranking(5), 1);
    bench.pass_time(Duration::from_millis(20));
    open.answered(ranking(5), 2);
    let all = open.logged(false, Half::Training);
    assert_eq!(all.len(), 2);
    let until = |answered_until_us| {
        let query = SessionQuery {
            explored: false,
            half: Half::Training,
            answered_until_us,
            before: i64::MAX,
            limit: 10,
        };
        ok(open.store.answered_sessions(&query))
    };
    let (newer, older) = (&all[0], &all[1]);
    assert!(newer.answered_us > older.answered_us);
    assert_eq!(until(newer.answered_us), all);
    assert_eq!(until(newer.answered_us - 1), all[1..]);
    assert_eq!(until(older.answered_us - 1), []);
}

pub(super) fn a_changed_answer_settles_anew(bench: &Bench) {
    let open = bench.open();
    let id = open.answered(ranking(5), 1);
    let first = open.logged(false, Half::Training).remove(0);
    bench.pass_time(Duration::from_millis(20));
    open.select(id, 2);
    let second = open.logged(false, Half::Training).remove(0);
    assert_eq!(second.picked, Some(1));
    assert!(second.answered_us > first.answered_us);
}

pub(super) fn answered_sessions_come_in_pages(bench: &Bench) {
    let open = bench.open();
    for turn in 0..9 {
        let half = [Half::Training, Half::Judging][turn % 2];
        open.answered(explored(5, half), 1 + turn as i64 % 5);
    }
    for half in [Half::Training, Half::Judging] {
        let all = open.logged(true, half);
        assert!(all.is_sorted_by(|a, b| a.inference_id > b.inference_id));
        let (mut paged, mut before) = (Vec::new(), i64::MAX);
        loop {
            let query = SessionQuery {
                explored: true,
                half,
                answered_until_us: i64::MAX,
                before,
                limit: 2,
            };
            let page = ok(open.store.answered_sessions(&query));
            assert!(page.len() <= 2);
            let Some(last) = page.last() else { break };
            before = last.inference_id;
            paged.extend(page);
        }
        assert_eq!(paged, all);
    }
}

pub(super) fn what_is_shown_after_the_answer_was_no_choice(bench: &Bench) {
    let open = bench.open();
    let id = open.finished(ranking(8));
    open.show(id, 3);
    open.select(id, 2);
    open.show(id, 8);
    let logged = open.logged(false, Half::Training);
    assert_eq!(logged[0].shown, ranking(8).ranked[..3]);
    assert_eq!(logged[0].picked, Some(1));
}

pub(super) fn an_answer_given_before_it_was_shown_counts_once_repeated(bench: &Bench) {
    let open = bench.open();
    let id = open.finished(ranking(8));
    open.show(id, 3);
    open.select(id, 6);
    open.show(id, 8);
    assert!(open.logged(false, Half::Training).is_empty());
    open.select(id, 6);
    let logged = open.logged(false, Half::Training);
    assert_eq!((logged[0].picked, logged[0].shown.len()), (Some(5), 8));
}

pub(super) fn a_refusal_of_nothing_says_nothing(bench: &Bench) {
    let open = bench.open();
    let id = open.finished(ranking(8));
    open.select(id, NONE_OF_THESE);
    assert!(open.logged(false, Half::Training).is_empty());
    open.show(id, 4);
    assert!(open.logged(false, Half::Training).is_empty());
    open.select(id, NONE_OF_THESE);
    let logged = open.logged(false, Half::Training);
    assert_eq!((logged[0].picked, logged[0].shown.len()), (None, 4));
}

fn past(bench: &Bench, seed: u64, picked: Option<usize>, half: Half) -> ImportedSession {
    ImportedSession {
        task_id: TaskId::new_v7(),
        user: sample_row(&bench.schema.user, seed),
        shown: vec![4, 2, 2, 9],
        picked,
        half,
    }
}

pub(super) fn imported_sessions_are_explored_and_answered(bench: &Bench) {
    let open = bench.open();
    ok(open.store.change_items(&[bench.new_item()]));
    let sessions = [
        past(bench, 1, Some(2), Half::Training),
        past(bench, 2, None, Half::Judging),
    ];
    ok(open.store.import_sessions(&sessions));
    for session in &sessions {
        let logged = open.logged(true, session.half);
        assert_eq!(logged.len(), 1);
        let items: Vec<i64> = logged[0].shown.iter().map(|r| r.item_id).collect();
        assert_eq!(items, session.shown);
        assert_eq!(logged[0].picked, session.picked);
        assert_eq!(logged[0].user, session.user);
        assert_eq!((logged[0].model_id, logged[0].catalog_version), (None, 1));
        assert_eq!(open.status(session.task_id), TaskStatus::Success);
        let labels: Vec<bool> = (open.results(session.task_id).iter())
            .map(|r| r.label)
            .collect();
        let expected: Vec<bool> = (0..4).map(|i| session.picked == Some(i)).collect();
        assert_eq!(labels, expected);
    }
    assert_eq!(ok(open.store.counts()).users, 2);
    assert!(open.claim(10).is_empty());
}

pub(super) fn a_bad_import_leaves_nothing(bench: &Bench) {
    let open = bench.open();
    let sessions = [
        past(bench, 1, Some(2), Half::Training),
        past(bench, 2, Some(4), Half::Training),
    ];
    assert!(open.store.import_sessions(&sessions).is_err());
    assert!(open.logged(true, Half::Training).is_empty());
    assert_eq!(ok(open.store.counts()).users, 0);
}

pub(super) fn many_sessions_are_imported_at_once(bench: &Bench) {
    let open = bench.open();
    let sessions: Vec<_> = (0..1000)
        .map(|seed| past(bench, seed, Some(seed as usize % 4), Half::Training))
        .collect();
    ok(open.store.import_sessions(&sessions));
    let logged = open.logged(true, Half::Training);
    assert_eq!(logged.len(), 1000);
    let same = sessions.iter().rev().zip(&logged);
    assert!(
        same.into_iter()
            .all(|(a, b)| a.user == b.user && a.picked == b.picked)
    );
}
