//! The end of an attempt, and the queue as a whole.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use postgres::types::ToSql;
use uuid::Uuid;

use super::PostgresStore;
use super::db::{Mode, Session};
use super::error::{Failure, Result};
use super::registry as tables;
use super::values::{clean, status, task_id, unsigned};
use crate::clock::micros;
use crate::error::StoreError;
use crate::registry;
use crate::state::{judging, kind_code, ranking_to_bytes};
use crate::traits::SettledFeed;
use crate::types::{
    LeaseRef, NewDecision, NewModel, NewTask, Outcome, QueueDepth, Ranking, Settled, Settlement,
    TaskId, TaskKind, TaskStatus,
};

impl PostgresStore {
    pub(super) fn settle_tasks(
        &self,
        settlements: &[Settlement],
    ) -> std::result::Result<Vec<Settled>, StoreError> {
        if settlements.is_empty() {
            return Ok(Vec::new());
        }
        for settlement in settlements {
            check(settlement)?;
        }
        self.settling
            .call(settlements, |together| self.settle_together(together))
    }

    fn settle_together(
        &self,
        settlements: &[Settlement],
    ) -> std::result::Result<Vec<Settled>, StoreError> {
        let parts = Parts::of(settlements);
        let mode = match parts.count() {
            0 | 1 => Mode::Single,
            _ => Mode::Transaction,
        };
        let settled = self.db.run("settle", mode, |session| {
            let mut settled = vec![Settled::Stale; settlements.len()];
            self.rank(session, settlements, &parts.ranked, &mut settled)?;
            for (table, others) in [("inferences", &parts.inferences), ("tasks", &parts.tasks)] {
                self.end(session, table, settlements, others, &mut settled)?;
            }
            for &place in &parts.decided {
                let Settlement { lease, outcome } = &settlements[place];
                settled[place] = match outcome {
                    Outcome::Trained { model, decision } => train(session, lease, model, decision)?,
                    Outcome::Watched { report, decision } => {
                        watch(session, lease, report, decision.as_ref())?
                    }
                    _ => continue,
                };
            }
            Ok(settled)
        })?;
        self.tell(settlements, &settled);
        Ok(settled)
    }

    /// Tells who waits what became final, and what waits again.
    fn tell(&self, settlements: &[Settlement], settled: &[Settled]) {
        let mut ended = Vec::with_capacity(settled.len());
        let mut again = HashSet::new();
        for (settlement, settled) in settlements.iter().zip(settled) {
            match settled {
                Settled::Now(status, _) if status.is_final() => {
                    ended.push((settlement.lease.task_id, *status));
                }
                Settled::Now(..) => {
                    again.insert(settlement.lease.kind);
                    let wait = match settlement.outcome {
                        Outcome::Retry { after, .. } => after.min(Duration::from_secs(86_400)),
                        _ => Duration::ZERO,
                    };
                    self.lookout.due_again(Instant::now() + wait);
                }
                Settled::Stale => {}
            }
        }
        self.settled_here(ended);
        for kind in again {
            self.wake.work(&self.db, kind);
        }
    }

