//! The end of an attempt, and the queue as a whole.

use std::time::{Duration, Instant};

use rusqlite::{OptionalExtension, Transaction, params};

use super::SqliteStore;
use super::db::Durability;
use super::error::{Failure, Result};
use super::registry as tables;
use super::state::task_id;
use crate::clock::micros;
use crate::error::StoreError;
use crate::registry;
use crate::state::{code, judging, kind_code, ranking_to_bytes};
use crate::traits::SettledFeed;
use crate::types::{
    LeaseRef, NewDecision, NewModel, NewTask, Outcome, QueueDepth, Ranking, Settled, Settlement,
    TaskId, TaskKind, TaskStatus,
};

impl SqliteStore {
    pub(super) fn settle_tasks(
        &self,
        settlements: &[Settlement],
    ) -> std::result::Result<Vec<Settled>, StoreError> {
        let settled = self.db.write("settle", Durability::Synced, |tx| {
            let settle = |settlement: &Settlement| self.settle_one(tx, settlement);
            settlements.iter().map(settle).collect::<Result<Vec<_>>>()
        })?;
        let pairs = || settlements.iter().zip(&settled);
        let ended: Vec<_> = pairs()
            .filter_map(|(s, now)| match *now {
                Settled::Now(status, _) if status.is_final() => Some((s.lease.task_id, status)),
                _ => None,
            })
            .collect();
        self.db.signals.settled(ended);
        let again = |(s, now): (&Settlement, &Settled)| match *now {
            Settled::Now(status, _) if !status.is_final() => Some(s.lease.kind),
            _ => None,
        };
        for kind in TaskKind::ALL {
            if pairs().filter_map(again).any(|k| k == kind) {
                self.db.signals.work(kind);
            }
        }
        Ok(settled)
    }

    fn settle_one(&self, tx: &Transaction<'_>, settlement: &Settlement) -> Result<Settled> {
        let lease = &settlement.lease;
        match (&settlement.outcome, lease.kind) {
            (Outcome::Ranked(ranking), TaskKind::Inference) => rank(tx, lease, ranking),
            (Outcome::Trained { model, decision }, TaskKind::Training) => {
                self.train(tx, lease, model, decision)
            }
            (Outcome::Watched { report, decision }, TaskKind::Monitoring) => {
                self.watch(tx, lease, report, decision.as_ref())
            }
            (Outcome::Done { result }, TaskKind::Training | TaskKind::Monitoring) => {
                Ok(match succeed(tx, lease, Some(result))? {
                    true => Settled::Now(TaskStatus::Success, None),
                    false => Settled::Stale,
                })
            }
            (Outcome::Retry { error, after }, _) => self.retry(tx, lease, error, *after),
            (Outcome::Failed { error }, _) => fail(tx, lease, error),
            (Outcome::Released, _) => self.release(tx, lease),
            (
                Outcome::Ranked(_)
                | Outcome::Trained { .. }
                | Outcome::Watched { .. }
                | Outcome::Done { .. },
                kind,
            ) => {
                let message = format!("a task of kind `{}` has no such outcome", kind.name());
                Err(Failure::invalid(message))
            }
        }
    }

    /// Ends a training with its model and the decision about it, all or nothing.
    fn train(
        &self,
        tx: &Transaction<'_>,
        lease: &LeaseRef,
        model: &NewModel,
        decision: &NewDecision,
    ) -> Result<Settled> {
        registry::of_training(decision.kind)?;
        if !succeed(tx, lease, None)? {
            return Ok(Settled::Stale);
        }
        let now = self.now();
        let model_id = tables::insert_model(tx, now, model)?;
        tables::decide(tx, now, model_id, decision)?;
        Ok(Settled::Now(TaskStatus::Success, Some(model_id)))
    }

    /// Ends a look at the traffic with its report and what was decided, all or nothing.
    fn watch(
        &self,
        tx: &Transaction<'_>,
        lease: &LeaseRef,
        report: &str,
        decision: Option<&(i64, NewDecision)>,
    ) -> Result<Settled> {
        if let Some((_, decision)) = decision {
            registry::of_watch(decision.kind)?;
        }
        if !succeed(tx, lease, Some(report))? {
            return Ok(Settled::Stale);
        }
        if let Some((model_id, decision)) = decision
            && !tables::decide(tx, self.now(), *model_id, decision)?
        {
            return Err(registry::no_model(*model_id).into());
        }
        Ok(Settled::Now(TaskStatus::Success, None))
    }

