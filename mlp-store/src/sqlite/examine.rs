//! A thorough look at a file, for who looks for what is wrong. What it holds stays as it is; a log
//! that a crash has left beside it is moved into it, as by whoever opens it.

use std::path::Path;
use std::time::{Duration, Instant};

use mlp_core::Schema;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::db::connect;
use super::error::Result;
use super::{domain, lock, migrate};
use crate::error::StoreError;
use crate::types::TablesState;

/// How long it waits for who is just writing.
const PATIENCE: Duration = Duration::from_secs(1);

/// Steps of SQLite's machine between two looks at the watch.
const STEPS: i32 = 10_000;

/// What a thorough look found. Parts that cannot be looked at do not hide the others.
#[derive(Debug)]
pub struct Examination {
    /// Its size, in bytes.
    pub bytes: u64,
    /// Whether it can be written.
    pub writable: bool,
    /// Whether it has a write-ahead log; every file that was served has.
    pub has_log: bool,
    /// The tables and how they fit; `Open`, `Newer`, `Domain` and `Corrupt` where they do not.
    pub tables: std::result::Result<TablesState, StoreError>,
    /// Whether its pages are whole.
    pub integrity: Integrity,
}

/// What a check of every page found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Integrity {
    /// Nothing wrong.
    Sound,
    /// The first fault.
    Damaged(String),
    /// The time was up before all of it was read; what was read is whole.
    Unfinished,
}

/// Looks thoroughly; `None` where there is no file. Without a `schema`, columns are not compared
/// with it. Pages are read for `limit` at most.
///
/// # Errors
///
/// Where it cannot be opened, or is no database.
pub fn examine(
    path: &Path,
    schema: Option<&Schema>,
    limit: Duration,
) -> std::result::Result<Option<Examination>, StoreError> {
    let place = path.display().to_string();
    let unreadable = |error: std::io::Error| StoreError::Open {
        place: place.clone(),
        reason: error.to_string(),
    };
    let bytes = match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => {
            let reason = "it is a directory: name a file in it".to_owned();
            return Err(StoreError::Open { place, reason });
        }
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    let found = look(path, &place, schema, limit, bytes);
    found
        .map(Some)
        .map_err(|failure| failure.at(&place, "look"))
}

/// The process that serves the file, where one does.
pub fn server_of(path: &Path) -> Option<String> {
    lock::holder_of(path)
}

fn look(
    path: &Path,
    place: &str,
    schema: Option<&Schema>,
    limit: Duration,
    bytes: u64,
) -> Result<Examination> {
    let mut connection = connect(path, OpenFlags::empty())?;
    connection.busy_timeout(PATIENCE)?;
    connection.pragma_update(None, "query_only", true)?;
    let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    let tables = tables(&connection, place, schema).map_err(|failure| failure.at(place, "look"));
    Ok(Examination {
        bytes,
        writable: !connection.is_readonly("main")?,
        has_log: mode.eq_ignore_ascii_case("wal"),
        tables,
        integrity: integrity(&mut connection, limit)?,
    })
}

fn tables(connection: &Connection, place: &str, schema: Option<&Schema>) -> Result<TablesState> {
    // One state of the file, though somebody else changes it.
    let transaction = connection.unchecked_transaction()?;
    migrate::recognise(&transaction, place)?;
    let version = migrate::version(&transaction)?;
    let current = version == migrate::VERSION;
    let up_to_date = match schema {
        Some(schema) if current => domain::is_up_to_date(&transaction, schema, place)?,
        _ => current,
    };
    Ok(TablesState {
        version,
        program_version: migrate::VERSION,
        up_to_date,
    })
}

fn integrity(connection: &mut Connection, limit: Duration) -> Result<Integrity> {
    let began = Instant::now();
    connection.progress_handler(STEPS, Some(move || began.elapsed() > limit))?;
    let said = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    match said {
        Ok(said) if said == "ok" => Ok(Integrity::Sound),
        Ok(said) => Ok(Integrity::Damaged(said)),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => {
            Ok(Integrity::Unfinished)
        }
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt) => {
            Ok(Integrity::Damaged(error.to_string()))
        }
        Err(error) => Err(error.into()),
    }
}
