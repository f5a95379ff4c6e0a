//! Watching: calm, noise, an alarm, a training on what came after it, and how it ends.

use std::sync::Arc;
use std::time::Duration;

use mlp_core::drift::{DriftVerdict, PolicyKind};
use mlp_core::watch::WatchReport;
use mlp_core::{Artifact, FieldType, Row, Schema, Value};
use mlp_store::conformance::postgres::TestDatabase;
use mlp_store::conformance::{reading, sample_row, travel};
use mlp_store::postgres::PostgresStore;
use mlp_store::sqlite::SqliteStore;
use mlp_store::{
    AUTO_RETRAIN_SETTING, ClaimOptions, Clock, DecisionKind, EXPLORATION_SETTING, ItemChange,
    Lease, Live, LiveOptions, ManualClock, ModelStatus, NONE_OF_THESE, NewDecision, NewSession,
    Outcome, RAISED_EXPLORATION_SETTING, RankScratch, SessionOp, Settled, Settlement, Store,
    StoreOptions, SystemClock, TaskId, TaskKind, TaskStatus, Work,
};
use mlp_worker::{
    Judge, JudgingOptions, TrainingOptions, TrainingRequest, TriggerOptions, WatchOptions,
    WatchRequest, Watcher, WorkerOptions, retrain, train,
};

use crate::support::{settled, success, wait, worker};

const ITEMS: i64 = 40;