    fn rank(
        &self,
        session: &mut Session<'_>,
        settlements: &[Settlement],
        places: &[usize],
        settled: &mut [Settled],
    ) -> Result<()> {
        if places.is_empty() {
            return Ok(());
        }
        let mut rankings: Vec<(&LeaseRef, &Ranking)> = Vec::with_capacity(places.len());
        for &place in places {
            if let Outcome::Ranked(ranking) = &settlements[place].outcome {
                rankings.push((&settlements[place].lease, ranking));
            }
        }
        let lists: Result<Vec<Vec<u8>>> = rankings
            .iter()
            .map(|(_, r)| Ok(ranking_to_bytes(r)?))
            .collect();
        let lists = lists?;
        let ids: Vec<Uuid> = rankings.iter().map(|(l, _)| l.task_id.uuid()).collect();
        let tokens: Vec<i64> = rankings.iter().map(|(l, _)| l.token).collect();
        let models: Vec<Option<i64>> = rankings.iter().map(|(_, r)| r.model_id).collect();
        let catalogs: Vec<i64> = rankings.iter().map(|(_, r)| r.catalog_version).collect();
        let explored: Vec<bool> = rankings.iter().map(|(_, r)| r.explored).collect();
        let judges: Vec<bool> = rankings.iter().map(|(_, r)| judging(r)).collect();
        let update = "UPDATE inferences AS i
            SET status = 3, open = false, model_id = s.model_id,
                catalog_version = s.catalog_version, explored = s.explored, judging = s.judging,
                ranked = s.ranked
            FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::boolean[],
                $6::boolean[], $7::bytea[])
                AS s (task_id, token, model_id, catalog_version, explored, judging, ranked)
            WHERE i.task_id = s.task_id AND i.token = s.token AND i.status = 1
            RETURNING i.task_id, i.status, i.token";
        let values: [&(dyn ToSql + Sync); 7] = [
            &ids, &tokens, &models, &catalogs, &explored, &judges, &lists,
        ];
        let rows = session.query(update, &values)?;
        note(&rows, settlements, places, settled)
    }

    /// Ends attempts that came to no result of their own: success without one, failure, another
    /// attempt, or nothing done.
    fn end(
        &self,
        session: &mut Session<'_>,
        table: &str,
        settlements: &[Settlement],
        places: &[usize],
        settled: &mut [Settled],
    ) -> Result<()> {
        if places.is_empty() {
            return Ok(());
        }
        let limit = i32::try_from(self.options.max_attempts).unwrap_or(i32::MAX);
        let mine = || places.iter().map(|place| &settlements[*place]);
        let ids: Vec<Uuid> = mine().map(|s| s.lease.task_id.uuid()).collect();
        let tokens: Vec<i64> = mine().map(|s| s.lease.token).collect();
        let ends: Vec<i16> = mine().map(|s| end_code(&s.outcome)).collect();
        let waits: Vec<i64> = mine()
            .map(|s| match s.outcome {
                Outcome::Retry { after, .. } => micros(after),
                _ => 0,
            })
            .collect();
        let texts: Vec<Option<String>> = mine().map(|s| text(&s.outcome)).collect();
        // `result` is a column of tasks only; inferences have their ranking.
        let result = match table {
            "tasks" => ", result = CASE WHEN s.ending = 3 THEN s.text ELSE i.result END",
            _ => "",
        };
        let update = format!(
            "UPDATE {table} AS i
             SET status = e.status, open = e.status < 3,
                 due_at = CASE WHEN e.status < 3 THEN now() + s.wait * interval '1 microsecond'
                     ELSE i.due_at END,
                 attempt = CASE WHEN s.ending = 0 THEN greatest(i.attempt - 1, 0) ELSE i.attempt END,
                 error = CASE
                     WHEN s.ending = 2 AND e.status = 4
                         THEN format('attempt %s of %s: %s', $6::integer, $6::integer, s.text)
                     WHEN s.ending IN (2, 4) THEN s.text
                     ELSE i.error END{result}
             FROM unnest($1::uuid[], $2::bigint[], $3::smallint[], $4::bigint[], $5::text[])
                 AS s (task_id, token, ending, wait, text)
             JOIN {table} AS o ON o.task_id = s.task_id
             CROSS JOIN LATERAL (SELECT CASE
                 WHEN s.ending IN (3, 4) THEN s.ending
                 WHEN s.ending = 2 AND o.attempt >= $6::integer THEN 4
                 WHEN s.ending = 0 AND o.attempt <= 1 THEN 0
                 ELSE 2 END::smallint AS status) AS e
             WHERE i.task_id = s.task_id AND i.token = s.token AND i.status = 1
             RETURNING i.task_id, i.status, i.token"
        );
        let values: [&(dyn ToSql + Sync); 6] = [&ids, &tokens, &ends, &waits, &texts, &limit];
        let rows = session.query(&update, &values)?;
        note(&rows, settlements, places, settled)
    }

    pub(super) fn enqueue_task(&self, task: &NewTask) -> std::result::Result<TaskId, StoreError> {
        if task.kind == TaskKind::Inference {
            let message = "an inference is started, not enqueued".to_owned();
            return Err(StoreError::Invalid(message));
        }
        let kind = kind_code(task.kind) as i16;
        let (id, payload) = (task.task_id.uuid(), clean(&task.payload));
        let id = self.db.run("enqueue", Mode::Single, |session| {
            let insert = "INSERT INTO tasks (task_id, kind, creation_time, due_at, payload)
                VALUES ($1, $2, now(), now(), $3)
                ON CONFLICT (kind) WHERE open DO NOTHING RETURNING task_id";
            if let Some(row) = session.query_opt(insert, &[&id, &kind, &payload.as_ref()])? {
                return task_id(&row, 0);
            }
            let pending = "SELECT task_id FROM tasks WHERE kind = $1 AND open";
            match session.query_opt(pending, &[&kind])? {
                Some(row) => task_id(&row, 0),
                None => Err(Failure::Conflict("a task of this kind has just ended")),
            }
        })?;
        self.wake.work(&self.db, task.kind);
        Ok(id)
    }

    pub(super) fn sweep_abandoned(&self) -> std::result::Result<u64, StoreError> {
        /// One transaction's share, so that others get their turn.
        const BATCH: i64 = 1000;
        let waited = self.options.abandon_after;
        let error = format!("nobody took it for {} s", waited.as_secs());
        let waited = micros(waited);
        let mut swept = 0;
        for (lane, mut after) in self.lookout.oldest().into_iter().enumerate() {
            loop {
                let update = "WITH old AS (
                        SELECT inference_id FROM inferences
                        WHERE open AND priority = $1 AND inference_id > $2
                            AND due_at <= now() - $3::bigint * interval '1 microsecond'
                        ORDER BY inference_id LIMIT $4 FOR UPDATE SKIP LOCKED)
                    UPDATE inferences AS i SET status = 4, open = false, error = $5
                    FROM old WHERE i.inference_id = old.inference_id
                    RETURNING i.task_id, i.inference_id";
                let (ended, last) = self.db.run("sweep", Mode::Single, |session| {
                    let rows = session
                        .query(update, &[&(lane as i16), &after, &waited, &BATCH, &error])?;
                    let mut ended = Vec::with_capacity(rows.len());
                    let mut last = after;
                    for row in &rows {
                        ended.push((task_id(row, 0)?, TaskStatus::Failure));
                        last = last.max(row.try_get(1)?);
                    }
                    Ok((ended, last))
                })?;
                after = last;
                swept += ended.len() as u64;
                let more = ended.len() as i64 == BATCH;
                self.settled_here(ended);
                if !more {
                    break;
                }
            }
        }
        Ok(swept)
    }

    pub(super) fn queue_depth(
        &self,
        kind: TaskKind,
    ) -> std::result::Result<QueueDepth, StoreError> {
        let [interactive, batch] = self.lookout.oldest();
        let inferences = "SELECT count(*), count(*) FILTER (WHERE status = 1),
                coalesce((extract(epoch FROM now() - min(creation_time)) * 1000000)::bigint, 0)
            FROM (SELECT status, creation_time FROM inferences
                    WHERE open AND priority = 0 AND inference_id > $1
                UNION ALL SELECT status, creation_time FROM inferences
                    WHERE open AND priority = 1 AND inference_id > $2) AS open";
        let tasks = "SELECT count(*), count(*) FILTER (WHERE status = 1),
                coalesce((extract(epoch FROM now() - min(creation_time)) * 1000000)::bigint, 0)
            FROM tasks WHERE open AND kind = $1";
        self.db.run("queue depth", Mode::Single, |session| {
            let row = match kind {
                TaskKind::Inference => session.query_one(inferences, &[&interactive, &batch])?,
                kind => session.query_one(tasks, &[&(kind_code(kind) as i16)])?,
            };
            let (all, started) = (unsigned(row.try_get(0)?), unsigned(row.try_get(1)?));
            Ok(QueueDepth {
                waiting: all - started,
                started,
                oldest_us: row.try_get::<_, i64>(2)?.max(0),
            })
        })
    }

    pub(super) fn await_work(&self, kind: TaskKind, seen: u64, timeout: Duration) -> u64 {
        self.db.signals.wait_for_work(kind, seen, timeout)
    }

    pub(super) fn await_settled(&self, cursor: u64, timeout: Duration) -> SettledFeed {
        // The longest wait that an `Instant` surely takes.
        let timeout = timeout.min(Duration::from_secs(86_400));
        let deadline = Instant::now() + timeout;
        self.db.signals.wait_for_settled(cursor, deadline)
    }

    /// These became final by what this process did.
    pub(super) fn settled_here(&self, tasks: impl IntoIterator<Item = (TaskId, TaskStatus)>) {
        let mut tasks = tasks.into_iter().peekable();
        if tasks.peek().is_some() {
            self.db.signals.settled(tasks);
            self.wake.settled();
        }
    }
}

