//! What these tests share.

use std::sync::Arc;

use mlp_core::Schema;
use mlp_store::conformance::postgres::TestDatabase;
use mlp_store::postgres::PostgresStore;
use mlp_store::{StoreError, StoreOptions};
use postgres::{Client, NoTls};

pub fn client(database: &TestDatabase) -> Client {
    Client::connect(&database.url(), NoTls).unwrap()
}

pub fn open(
    database: &TestDatabase,
    schema: &Arc<Schema>,
) -> Result<Arc<PostgresStore>, StoreError> {
    let config = database.config().clone();
    PostgresStore::open(config, Arc::clone(schema), StoreOptions::new())
}

/// One number of one row.
pub fn number(client: &mut Client, select: &str) -> i64 {
    client.query_one(select, &[]).unwrap().get(0)
}
