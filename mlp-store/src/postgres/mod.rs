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
mod examine;
mod horizon;
mod inspect;
mod items;
mod learning;
mod leases;
mod legacy;
mod migrate;
mod named;
mod pending;
mod queue;
mod registry;
mod sessions;
mod share;
mod state;
#[cfg(test)]
mod tests;
mod tls;
mod traffic;
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

pub use config::PostgresConfig;
use db::Db;
pub use examine::{
    CONNECTIONS_OF_A_PROCESS, Examination, OLDEST_SERVER, Obstacle, OldTransaction, Rights,
    ServerFacts, Skew, Unreached, examine,
};
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

crate::delegate::delegate_store!(PostgresStore);