    fn retry(
        &self,
        tx: &Transaction<'_>,
        lease: &LeaseRef,
        error: &str,
        after: Duration,
    ) -> Result<Settled> {
        let Some(held) = held(tx, lease)? else {
            return Ok(Settled::Stale);
        };
        let limit = self.options.max_attempts;
        if held.attempt >= limit {
            let error = format!("attempt {limit} of {limit}: {error}");
            return fail(tx, lease, &error);
        }
        let due_at = self.now().saturating_add(micros(after));
        let values = params![
            held.number,
            code(TaskStatus::Retry),
            due_at,
            held.attempt,
            error
        ];
        update_held(tx, lease.kind, values)?;
        Ok(Settled::Now(TaskStatus::Retry, None))
    }

    /// Puts a task back where it was in the line, as if it had not been claimed. One that is old
    /// already moves up, so that there is time to take it before it counts as abandoned.
    fn release(&self, tx: &Transaction<'_>, lease: &LeaseRef) -> Result<Settled> {
        let Some(held) = held(tx, lease)? else {
            return Ok(Settled::Stale);
        };
        let attempt = held.attempt.saturating_sub(1);
        let status = match attempt {
            0 => TaskStatus::Pending,
            _ => TaskStatus::Retry,
        };
        let due_at = self.now() - micros(self.options.abandon_after) / 2;
        let error: Option<&str> = None;
        let values = params![held.number, code(status), due_at, attempt, error];
        update_held(tx, lease.kind, values)?;
        Ok(Settled::Now(status, None))
    }

    pub(super) fn enqueue_task(&self, task: &NewTask) -> std::result::Result<TaskId, StoreError> {
        if task.kind == TaskKind::Inference {
            let message = "an inference is started, not enqueued".to_owned();
            return Err(StoreError::Invalid(message));
        }
        let id = self.db.write("enqueue", Durability::Synced, |tx| {
            let kind = kind_code(task.kind);
            let pending = "SELECT task_id FROM tasks WHERE kind = ?1 AND status < 3";
            let pending = tx
                .prepare_cached(pending)?
                .query_row([kind], |row| task_id(row, 0));
            if let Some(pending) = pending.optional()? {
                return Ok(pending);
            }
            let insert = "INSERT INTO tasks (task_id, kind, creation_time, status, due_at, payload)
                VALUES (?1, ?2, ?3, 0, ?3, ?4)";
            let values = params![task.task_id.as_bytes(), kind, self.now(), task.payload];
            tx.prepare_cached(insert)?.execute(values)?;
            Ok(task.task_id)
        })?;
        self.db.signals.work(task.kind);
        Ok(id)
    }

    pub(super) fn sweep_abandoned(&self) -> std::result::Result<u64, StoreError> {
        /// One transaction's share, so that others get their turn.
        const BATCH: i64 = 1000;
        let waited = self.options.abandon_after;
        let error = format!("nobody took it for {} s", waited.as_secs());
        let mut swept = 0;
        loop {
            let ended = self.db.write("sweep", Durability::Synced, |tx| {
                let until = self.now().saturating_sub(micros(waited));
                let update = "UPDATE inferences SET status = 4, error = ?1 WHERE inference_id IN (
                        SELECT inference_id FROM inferences INDEXED BY inferences_due
                        WHERE status < 3 AND priority IN (0, 1) AND due_at <= ?2 LIMIT ?3)
                    RETURNING task_id";
                let mut update = tx.prepare_cached(update)?;
                let ids = update.query_map(params![error, until, BATCH], |row| task_id(row, 0))?;
                Ok(ids.collect::<rusqlite::Result<Vec<_>>>()?)
            })?;
            swept += ended.len() as u64;
            let more = ended.len() as i64 == BATCH;
            let ended = ended.into_iter().map(|id| (id, TaskStatus::Failure));
            self.db.signals.settled(ended);
            if !more {
                return Ok(swept);
            }
        }
    }

    pub(super) fn queue_depth(
        &self,
        kind: TaskKind,
    ) -> std::result::Result<QueueDepth, StoreError> {
        self.db.read("queue depth", |connection| {
            let select = match kind {
                TaskKind::Inference => {
                    "SELECT count(*), coalesce(sum(status = 1), 0), min(creation_time)
                     FROM inferences INDEXED BY inferences_due WHERE status < 3 AND ?1 = 0"
                }
                _ => {
                    "SELECT count(*), coalesce(sum(status = 1), 0), min(creation_time)
                     FROM tasks WHERE status < 3 AND kind = ?1"
                }
            };
            let mut select = connection.prepare_cached(select)?;
            let now = self.now();
            let depth = select.query_row([kind_code(kind)], |row| {
                let (all, started): (u64, u64) = (row.get(0)?, row.get(1)?);
                let oldest: Option<i64> = row.get(2)?;
                Ok(QueueDepth {
                    waiting: all - started,
                    started,
                    oldest_us: oldest.map_or(0, |oldest| (now - oldest).max(0)),
                })
            })?;
            Ok(depth)
        })
    }

    pub(super) fn await_work(&self, kind: TaskKind, seen: u64, timeout: Duration) -> u64 {
        let now = self.db.signals.wait_for_work(kind, seen, timeout);
        if now != seen {
            return now;
        }
        self.db.look_for_others();
        self.db.signals.wait_for_work(kind, seen, Duration::ZERO)
    }

    pub(super) fn await_settled(&self, cursor: u64, timeout: Duration) -> SettledFeed {
        // The longest wait that an `Instant` surely takes.
        let timeout = timeout.min(Duration::from_secs(86_400));
        let deadline = Instant::now() + timeout;
        let feed = self.db.signals.wait_for_settled(cursor, deadline);
        if feed.cursor != cursor.max(1) {
            return feed;
        }
        self.db.look_for_others();
        self.db.signals.wait_for_settled(cursor, Instant::now())
    }
}

