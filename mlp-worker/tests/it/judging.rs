//! Challengers that wait, canaries, and trainings that start by themselves.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mlp_core::{Artifact, FitOptions, GuardOptions, Lineage, Schema, fit_logistic};
use mlp_store::{
    AUTO_PROMOTE_SETTING, AUTO_RETRAIN_SETTING, CANARY_SHARE_SETTING, DecisionKind,
    EXPLORATION_SETTING, Live, LiveOptions, ModelStatus, NONE_OF_THESE, NewDecision, NewModel,
    NewSession, RankScratch, SessionOp, SessionReply, Store, TaskId, TaskKind,
};
use mlp_worker::{
    DataOptions, Judge, JudgingOptions, SessionData, TrainingOptions, TriggerOptions,
    WorkerOptions, retrain,
};

use crate::support::{Random, past, row, schemas, settled, store, success, train, wait, worker};

/// A store with a champion that knows nothing and a challenger that was fitted, or the other way
/// round; judged by nobody yet.
struct Stage {
    _dir: tempfile::TempDir,
    schema: Arc<Schema>,
    store: Arc<dyn Store>,
    champion: i64,
    challenger: i64,
    judge: Judge,
}

fn insert(store: &dyn Store, artifact: &Artifact) -> i64 {
    let model = NewModel {
        task_id: Some(TaskId::new_v7()),
        artifact: artifact.to_json(),
    };
    store.insert_model(&model).unwrap()
}

fn fitted(dir: &Path, schema: &Arc<Schema>) -> Artifact {
    std::fs::create_dir(dir).unwrap();
    let store = store(dir, schema);
    store.import_sessions(&past(schema, 600, 5)).unwrap();
    let data = SessionData::read(&*store, schema, i64::MAX, &DataOptions::default()).unwrap();
    let options = FitOptions::default();
    fit_logistic(schema, &data.training, &options, Lineage::default()).unwrap()
}

impl Stage {
    fn new(schema: &Arc<Schema>, challenger_is_better: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let good = fitted(&dir.path().join("fitted"), schema);
        let store = store(dir.path(), schema);
        let mut flat = good.clone();
        flat.weights.fill(0.0);
        let (old, new) = match challenger_is_better {
            true => (flat, good),
            false => (good, flat),
        };
        let champion = insert(&*store, &old);
        let decision = NewDecision {
            kind: DecisionKind::Promote,
            reason: "test".to_owned(),
            evidence: "{}".to_owned(),
        };
        assert!(store.decide(champion, &decision).unwrap());
        let challenger = insert(&*store, &new);
        Self {
            _dir: dir,
            schema: Arc::clone(schema),
            store,
            champion,
            challenger,
            judge: Judge::default(),
        }
    }

    /// Sessions that were shown random items; half of them are for judging.
    fn import(&self, n: u64, seed: u64) {
        let sessions = past(&self.schema, n, seed);
        self.store.import_sessions(&sessions).unwrap();
    }

    fn look(&mut self) -> usize {
        let options = JudgingOptions {
            guard: GuardOptions {
                enough: 60,
                ..GuardOptions::default()
            },
            ..JudgingOptions::default()
        };
        let train = TrainingOptions::default();
        (self.judge)
            .look(&*self.store, &self.schema, i64::MAX, &train, &options)
            .unwrap()
    }

    fn statuses(&self) -> [ModelStatus; 2] {
        [self.champion, self.challenger].map(|id| self.store.model(id).unwrap().unwrap().status)
    }

    fn reason(&self) -> String {
        self.store.decisions(1).unwrap().remove(0).decision.reason
    }

    fn exploration(&self) -> f64 {
        let live = Live::start(
            Arc::clone(&self.store),
            Arc::clone(&self.schema),
            LiveOptions::default(),
        );
        live.unwrap().current().exploration()
    }

    fn set(&self, name: &str, value: &str) {
        self.store.set_setting(name, value).unwrap();
    }

