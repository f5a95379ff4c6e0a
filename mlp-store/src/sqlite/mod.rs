//! The SQLite backend: one file, one server, and other programs beside it.
//!
//! Signals ([`Queue::wait_for_work`], [`Queue::wait_for_settled`]) reach this process at once.
//! What other processes write to the file is seen by the next write here, or at the end of the
//! timeout; it is then told as new work, and as [`SettledFeed::incomplete`].

mod checkpoint;
mod columns;
mod content;
mod db;
mod domain;
mod error;
mod items;
mod learning;
mod leases;
mod lock;
mod migrate;
mod open;
mod queue;
mod registry;
mod select;
mod sessions;
mod state;
mod transfer;
mod upkeep;
mod users;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mlp_core::Schema;

use crate::options::StoreOptions;
use crate::traits::{Content, Items, Maintenance, Queue, Registry, Result, Sessions, SettledFeed};
use crate::types::{
    ClaimOptions, Counts, DecisionRow, ImportedSession, ItemChange, ItemVersion, Lease, LeaseRef,
    LoggedSession, ModelRow, NewDecision, NewModel, NewTask, Pruned, QueueDepth, ResultRow,
    SessionOp, SessionQuery, SessionReply, Settled, Settlement, StoreStatus, TaskId, TaskKind,
    TaskView, UserRow, Versions,
};

use checkpoint::Checkpointer;
use db::Db;
use items::ItemTable;
use lock::ServerLock;
use users::UserTable;

/// A store in an SQLite file, in write-ahead-log mode; a change is on the disk when its operation
/// returns. Opening makes the file and its directory, brings an older file up to date, and gives
/// each way of failing its own error.
///
/// ```
/// use std::sync::Arc;
/// use mlp_core::{Row, Schema, Value};
/// use mlp_store::sqlite::SqliteStore;
/// use mlp_store::{ItemChange, Items, StoreOptions};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// let schema = Schema::parse("books.toml", r#"
///     name = "books"
///     [user]
///     name = "reader"
///     table = "readers"
///     fields = [{ name = "age", type = "int" }]
///     [item]
///     name = "book"
///     table = "books"
///     fields = [{ name = "pages", type = "int" }]
/// "#)?;
/// let path = directory.path().join("books.db");
/// let store = SqliteStore::open(&path, Arc::new(schema), StoreOptions::new())?;
/// let row = Row(vec![Value::Int(320)]);
/// let (version, ids) = store.change_items(&[ItemChange::Put { item_id: None, row }])?;
/// assert_eq!((version, ids), (1, vec![1]));
/// # Ok(())
/// # }
/// ```
pub struct SqliteStore {
    // Dropped in this order: the thread before its connections, the lock after all of them.
    _checkpointer: Checkpointer,
    db: Arc<Db>,
    schema: Arc<Schema>,
    options: StoreOptions,
    users: UserTable,
    items: ItemTable,
    prune_from: upkeep::PruneCursor,
    _lock: Option<ServerLock>,
}

impl SqliteStore {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    ///
    /// [`Held`](crate::StoreError::Held) where another server has it and `options` say `server`;
    /// `Open`, `Newer`, `Domain`, `Corrupt` and `Full` as their docs say.
    pub fn open(
        path: impl AsRef<Path>,
        schema: Arc<Schema>,
        options: StoreOptions,
    ) -> Result<Arc<Self>> {
        let path = path.as_ref();
        open::make_place(path)?;
        let lock = match options.server {
            true => Some(ServerLock::take(path)?),
            false => None,
        };
        let db = Arc::new(open::open(path, &schema, &options)?);
        Ok(Arc::new(Self {
            _checkpointer: Checkpointer::start(Arc::clone(&db))?,
            users: UserTable::new(&schema.user),
            items: ItemTable::new(&schema.item),
            db,
            schema,
            options,
            prune_from: upkeep::PruneCursor::default(),
            _lock: lock,
        }))
    }

    fn now(&self) -> i64 {
        self.options.clock.now_us()
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("path", &self.db.path())
            .field("schema", &self.schema.name)
            .finish_non_exhaustive()
    }
}

impl Sessions for SqliteStore {
    fn apply(&self, ops: &[SessionOp]) -> Result<Vec<SessionReply>> {
        self.apply_ops(ops)
    }

    fn statuses(&self, ids: &[TaskId]) -> Result<Vec<Option<TaskView>>> {
        self.task_views(ids)
    }
}

