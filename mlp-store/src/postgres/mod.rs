//! The PostgreSQL backend: one database, any number of processes.
//!
//! Times are the database's own, so that processes need not agree about them. Signals
//! ([`Queue::wait_for_work`], [`Queue::wait_for_settled`]) reach this process at once and others
//! within milliseconds; what others made final is told as [`SettledFeed::incomplete`].

mod columns;
mod config;
mod content;
mod db;
mod dial;
mod domain;
mod error;
mod horizon;
mod inspect;
mod items;
mod learning;
mod leases;
mod legacy;
mod migrate;
mod pending;
mod queue;
mod registry;
mod sessions;
mod share;
mod state;
#[cfg(test)]
mod tests;
mod tls;
mod transfer;
mod upkeep;
mod url;
mod users;
mod values;
mod wake;

use std::fmt;
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

pub use config::PostgresConfig;
use db::Db;
pub use inspect::{Inspection, inspect};
use items::ItemTable;
use leases::{LeaseSql, Lookout};
pub use legacy::{Legacy, LegacyReport, Tally};
use pending::Pending;
use sessions::SessionSql;
use share::Line;
use users::UserTable;
use wake::Wake;

/// A store in a PostgreSQL database, from version 13 on; a change is on the disk when its operation
/// returns, unless the server was told otherwise. Any number of processes share it.
///
/// [`StoreOptions::clock`], [`max_bytes`](StoreOptions::max_bytes) and
/// [`server`](StoreOptions::server) mean nothing here.
pub struct PostgresStore {
    // Dropped first: its threads end.
    wake: Wake,
    db: Arc<Db>,
    schema: Arc<Schema>,
    options: StoreOptions,
    users: UserTable,
    items: ItemTable,
    sessions: SessionSql,
    leases: LeaseSql,
    lookout: Lookout,
    pending: Pending,
    settling: Line<Settlement, Settled>,
    prune_from: upkeep::PruneCursor,
}

impl PostgresStore {
    /// Connects, and makes the tables in an empty database, or brings older ones up to date.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](crate::StoreError::Unavailable) where the server is out of reach; `Open`,
    /// `Newer` and `Domain` as their docs say.
    pub fn open(
        config: PostgresConfig,
        schema: Arc<Schema>,
        options: StoreOptions,
    ) -> Result<Arc<Self>> {
        let db = Arc::new(Db::new(config, options.connections));
        migrate::migrate(&db)?;
        domain::fit(&db, &schema)?;
        let users = UserTable::new(&schema.user);
        Ok(Arc::new(Self {
            wake: Wake::start(&db)?,
            sessions: SessionSql::new(&users),
            leases: LeaseSql::new(&users),
            lookout: Lookout::default(),
            pending: Pending::default(),
            settling: Line::default(),
            items: ItemTable::new(&schema.item),
            users,
            db,
            schema,
            options,
            prune_from: upkeep::PruneCursor::default(),
        }))
    }
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        self.db.close();
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore")
            .field("place", &self.db.place())
            .field("schema", &self.schema.name)
            .finish_non_exhaustive()
    }
}

impl Sessions for PostgresStore {
    fn apply(&self, ops: &[SessionOp]) -> Result<Vec<SessionReply>> {
        self.apply_ops(ops)
    }

    fn statuses(&self, ids: &[TaskId]) -> Result<Vec<Option<TaskView>>> {
        self.task_views(ids)
    }
}

impl Queue for PostgresStore {
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

impl Items for PostgresStore {
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

impl Content for PostgresStore {
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

impl Registry for PostgresStore {
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

impl Maintenance for PostgresStore {
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
