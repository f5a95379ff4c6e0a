//! Retention, and what the store says of itself.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::PostgresStore;
use super::db::{Mode, Session};
use super::error::Result;
use super::migrate;
use super::state::{locked_meta, meta, set_meta};
use super::values::{Moment, sql_limit, unsigned};
use crate::clock::micros;
use crate::error::StoreError;
use crate::types::{Pruned, StoreStatus};

type Public<T> = std::result::Result<T, StoreError>;

/// The inference up to which the present round of pruning has looked. Without it every batch would
/// read all that is kept again.
#[derive(Debug, Default)]
pub(super) struct PruneCursor(Mutex<i64>);

/// How many inferences one statement looks at: what is kept may be millions, and a statement has
/// its time.
const LOOK: usize = 10_000;

/// Old inferences that go, as a look finds them.
struct Old {
    inferences: Vec<i64>,
    /// Where to look from next.
    next: i64,
    /// Whether the look has come to the last, or to the first that is not old.
    done: bool,
}

impl PostgresStore {
    pub(super) fn remove_old(
        &self,
        before_us: i64,
        limit: usize,
        keep_explored: bool,
    ) -> Public<Pruned> {
        if limit == 0 {
            return Ok(Pruned::default());
        }
        let mut cursor = (self.prune_from.0.lock()).unwrap_or_else(PoisonError::into_inner);
        loop {
            let from = *cursor;
            let old = self.old_inferences(from, before_us, limit, keep_explored)?;
            let pruned = Pruned {
                inferences: self.remove_inferences(&old.inferences, keep_explored)?,
                tasks: self.remove_tasks(before_us, limit)?,
                keys: self.remove_keys(before_us, limit)?,
            };
            *cursor = if old.done { 0 } else { old.next };
            // Nothing is left only where a look from the very beginning finds nothing.
            if pruned != Pruned::default() || (from == 0 && old.done) {
                return Ok(pruned);
            }
        }
    }

