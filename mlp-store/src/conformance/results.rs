//! Results: what is shown and what is chosen.

use super::bench::{Bench, explored, ok, ranking};
use crate::types::{
    NONE_OF_THESE, Outcome, RESULTS_PER_INFERENCE, SessionOp, SessionReply, TaskId, TaskKind,
    TaskStatus,
};
use mlp_core::Ranked;
use mlp_core::explore::Half;
use std::time::Duration;

fn shown(open: &super::bench::Opened<'_>, id: TaskId) -> usize {
    let results = open.results(id);
    let shown = results.iter().take_while(|row| row.shown).count();
    assert_eq!(shown, results.iter().filter(|row| row.shown).count());
    shown
}

pub(super) fn a_show_gives_the_first_of_the_stored_order(bench: &Bench) {
    let open = bench.open();
    let id = open.finished(ranking(8));
    let answer = open.show(id, 3);
    assert_eq!(answer.results, ranking(8).ranked[..3]);
    assert_eq!((answer.task_id, answer.catalog_version), (id, 0));
    assert_eq!(answer.model_id, None);
    assert_eq!(shown(&open, id), 3);
}

pub(super) fn explored_results_keep_their_random_order(bench: &Bench) {
    let open = bench.open();
    let id = open.finished(explored(8, Half::Training));
    let items: Vec<i64> = open.show(id, 3).results.iter().map(|r| r.item_id).collect();
    assert_eq!(items, [8, 7, 6]);
    let stored: Vec<i64> = open.results(id).iter().map(|r| r.item_id).collect();
    assert_eq!(stored, [8, 7, 6, 5, 4, 3, 2, 1]);
}

pub(super) fn showing_more_extends_and_showing_less_takes_nothing_back(bench: &Bench) {
    let open = bench.open();
    let id = open.finished(ranking(8));
    for (limit, expected) in [(3, 3), (5, 5), (2, 5), (5, 5), (100, 8)] {
        let results = open.show(id, limit).results;
        assert_eq!(results, ranking(8).ranked[..limit.min(8)]);
        assert_eq!(shown(&open, id), expected);
    }
}

pub(super) fn nothing_is_shown_of_a_task_that_is_not_finished(bench: &Bench) {
    let open = bench.open();
    let id = open.start();
    let show = SessionOp::Show {
        task_id: id,
        limit: 1,
    };
    let select = SessionOp::Select {
        task_id: id,
        item_id: 1,
    };
    let both = |status| {
        for op in [show.clone(), select.clone()] {
            assert_eq!(open.apply(op), SessionReply::NotFinished(status));
        }
        assert!(open.results(id).is_empty());
    };
    both(TaskStatus::Pending);
    let lease = open.claim_one();
    both(TaskStatus::Started);
    let retry = Outcome::Retry {
        error: "again".to_owned(),
        after: Duration::from_secs(60),
    };
    open.settle(&lease, retry);
    both(TaskStatus::Retry);
}

pub(super) fn nothing_is_shown_of_a_failed_task(bench: &Bench) {
    let open = bench.open();
    let id = open.start();
    let error = "no such model".to_owned();
    open.settle(&open.claim_one(), Outcome::Failed { error });
    for op in [
        SessionOp::Show {
            task_id: id,
            limit: 1,
        },
        SessionOp::Select {
            task_id: id,
            item_id: 1,
        },
    ] {
        assert_eq!(open.apply(op), SessionReply::Failed);
    }
    assert_eq!(ok(open.store.results(id)), Some(vec![]));
}

pub(super) fn no_results_where_there_is_no_inference(bench: &Bench) {
    let open = bench.open();
    let id = TaskId::new_v7();
    assert_eq!(ok(open.store.results(id)), None);
    let training = ok(open.store.enqueue(&super::bench::task(TaskKind::Training)));
    for task_id in [id, training] {
        let show = SessionOp::Show { task_id, limit: 1 };
        assert_eq!(open.apply(show), SessionReply::NotFound);
        let select = SessionOp::Select {
            task_id,
            item_id: 1,
        };
        assert_eq!(open.apply(select), SessionReply::NotFound);
    }
    assert_eq!(ok(open.store.results(training)), None);
}

pub(super) fn a_choice_labels_one_result(bench: &Bench) {
    let open = bench.open();
    let id = open.finished(ranking(8));
    let answer = open.show(id, 5);
    let row = open.select(id, 3).expect("an item is chosen");
    assert_eq!(
        row.result_id,
        answer.inference_id * RESULTS_PER_INFERENCE + 2
    );
    assert_eq!((row.task_id, row.user_id), (id, answer.user_id));
    assert_eq!((row.item_id, row.score), (3, ranking(8).ranked[2].score));
    assert!(row.label && row.shown);
    let labels: Vec<i64> = (open.results(id).iter())
        .filter(|r| r.label)
        .map(|r| r.item_id)
        .collect();
    assert_eq!(labels, [3]);
}

