//! Retention, and what the store says of itself.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::SqliteStore;
use super::db::Durability;
use super::error::Result;
use super::migrate;
use super::state::{meta, set_meta, sql_limit};
use crate::clock::micros;
use crate::error::StoreError;
use crate::types::{Pruned, StoreStatus};

type Public<T> = std::result::Result<T, StoreError>;

/// The inference up to which the present round of pruning has looked. Without it every batch would
/// read all that is kept again.
#[derive(Debug, Default)]
pub(super) struct PruneCursor(Mutex<i64>);

/// What a look for old inferences found.
struct Old {
    inferences: Vec<i64>,
    /// Where to look from next; 0 after the last.
    next: i64,
}

impl SqliteStore {
    /// The look reads beside the writers; they wait for the removal only.
    pub(super) fn remove_old(
        &self,
        before_us: i64,
        limit: usize,
        keep_explored: bool,
    ) -> Public<Pruned> {
        let mut cursor = (self.prune_from.0.lock()).unwrap_or_else(PoisonError::into_inner);
        loop {
            let from = *cursor;
            let old = self.db.read("prune", |connection| {
                old_inferences(connection, from, before_us, limit, keep_explored)
            })?;
            let pruned = self.db.write("prune", Durability::Synced, |tx| {
                Ok(Pruned {
                    inferences: self.remove_inferences(tx, &old.inferences, keep_explored)?,
                    tasks: remove_tasks(tx, before_us, limit)?,
                    keys: remove_keys(tx, before_us, limit)?,
                })
            })?;
            *cursor = old.next;
            // Nothing is left only where a look from the very beginning finds nothing.
            if pruned != Pruned::default() || (from == 0 && old.next == 0) {
                return Ok(pruned);
            }
        }
    }

    fn remove_inferences(
        &self,
        tx: &Transaction<'_>,
        inferences: &[i64],
        keep_explored: bool,
    ) -> Result<u64> {
        // An answer may have come since the look.
        let remove = "DELETE FROM inferences WHERE inference_id = ?1
                AND NOT (?2 AND explored = 1 AND answered_at IS NOT NULL)
            RETURNING user_id";
        let mut remove = tx.prepare_cached(remove)?;
        let (mut removed, mut users) = (0, 0);
        for inference_id in inferences {
            let user_id = remove.query_row(params![inference_id, keep_explored], |row| row.get(0));
            if let Some(user_id) = user_id.optional()? {
                removed += 1;
                users += i64::from(self.users.delete(tx, user_id)?);
            }
        }
        if users > 0 {
            set_meta(tx, "users_removed", meta(tx, "users_removed")? + users)?;
        }
        Ok(removed)
    }

    pub(super) fn take_turn(&self, duty: &str, every: Duration) -> Public<bool> {
        let name = format!("turn {duty}");
        self.db.write("turn", Durability::Synced, |tx| {
            // A clock that went back does not hold a duty up.
            let take = "INSERT INTO meta (name, value) VALUES (?1, ?2)
                ON CONFLICT (name) DO UPDATE SET value = excluded.value
                WHERE abs(excluded.value - value) >= ?3";
            let mut take = tx.prepare_cached(take)?;
            Ok(take.execute(params![name, self.now(), micros(every)])? > 0)
        })
    }

    pub(super) fn describe(&self) -> Public<StoreStatus> {
        let schema_version = self.db.read("status", migrate::version)?;
        let size = |end: &str| {
            let mut name = self.db.path().as_os_str().to_owned();
            name.push(end);
            // The log is not there before the first write.
            std::fs::metadata(name).map_or(0, |file| file.len())
        };
        Ok(StoreStatus {
            backend: "sqlite",
            schema_version,
            program_version: migrate::VERSION,
            place: self.db.place().to_owned(),
            bytes: size("") + size("-wal"),
        })
    }

    /// Writes for real, since only that finds a full disk.
    pub(super) fn try_to_write(&self) -> Public<()> {
        self.db.write("ping", Durability::Ordered, |tx| {
            set_meta(tx, "pinged", self.now())
        })
    }
}

/// Final inferences numbered over `from` and made before a time. Numbers rise with time, so that
/// the look ends at the first inference that is not old.
fn old_inferences(
    connection: &Connection,
    from: i64,
    before_us: i64,
    limit: usize,
    keep_explored: bool,
) -> Result<Old> {
    let select = "SELECT inference_id, creation_time < ?2,
            status >= 3 AND NOT (?3 AND explored = 1 AND answered_at IS NOT NULL)
        FROM inferences WHERE inference_id > ?1 ORDER BY inference_id";
    let mut select = connection.prepare_cached(select)?;
    let mut rows = select.query(params![from, before_us, keep_explored])?;
    let mut inferences = Vec::new();
    while let Some(row) = rows.next()? {
        let (number, old, goes): (i64, bool, bool) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if !old {
            break;
        }
        if inferences.len() == limit {
            let next = number - 1;
            return Ok(Old { inferences, next });
        }
        if goes {
            inferences.push(number);
        }
    }
    let next = 0;
    Ok(Old { inferences, next })
}

fn remove_tasks(tx: &Transaction<'_>, before_us: i64, limit: usize) -> Result<u64> {
    let delete = "DELETE FROM tasks WHERE task_no IN (
        SELECT task_no FROM tasks WHERE status >= 3 AND creation_time < ?1 LIMIT ?2)";
    let removed = (tx.prepare_cached(delete)?).execute(params![before_us, sql_limit(limit)])?;
    Ok(removed as u64)
}

fn remove_keys(tx: &Transaction<'_>, before_us: i64, limit: usize) -> Result<u64> {
    let delete = "DELETE FROM idempotency WHERE key_no IN (
        SELECT key_no FROM idempotency
        WHERE key_no < coalesce(
            (SELECT key_no FROM idempotency WHERE creation_time >= ?1 ORDER BY key_no LIMIT 1),
            9223372036854775807)
        ORDER BY key_no LIMIT ?2)";
    let removed = (tx.prepare_cached(delete)?).execute(params![before_us, sql_limit(limit)])?;
    Ok(removed as u64)
}
