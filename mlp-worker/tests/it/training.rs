//! Trainings: what they read, what they leave, and what they refuse.

use std::time::Duration;

use mlp_core::{Artifact, Family, Scaling};
use mlp_store::{DecisionKind, ModelStatus, SessionOp, TaskStatus};
use mlp_worker::{DataOptions, Repeated, SessionData, WorkerOptions};

use crate::support::{
    Random, is_judging, past, row, schemas, settled, start, store, success, train, worker,
};

fn options() -> WorkerOptions {
    WorkerOptions {
        settle: Duration::ZERO,
        ..WorkerOptions::default()
    }
}

#[test]
fn the_first_model_is_promoted_and_the_next_is_judged() {
    for schema in schemas() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path(), &schema);
        let sessions = past(&schema, 400, 7);
        store.import_sessions(&sessions).unwrap();
        let worker = worker(&store, &schema, options());
        let first = train(&*store, r#"{"reason":"first"}"#);
        success(&settled(&*store, first));
        let models = store.models(100).unwrap();
        assert_eq!(models.len(), 1);
        assert_eq!(models[0].status, ModelStatus::Champion);
        assert_eq!(
            (models[0].task_id, models[0].use_percentage),
            (Some(first), 1.0)
        );
        let artifact = Artifact::from_json(&models[0].artifact).unwrap();
        let judging = sessions.iter().filter(|s| is_judging(s)).count();
        assert!(judging > 100);
        // Four fifths of what is not for judging: nothing else was learned from.
        let learned = 400 - judging;
        assert_eq!(artifact.lineage.sessions, learned - learned / 5);
        assert!(artifact.test.auc.unwrap() > 0.6, "{:?}", artifact.test);

        // The same data gives the same model, so that none is made.
        let same = train(&*store, "{}");
        success(&settled(&*store, same));
        assert_eq!(store.models(100).unwrap().len(), 1);
        let told = Repeated::of(&*store, same).unwrap().unwrap();
        assert_eq!(told.model_id, models[0].model_id);
        assert!(
            told.reason
                .contains("a champion: promoted: there was no champion"),
            "{told:?}"
        );
        assert_eq!(Repeated::of(&*store, first).unwrap(), None);
        // The penalty is chosen where nobody says it.
        let chosen = artifact.lineage.cross_validation.clone().unwrap();
        assert_eq!(
            chosen.score(artifact.lineage.l2).unwrap().l2,
            artifact.lineage.l2
        );

        // The same weights in another way are no improvement.
        let l2 = artifact.lineage.l2;
        let second = train(&*store, &format!(r#"{{"fit":{{"l2":"{l2}"}}}}"#));
        success(&settled(&*store, second));
        let models = store.models(100).unwrap();
        assert_eq!(models[0].status, ModelStatus::Rejected);
        assert_eq!(models[1].status, ModelStatus::Champion);
        let again = Artifact::from_json(&models[0].artifact).unwrap();
        assert_eq!(again.weights, artifact.weights);
        assert_eq!(again.lineage.parent, Some(models[1].model_id));
        let decisions = store.decisions(10).unwrap();
        let kinds: Vec<_> = decisions.iter().map(|d| d.decision.kind).collect();
        assert_eq!(kinds, [DecisionKind::Reject, DecisionKind::Promote]);
        let reason = &decisions[0].decision.reason;
        assert!(reason.contains(&format!("{judging} judging")), "{reason}");

        let fit = r#"{"fit":{"family":"logistic","l2":"2.5","scaling":"min_max","k_best":3}}"#;
        success(&settled(&*store, train(&*store, fit)));
        let made = store.models(1).unwrap().remove(0);
        let made = Artifact::from_json(&made.artifact).unwrap();
        assert_eq!(
            (made.family, made.scaling),
            (Family::Logistic, Scaling::MinMax)
        );
        assert_eq!(made.selection.unwrap().k, 3);
        assert_eq!(
            (made.lineage.l2, made.lineage.cross_validation),
            (2.5, None)
        );
        let view = settled(&*store, train(&*store, r#"{"fit":{"l2":"-1"}}"#));
        assert_eq!(view.status, TaskStatus::Failure);
        let error = view.error.unwrap();
        assert!(
            error.contains("l2 is `-1`, must be `cv` or a number from 0"),
            "{error}"
        );
        worker.stop(Duration::from_secs(5));
    }
}

/// The thread's nice value is the 19th field of its `stat`, the 17th after the name.
#[cfg(target_os = "linux")]
#[test]
fn the_thread_that_trains_lets_the_others_go_first() {
    let dir = tempfile::tempdir().unwrap();
    let schema = &schemas()[1];
    let store = store(dir.path(), schema);
    let _worker = worker(&store, schema, options());
    success(&settled(&*store, {
        store.import_sessions(&past(schema, 400, 7)).unwrap();
        train(&*store, "{}")
    }));
    let mut found = Vec::new();
    for task in std::fs::read_dir("/proc/self/task").unwrap() {
        let Ok(stat) = std::fs::read_to_string(task.unwrap().path().join("stat")) else {
            continue;
        };
        let (name, fields) = stat.rsplit_once(") ").unwrap();
        let nice: i32 = fields.split(' ').nth(16).unwrap().parse().unwrap();
        found.push((name.ends_with("mlp-train"), nice));
    }
    assert!(found.contains(&(true, 10)), "{found:?}");
    assert!(found.contains(&(false, 0)), "{found:?}");
}

#[test]
fn too_little_data_is_a_failure_that_says_so() {
    for schema in schemas() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path(), &schema);
        let worker = worker(&store, &schema, options());
        let view = settled(&*store, train(&*store, "{}"));
        assert_eq!((view.status, view.attempts), (TaskStatus::Failure, 1));
        let error = view.error.unwrap();
        assert!(
            error.contains("too few") && !error.contains("left out"),
            "{error}"
        );
        let view = settled(&*store, train(&*store, r#"{"settle_s":90}"#));
        assert!(view.error.unwrap().contains("the last 90 s were left out"));
        let view = settled(&*store, train(&*store, r#"{"settle_s":-1}"#));
        assert_eq!(view.status, TaskStatus::Failure);
        assert!(view.error.unwrap().contains("`-1`"));
        assert!(store.models(100).unwrap().is_empty());
        worker.stop(Duration::from_secs(5));
    }
}

#[test]
fn unsettled_censored_and_unseen_choices_are_not_learned_from() {
    for schema in schemas() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path(), &schema);
        let worker = worker(&store, &schema, options());
        let mut random = Random(11);
        let tasks: Vec<_> = (0..60)
            .map(|_| start(&*store, row(&schema.user, &mut random), None))
            .collect();
        for (number, task_id) in tasks.iter().copied().enumerate() {
            success(&settled(&*store, task_id));
            let results = store.results(task_id).unwrap().unwrap();
            let show = SessionOp::Show { task_id, limit: 3 };
            let item_id = match number % 4 {
                0 => results[1].item_id,
                1 => mlp_store::NONE_OF_THESE,
                // Ranked, but not shown.
                2 => results[4].item_id,
                // No answer at all.
                _ => {
                    store.apply(&[show]).unwrap();
                    continue;
                }
            };
            store
                .apply(&[show, SessionOp::Select { task_id, item_id }])
                .unwrap();
        }
        let read =
            |until| SessionData::read(&*store, &schema, until, &DataOptions::default()).unwrap();
        let data = read(i64::MAX);
        let all: Vec<_> = data.training.iter().chain(&data.judging).collect();
        assert_eq!(all.len(), 30);
        assert!(all.iter().all(|s| s.shown.len() == 3));
        assert_eq!(all.iter().filter(|s| s.picked == Some(1)).count(), 15);
        assert_eq!(all.iter().filter(|s| s.picked.is_none()).count(), 15);
        assert!(!data.training.is_empty() && !data.judging.is_empty());
        let before = read(data.answered_us.unwrap().0 - 1_000_000);
        assert!(before.training.is_empty() && before.judging.is_empty());
        worker.stop(Duration::from_secs(5));
    }
}
