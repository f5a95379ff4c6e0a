//! A thorough look at a database and at the server behind it, for who looks for what is wrong. It
//! changes nothing.

mod obstacle;
mod probe;
mod rights;
mod server;

use mlp_core::Schema;

use super::config::PostgresConfig;
use super::db::{Db, Mode};
use super::{domain, migrate};
use crate::error::StoreError;
use crate::traits::Result;
use crate::types::TablesState;

pub use obstacle::{Obstacle, Unreached};
pub use probe::Skew;
pub use rights::Rights;
pub use server::{OldTransaction, ServerFacts};

/// The first version of PostgreSQL that this backend works with.
pub const OLDEST_SERVER: i32 = 13;

/// The most connections that one process uses: its default ones, and one that listens.
pub const CONNECTIONS_OF_A_PROCESS: i64 = 9;

/// What a thorough look found. Parts that cannot be looked at do not hide the others.
#[derive(Debug)]
pub struct Examination {
    /// How far the server's clock is from this machine's.
    pub skew: Skew,
    /// Whether two connections share one process of the server: then a pooler stands between that
    /// hands out servers for a transaction at a time.
    pub shares_servers: bool,
    /// The server and its settings.
    pub server: Result<ServerFacts>,
    /// The tables and how they fit; `Open`, `Newer` and `Domain` where they do not.
    pub tables: Result<TablesState>,
    /// What the user may do there.
    pub rights: Result<Rights>,
}

/// Looks thoroughly; without a `schema`, columns are not compared with it.
///
/// # Errors
///
/// Where no connection can be made, what is in the way.
pub fn examine(
    config: &PostgresConfig,
    schema: Option<&Schema>,
) -> std::result::Result<Examination, Unreached> {
    let probe = probe::probe(config)?;
    // Behind a pooler that nobody told us of, what a connection keeps would be another's.
    let config = match probe.shares_servers {
        true => config.as_pooled(),
        false => config.clone(),
    };
    let db = Db::new(config, 1);
    let found = Examination {
        skew: probe.skew,
        shares_servers: probe.shares_servers,
        server: server::facts(&db),
        tables: tables(&db, schema),
        rights: rights::rights(&db, schema),
    };
    db.close();
    Ok(found)
}

fn tables(db: &Db, schema: Option<&Schema>) -> std::result::Result<TablesState, StoreError> {
    db.run("look at the tables", Mode::Snapshot, |session| {
        let version = migrate::recognise(session, db.place())?;
        let current = version == migrate::VERSION;
        let up_to_date = match schema {
            Some(schema) if current => domain::is_up_to_date(session, schema, db.place())?,
            _ => current,
        };
        Ok(TablesState {
            version,
            program_version: migrate::VERSION,
            up_to_date,
        })
    })
}