pub(super) fn the_last_choice_stands(bench: &Bench) {
    let open = bench.open();
    let id = open.finished(ranking(8));
    open.show(id, 8);
    for item in [3, 5, 5, NONE_OF_THESE, 1] {
        open.select(id, item);
        let labels: Vec<i64> = (open.results(id).iter())
            .filter(|r| r.label)
            .map(|r| r.item_id)
            .collect();
        let expected: &[i64] = if item < 0 { &[] } else { &[item] };
        assert_eq!(labels, expected);
    }
}

pub(super) fn a_repeated_choice_answers_the_same(bench: &Bench) {
    let open = bench.open();
    let id = open.answered(explored(8, Half::Training), 3);
    let first = open.results(id);
    let answered = open.logged(true, Half::Training);
    bench.pass_time(Duration::from_millis(20));
    let row = open.select(id, 3).expect("an item is chosen");
    assert_eq!(open.results(id), first);
    assert!(first.contains(&row));
    assert_eq!(
        open.logged(true, Half::Training),
        answered,
        "not a new answer"
    );
}

pub(super) fn none_of_these_is_an_answer(bench: &Bench) {
    let open = bench.open();
    let id = open.finished(ranking(8));
    open.show(id, 5);
    assert_eq!(open.select(id, NONE_OF_THESE), None);
    assert!(open.results(id).iter().all(|row| !row.label));
    let logged = open.logged(false, Half::Training);
    assert_eq!(logged.len(), 1);
    assert_eq!(logged[0].picked, None);
}

pub(super) fn an_item_that_was_not_ranked_cannot_be_chosen(bench: &Bench) {
    let open = bench.open();
    let id = open.answered(ranking(8), 2);
    for task_item in [9, 0, -2, i64::MIN, i64::MAX] {
        let select = SessionOp::Select {
            task_id: id,
            item_id: task_item,
        };
        assert_eq!(open.apply(select), SessionReply::NotRanked);
    }
    assert!(open.results(id)[1].label, "the choice before stands");
}

pub(super) fn a_choice_that_was_not_shown_is_marked(bench: &Bench) {
    let open = bench.open();
    let id = open.finished(ranking(8));
    open.show(id, 3);
    let row = open.select(id, 7).expect("an item is chosen");
    assert!(row.label && !row.shown);
    assert_eq!(open.results(id)[6], row);
    assert!(open.logged(false, Half::Training).is_empty());
}

pub(super) fn result_numbers_lead_back_to_their_rows(bench: &Bench) {
    let open = bench.open();
    open.finished(ranking(2));
    let id = open.answered(ranking(8), 4);
    let rows = open.results(id);
    for (rank, row) in rows.iter().enumerate() {
        assert_eq!(row.result_id % RESULTS_PER_INFERENCE, rank as i64);
        assert_eq!(ok(open.store.result(row.result_id)), Some(*row));
    }
    let first = rows[0].result_id;
    for unknown in [
        first + 8,
        first - 1,
        first + 1024,
        0,
        -1,
        i64::MIN,
        i64::MAX,
    ] {
        assert_eq!(ok(open.store.result(unknown)), None, "{unknown}");
    }
}

pub(super) fn a_hundred_results_come_back_as_they_were(bench: &Bench) {
    let open = bench.open();
    let mut ranking = ranking(0);
    for i in 0..100 {
        ranking.ranked.push(Ranked {
            item_id: match i {
                0 => i64::MAX,
                1 => 1 << 40,
                i => i * 131,
            },
            score: [0.0, 1.0, f32::MIN_POSITIVE, -3.5, 1.0 / 3.0][i as usize % 5],
        });
    }
    let id = open.finished(ranking.clone());
    assert_eq!(open.show(id, 100).results, ranking.ranked);
    assert_eq!(shown(&open, id), 100);
    assert!(open.select(id, 99 * 131).is_some_and(|r| r.shown));
}

pub(super) fn more_results_than_have_numbers_are_refused(bench: &Bench) {
    let open = bench.open();
    let id = open.finished(ranking(RESULTS_PER_INFERENCE));
    assert_eq!(open.results(id).len(), 1024);
    open.start();
    let lease = open.claim_one();
    let settled = open.store.settle(&[crate::types::Settlement {
        lease: lease.reference(),
        outcome: Outcome::Ranked(ranking(RESULTS_PER_INFERENCE + 1)),
    }]);
    assert!(settled.is_err());
    assert_eq!(open.status(lease.task_id), TaskStatus::Started);
}

pub(super) fn a_session_knows_its_model_and_catalog(bench: &Bench) {
    let open = bench.open();
    let model_id = Some(ok(open.store.insert_model(&super::bench::model("m"))));
    let id = open.finished(crate::types::Ranking {
        model_id,
        catalog_version: 7,
        ..ranking(3)
    });
    let answer = open.show(id, 3);
    assert_eq!((answer.model_id, answer.catalog_version), (model_id, 7));
    open.select(id, 1);
    let logged = open.logged(false, Half::Training);
    assert_eq!(
        (logged[0].model_id, logged[0].catalog_version),
        (model_id, 7)
    );
}