/// What a store stands on, and goes with.
enum Ground {
    Directory(#[allow(dead_code)] tempfile::TempDir),
    Database(#[allow(dead_code)] Box<TestDatabase>),
}

/// A store with items, a champion that was trained on calm requests, and users who go on.
struct Stage {
    store: Arc<dyn Store>,
    schema: Arc<Schema>,
    clock: Arc<dyn Clock>,
    manual: Option<Arc<ManualClock>>,
    watcher: Watcher,
    judge: Judge,
    train: TrainingOptions,
    /// Requests so far: no two users are alike.
    made: u64,
    _ground: Ground,
}

/// Who asks.
#[derive(Clone, Copy, PartialEq)]
enum Users {
    /// As those that the champion was trained on.
    Calm,
    /// Half of them at the end of a scale; they want what the others do.
    Noisy,
    /// The same, and they want the opposite.
    Contrary,
}

impl Stage {
    fn on_sqlite(schema: &Arc<Schema>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(1_767_225_600_000_000));
        let options = StoreOptions::new().clock(Arc::<ManualClock>::clone(&clock));
        let path = directory.path().join("mlp.db");
        let store = SqliteStore::open(path, Arc::clone(schema), options).unwrap();
        let ground = Ground::Directory(directory);
        Self::new(store, schema, Some(clock), ground)
    }

    fn on_postgres(schema: &Arc<Schema>) -> Self {
        let database = TestDatabase::create();
        let options = StoreOptions::new();
        let config = database.config().clone();
        let store = PostgresStore::open(config, Arc::clone(schema), options).unwrap();
        Self::new(store, schema, None, Ground::Database(Box::new(database)))
    }

    fn new(
        store: Arc<dyn Store>,
        schema: &Arc<Schema>,
        manual: Option<Arc<ManualClock>>,
        ground: Ground,
    ) -> Self {
        let mut train = TrainingOptions::default();
        train.data.enough_after_onset = 60;
        let clock: Arc<dyn Clock> = match &manual {
            Some(clock) => Arc::<ManualClock>::clone(clock),
            None => Arc::new(SystemClock),
        };
        let mut stage = Self {
            store,
            schema: Arc::clone(schema),
            clock,
            manual,
            watcher: Watcher::default(),
            judge: Judge::default(),
            train,
            made: 0,
            _ground: ground,
        };
        let put = |id: i64| ItemChange::Put {
            item_id: None,
            row: sample_row(&schema.item, id as u64),
        };
        let items: Vec<ItemChange> = (1..=ITEMS).map(put).collect();
        stage.store.change_items(&items).unwrap();
        stage.store.set_setting(EXPLORATION_SETTING, "0.5").unwrap();
        stage.serve(1500, Users::Calm);
        stage.enqueue(None);
        stage.train_what_was_asked_for();
        stage
    }

    fn user(&mut self, users: Users) -> (Row, bool) {
        self.made += 1;
        let mut row = sample_row(&self.schema.user, self.made);
        let noisy = users != Users::Calm && self.made.is_multiple_of(2);
        if noisy {
            let float = |(_, c): &(usize, &mlp_core::Column)| c.kind == FieldType::Float;
            let columns = self.schema.user.columns.iter().enumerate();
            let (place, column) = columns.clone().rev().find(float).unwrap();
            let field = &self.schema.user.fields[column.field];
            row.0[place] = Value::Float(field.max.unwrap_or(1e9));
        }
        (row, users == Users::Contrary)
    }

    /// What an item is worth to users: its last number that models see.
    fn worth(&self, item_id: i64) -> f64 {
        let entity = &self.schema.item;
        let row = sample_row(entity, item_id as u64);
        let number = |(place, column): (usize, &mlp_core::Column)| {
            let numeric = matches!(column.kind, FieldType::Int | FieldType::Float);
            let seen = numeric && entity.fields[column.field].feature;
            seen.then(|| row.values()[place].number().unwrap_or(column.missing))
        };
        (entity.columns.iter().enumerate())
            .filter_map(number)
            .next_back()
            .unwrap()
    }

    /// Users who ask, see five items and choose; one in five wants none of them.
    fn serve(&mut self, n: usize, users: Users) {
        let live = Live::start(
            Arc::clone(&self.store),
            Arc::clone(&self.schema),
            LiveOptions::default(),
        );
        let serving = live.unwrap().current();
        let mut scratch = RankScratch::default();
        let worths: Vec<f64> = (0..=ITEMS).map(|id| self.worth(id.max(1))).collect();
        for _ in 0..n.div_ceil(50) {
            let mut ops = Vec::new();
            for _ in 0..50 {
                let (user, contrary) = self.user(users);
                let task_id = TaskId::new_v7();
                let ranking = serving.rank(&task_id, &user, None, &mut scratch);
                let sign = if contrary { -1.0 } else { 1.0 };
                let worth = |id: i64| sign * worths[id as usize];
                let shown = ranking.ranked[..5].iter().map(|item| item.item_id);
                let best = shown
                    .max_by(|a, b| worth(*a).total_cmp(&worth(*b)))
                    .unwrap();
                let item_id = if self.made.is_multiple_of(5) {
                    NONE_OF_THESE
                } else {
                    best
                };
                let session = NewSession {
                    task_id,
                    user,
                    candidates: None,
                    idempotency: None,
                    priority: Default::default(),
                };
                ops.push(SessionOp::Rank {
                    session,
                    ranking,
                    limit: 5,
                });
                ops.push(SessionOp::Select { task_id, item_id });
            }
            self.store.apply(&ops).unwrap();
            if let Some(clock) = &self.manual {
                clock.advance(Duration::from_secs(5));
            }
        }
    }

    fn claim(&self, kind: TaskKind, lease: Duration) -> Option<Lease> {
        let options = ClaimOptions {
            kind,
            max: 1,
            lease,
        };
        self.store.claim(&options).unwrap().pop()
    }

    fn settle(&self, lease: &Lease, outcome: Outcome) -> Settled {
        let lease = lease.reference();
        let settlement = Settlement { lease, outcome };
        self.store.settle(&[settlement]).unwrap().remove(0)
    }

    fn enqueue(&self, since_us: Option<i64>) {
        let request = TrainingRequest {
            since_us,
            ..TrainingRequest::default()
        };
        let payload = serde_json::to_string(&request).unwrap();
        let (task_id, kind) = (TaskId::new_v7(), TaskKind::Training);
        self.store
            .enqueue(&mlp_store::NewTask {
                task_id,
                kind,
                payload,
            })
            .unwrap();
    }

    /// Does the training that waits; gives the model.
    fn train_what_was_asked_for(&mut self) -> i64 {
        let lease = self
            .claim(TaskKind::Training, Duration::from_secs(600))
            .unwrap();
        let Work::Task { payload } = &lease.work else {
            panic!()
        };
        let request: TrainingRequest = serde_json::from_str(payload).unwrap();
        let mut options = self.train.clone();
        options.data.since_us = request.since_us;
        let now = self.clock.now_us();
        let (model, decision) =
            train(&*self.store, &self.schema, lease.task_id, now, &options).unwrap();
        match self.settle(&lease, Outcome::Trained { model, decision }) {
            Settled::Now(TaskStatus::Success, Some(id)) => id,
            other => panic!("{other:?}"),
        }
    }

    /// Takes a look as a worker does, and keeps what it found.
    fn look(&mut self, policy: PolicyKind) -> (WatchReport, Option<DecisionKind>) {
        WatchRequest { policy }.enqueue(&*self.store).unwrap();
        let lease = self
            .claim(TaskKind::Monitoring, Duration::from_secs(600))
            .unwrap();
        let now = self.clock.now_us();
        let options = WatchOptions::default();
        let looked = (self.watcher).look(&*self.store, &self.schema, (now, now), policy, &options);
        let (report, decision) = looked.unwrap();
        let kind = decision.as_ref().map(|(_, decision)| decision.kind);
        let text = serde_json::to_string(&report).unwrap();
        let outcome = Outcome::Watched {
            report: text,
            decision,
        };
        assert!(matches!(
            self.settle(&lease, outcome),
            Settled::Now(TaskStatus::Success, None)
        ));
        (report, kind)
    }

    fn judge(&mut self) -> Option<String> {
        let options = JudgingOptions::default();
        let until = self.clock.now_us();
        (self.judge)
            .look(&*self.store, &self.schema, until, &self.train, &options)
            .unwrap();
        let raised = self.store.setting(RAISED_EXPLORATION_SETTING).unwrap();
        raised.filter(|text| text != "null")
    }

    fn trigger(&self) -> Option<String> {
        let now = self.clock.now_us();
        let options = TriggerOptions::default();
        retrain(&*self.store, &self.schema, now, now, &self.train, &options).unwrap()
    }

    fn status(&self, model: i64) -> ModelStatus {
        self.store.model(model).unwrap().unwrap().status
    }

    fn reason(&self) -> String {
        self.store.decisions(1).unwrap().remove(0).decision.reason
    }
}

/// A stage on each backend, each with another domain.
fn stages() -> [fn() -> Stage; 2] {
    [
        || Stage::on_sqlite(&reading()),
        || Stage::on_postgres(&travel()),
    ]
}

/// Until a training was asked for after an alarm; gives the onset that was told.
fn alarmed(stage: &mut Stage, users: Users) -> i64 {
    let champion = stage.store.serving_models().unwrap()[0].model_id;
    let (report, decision) = stage.look(PolicyKind::Continuous);
    assert!(report.no_drift.unwrap().contains("too few: 0 "));
    assert_eq!(decision, None);
    stage.serve(300, Users::Calm);
    let (report, decision) = stage.look(PolicyKind::Continuous);
    let drift = report.drift.unwrap();
    assert_eq!(
        (drift.verdict, decision),
        (DriftVerdict::Calm, None),
        "{}",
        drift.sentence
    );
    assert_eq!(report.alarm_since_us, None);
    // But for the few that are alike.
    assert!((270..=300).contains(&drift.window_requests));
    assert_eq!(report.reference_model_id, Some(champion));
    assert_eq!((stage.judge(), stage.trigger()), (None, None));

    let before = stage.clock.now_us();
    stage.serve(400, users);
    // Somebody's look is told, and sets nothing off.
    let (report, decision) = stage.look(PolicyKind::OneLook);
    assert_eq!(report.drift.unwrap().verdict, DriftVerdict::Drift);
    assert_eq!((report.alarm_since_us, decision), (None, None));
    let (report, decision) = stage.look(PolicyKind::Continuous);
    assert_eq!(decision, Some(DecisionKind::Alarm), "{:?}", report.drift);
    let onset = report.alarm_since_us.unwrap();
    let quarter = (stage.clock.now_us() - before) / 4;
    assert!(
        (onset - before).abs() <= quarter.max(1_000_000),
        "{}",
        onset - before
    );
    assert!(stage.reason().starts_with("alarm: "), "{}", stage.reason());
    // It stays, and is not told again.
    let (report, decision) = stage.look(PolicyKind::Continuous);
    assert_eq!((report.alarm_since_us, decision), (Some(onset), None));
    assert_eq!(stage.status(champion), ModelStatus::Champion);

    assert_eq!(stage.judge().as_deref(), Some("0.2"), "exploration rises");
    stage.serve(1000, users);
    stage
        .store
        .set_setting(AUTO_RETRAIN_SETTING, "false")
        .unwrap();
    assert_eq!(stage.trigger(), None);
    stage
        .store
        .set_setting(AUTO_RETRAIN_SETTING, "true")
        .unwrap();
    assert!(stage.trigger().unwrap().starts_with("drift: alarm"));
    assert_eq!(stage.trigger(), None, "once per cooldown");
    onset
}

/// From the training on: the challenger's lineage, and that the alarm goes on without a verdict.
fn trained(stage: &mut Stage, onset: i64) -> i64 {
    let challenger = stage.train_what_was_asked_for();
    assert_eq!(stage.trigger(), None, "one was made for this alarm");
    let row = stage.store.model(challenger).unwrap().unwrap();
    let artifact = Artifact::from_json(&row.artifact).unwrap();
    assert_eq!(artifact.lineage.judged_from_us, Some(onset));
    assert!(
        artifact.lineage.from_us.unwrap() > onset,
        "it learned from what came after"
    );
    let reference = artifact.reference.unwrap();
    assert!(reference.from_us.unwrap() > onset && reference.distinct >= 1000);
    assert!(
        reference.features.iter().any(|f| f.score),
        "with the scores of the new model"
    );
    challenger
}

#[test]
fn a_better_model_after_a_change_ends_the_alarm() {
    for stage in stages() {
        let mut stage = stage();
        let champion = stage.store.serving_models().unwrap()[0].model_id;
        let onset = alarmed(&mut stage, Users::Contrary);
        let challenger = trained(&mut stage, onset);
        assert_eq!(
            stage.status(challenger),
            ModelStatus::Champion,
            "{}",
            stage.reason()
        );
        let (report, decision) = stage.look(PolicyKind::Continuous);
        assert_eq!(
            (report.alarm_since_us, decision),
            (Some(onset), None),
            "too few so far"
        );
        stage.serve(300, Users::Contrary);
        let (report, decision) = stage.look(PolicyKind::Continuous);
        assert_eq!(decision, Some(DecisionKind::Recover), "{report:?}");
        assert_eq!(
            (report.alarm_since_us, report.model_id),
            (None, Some(challenger))
        );
        let reason = stage.reason();
        let replaced = format!("recovered: model {challenger} replaced model {champion}");
        assert!(reason.starts_with(&replaced), "{reason}");
        let (_, decision) = stage.look(PolicyKind::Continuous);
        assert_eq!(decision, None, "it is told once");
        assert_eq!(stage.judge(), None, "exploration falls");
        let expected = report.quality.models.last().unwrap();
        assert!(expected.rate.is_some() && expected.expected.is_some());
        assert!(report.quality.explored.is_some());
    }
}

#[test]
fn a_champion_that_is_confirmed_ends_the_alarm() {
    for stage in stages() {
        let mut stage = stage();
        let champion = stage.store.serving_models().unwrap()[0].model_id;
        let onset = alarmed(&mut stage, Users::Noisy);
        let challenger = trained(&mut stage, onset);
        stage.judge();
        if stage.status(challenger) == ModelStatus::Challenger {
            let decision = NewDecision {
                kind: DecisionKind::Reject,
                reason: "no better".to_owned(),
                evidence: "{}".to_owned(),
            };
            assert!(stage.store.decide(challenger, &decision).unwrap());
        }
        assert_eq!(
            stage.status(challenger),
            ModelStatus::Rejected,
            "{}",
            stage.reason()
        );
        stage.serve(300, Users::Noisy);
        let (report, decision) = stage.look(PolicyKind::Continuous);
        assert_eq!(decision, Some(DecisionKind::Recover), "{report:?}");
        assert_eq!(report.model_id, Some(champion));
        assert_eq!(report.reference_model_id, Some(challenger));
        let names: Vec<String> = report
            .drift
            .unwrap()
            .features
            .into_iter()
            .map(|f| f.name)
            .collect();
        assert!(
            !names.contains(&"score".to_owned()),
            "another model's scores: {names:?}"
        );
        let reason = stage.reason();
        assert!(reason.contains("no better model was found"), "{reason}");
    }
}

#[test]
fn traffic_that_returns_ends_the_alarm() {
    let mut stage = Stage::on_sqlite(&travel());
    stage.serve(100, Users::Calm);
    stage.serve(300, Users::Noisy);
    assert_eq!(
        stage.look(PolicyKind::Continuous).1,
        Some(DecisionKind::Alarm)
    );
    stage.serve(1000, Users::Calm);
    assert_eq!(
        stage.look(PolicyKind::Continuous).1,
        Some(DecisionKind::Recover)
    );
    assert!(
        stage.reason().contains("agree again with those"),
        "{}",
        stage.reason()
    );
}

#[test]
fn without_a_reference_there_is_no_verdict_and_quality_nonetheless() {
    let mut stage = Stage::on_sqlite(&reading());
    let row = stage.store.serving_models().unwrap().remove(0);
    let mut artifact = Artifact::from_json(&row.artifact).unwrap();
    artifact.reference = None;
    let (task_id, artifact) = (None, artifact.to_json());
    let bare = stage
        .store
        .insert_model(&mlp_store::NewModel { task_id, artifact })
        .unwrap();
    let (kind, reason) = (DecisionKind::Promote, "by hand".to_owned());
    let evidence = "{}".to_owned();
    stage
        .store
        .decide(
            bare,
            &NewDecision {
                kind,
                reason,
                evidence,
            },
        )
        .unwrap();
    stage.serve(300, Users::Noisy);
    let (report, decision) = stage.look(PolicyKind::Continuous);
    assert_eq!((decision, report.drift), (None, None));
    assert!(report.no_drift.unwrap().contains("keeps no profile"));
    assert_eq!(report.window.requests, 1000);
    let model = report
        .quality
        .models
        .iter()
        .find(|m| m.model_id == bare)
        .unwrap();
    assert!(model.answered > 100 && model.picked < model.answered);
    assert_eq!(report.quality.coverage, Some(1.0));
}

/// A worker of its own looks by schedule; one that died with a look leaves it to the next.
#[test]
fn a_worker_looks_by_itself_and_a_dead_one_leaves_one_report() {
    for stage in stages() {
        let mut stage = stage();
        stage.serve(400, Users::Noisy);
        // A worker that takes a look, and is heard of no more.
        let id = WatchRequest::CONTINUOUS.enqueue(&*stage.store).unwrap();
        let dead = stage
            .claim(TaskKind::Monitoring, Duration::from_millis(100))
            .unwrap();
        if let Some(clock) = &stage.manual {
            clock.advance(Duration::from_secs(1));
        }
        let mut options = WorkerOptions {
            training: false,
            settle: Duration::ZERO,
            ..WorkerOptions::default()
        };
        options.watch.every = Duration::from_millis(50);
        let heir = worker(&stage.store, &stage.schema, options);
        success(&settled(&*stage.store, id));
        let late = Outcome::Watched {
            report: "{}".to_owned(),
            decision: None,
        };
        assert_eq!(stage.settle(&dead, late), Settled::Stale);
        assert_eq!(
            stage
                .store
                .task_results(TaskKind::Monitoring, 9)
                .unwrap()
                .len(),
            1
        );
        let alarms = || {
            let decisions = stage.store.decisions(50).unwrap();
            let alarms = decisions
                .iter()
                .filter(|d| d.decision.kind == DecisionKind::Alarm);
            alarms.count()
        };
        assert_eq!(alarms(), 1);
        // Nothing is new: the schedule takes no look. Then there is.
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(
            stage
                .store
                .task_results(TaskKind::Monitoring, 9)
                .unwrap()
                .len(),
            1
        );
        let store = Arc::clone(&stage.store);
        stage.serve(100, Users::Noisy);
        wait(|| (store.task_results(TaskKind::Monitoring, 9).unwrap().len() > 1).then_some(()));
        heir.stop(Duration::from_secs(5));
        assert_eq!(
            stage
                .store
                .decisions(50)
                .unwrap()
                .iter()
                .filter(|d| d.decision.kind == DecisionKind::Alarm)
                .count(),
            1
        );
    }
}

#[test]
fn a_look_that_is_asked_for_wrongly_fails_with_the_reason() {
    let stage = Stage::on_sqlite(&reading());
    let mut options = WorkerOptions {
        training: false,
        ..WorkerOptions::default()
    };
    options.watch.every = Duration::ZERO;
    let heir = worker(&stage.store, &stage.schema, options);
    let (task_id, kind) = (TaskId::new_v7(), TaskKind::Monitoring);
    let payload = r#"{"policy":"often"}"#.to_owned();
    stage
        .store
        .enqueue(&mlp_store::NewTask {
            task_id,
            kind,
            payload,
        })
        .unwrap();
    let view = settled(&*stage.store, task_id);
    assert_eq!(view.status, TaskStatus::Failure);
    assert!(view.error.unwrap().contains("no request for a look"));
    heir.stop(Duration::from_secs(5));
}
