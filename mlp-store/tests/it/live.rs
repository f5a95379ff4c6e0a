//! Rankers and items in memory, following a store.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mlp_core::{FitOptions, Lineage, Row, Schema, fit_logistic};
use mlp_store::conformance::{reading, sample_row, travel};
use mlp_store::sqlite::SqliteStore;
use mlp_store::{
    DEFAULT_EXPLORATION, DecisionKind, EXPLORATION_SETTING, ItemChange, Live, LiveOptions,
    NewDecision, NewModel, RankScratch, Ranking, Serving, Store, StoreOptions, TaskId,
};

fn open(dir: &Path, schema: &Arc<Schema>) -> Arc<dyn Store> {
    SqliteStore::open(dir.join("mlp.db"), Arc::clone(schema), StoreOptions::new()).unwrap()
}

fn put(store: &dyn Store, schema: &Schema, ids: std::ops::RangeInclusive<i64>, seed: u64) {
    let changes: Vec<ItemChange> = ids
        .map(|id| ItemChange::Put {
            item_id: Some(id),
            row: sample_row(&schema.item, seed + id as u64),
        })
        .collect();
    store.change_items(&changes).unwrap();
}

fn live(store: &Arc<dyn Store>, schema: &Arc<Schema>) -> Arc<Live> {
    let options = LiveOptions {
        poll: Duration::from_millis(20),
        rebuild: Duration::ZERO,
    };
    Live::start(Arc::clone(store), Arc::clone(schema), options).unwrap()
}

/// An artifact with weights that differ, under any schema.
fn artifact(schema: &Schema) -> String {
    let mut sessions = Vec::new();
    for seed in 0..60 {
        let (mut user, mut shown) = (Vec::new(), Vec::new());
        schema
            .user
            .numbers(&sample_row(&schema.user, seed), &mut user);
        for item in 0..4 {
            let mut numbers = Vec::new();
            let row = sample_row(&schema.item, 1000 * seed + item);
            schema.item.numbers(&row, &mut numbers);
            shown.push(numbers);
        }
        sessions.push(mlp_core::Session {
            user,
            shown,
            picked: Some((seed % 4) as usize),
        });
    }
    fit_logistic(
        schema,
        &sessions,
        &FitOptions::default(),
        Lineage::default(),
    )
    .unwrap()
    .to_json()
}

fn promote(store: &dyn Store, artifact: String) -> i64 {
    let model = store
        .insert_model(&NewModel {
            task_id: None,
            artifact,
        })
        .unwrap();
    let decision = NewDecision {
        kind: DecisionKind::Promote,
        reason: "test".to_owned(),
        evidence: "{}".to_owned(),
    };
    assert!(store.decide(model, &decision).unwrap());
    model
}

fn until(live: &Live, done: impl Fn(&Serving) -> bool) -> Arc<Serving> {
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        let serving = live.current();
        if done(&serving) {
            return serving;
        }
        assert!(Instant::now() < end, "it takes too long");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn rank(serving: &Serving, task: &TaskId, user: &Row) -> Ranking {
    serving.rank(task, user, None, &mut RankScratch::default())
}

#[test]
fn models_items_and_settings_of_other_handles_are_followed() {
    for schema in [travel(), reading()] {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path(), &schema);
        let other = open(dir.path(), &schema);
        let live = live(&store, &schema);
        assert_eq!(live.current().exploration(), 1.0);
        assert!(live.current().catalog().items().is_empty());
        put(&*other, &schema, 1..=20, 0);
        until(&live, |s| s.catalog().items().len() == 20);
        let model = promote(&*other, artifact(&schema));
        let before = until(&live, |s| s.models().len() == 1);
        assert_eq!(before.models()[0].model_id, model);
        assert_eq!(before.exploration(), DEFAULT_EXPLORATION);
        other.set_setting(EXPLORATION_SETTING, "0.5").unwrap();
        let after = until(&live, |s| s.exploration() == 0.5);
        // A setting makes no ranker anew.
        assert!(Arc::ptr_eq(&before.models()[0], &after.models()[0]));
        other
            .change_items(&[ItemChange::Withdraw { item_id: 7 }])
            .unwrap();
        let after = until(&live, |s| s.catalog().items().len() == 19);
        assert!(after.catalog().item(7).is_none());
        let ranking = rank(&after, &TaskId::new_v7(), &sample_row(&schema.user, 1));
        assert!(ranking.ranked.iter().all(|r| r.item_id != 7));
        other.set_setting(EXPLORATION_SETTING, "much").unwrap();
        until(&live, |s| s.exploration() == DEFAULT_EXPLORATION);
    }
}

