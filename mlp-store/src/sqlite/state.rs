//! Codes and small conversions that several parts share.

use rusqlite::types::FromSqlError;
use rusqlite::{Connection, Row};

use super::error::Result;
use crate::state::{kind_of, status_of};
use crate::types::{TaskId, TaskKind, TaskStatus};

pub(super) fn status(row: &Row<'_>, column: usize) -> rusqlite::Result<TaskStatus> {
    let code: i64 = row.get(column)?;
    status_of(code).ok_or(rusqlite::Error::IntegralValueOutOfRange(column, code))
}

pub(super) fn kind(row: &Row<'_>, column: usize) -> rusqlite::Result<TaskKind> {
    let code: i64 = row.get(column)?;
    kind_of(code).ok_or(rusqlite::Error::IntegralValueOutOfRange(column, code))
}

pub(super) fn task_id(row: &Row<'_>, column: usize) -> rusqlite::Result<TaskId> {
    Ok(TaskId::from_bytes(row.get(column)?))
}

/// One of a few names, stored as text.
pub(super) fn named<T: Copy>(
    row: &Row<'_>,
    column: usize,
    all: &[T],
    name: impl Fn(T) -> &'static str,
) -> rusqlite::Result<T> {
    let stored = row.get_ref(column)?;
    let found = stored
        .as_str()
        .ok()
        .and_then(|text| all.iter().find(|value| name(**value) == text));
    found.copied().ok_or_else(|| {
        let error = Box::new(FromSqlError::InvalidType);
        rusqlite::Error::FromSqlConversionFailure(column, stored.data_type(), error)
    })
}

/// A number in `meta`.
pub(super) fn meta(connection: &Connection, name: &str) -> Result<i64> {
    let mut statement = connection.prepare_cached("SELECT value FROM meta WHERE name = ?1")?;
    Ok(statement.query_row([name], |row| row.get(0))?)
}

pub(super) fn set_meta(connection: &Connection, name: &str, value: i64) -> Result<()> {
    let set = "UPDATE meta SET value = ?2 WHERE name = ?1";
    connection
        .prepare_cached(set)?
        .execute(rusqlite::params![name, value])?;
    Ok(())
}

/// A limit as SQL takes it.
pub(super) fn sql_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