    /// Sessions that the models with a share answer; users of the champion pick what is first.
    fn serve(&self, n: usize, of_canary: Option<usize>) {
        self.set(EXPLORATION_SETTING, "0");
        let live = Live::start(
            Arc::clone(&self.store),
            Arc::clone(&self.schema),
            LiveOptions::default(),
        );
        let serving = live.unwrap().current();
        let (mut random, mut scratch) = (Random(3), RankScratch::default());
        for _ in 0..n {
            let task_id = TaskId::new_v7();
            let user = row(&self.schema.user, &mut random);
            let ranking = serving.rank(&task_id, &user, None, &mut scratch);
            let picked = match ranking.model_id == Some(self.champion) {
                true => Some(0),
                false => of_canary,
            };
            let item_id = picked.map_or(NONE_OF_THESE, |rank| ranking.ranked[rank].item_id);
            let session = NewSession {
                task_id,
                user,
                candidates: None,
                idempotency: None,
                priority: Default::default(),
            };
            let ops = [
                SessionOp::Rank {
                    session,
                    ranking,
                    limit: 5,
                },
                SessionOp::Select { task_id, item_id },
            ];
            let replies = self.store.apply(&ops).unwrap();
            assert!(
                matches!(replies[1], SessionReply::Selected(_)),
                "{replies:?}"
            );
        }
    }
}

use ModelStatus::{Canary, Challenger, Champion, Rejected, Retired, RolledBack};

#[test]
fn a_challenger_waits_is_said_to_and_is_judged_again() {
    for schema in schemas() {
        let mut stage = Stage::new(&schema, true);
        assert_eq!(stage.exploration(), 0.05);
        assert!(stage.look() > 0);
        assert_eq!(stage.statuses(), [Champion, Challenger]);
        assert!(
            stage
                .reason()
                .contains("waits for judging sessions: there are 0")
        );
        assert_eq!(stage.exploration(), 0.2);
        // Said once: nothing is new at the next looks.
        assert_eq!((stage.look(), stage.look()), (0, 0));
        stage.import(20, 8);
        assert_eq!(stage.look(), 0, "still too few, as was said");
        assert_eq!(stage.store.decisions(10).unwrap().len(), 2);
        stage.import(1000, 9);
        assert!(stage.look() > 0);
        assert_eq!(stage.statuses(), [Retired, Champion], "{}", stage.reason());
        assert!(stage.reason().contains("promoted: better beyond noise, on"));
        assert_eq!(stage.exploration(), 0.05);
    }
}

#[test]
fn a_worse_challenger_goes() {
    let mut stage = Stage::new(&schemas()[1], false);
    stage.import(1000, 9);
    assert!(stage.look() > 0);
    assert_eq!(stage.statuses(), [Champion, Rejected]);
    assert!(
        stage.reason().contains("rejected: worse beyond noise"),
        "{}",
        stage.reason()
    );
    assert_eq!((stage.look(), stage.exploration()), (0, 0.05));
}

#[test]
fn without_picks_there_is_no_verdict() {
    let mut stage = Stage::new(&schemas()[1], true);
    let mut sessions = past(&stage.schema, 600, 9);
    sessions.iter_mut().for_each(|s| s.picked = None);
    stage.store.import_sessions(&sessions).unwrap();
    stage.look();
    assert_eq!(stage.statuses(), [Champion, Challenger]);
    assert!(
        stage.reason().contains("waits for picks"),
        "{}",
        stage.reason()
    );
}

#[test]
fn with_auto_promote_off_a_hand_promotes() {
    let mut stage = Stage::new(&schemas()[1], true);
    stage.set(AUTO_PROMOTE_SETTING, "false");
    stage.import(1000, 9);
    stage.look();
    assert_eq!(stage.statuses(), [Champion, Challenger]);
    assert!(
        stage.reason().contains("waits for a hand"),
        "{}",
        stage.reason()
    );
    assert_eq!(
        stage.exploration(),
        0.05,
        "there is a verdict: nothing waits for sessions"
    );
    stage.look();
    assert_eq!(stage.look(), 0);
}

#[test]
fn an_imported_model_waits_for_a_hand() {
    let mut stage = Stage::new(&schemas()[1], false);
    let row = stage.store.model(stage.champion).unwrap().unwrap();
    let imported = NewModel {
        task_id: None,
        artifact: row.artifact,
    };
    let imported = stage.store.insert_model(&imported).unwrap();
    stage.import(1000, 9);
    stage.look();
    let row = stage.store.model(imported).unwrap().unwrap();
    assert_eq!(row.status, Challenger);
}