    /// Looks for final inferences numbered over `from` and made before a time.
    fn old_inferences(
        &self,
        from: i64,
        before_us: i64,
        limit: usize,
        keep_explored: bool,
    ) -> Public<Old> {
        let mut old = Old {
            inferences: Vec::new(),
            next: from,
            done: false,
        };
        while !old.done && old.inferences.len() < limit {
            let before = Moment(before_us);
            let rows = self.db.run("prune", Mode::Single, |session| {
                let select = "SELECT inference_id, creation_time < $2,
                        NOT open AND NOT ($3 AND explored AND answered_at IS NOT NULL)
                    FROM inferences WHERE inference_id > $1 ORDER BY inference_id LIMIT $4";
                let rows = session.query(
                    select,
                    &[&old.next, &before, &keep_explored, &sql_limit(LOOK)],
                )?;
                let read =
                    |row: &postgres::Row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?));
                rows.iter().map(read).collect::<Result<Vec<_>>>()
            })?;
            old.take(&rows, limit);
        }
        Ok(old)
    }

    /// A short transaction: the mark of counted users stays where it is while some of these go.
    fn remove_inferences(&self, inferences: &[i64], keep_explored: bool) -> Public<u64> {
        if inferences.is_empty() {
            return Ok(0);
        }
        let users = format!(
            "DELETE FROM {} WHERE {id} = ANY($1) RETURNING {id}",
            self.users.table,
            id = self.users.id
        );
        self.db.run("prune", Mode::Transaction, |session| {
            let counted = locked_meta(session, "counted")?;
            let mark = meta(session, "counted_to")?;
            // An answer may have come since the look.
            let remove = "DELETE FROM inferences WHERE inference_id = ANY($1) AND NOT open
                    AND NOT ($2 AND explored AND answered_at IS NOT NULL)
                RETURNING user_id";
            let gone = ids(session.query(remove, &[&inferences, &keep_explored])?)?;
            let users = ids(session.query(&users, &[&gone])?)?;
            let under = users.iter().filter(|id| **id <= mark).count();
            if under > 0 {
                set_meta(session, "counted", counted - sql_limit(under))?;
            }
            Ok(gone.len() as u64)
        })
    }

    fn remove_tasks(&self, before_us: i64, limit: usize) -> Public<u64> {
        let delete = "DELETE FROM tasks WHERE task_no = ANY(ARRAY(
            SELECT task_no FROM tasks WHERE NOT open AND creation_time < $1
            ORDER BY task_no LIMIT $2))";
        self.remove(delete, before_us, limit)
    }

    /// Numbers rise with time: a look at the first ones is enough.
    fn remove_keys(&self, before_us: i64, limit: usize) -> Public<u64> {
        let delete = "DELETE FROM idempotency WHERE key_no = ANY(ARRAY(
            SELECT key_no FROM (
                SELECT key_no, creation_time FROM idempotency ORDER BY key_no LIMIT $2
            ) AS first WHERE creation_time < $1))";
        self.remove(delete, before_us, limit)
    }

    fn remove(&self, delete: &str, before_us: i64, limit: usize) -> Public<u64> {
        let values = (Moment(before_us), sql_limit(limit));
        self.db.run("prune", Mode::Single, |session| {
            session.execute(delete, &[&values.0, &values.1])
        })
    }

    /// No lock is held while the duty is done: one that outlives its holder, as an advisory lock of a
    /// stopped process does, would hold the duty up.
    pub(super) fn take_turn(&self, duty: &str, every: Duration) -> Public<bool> {
        let (name, every) = (format!("turn {duty}"), micros(every));
        // A clock that went back does not hold a duty up.
        let take = "INSERT INTO meta AS m (name, value)
            SELECT $1, t.now FROM (SELECT (extract(epoch FROM now()) * 1000000)::bigint AS now) AS t
            WHERE NOT EXISTS (SELECT 1 FROM meta WHERE name = $1 AND abs(t.now - value) < $2)
            ON CONFLICT (name) DO UPDATE SET value = excluded.value
            WHERE abs(excluded.value - m.value) >= $2";
        self.db.run("turn", Mode::Single, |session| {
            Ok(session.execute(take, &[&name, &every])? > 0)
        })
    }

    pub(super) fn describe(&self) -> Public<StoreStatus> {
        self.db.run("status", Mode::Snapshot, |session| {
            let size = "SELECT pg_database_size(current_database())";
            let bytes: i64 = session.query_one(size, &[])?.try_get(0)?;
            Ok(StoreStatus {
                backend: "postgres",
                schema_version: migrate::version(session)?,
                program_version: migrate::VERSION,
                place: self.db.place().to_owned(),
                bytes: unsigned(bytes),
            })
        })
    }

    /// Writes for real, since only that finds a full disk or a server that takes no writes.
    pub(super) fn try_to_write(&self) -> Public<()> {
        self.db.run("ping", Mode::Single, write_ping)
    }
}

impl Old {
    /// Takes what goes of inferences in their order: number, whether it is old, whether it goes.
    /// Numbers rise with time, so that the look ends at the first inference that is not old.
    fn take(&mut self, looked: &[(i64, bool, bool)], limit: usize) {
        for &(number, old, goes) in looked {
            if !old {
                self.done = true;
                return;
            }
            if self.inferences.len() == limit {
                return;
            }
            if goes {
                self.inferences.push(number);
            }
            self.next = number;
        }
        self.done = looked.len() < LOOK;
    }
}

fn write_ping(session: &mut Session<'_>) -> Result<()> {
    let update = "UPDATE meta SET value = (extract(epoch FROM now()) * 1000000)::bigint
        WHERE name = 'pinged'";
    session.execute(update, &[])?;
    Ok(())
}

/// The first column of rows.
fn ids(rows: Vec<postgres::Row>) -> Result<Vec<i64>> {
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}
