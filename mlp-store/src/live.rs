//! What serving needs in memory: the current items and models, ready to rank.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use mlp_core::explore;
use mlp_core::{Catalog, Family, LinearModel, Ranked, Ranker, Row, Schema, Scratch};

use crate::traits::{Result, Store};
use crate::types::{ItemVersion, ModelRow, ModelStatus, Ranking, TaskId, Versions};

/// The setting that holds the share of explored sessions, a number from 0 to 1.
pub const EXPLORATION_SETTING: &str = "exploration";

/// The share of explored sessions where the setting is not made.
pub const DEFAULT_EXPLORATION: f64 = 0.05;

/// The setting that holds the share of explored sessions while a challenger waits for its verdict:
/// a number from 0 to [`MAX_RAISED_EXPLORATION`], `null` otherwise. Workers make it.
pub const RAISED_EXPLORATION_SETTING: &str = "exploration_raised";

/// The most that exploration rises to for a challenger's sake.
pub const MAX_RAISED_EXPLORATION: f64 = 0.2;

/// The share of explored sessions that the two settings' texts ask for. What is raised lifts a
/// share that is less; one of 0 stays 0, since whoever set it wants no random list at all.
pub fn exploration_share(setting: Option<&str>, raised: Option<&str>) -> f64 {
    let share = |text: Option<&str>, most: f64| {
        text.and_then(|text| text.parse::<f64>().ok())
            .filter(|share| (0.0..=most).contains(share))
    };
    let set = share(setting, 1.0).unwrap_or(DEFAULT_EXPLORATION);
    match share(raised, MAX_RAISED_EXPLORATION) {
        Some(raised) if set > 0.0 => set.max(raised),
        _ => set,
    }
}

/// How [`Live`] follows the store.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveOptions {
    /// How often the store is asked for changes. Default 500 ms.
    pub poll: Duration,
    /// The least time between two rebuilds, so that many small changes cost few. Default 1 s.
    pub rebuild: Duration,
}

impl Default for LiveOptions {
    fn default() -> Self {
        Self {
            poll: Duration::from_millis(500),
            rebuild: Duration::from_secs(1),
        }
    }
}

/// The current catalog and rankers: rebuilt from the store when items, models or settings change,
/// and swapped whole, so that a request uses one state from start to end.
pub struct Live {
    current: Arc<ArcSwap<Serving>>,
    wake: Arc<Wake>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Wake {
    state: Mutex<WakeState>,
    changed: Condvar,
}

#[derive(Default)]
struct WakeState {
    asked: u64,
    done: u64,
    stopped: bool,
}

impl Live {
    /// Loads the current state, and follows the store in a thread of its own until dropped.
    ///
    /// # Errors
    ///
    /// Where the store cannot be read.
    pub fn start(
        store: Arc<dyn Store>,
        schema: Arc<Schema>,
        options: LiveOptions,
    ) -> Result<Arc<Self>> {
        let first = Serving::load(store.as_ref(), &schema, None)?;
        let current = Arc::new(ArcSwap::from_pointee(first));
        let wake = Arc::new(Wake::default());
        let thread = std::thread::Builder::new()
            .name("mlp-live".to_owned())
            .spawn({
                let (current, wake) = (Arc::clone(&current), Arc::clone(&wake));
                move || follow(store.as_ref(), &schema, &options, &current, &wake)
            });
        let thread = thread.map_err(|e| crate::StoreError::Unavailable {
            reason: format!("no thread to follow the store with: {e}"),
        })?;
        Ok(Arc::new(Self {
            current,
            wake,
            thread: Mutex::new(Some(thread)),
        }))
    }

    /// The state to use for one request from start to end.
    pub fn current(&self) -> Arc<Serving> {
        self.current.load_full()
    }

