//! Taking tasks under a lease, and keeping them.

use std::time::Duration;

use mlp_core::Row;
use rusqlite::{Transaction, params};

use super::SqliteStore;
use super::db::Durability;
use super::error::Result;
use super::state::{sql_limit, task_id};
use crate::clock::micros;
use crate::codec;
use crate::error::StoreError;
use crate::state::{kind_code, priority_code};
use crate::types::{ClaimOptions, Lease, LeaseRef, Priority, TaskId, TaskKind, TaskStatus, Work};

/// A task that is due.
pub(super) struct Due {
    pub number: i64,
    task_id: TaskId,
    token: i64,
    pub attempt: u32,
    work: DueWork,
}

pub(super) enum DueWork {
    Inference(Row, Option<Vec<u8>>),
    Task(String),
}

/// What a claim found.
#[derive(Default)]
struct Claimed {
    leases: Vec<Lease>,
    /// Tasks whose last allowed attempt expired.
    spent: Vec<i64>,
}

impl SqliteStore {
    pub(super) fn claim_tasks(
        &self,
        options: &ClaimOptions,
    ) -> std::result::Result<Vec<Lease>, StoreError> {
        loop {
            let claimed = self.db.write("claim", Durability::Ordered, |tx| {
                self.claim_due(tx, options)
            })?;
            let spent = !claimed.spent.is_empty();
            if spent {
                self.give_up(options.kind, &claimed.spent)?;
            }
            // The given up took the places of others.
            if !spent || !claimed.leases.is_empty() {
                return Ok(claimed.leases);
            }
        }
    }

    fn claim_due(&self, tx: &Transaction<'_>, options: &ClaimOptions) -> Result<Claimed> {
        let now = self.now();
        let until = now.saturating_add(micros(options.lease));
        let mut claimed = Claimed::default();
        let mut update = tx.prepare_cached(match options.kind {
            TaskKind::Inference => {
                "UPDATE inferences SET status = 1, due_at = ?2, token = token + 1,
                     attempt = attempt + 1 WHERE inference_id = ?1"
            }
            _ => {
                "UPDATE tasks SET status = 1, due_at = ?2, token = token + 1,
                     attempt = attempt + 1 WHERE task_no = ?1"
            }
        })?;
        for due in self.due(tx, options, now)? {
            if due.attempt >= self.options.max_attempts {
                claimed.spent.push(due.number);
                continue;
            }
            update.execute(params![due.number, until])?;
            claimed.leases.push(due.into_lease(options.kind)?);
        }
        Ok(claimed)
    }

    fn due(&self, tx: &Transaction<'_>, options: &ClaimOptions, now: i64) -> Result<Vec<Due>> {
        let limit = sql_limit(options.max);
        match options.kind {
            TaskKind::Inference => {
                let mut select = tx.prepare_cached(&self.users.due)?;
                let mut all = Vec::new();
                for priority in [Priority::Interactive, Priority::Batch] {
                    let left = limit.saturating_sub(all.len() as i64);
                    let values = params![priority_code(priority), now, left];
                    let due = select.query_map(values, |row| {
                        let user = self.users.columns.read(row, 5)?;
                        Due::read(row, DueWork::Inference(user, row.get(4)?))
                    })?;
                    for due in due {
                        all.push(due?);
                    }
                }
                Ok(all)
            }
            kind => {
                let select = "SELECT task_no, task_id, token, attempt, payload FROM tasks
                    WHERE kind = ?1 AND status < 3 AND due_at <= ?2 LIMIT ?3";
                let mut select = tx.prepare_cached(select)?;
                let due = select.query_map(params![kind_code(kind), now, limit], |row| {
                    Due::read(row, DueWork::Task(row.get(4)?))
                })?;
                Ok(due.collect::<rusqlite::Result<_>>()?)
            }
        }
    }

    /// Ends tasks whose last allowed attempt expired. Apart from the claim, since this must be on
    /// the disk before anybody hears of it.
    pub(super) fn give_up(
        &self,
        kind: TaskKind,
        numbers: &[i64],
    ) -> std::result::Result<(), StoreError> {
        let error = format!(
            "the lease of attempt {limit} of {limit} expired",
            limit = self.options.max_attempts
        );
        let ended = self.db.write("give up", Durability::Synced, |tx| {
            let mut update = tx.prepare_cached(match kind {
                TaskKind::Inference => {
                    "UPDATE inferences SET status = 4, error = ?4
                     WHERE inference_id = ?1 AND status < 3 AND due_at <= ?2 AND attempt >= ?3
                     RETURNING task_id"
                }
                _ => {
                    "UPDATE tasks SET status = 4, error = ?4
                     WHERE task_no = ?1 AND status < 3 AND due_at <= ?2 AND attempt >= ?3
                     RETURNING task_id"
                }
            })?;
            let (now, limit) = (self.now(), self.options.max_attempts);
            let mut ended = Vec::new();
            for number in numbers {
                let rows =
                    update.query_map(params![number, now, limit, error], |row| task_id(row, 0))?;
                for id in rows {
                    ended.push((id?, TaskStatus::Failure));
                }
            }
            Ok(ended)
        })?;
        self.db.signals.settled(ended);
        Ok(())
    }

    pub(super) fn prolong(
        &self,
        leases: &[LeaseRef],
        lease: Duration,
    ) -> std::result::Result<Vec<bool>, StoreError> {
        self.db.write("heartbeat", Durability::Ordered, |tx| {
            let until = self.now().saturating_add(micros(lease));
            let mut kept = Vec::with_capacity(leases.len());
            for held in leases {
                let mut update = tx.prepare_cached(match held.kind {
                    TaskKind::Inference => {
                        "UPDATE inferences SET due_at = ?3
                         WHERE task_id = ?1 AND token = ?2 AND status = 1"
                    }
                    _ => {
                        "UPDATE tasks SET due_at = ?3
                         WHERE task_id = ?1 AND token = ?2 AND status = 1"
                    }
                })?;
                let changed =
                    update.execute(params![held.task_id.as_bytes(), held.token, until])?;
                kept.push(changed > 0);
            }
            Ok(kept)
        })
    }
}

impl Due {
    pub fn read(row: &rusqlite::Row<'_>, work: DueWork) -> rusqlite::Result<Self> {
        Ok(Self {
            number: row.get(0)?,
            task_id: task_id(row, 1)?,
            token: row.get(2)?,
            attempt: row.get(3)?,
            work,
        })
    }

    /// The lease that the claim of this task gives.
    pub fn into_lease(self, kind: TaskKind) -> Result<Lease> {
        let work = match self.work {
            DueWork::Inference(user, candidates) => Work::Inference {
                user,
                candidates: match candidates {
                    Some(bytes) => Some(codec::ids_from_bytes(&bytes)?),
                    None => None,
                },
            },
            DueWork::Task(payload) => Work::Task { payload },
        };
        Ok(Lease {
            task_id: self.task_id,
            kind,
            token: self.token + 1,
            attempt: self.attempt + 1,
            work,
        })
    }
}
