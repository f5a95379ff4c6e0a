//! Opening a file, with an error for each way in which that fails.

use std::path::Path;
use std::time::Instant;

use mlp_core::Schema;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::db::{BUSY, Db, connect};
use super::error::{Failure, Result};
use super::{domain, migrate};
use crate::error::StoreError;
use crate::options::StoreOptions;

/// The length that a log which once grew is cut to when it starts over.
const LOG_LIMIT: i64 = 64 << 20;

pub(super) fn open(
    path: &Path,
    schema: &Schema,
    options: &StoreOptions,
) -> std::result::Result<Db, StoreError> {
    let place = path.display().to_string();
    prepare(path, &place, schema, options).map_err(|failure| failure.at(&place, "open"))
}

/// Makes the directory; a file's place that cannot be one is said before SQLite says less.
pub(super) fn make_place(path: &Path) -> std::result::Result<(), StoreError> {
    let fail = |place: &Path, reason: String| StoreError::Open {
        place: place.display().to_string(),
        reason,
    };
    if path.is_dir() {
        let reason = "it is a directory: name a file in it".to_owned();
        return Err(fail(path, reason));
    }
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => std::fs::create_dir_all(parent)
            .map_err(|e| fail(path, format!("its directory cannot be made: {e}"))),
        _ => Ok(()),
    }
}

fn prepare(path: &Path, place: &str, schema: &Schema, options: &StoreOptions) -> Result<Db> {
    let mut connection = connect(path, OpenFlags::SQLITE_OPEN_CREATE)?;
    if connection.is_readonly("main")? {
        return Err(Failure::Store(StoreError::Open {
            place: place.to_owned(),
            reason: "it is read-only: change the permissions of the file".to_owned(),
        }));
    }
    // One state of the file: another process may be making the tables just now.
    let looking = connection.unchecked_transaction()?;
    migrate::recognise(&looking, place)?;
    drop(looking);
    use_log(&connection, place)?;
    connection.pragma_update(None, "journal_size_limit", LOG_LIMIT)?;
    if let Some(bytes) = options.max_bytes {
        limit_size(&connection, bytes)?;
    }
    migrate::migrate(&mut connection, place)?;
    domain::fit(&mut connection, schema, place)?;
    Db::new(path, connection)
}

fn use_log(connection: &Connection, place: &str) -> Result<()> {
    let started = Instant::now();
    let mode: String = loop {
        let set = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0));
        match set {
            // SQLite does not wait for others by itself here, as it does elsewhere.
            Err(error) if is_busy(&error) && started.elapsed() < BUSY => {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            other => break other?,
        }
    };
    if mode.eq_ignore_ascii_case("wal") {
        return Ok(());
    }
    Err(Failure::Store(StoreError::Open {
        place: place.to_owned(),
        reason: "this file system has no shared memory for a write-ahead log: use a local disk"
            .to_owned(),
    }))
}

fn is_busy(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    matches!(
        code,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}

fn limit_size(connection: &Connection, bytes: u64) -> Result<()> {
    let page: u64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
    // SQLite leaves a file alone that is longer already.
    let pages = i64::try_from(bytes / page).unwrap_or(i64::MAX).max(1);
    connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
    Ok(())
}