    /// Asks for a look at the store at once, after a change that this process made; returns when
    /// that look is over, or after two seconds.
    pub fn refresh_now(&self) {
        let mut state = lock(&self.wake.state);
        state.asked += 1;
        let asked = state.asked;
        self.wake.changed.notify_all();
        let waited = self
            .wake
            .changed
            .wait_timeout_while(state, Duration::from_secs(2), |state| {
                state.done < asked && !state.stopped
            });
        drop(waited);
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        lock(&self.wake.state).stopped = true;
        self.wake.changed.notify_all();
        if let Some(thread) = lock(&self.thread).take() {
            // A panic there has been printed already, and there is nothing to undo.
            let _ = thread.join();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // Every value behind these locks is whole between two statements.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn follow(
    store: &dyn Store,
    schema: &Arc<Schema>,
    options: &LiveOptions,
    current: &ArcSwap<Serving>,
    wake: &Wake,
) {
    let mut rebuilt: Option<Instant> = None;
    loop {
        let state = lock(&wake.state);
        let (state, _) = wake
            .changed
            .wait_timeout_while(state, options.poll, |s| s.asked == s.done && !s.stopped)
            .unwrap_or_else(PoisonError::into_inner);
        // What changes meanwhile is part of the next rebuild.
        let early = rebuilt.map_or(Duration::ZERO, |at| {
            options.rebuild.saturating_sub(at.elapsed())
        });
        let (state, _) = wake
            .changed
            .wait_timeout_while(state, early, |s| !s.stopped)
            .unwrap_or_else(PoisonError::into_inner);
        if state.stopped {
            return;
        }
        let asked = state.asked;
        drop(state);
        if refresh(store, schema, current) {
            rebuilt = Some(Instant::now());
        }
        lock(&wake.state).done = asked;
        wake.changed.notify_all();
    }
}

/// Loads what changed, if anything did; whether it did.
fn refresh(store: &dyn Store, schema: &Arc<Schema>, current: &ArcSwap<Serving>) -> bool {
    let before = current.load_full();
    let loaded = store.versions().and_then(|versions| {
        if versions == before.versions {
            return Ok(None);
        }
        Serving::load(store, schema, Some(&before)).map(Some)
    });
    match loaded {
        Ok(Some(serving)) => {
            current.store(Arc::new(serving));
            true
        }
        Ok(None) => false,
        Err(error) => {
            tracing::warn!(%error, "the store cannot be read: serving the models and items of before");
            false
        }
    }
}

/// The current items, with their numbers.
#[derive(Debug)]
pub struct LiveCatalog {
    items: Vec<ItemVersion>,
    numbers: Catalog,
}

impl LiveCatalog {
    /// The catalog's version.
    pub fn version(&self) -> i64 {
        self.numbers.version()
    }

    /// The items by ascending id.
    pub fn items(&self) -> &[ItemVersion] {
        &self.items
    }

    /// Where the item of that id stands.
    pub fn position(&self, item_id: i64) -> Option<usize> {
        self.numbers.position(item_id)
    }

    /// The item of that id.
    pub fn item(&self, item_id: i64) -> Option<&ItemVersion> {
        self.position(item_id).map(|p| &self.items[p])
    }
}

/// A model with a share of traffic.
#[derive(Debug)]
pub struct ServingModel {
    /// Its number.
    pub model_id: i64,
    /// The share of traffic that it answers, 0 to 1.
    pub share: f64,
    /// When it was made, in microseconds since 1970.
    pub created_us: i64,
    /// Its place: the champion, or the canary.
    pub status: ModelStatus,
    model: LinearModel,
    ranker: Ranker,
}

impl ServingModel {
    /// The kind of model.
    pub fn family(&self) -> Family {
        self.model.family
    }
}

/// Items and models of one moment. Immutable.
#[derive(Debug)]
pub struct Serving {
    schema: Arc<Schema>,
    versions: Versions,
    catalog: Arc<LiveCatalog>,
    models: Vec<Arc<ServingModel>>,
    shares: Vec<f64>,
    exploration: f64,
    is_raised: bool,
}

/// Buffers of a ranking, kept between requests.
#[derive(Debug, Default)]
pub struct RankScratch {
    core: Scratch,
    user: Vec<f64>,
    positions: Vec<u32>,
    chosen: Vec<u32>,
}

impl Serving {
    fn load(store: &dyn Store, schema: &Arc<Schema>, before: Option<&Self>) -> Result<Self> {
        // Read first: a change in between is then seen again at the next look.
        let versions = store.versions()?;
        let catalog = match before {
            Some(before) if before.versions.catalog == versions.catalog => {
                Arc::clone(&before.catalog)
            }
            _ => Arc::new(load_catalog(store, schema)?),
        };
        let rows = store.serving_models()?;
        let models: Vec<Arc<ServingModel>> = (rows.iter())
            .filter_map(|row| compile(row, schema, &catalog, before))
            .collect();
        let set = store.setting(EXPLORATION_SETTING)?;
        let raised = store.setting(RAISED_EXPLORATION_SETTING)?;
        let exploration = exploration_share(set.as_deref(), raised.as_deref());
        Ok(Self {
            schema: Arc::clone(schema),
            versions,
            catalog,
            shares: models.iter().map(|m| m.share).collect(),
            models,
            exploration,
            is_raised: exploration > exploration_share(set.as_deref(), None),
        })
    }

    /// The current items.
    pub fn catalog(&self) -> &Arc<LiveCatalog> {
        &self.catalog
    }

    /// The models with a share of traffic.
    pub fn models(&self) -> &[Arc<ServingModel>] {
        &self.models
    }

    /// The share of explored sessions; without a model all are.
    pub fn exploration(&self) -> f64 {
        if self.models.is_empty() {
            1.0
        } else {
            self.exploration
        }
    }

    /// The share of explored sessions, whatever models there are.
    pub fn exploration_share(&self) -> f64 {
        self.exploration
    }

    /// Whether workers have raised that share over what is set.
    pub fn is_exploration_raised(&self) -> bool {
        self.is_raised
    }

    /// The domain.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// Decides who answers and whether to explore, and ranks: the same for the same task in every
    /// process and at every attempt. `candidates` that are no current items are passed over.
    pub fn rank(
        &self,
        task_id: &TaskId,
        user: &Row,
        candidates: Option<&[i64]>,
        scratch: &mut RankScratch,
    ) -> Ranking {
        let session = task_id.as_bytes();
        let model = explore::assign(session, &self.shares).map(|p| &self.models[p]);
        let explored = model.is_none() || explore::explored(session, self.exploration());
        let mut ranked = Vec::new();
        self.schema.user.numbers(user, &mut scratch.user);
        match (model, candidates) {
            (Some(model), None) if !explored => {
                let k = self.schema.max_shown;
                model
                    .ranker
                    .top(&scratch.user, k, &mut scratch.core, &mut ranked);
            }
            (model, candidates) => {
                self.choose(session, explored, candidates, scratch);
                self.score(model.map(|m| &**m), scratch, &mut ranked);
                if !explored {
                    ranked.sort_by(|a, b| {
                        (b.score.total_cmp(&a.score)).then(a.item_id.cmp(&b.item_id))
                    });
                    ranked.truncate(self.schema.max_shown);
                }
            }
        }
        Ranking {
            model_id: model.map(|m| m.model_id),
            catalog_version: self.catalog.version(),
            explored,
            half: explore::half(session),
            ranked,
        }
    }

    /// Leaves the positions to score in `scratch.chosen`: the candidates, or all items; a random
    /// selection of these where explored.
    fn choose(
        &self,
        session: &explore::SessionId,
        explored: bool,
        candidates: Option<&[i64]>,
        scratch: &mut RankScratch,
    ) {
        let k = self.schema.max_shown;
        scratch.chosen.clear();
        let Some(candidates) = candidates else {
            explore::permutation(session, self.catalog.items.len(), k, &mut scratch.chosen);
            return;
        };
        let mut positions: Vec<u32> = (candidates.iter())
            .filter_map(|id| self.catalog.position(*id).map(|p| p as u32))
            .collect();
        positions.sort_unstable();
        positions.dedup();
        if explored {
            let (n, order) = (positions.len(), &mut scratch.positions);
            explore::permutation(session, n, k, order);
            (scratch.chosen).extend(order.iter().map(|p| positions[*p as usize]));
        } else {
            scratch.chosen = positions;
        }
    }

    fn score(
        &self,
        model: Option<&ServingModel>,
        scratch: &mut RankScratch,
        ranked: &mut Vec<Ranked>,
    ) {
        match model {
            Some(model) => {
                let (user, chosen) = (&scratch.user, &scratch.chosen);
                model.ranker.scores(user, chosen, &mut scratch.core, ranked);
            }
            None => ranked.extend(scratch.chosen.iter().map(|p| Ranked {
                item_id: self.catalog.items[*p as usize].item_id,
                score: 0.0,
            })),
        }
    }

    /// Each feature's contribution to the log-odds that a model gives an item, the constant first
    /// as `bias`; `None` where the model does not serve or the item is not current.
    pub fn explain(&self, model_id: i64, user: &Row, item_id: i64) -> Option<Vec<(&str, f64)>> {
        let model = self.models.iter().find(|m| m.model_id == model_id)?;
        let position = self.catalog.position(item_id)?;
        let (mut numbers, mut features) = (Vec::new(), Vec::new());
        self.schema.user.numbers(user, &mut numbers);
        let item = self.catalog.numbers.numbers(position);
        self.schema.features.extend(&numbers, item, &mut features);
        let names = self.schema.features.names().iter().map(String::as_str);
        // Adding 0 turns −0 into 0.
        let parts = (model.model.weights.iter().zip(&features)).map(|(w, x)| w * x + 0.0);
        let bias = ("bias", model.model.bias);
        Some([bias].into_iter().chain(names.zip(parts)).collect())
    }
}

fn load_catalog(store: &dyn Store, schema: &Schema) -> Result<LiveCatalog> {
    let (version, items) = store.catalog()?;
    let rows = items.iter().map(|item| (item.item_id, &item.row));
    let numbers = Catalog::new(&schema.item, version, rows);
    Ok(LiveCatalog { items, numbers })
}

/// Compiles a model, or takes the one compiled before where neither it nor the catalog changed.
fn compile(
    row: &ModelRow,
    schema: &Schema,
    catalog: &Arc<LiveCatalog>,
    before: Option<&Serving>,
) -> Option<Arc<ServingModel>> {
    let same = before
        .filter(|b| Arc::ptr_eq(&b.catalog, catalog))
        .and_then(|b| b.models.iter().find(|m| m.model_id == row.model_id))
        .filter(|m| m.share == row.use_percentage && m.status == row.status);
    if let Some(same) = same {
        return Some(Arc::clone(same));
    }
    match row.model(schema) {
        Ok(model) => Some(Arc::new(ServingModel {
            model_id: row.model_id,
            share: row.use_percentage,
            created_us: row.created_us,
            status: row.status,
            ranker: Ranker::new(&schema.features, &model, &catalog.numbers),
            model,
        })),
        Err(error) => {
            tracing::error!(model_id = row.model_id, %error, "the model cannot serve");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exploration_rises_only_where_there_is_some() {
        for (setting, raised, expected) in [
            (None, None, 0.05),
            (None, Some("0.2"), 0.2),
            (Some("0.1"), Some("0.2"), 0.2),
            (Some("0.5"), Some("0.2"), 0.5),
            (Some("0"), Some("0.2"), 0.0),
            (Some("0.1"), Some("null"), 0.1),
            (Some("0.1"), Some("0.9"), 0.1),
            (Some("2"), None, 0.05),
            (Some("NaN"), Some("NaN"), 0.05),
        ] {
            let share = exploration_share(setting, raised);
            assert_eq!(share, expected, "{setting:?} {raised:?}");
        }
    }
}