/// The places of settlements, by the statement that does them. Of two under one lease the first
/// counts: the second finds it final.
#[derive(Default)]
struct Parts {
    ranked: Vec<usize>,
    decided: Vec<usize>,
    inferences: Vec<usize>,
    tasks: Vec<usize>,
}

impl Parts {
    fn of(settlements: &[Settlement]) -> Self {
        let mut parts = Self::default();
        let mut seen = HashSet::with_capacity(settlements.len());
        for (place, settlement) in settlements.iter().enumerate() {
            let lease = &settlement.lease;
            if !seen.insert((lease.task_id, lease.token)) {
                continue;
            }
            match (&settlement.outcome, lease.kind) {
                (Outcome::Ranked(_), _) => parts.ranked.push(place),
                (Outcome::Trained { .. } | Outcome::Watched { .. }, _) => parts.decided.push(place),
                (_, TaskKind::Inference) => parts.inferences.push(place),
                _ => parts.tasks.push(place),
            }
        }
        parts
    }

    /// How many statements they need.
    fn count(&self) -> usize {
        let once = |places: &Vec<usize>| usize::from(!places.is_empty());
        // What comes with a decision is several.
        once(&self.ranked) + once(&self.inferences) + once(&self.tasks) + 2 * self.decided.len()
    }
}

