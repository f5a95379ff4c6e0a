//! What every command begins with.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mlp_core::Schema;
use mlp_store::postgres::PostgresStore;
use mlp_store::sqlite::SqliteStore;
use mlp_store::{Store, StoreError, StoreOptions};

use super::error::{Error, Result};
use super::settings::{Common, Database};

/// How long a process that serves waits for a database that is out of reach.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits between two looks: short at first, for a database that starts beside this process.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// The domain and where its data is.
#[derive(Clone)]
pub struct Context {
    /// The flags.
    pub common: Common,
    /// The domain.
    pub schema: Arc<Schema>,
    /// Where the data is.
    pub database: Database,
}

impl Context {
    /// Reads the settings and the schema.
    pub fn new(common: &Common) -> Result<Self> {
        Ok(Self {
            schema: common.schema()?,
            database: common.database()?,
            common: common.clone(),
        })
    }

    /// Opens the store, and makes it where there is none. Only one `server` can hold it.
    pub fn open(&self, server: bool) -> Result<Arc<dyn Store>> {
        let options = StoreOptions::new().server(server);
        let schema = Arc::clone(&self.schema);
        Ok(match &self.database {
            Database::Sqlite(path) => SqliteStore::open(path, schema, options)?,
            Database::Postgres(config) => {
                PostgresStore::open(config.as_ref().clone(), schema, options)?
            }
        })
    }
    /// As [`open`](Self::open), for what runs until it is told to stop: waits for a PostgreSQL that
    /// is out of reach, a minute at most, since whoever starts a machine starts both at once. What
    /// does not pass by itself, as a wrong password, is told at once.
    pub fn open_when_there(&self, server: bool) -> Result<Arc<dyn Store>> {
        let begun = Instant::now();
        let mut wait = FIRST_WAIT;
        loop {
            let error = match self.open(server) {
                Err(Error::Store(error @ StoreError::Unavailable { .. })) => error,
                other => return other,
            };
            let left = PATIENCE.saturating_sub(begun.elapsed());
            if matches!(self.database, Database::Sqlite(_)) || left.is_zero() {
                return Err(error.into());
            }
            tracing::warn!(
                %error,
                waits_s = left.as_secs(),
                "the database is out of reach: trying again until it is there"
            );
            std::thread::sleep(wait.min(left));
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }
}
