//! A store with items, a worker on it, and made-up rows for any schema.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mlp_core::explore::{Half, half};
use mlp_core::{Entity, FieldType, Row, Schema};
use mlp_store::sqlite::SqliteStore;
use mlp_store::{
    ImportedSession, ItemChange, Live, LiveOptions, NewSession, NewTask, SessionOp, SessionReply,
    Store, StoreOptions, TaskId, TaskKind, TaskStatus, TaskView,
};
use mlp_worker::{Worker, WorkerOptions};
use serde_json::{Map, Value as Json, json};

/// The shipped domain and one that is nothing like it.
pub fn schemas() -> [Arc<Schema>; 2] {
    let travel = include_str!("../../../config/travel.toml");
    [("travel.toml", travel), ("films.toml", FILMS)]
        .map(|(name, text)| Arc::new(Schema::parse(name, text).unwrap()))
}

const FILMS: &str = r#"
name = "films"
max_shown = 5

[user]
name = "viewer"
table = "viewers"
fields = [
  { name = "mood", type = "category", levels = ["calm", "wild", "sad"] },
  { name = "minutes", type = "int", min = 1, max = 600, default = 120 },
  { name = "seen", type = "int_list" },
]

[item]
name = "film"
table = "films"
fields = [
  { name = "tone", type = "category", levels = ["calm", "wild", "sad"] },
  { name = "length", type = "int", min = 1, max = 600 },
  { name = "stars", type = "float", min = 0, max = 5, default = 2.5 },
]

[[features]]
name = "in_mood"
op = "equal"
args = ["mood", "tone"]

[[features]]
name = "too_long"
op = "greater"
args = ["length", "minutes"]
"#;

/// A small generator: the same seed gives the same rows.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % n
    }
}

/// A valid row.
pub fn row(entity: &Entity, random: &mut Random) -> Row {
    let mut body = Map::new();
    let lists: Vec<_> = entity.fields.iter().filter_map(|f| f.count).collect();
    for (position, field) in entity.fields.iter().enumerate() {
        let most = field.max.unwrap_or(100.0).min(100.0) as u64;
        let value = match &field.kind {
            FieldType::Bool => json!(random.below(2) == 1),
            // Every list has two elements.
            FieldType::Int if lists.contains(&position) => json!(2),
            FieldType::Int => json!(1 + random.below(most)),
            FieldType::Float => json!(random.below(most * 8) as f64 / 8.0),
            FieldType::Text => json!("somebody"),
            FieldType::Date => json!("2026-05-04"),
            FieldType::Category(levels) => {
                json!(levels[random.below(levels.len() as u64) as usize])
            }
            FieldType::IntList => json!([1 + random.below(90), 1 + random.below(90)]),
        };
        body.insert(field.name.clone(), value);
    }
    entity.row_from_json(&Json::Object(body)).unwrap()
}

pub const ITEMS: u64 = 40;

/// A store with [`ITEMS`] items.
pub fn store(dir: &Path, schema: &Arc<Schema>) -> Arc<dyn Store> {
    let options = StoreOptions::new();
    let store: Arc<dyn Store> =
        SqliteStore::open(dir.join("mlp.db"), Arc::clone(schema), options).unwrap();
    let mut random = Random(1);
    let changes: Vec<ItemChange> = (0..ITEMS)
        .map(|_| ItemChange::Put {
            item_id: None,
            row: row(&schema.item, &mut random),
        })
        .collect();
    store.change_items(&changes).unwrap();
    store
}

pub fn live(store: &Arc<dyn Store>, schema: &Arc<Schema>) -> Arc<Live> {
    Live::start(
        Arc::clone(store),
        Arc::clone(schema),
        LiveOptions::default(),
    )
    .unwrap()
}

pub fn worker(store: &Arc<dyn Store>, schema: &Arc<Schema>, options: WorkerOptions) -> Worker {
    let live = live(store, schema);
    Worker::start(Arc::clone(store), Arc::clone(schema), live, options).unwrap()
}

pub fn start(store: &dyn Store, user: Row, candidates: Option<Vec<i64>>) -> TaskId {
    let session = NewSession {
        task_id: TaskId::new_v7(),
        user,
        candidates,
        idempotency: None,
        priority: Default::default(),
    };
    match store.apply(&[SessionOp::Start(session)]).unwrap().remove(0) {
        SessionReply::Started { task_id, .. } => task_id,
        other => panic!("{other:?}"),
    }
}

pub fn train(store: &dyn Store, payload: &str) -> TaskId {
    store
        .enqueue(&NewTask {
            task_id: TaskId::new_v7(),
            kind: TaskKind::Training,
            payload: payload.to_owned(),
        })
        .unwrap()
}

/// Waits until a task is final.
pub fn settled(store: &dyn Store, task_id: TaskId) -> TaskView {
    wait(|| {
        let view = store.statuses(&[task_id]).unwrap().remove(0).unwrap();
        view.status.is_final().then_some(view)
    })
}

pub fn wait<T>(mut done: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(value) = done() {
            return value;
        }
        assert!(Instant::now() < end, "it takes too long");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Sessions of the past in which users pick what the last feature is 0 for (nothing over their
/// limit), and the item of the highest last column among it.
pub fn past(schema: &Schema, n: u64, seed: u64) -> Vec<ImportedSession> {
    let mut random = Random(1);
    let items: Vec<Row> = (0..ITEMS).map(|_| row(&schema.item, &mut random)).collect();
    let mut random = Random(seed);
    (0..n)
        .map(|_| {
            let user = row(&schema.user, &mut random);
            let mut shown: Vec<i64> = Vec::new();
            while shown.len() < 5 {
                let id = 1 + random.below(ITEMS) as i64;
                if !shown.contains(&id) {
                    shown.push(id);
                }
            }
            let worth = |id: &i64| {
                let item = &items[*id as usize - 1];
                item.values().last().unwrap().number().unwrap()
            };
            // One in five wants none of these.
            let picked = (random.below(5) > 0).then(|| {
                let best = shown.iter().max_by(|a, b| worth(a).total_cmp(&worth(b)));
                shown.iter().position(|id| Some(id) == best).unwrap()
            });
            let task_id = TaskId::new_v7();
            ImportedSession {
                half: half(task_id.as_bytes()),
                task_id,
                user,
                shown,
                picked,
            }
        })
        .collect()
}

pub fn is_judging(session: &ImportedSession) -> bool {
    session.half == Half::Judging
}

pub fn success(view: &TaskView) {
    assert_eq!(view.status, TaskStatus::Success, "{view:?}");
}