/// Keeps what the database says of settlements; those that it does not name are stale.
fn note(
    rows: &[postgres::Row],
    settlements: &[Settlement],
    places: &[usize],
    settled: &mut [Settled],
) -> Result<()> {
    let mut now: HashMap<(TaskId, i64), TaskStatus> = HashMap::with_capacity(rows.len());
    for row in rows {
        now.insert((task_id(row, 0)?, row.try_get(2)?), status(row, 1)?);
    }
    for &place in places {
        let lease = &settlements[place].lease;
        if let Some(status) = now.get(&(lease.task_id, lease.token)) {
            settled[place] = Settled::Now(*status, None);
        }
    }
    Ok(())
}

/// Refuses an outcome that does not fit its task.
fn check(settlement: &Settlement) -> std::result::Result<(), StoreError> {
    let kind = settlement.lease.kind;
    match (&settlement.outcome, kind) {
        (Outcome::Trained { decision, .. }, TaskKind::Training) => {
            registry::of_training(decision.kind)
        }
        (Outcome::Watched { decision, .. }, TaskKind::Monitoring) => match decision {
            Some((_, decision)) => registry::of_watch(decision.kind),
            None => Ok(()),
        },
        (Outcome::Ranked(_), TaskKind::Inference)
        | (Outcome::Done { .. }, TaskKind::Training | TaskKind::Monitoring)
        | (Outcome::Retry { .. } | Outcome::Failed { .. } | Outcome::Released, _) => Ok(()),
        (
            Outcome::Ranked(_)
            | Outcome::Trained { .. }
            | Outcome::Watched { .. }
            | Outcome::Done { .. },
            kind,
        ) => {
            let message = format!("a task of kind `{}` has no such outcome", kind.name());
            Err(StoreError::Invalid(message))
        }
    }
}

/// How the statement of [`PostgresStore::end`] knows an outcome.
fn end_code(outcome: &Outcome) -> i16 {
    match outcome {
        Outcome::Released => 0,
        Outcome::Retry { .. } => 2,
        Outcome::Done { .. }
        | Outcome::Ranked(_)
        | Outcome::Trained { .. }
        | Outcome::Watched { .. } => 3,
        Outcome::Failed { .. } => 4,
    }
}

fn text(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Retry { error, .. } | Outcome::Failed { error } => Some(clean(error).into_owned()),
        Outcome::Done { result } => Some(clean(result).into_owned()),
        _ => None,
    }
}

/// Ends a training with its model and the decision about it, all or nothing.
fn train(
    session: &mut Session<'_>,
    lease: &LeaseRef,
    model: &NewModel,
    decision: &NewDecision,
) -> Result<Settled> {
    let update = "UPDATE tasks SET status = 3, open = false
        WHERE task_id = $1 AND token = $2 AND status = 1";
    if session.execute(update, &[&lease.task_id.uuid(), &lease.token])? == 0 {
        return Ok(Settled::Stale);
    }
    let model_id = tables::insert_model(session, model)?;
    tables::decide(session, model_id, decision)?;
    Ok(Settled::Now(TaskStatus::Success, Some(model_id)))
}

/// Ends a look at the traffic with its report and what was decided, all or nothing.
fn watch(
    session: &mut Session<'_>,
    lease: &LeaseRef,
    report: &str,
    decision: Option<&(i64, NewDecision)>,
) -> Result<Settled> {
    let update = "UPDATE tasks SET status = 3, open = false, result = $3
        WHERE task_id = $1 AND token = $2 AND status = 1";
    let (task_id, report) = (lease.task_id.uuid(), clean(report));
    if session.execute(update, &[&task_id, &lease.token, &report.as_ref()])? == 0 {
        return Ok(Settled::Stale);
    }
    if let Some((model_id, decision)) = decision
        && !tables::decide(session, *model_id, decision)?
    {
        return Err(registry::no_model(*model_id).into());
    }
    Ok(Settled::Now(TaskStatus::Success, None))
}
