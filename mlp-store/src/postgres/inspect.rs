//! A look at a database that changes nothing in it.

use mlp_core::Schema;
use serde::Serialize;

use super::config::PostgresConfig;
use super::content::read_counts;
use super::db::{Db, Mode};
use super::users::UserTable;
use super::values::unsigned;
use super::{domain, migrate};
use crate::traits::Result;
use crate::types::Counts;

/// What a look found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Inspection {
    /// Where, without secrets.
    pub place: String,
    /// The server's version.
    pub server: String,
    /// The version of the tables; 0 where there are none.
    pub schema_version: i64,
    /// The version that this program writes.
    pub program_version: i64,
    /// Whether the tables are those of the program and of the schema, so that nothing is to be
    /// made or changed.
    pub up_to_date: bool,
    /// Its size.
    pub bytes: u64,
    /// Connections to it, this one included.
    pub connections: i64,
    /// How many the whole server takes.
    pub max_connections: i64,
    /// What it holds, where it is up to date.
    #[serde(skip)]
    pub counts: Option<Counts>,
}

/// Looks at a database, and makes nothing: a user who may only read it can, at a replica too.
///
/// # Errors
///
/// As [`PostgresStore::open`](super::PostgresStore::open), but for what it would have to write.
pub fn inspect(config: PostgresConfig, schema: &Schema) -> Result<Inspection> {
    let db = Db::new(config, 1);
    let users = UserTable::new(&schema.user);
    let found = db.run("look", Mode::Snapshot, |session| {
        let select = "SELECT current_setting('server_version'),
            pg_database_size(current_database()),
            (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()),
            current_setting('max_connections')::bigint";
        let row = session.query_one(select, &[])?;
        let schema_version = migrate::recognise(session, db.place())?;
        let up_to_date = schema_version == migrate::VERSION
            && domain::is_up_to_date(session, schema, db.place())?;
        Ok(Inspection {
            place: db.place().to_owned(),
            server: row.try_get(0)?,
            schema_version,
            program_version: migrate::VERSION,
            up_to_date,
            bytes: unsigned(row.try_get(1)?),
            connections: row.try_get(2)?,
            max_connections: row.try_get(3)?,
            counts: match up_to_date {
                true => Some(read_counts(session, &users)?.counts()),
                false => None,
            },
        })
    });
    db.close();
    found
}