/// A task under a lease that stands.
struct Held {
    number: i64,
    attempt: u32,
}

fn held(tx: &Transaction<'_>, lease: &LeaseRef) -> Result<Option<Held>> {
    let mut select = tx.prepare_cached(match lease.kind {
        TaskKind::Inference => {
            "SELECT inference_id, attempt FROM inferences
             WHERE task_id = ?1 AND token = ?2 AND status = 1"
        }
        _ => {
            "SELECT task_no, attempt FROM tasks
             WHERE task_id = ?1 AND token = ?2 AND status = 1"
        }
    })?;
    let held = select.query_row(params![lease.task_id.as_bytes(), lease.token], |row| {
        Ok(Held {
            number: row.get(0)?,
            attempt: row.get(1)?,
        })
    });
    Ok(held.optional()?)
}

/// Sets number ?1's status, time, attempts and error; `NULL` leaves the error as it is.
fn update_held(
    tx: &Transaction<'_>,
    kind: TaskKind,
    values: &[&dyn rusqlite::ToSql],
) -> Result<()> {
    let mut update = tx.prepare_cached(match kind {
        TaskKind::Inference => {
            "UPDATE inferences SET status = ?2, due_at = max(?3, creation_time),
                 attempt = ?4, error = coalesce(?5, error) WHERE inference_id = ?1"
        }
        _ => {
            "UPDATE tasks SET status = ?2, due_at = max(?3, creation_time),
                 attempt = ?4, error = coalesce(?5, error) WHERE task_no = ?1"
        }
    })?;
    update.execute(values)?;
    Ok(())
}

fn rank(tx: &Transaction<'_>, lease: &LeaseRef, ranking: &Ranking) -> Result<Settled> {
    let update = "UPDATE inferences
        SET status = 3, model_id = ?3, catalog_version = ?4, explored = ?5, judging = ?6, ranked = ?7
        WHERE task_id = ?1 AND token = ?2 AND status = 1";
    let changed = tx.prepare_cached(update)?.execute(params![
        lease.task_id.as_bytes(),
        lease.token,
        ranking.model_id,
        ranking.catalog_version,
        ranking.explored,
        judging(ranking),
        ranking_to_bytes(ranking)?,
    ])?;
    Ok(match changed {
        0 => Settled::Stale,
        _ => Settled::Now(TaskStatus::Success, None),
    })
}

/// Ends a task that is no inference; `false` where the lease is stale.
fn succeed(tx: &Transaction<'_>, lease: &LeaseRef, result: Option<&str>) -> Result<bool> {
    let update = "UPDATE tasks SET status = 3, result = ?3
        WHERE task_id = ?1 AND token = ?2 AND status = 1";
    let values = params![lease.task_id.as_bytes(), lease.token, result];
    Ok(tx.prepare_cached(update)?.execute(values)? > 0)
}

fn fail(tx: &Transaction<'_>, lease: &LeaseRef, error: &str) -> Result<Settled> {
    let mut update = tx.prepare_cached(match lease.kind {
        TaskKind::Inference => {
            "UPDATE inferences SET status = 4, error = ?3
             WHERE task_id = ?1 AND token = ?2 AND status = 1"
        }
        _ => {
            "UPDATE tasks SET status = 4, error = ?3
             WHERE task_id = ?1 AND token = ?2 AND status = 1"
        }
    })?;
    let changed = update.execute(params![lease.task_id.as_bytes(), lease.token, error])?;
    Ok(match changed {
        0 => Settled::Stale,
        _ => Settled::Now(TaskStatus::Failure, None),
    })
}