#[test]
fn a_canary_that_does_harm_is_taken_back() {
    for schema in schemas() {
        let mut stage = Stage::new(&schema, true);
        stage.set(CANARY_SHARE_SETTING, "0.25");
        stage.import(1000, 9);
        stage.look();
        assert_eq!(stage.statuses(), [Champion, Canary]);
        assert!(stage.reason().starts_with("canary with 25% of the traffic"));
        assert_eq!(stage.look(), 0, "nobody answered yet");
        stage.serve(120, None);
        assert_eq!(stage.look(), 1);
        assert_eq!(stage.statuses(), [Champion, RolledBack]);
        assert!(stage.reason().contains("does harm, users picked in 0.0%"));
        let shares: f64 = (stage.store.serving_models().unwrap().iter())
            .map(|m| m.use_percentage)
            .sum();
        assert_eq!(shares, 1.0);
    }
}

#[test]
fn a_canary_that_does_none_is_promoted_after_enough_answers() {
    let mut stage = Stage::new(&schemas()[1], true);
    stage.set(CANARY_SHARE_SETTING, "0.5");
    stage.import(1000, 9);
    stage.look();
    assert_eq!(stage.statuses(), [Champion, Canary]);
    stage.serve(40, Some(0));
    assert_eq!(stage.look(), 0);
    assert_eq!(stage.statuses(), [Champion, Canary]);
    stage.serve(200, Some(0));
    assert_eq!(stage.look(), 1);
    assert_eq!(stage.statuses(), [Retired, Champion], "{}", stage.reason());
}

#[test]
fn a_training_starts_by_schedule_by_answers_and_not_within_the_cooldown() {
    let stage = Stage::new(&schemas()[1], true);
    let made = stage
        .store
        .model(stage.challenger)
        .unwrap()
        .unwrap()
        .created_us;
    let second = 1_000_000;
    let start = |after_s: i64, options: &TriggerOptions| {
        let now = made + after_s * second;
        let train = TrainingOptions::default();
        retrain(&*stage.store, &stage.schema, now, i64::MAX, &train, options).unwrap()
    };
    let none = TriggerOptions {
        cooldown: Duration::from_millis(300),
        ..TriggerOptions::default()
    };
    let schedule = TriggerOptions {
        every: Some(Duration::from_secs(60)),
        ..none.clone()
    };
    let answers = TriggerOptions {
        answers: Some(50),
        ..none.clone()
    };
    assert_eq!(start(1_000_000, &none), None);
    assert_eq!(start(59, &schedule), None);
    assert_eq!(start(0, &answers), None);
    stage.import(49, 9);
    assert_eq!(start(0, &answers), None);
    stage.import(1, 10);
    stage.set(AUTO_RETRAIN_SETTING, "false");
    assert_eq!(start(60, &schedule), None);
    stage.set(AUTO_RETRAIN_SETTING, "true");
    assert!(start(60, &schedule).unwrap().starts_with("schedule"));
    assert_eq!(start(60, &answers), None, "the cooldown");
    std::thread::sleep(Duration::from_millis(350));
    assert_eq!(start(60, &answers).unwrap(), "50 new answers");
    // Both asked for the same: one training is pending.
    let depth = stage.store.depth(TaskKind::Training).unwrap();
    assert_eq!(depth.waiting, 1);
}

#[test]
fn none_starts_while_a_challenger_waits() {
    let mut stage = Stage::new(&schemas()[1], true);
    stage.look();
    let options = TriggerOptions {
        every: Some(Duration::from_secs(1)),
        ..TriggerOptions::default()
    };
    let train = TrainingOptions::default();
    let start = |stage: &Stage| {
        retrain(
            &*stage.store,
            &stage.schema,
            i64::MAX / 2,
            i64::MAX,
            &train,
            &options,
        )
        .unwrap()
    };
    assert_eq!(start(&stage), None);
    stage.import(1000, 9);
    stage.look();
    assert!(start(&stage).is_some());
}

/// The thread does it all: trains, judges again, promotes.
#[test]
fn a_worker_judges_by_itself() {
    let schema = &schemas()[1];
    let mut stage = Stage::new(schema, true);
    let options = WorkerOptions {
        settle: Duration::ZERO,
        judging: JudgingOptions {
            every: Duration::from_millis(50),
            ..JudgingOptions::default()
        },
        ..WorkerOptions::default()
    };
    let worker = worker(&stage.store, schema, options);
    wait(|| (stage.exploration() == 0.2).then_some(()));
    stage.import(1000, 9);
    wait(|| (stage.statuses() == [Retired, Champion]).then_some(()));
    let again = train(&*stage.store, "{}");
    success(&settled(&*stage.store, again));
    worker.stop(Duration::from_secs(5));
    stage.judge = Judge::default();
}