impl Queue for SqliteStore {
    fn claim(&self, options: &ClaimOptions) -> Result<Vec<Lease>> {
        self.claim_tasks(options)
    }

    fn heartbeat(&self, leases: &[LeaseRef], lease: Duration) -> Result<Vec<bool>> {
        self.prolong(leases, lease)
    }

    fn settle(&self, settlements: &[Settlement]) -> Result<Vec<Settled>> {
        self.settle_tasks(settlements)
    }

    fn enqueue(&self, task: &NewTask) -> Result<TaskId> {
        self.enqueue_task(task)
    }

    fn sweep(&self) -> Result<u64> {
        self.sweep_abandoned()
    }

    fn depth(&self, kind: TaskKind) -> Result<QueueDepth> {
        self.queue_depth(kind)
    }

    fn wait_for_work(&self, kind: TaskKind, seen: u64, timeout: Duration) -> u64 {
        self.await_work(kind, seen, timeout)
    }

    fn wait_for_settled(&self, cursor: u64, timeout: Duration) -> SettledFeed {
        self.await_settled(cursor, timeout)
    }
}

impl Items for SqliteStore {
    fn change_items(&self, changes: &[ItemChange]) -> Result<(i64, Vec<i64>)> {
        self.put_and_withdraw(changes)
    }

    fn catalog(&self) -> Result<(i64, Vec<ItemVersion>)> {
        self.current_items()
    }

    fn item_versions(&self) -> Result<Vec<ItemVersion>> {
        self.all_item_versions()
    }

    fn item_at(&self, item_id: i64, version: i64) -> Result<Option<ItemVersion>> {
        self.item_as_of(item_id, version)
    }

    fn items_page(&self, after: i64, limit: usize) -> Result<Vec<ItemVersion>> {
        self.page_of_items(after, limit)
    }

    fn versions(&self) -> Result<Versions> {
        self.latest_versions()
    }
}

impl Content for SqliteStore {
    fn counts(&self) -> Result<Counts> {
        self.count_content()
    }

    fn user(&self, user_id: i64) -> Result<Option<UserRow>> {
        self.one_user(user_id)
    }

    fn users_page(&self, after: i64, limit: usize) -> Result<Vec<UserRow>> {
        self.page_of_users(after, limit)
    }

    fn erase_user(&self, user_id: i64) -> Result<bool> {
        self.erase_texts_of(user_id)
    }

    fn result(&self, result_id: i64) -> Result<Option<ResultRow>> {
        self.one_result(result_id)
    }

    fn results(&self, task_id: TaskId) -> Result<Option<Vec<ResultRow>>> {
        self.all_results(task_id)
    }
}

impl Registry for SqliteStore {
    fn answered_sessions(&self, query: &SessionQuery) -> Result<Vec<LoggedSession>> {
        self.answered(query)
    }

    fn import_sessions(&self, sessions: &[ImportedSession]) -> Result<()> {
        self.import(sessions)
    }

    fn insert_model(&self, model: &NewModel) -> Result<i64> {
        self.add_model(model)
    }

    fn models(&self, limit: usize) -> Result<Vec<ModelRow>> {
        self.newest_models(limit)
    }

    fn model(&self, model_id: i64) -> Result<Option<ModelRow>> {
        self.one_model(model_id)
    }

    fn serving_models(&self) -> Result<Vec<ModelRow>> {
        self.models_with_a_share()
    }

    fn decide(&self, model_id: i64, decision: &NewDecision) -> Result<bool> {
        self.decide_about(model_id, decision)
    }

    fn decisions(&self, limit: usize) -> Result<Vec<DecisionRow>> {
        self.newest_decisions(limit)
    }

    fn setting(&self, name: &str) -> Result<Option<String>> {
        self.one_setting(name)
    }

    fn set_setting(&self, name: &str, value: &str) -> Result<()> {
        self.change_setting(name, value)
    }
}

impl Maintenance for SqliteStore {
    fn prune(&self, before_us: i64, limit: usize, keep_explored: bool) -> Result<Pruned> {
        self.remove_old(before_us, limit, keep_explored)
    }

    fn turn(&self, duty: &str, every: Duration) -> Result<bool> {
        self.take_turn(duty, every)
    }

    fn status(&self) -> Result<StoreStatus> {
        self.describe()
    }

    fn ping(&self) -> Result<()> {
        self.try_to_write()
    }
}
