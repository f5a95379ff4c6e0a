//! Taking inferences by their names, and listing those that nobody takes.

use std::time::Duration;

use rusqlite::{OptionalExtension, Transaction, params};

use super::SqliteStore;
use super::db::Durability;
use super::error::Result;
use super::leases::{Due, DueWork};
use super::state::{sql_limit, status, task_id};
use crate::clock::micros;
use crate::codec;
use crate::error::StoreError;
use crate::state::priority_code;
use crate::types::{Claim, Overdue, Priority, TaskId, TaskKind, TaskStatus};

/// What a look at a named inference found.
enum Look {
    Claim(Claim),
    /// Its last allowed attempt expired.
    Spent(i64),
}

impl SqliteStore {
    pub(super) fn claim_named(
        &self,
        ids: &[TaskId],
        lease: Duration,
    ) -> std::result::Result<Vec<Claim>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let looks = self.db.write("claim by name", Durability::Ordered, |tx| {
            let look = |id: &TaskId| self.claim_one(tx, id, lease);
            ids.iter().map(look).collect::<Result<Vec<_>>>()
        })?;
        let spent: Vec<i64> = (looks.iter())
            .filter_map(|look| match look {
                Look::Spent(number) => Some(*number),
                Look::Claim(_) => None,
            })
            .collect();
        if !spent.is_empty() {
            self.give_up(TaskKind::Inference, &spent)?;
        }
        let claim = |look| match look {
            Look::Claim(claim) => claim,
            Look::Spent(_) => Claim::Final(TaskStatus::Failure),
        };
        Ok(looks.into_iter().map(claim).collect())
    }

    fn claim_one(&self, tx: &Transaction<'_>, id: &TaskId, lease: Duration) -> Result<Look> {
        let now = self.now();
        let columns = &self.users.columns;
        let state_at = 5 + columns.len();
        let found = tx
            .prepare_cached(&self.users.named)?
            .query_row([id.as_bytes()], |row| {
                let user = columns.read(row, 5)?;
                let due = Due::read(row, DueWork::Inference(user, row.get(4)?))?;
                Ok((
                    due,
                    status(row, state_at)?,
                    row.get::<_, i64>(state_at + 1)?,
                ))
            })
            .optional()?;
        let Some((due, state, due_at)) = found else {
            return Ok(Look::Claim(Claim::Unknown));
        };
        if state.is_final() {
            return Ok(Look::Claim(Claim::Final(state)));
        }
        if state == TaskStatus::Started && due_at > now {
            let left = Duration::from_micros(due_at.abs_diff(now));
            return Ok(Look::Claim(Claim::Held(left)));
        }
        if due.attempt >= self.options.max_attempts {
            return Ok(Look::Spent(due.number));
        }
        let update = "UPDATE inferences SET status = 1, due_at = ?2, token = token + 1,
             attempt = attempt + 1 WHERE inference_id = ?1";
        let until = now.saturating_add(micros(lease));
        tx.prepare_cached(update)?
            .execute(params![due.number, until])?;
        Ok(Look::Claim(Claim::Leased(
            due.into_lease(TaskKind::Inference)?,
        )))
    }

    pub(super) fn long_due(
        &self,
        waited: Duration,
        limit: usize,
    ) -> std::result::Result<Vec<Overdue>, StoreError> {
        let user_from = 5;
        let due_at = user_from + self.users.columns.len() + 1;
        let limit = sql_limit(limit);
        self.db.read("overdue", |connection| {
            let now = self.now();
            let until = now.saturating_sub(micros(waited));
            let mut ids = Vec::new();
            let mut select = connection.prepare_cached(
                "SELECT task_id FROM inferences INDEXED BY inferences_due
                 WHERE status < 3 AND priority = ?1 AND due_at <= ?2
                 ORDER BY due_at, inference_id LIMIT ?3",
            )?;
            for priority in [Priority::Interactive, Priority::Batch] {
                let left = limit.saturating_sub(ids.len() as i64);
                let values = params![priority_code(priority), until, left];
                for id in select.query_map(values, |row| task_id(row, 0))? {
                    ids.push(id?);
                }
            }
            let mut named = connection.prepare_cached(&self.users.named)?;
            ids.into_iter()
                .map(|task_id| {
                    let row = named.query_row([task_id.as_bytes()], |row| {
                        let user = self.users.columns.read(row, user_from)?;
                        let due_at: i64 = row.get(due_at)?;
                        Ok((user, row.get::<_, Option<Vec<u8>>>(4)?, due_at))
                    })?;
                    let (user, candidates, due_at) = row;
                    Ok(Overdue {
                        task_id,
                        waited: Duration::from_micros(now.saturating_sub(due_at).max(0) as u64),
                        user,
                        candidates: (candidates.as_deref())
                            .map(codec::ids_from_bytes)
                            .transpose()?,
                    })
                })
                .collect()
        })
    }
}