#[test]
fn two_processes_decide_alike() {
    for schema in [travel(), reading()] {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path(), &schema);
        put(&*store, &schema, 1..=50, 0);
        promote(&*store, artifact(&schema));
        store.set_setting(EXPLORATION_SETTING, "0.3").unwrap();
        let lives = [
            live(&store, &schema),
            live(&open(dir.path(), &schema), &schema),
        ];
        let mut explored = 0;
        for seed in 0..200 {
            let (task, user) = (TaskId::new_v7(), sample_row(&schema.user, seed));
            let [a, b] = [0, 1].map(|i: usize| rank(&lives[i].current(), &task, &user));
            assert_eq!(a, b);
            explored += u32::from(a.explored);
            if !a.explored {
                assert!(a.ranked.windows(2).all(|r| r[0].score >= r[1].score));
            }
        }
        // Four standard deviations around 60.
        assert!((34..=86).contains(&explored), "{explored}");
    }
}

#[test]
fn an_explanation_adds_up_to_the_score() {
    for schema in [travel(), reading()] {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path(), &schema);
        put(&*store, &schema, 1..=30, 0);
        let model = promote(&*store, artifact(&schema));
        store.set_setting(EXPLORATION_SETTING, "0").unwrap();
        let serving = live(&store, &schema).current();
        let user = sample_row(&schema.user, 5);
        for item in rank(&serving, &TaskId::new_v7(), &user).ranked {
            let parts = serving.explain(model, &user, item.item_id).unwrap();
            assert_eq!(parts.len(), 1 + schema.features.len());
            let log_odds: f64 = parts.iter().map(|(_, x)| x).sum();
            let score = 1.0 / (1.0 + (-log_odds).exp());
            assert!(
                (score - f64::from(item.score)).abs() < 1e-4,
                "{score} {item:?}"
            );
        }
        assert!(serving.explain(model, &user, 999).is_none());
        assert!(serving.explain(model + 1, &user, 1).is_none());
    }
}

#[test]
fn a_model_of_another_schema_does_not_serve() {
    let dir = tempfile::tempdir().unwrap();
    let (ours, theirs) = (travel(), reading());
    let store = open(dir.path(), &ours);
    put(&*store, &ours, 1..=5, 0);
    promote(&*store, artifact(&theirs));
    let serving = live(&store, &ours).current();
    assert!(serving.models().is_empty());
    let ranking = rank(&serving, &TaskId::new_v7(), &sample_row(&ours.user, 1));
    assert!(ranking.explored && ranking.model_id.is_none());
    assert_eq!(ranking.ranked.len(), 5);
}

#[test]
fn candidates_are_ranked_alone_and_unknown_ones_passed_over() {
    for schema in [travel(), reading()] {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path(), &schema);
        put(&*store, &schema, 1..=300, 0);
        let mut scratch = RankScratch::default();
        let wanted = [200, 3, 3, 77, 4000, -1];
        for share in ["0", "1"] {
            store.set_setting(EXPLORATION_SETTING, share).unwrap();
            if share == "1" {
                promote(&*store, artifact(&schema));
            }
            let serving = live(&store, &schema).current();
            let user = sample_row(&schema.user, 5);
            let ranking = serving.rank(&TaskId::new_v7(), &user, Some(&wanted), &mut scratch);
            let mut ids: Vec<i64> = ranking.ranked.iter().map(|r| r.item_id).collect();
            ids.sort_unstable();
            assert_eq!(ids, [3, 77, 200]);
            let many: Vec<i64> = (1..=300).collect();
            let ranking = serving.rank(&TaskId::new_v7(), &user, Some(&many), &mut scratch);
            assert_eq!(ranking.ranked.len(), schema.max_shown.min(300));
        }
    }
}

#[test]
fn many_small_changes_cost_few_rebuilds() {
    let schema = reading();
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), &schema);
    put(&*store, &schema, 1..=3, 0);
    let options = LiveOptions {
        poll: Duration::from_millis(1),
        rebuild: Duration::from_millis(300),
    };
    let live = Live::start(Arc::clone(&store), Arc::clone(&schema), options).unwrap();
    let (mut builds, mut last) = (0, live.current());
    for seed in 1..=60 {
        put(&*store, &schema, 1..=3, 100 * seed);
        std::thread::sleep(Duration::from_millis(5));
        let now = live.current();
        builds += u32::from(!Arc::ptr_eq(&now, &last));
        last = now;
    }
    assert!((1..=20).contains(&builds), "{builds}");
    let (version, _) = store.catalog().unwrap();
    until(&live, |s| s.catalog().version() == version);
}
