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
mod examine;
mod items;
mod learning;
mod leases;
mod lock;
mod migrate;
mod named;
mod open;
mod queue;
mod registry;
mod select;
mod sessions;
mod state;
mod traffic;
mod transfer;
mod upkeep;
mod users;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mlp_core::Schema;

use crate::options::StoreOptions;
use crate::traits::{
    Content, Items, Maintenance, Queue, Registry, Result, Sessions, SettledFeed, Traffic,
};
use crate::types::{
    Claim, ClaimOptions, Counts, DecisionKind, DecisionRow, ImportedSession, ItemChange,
    ItemVersion, Lease, LeaseRef, LoggedRequest, LoggedSession, ModelRow, NewDecision, NewModel,
    NewTask, Overdue, Pruned, QueueDepth, RequestQuery, ResultRow, SessionOp, SessionQuery,
    SessionReply, Settled, Settlement, StoreStatus, TaskId, TaskKind, TaskResult, TaskView,
    UserRow, Versions,
};

use checkpoint::Checkpointer;
use db::Db;
pub use examine::{Examination, Integrity, examine, server_of};
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

crate::delegate::delegate_store!(SqliteStore);
