//! What every command begins with.

use std::sync::Arc;

use mlp_core::Schema;
use mlp_store::postgres::PostgresStore;
use mlp_store::sqlite::SqliteStore;
use mlp_store::{Store, StoreOptions};

use super::error::Result;
use super::settings::{Common, Database};

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
}
