//! Inferences from start to results.

use mlp_store::{DecisionKind, NewDecision, NewModel, SessionOp, SessionReply, TaskStatus};
use mlp_worker::WorkerOptions;

use crate::support::{ITEMS, Random, past, row, schemas, settled, start, store, success, worker};

#[test]
fn without_a_model_random_items_are_shown_with_score_zero() {
    for schema in schemas() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path(), &schema);
        let worker = worker(&store, &schema, WorkerOptions::default());
        let mut random = Random(3);
        let tasks: Vec<_> = (0..50)
            .map(|_| start(&*store, row(&schema.user, &mut random), None))
            .collect();
        let mut firsts = Vec::new();
        for task in tasks {
            success(&settled(&*store, task));
            let results = store.results(task).unwrap().unwrap();
            assert_eq!(results.len(), schema.max_shown.min(ITEMS as usize));
            assert!(results.iter().all(|r| r.score == 0.0));
            firsts.push(results[0].item_id);
        }
        firsts.sort_unstable();
        firsts.dedup();
        assert!(firsts.len() > 10, "not random: {firsts:?}");
        worker.stop(std::time::Duration::from_secs(5));
    }
}

#[test]
fn a_model_ranks_by_descending_score_and_only_the_candidates() {
    for schema in schemas() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path(), &schema);
        store.import_sessions(&past(&schema, 300, 5)).unwrap();
        store
            .set_setting(mlp_store::EXPLORATION_SETTING, "0")
            .unwrap();
        let data =
            mlp_worker::SessionData::read(&*store, &schema, i64::MAX, &Default::default()).unwrap();
        let artifact = mlp_core::fit_logistic(
            &schema,
            &data.training,
            &Default::default(),
            Default::default(),
        )
        .unwrap();
        let model = store
            .insert_model(&NewModel {
                task_id: None,
                artifact: artifact.to_json(),
            })
            .unwrap();
        let decision = NewDecision {
            kind: DecisionKind::Promote,
            reason: "test".to_owned(),
            evidence: "{}".to_owned(),
        };
        assert!(store.decide(model, &decision).unwrap());
        let worker = worker(&store, &schema, WorkerOptions::default());
        let mut random = Random(3);
        let all = start(&*store, row(&schema.user, &mut random), None);
        let some = start(
            &*store,
            row(&schema.user, &mut random),
            Some(vec![9, 2, 30, 9, 4_000]),
        );
        let none = start(&*store, row(&schema.user, &mut random), Some(vec![4_000]));
        for task in [all, some, none] {
            success(&settled(&*store, task));
        }
        let ids = |task| -> Vec<i64> {
            let results = store.results(task).unwrap().unwrap();
            assert!(results.windows(2).all(|r| r[0].score >= r[1].score));
            assert!(results.iter().all(|r| r.score > 0.0 && r.score < 1.0));
            results.iter().map(|r| r.item_id).collect()
        };
        assert_eq!(ids(all).len(), schema.max_shown.min(ITEMS as usize));
        let mut some = ids(some);
        some.sort_unstable();
        assert_eq!(some, [2, 9, 30]);
        assert!(ids(none).is_empty());
        let op = SessionOp::Show {
            task_id: all,
            limit: 3,
        };
        let SessionReply::Shown(shown) = store.apply(&[op]).unwrap().remove(0) else {
            panic!("not shown");
        };
        assert_eq!((shown.model_id, shown.results.len()), (Some(model), 3));
        worker.stop(std::time::Duration::from_secs(5));
    }
}

#[test]
fn two_workers_share_the_work_and_do_each_task_once() {
    let [schema, _] = schemas();
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path(), &schema);
    let options = || WorkerOptions {
        batch: 7,
        ..WorkerOptions::default()
    };
    let workers = [0, 1].map(|_| worker(&store, &schema, options()));
    let mut random = Random(9);
    let tasks: Vec<_> = (0..300)
        .map(|_| start(&*store, row(&schema.user, &mut random), None))
        .collect();
    for task in tasks {
        let view = settled(&*store, task);
        assert_eq!((view.status, view.attempts), (TaskStatus::Success, 1));
    }
    for worker in workers {
        worker.stop(std::time::Duration::from_secs(5));
    }
}
