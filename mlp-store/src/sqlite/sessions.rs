//! The hot path: one transaction for a batch of sessions' operations.

use rusqlite::{OptionalExtension, Transaction, params};

use super::SqliteStore;
use super::db::Durability;
use super::error::Result;
use super::select::Session;
use super::state::{kind, status, task_id};
use crate::codec;
use crate::error::StoreError;
use crate::state::{judging, priority_code, ranking_to_bytes};
use crate::types::{
    NewSession, Ranking, SessionOp, SessionReply, Shown, TaskId, TaskKind, TaskStatus, TaskView,
};

impl SqliteStore {
    pub(super) fn apply_ops(
        &self,
        ops: &[SessionOp],
    ) -> std::result::Result<Vec<SessionReply>, StoreError> {
        let (replies, queued) = self.db.write("sessions", Durability::Synced, |tx| {
            let mut batch = Batch {
                store: self,
                tx,
                now: self.now(),
                pending: None,
                queued: false,
            };
            let replies: Result<Vec<_>> = ops.iter().map(|op| batch.apply(op)).collect();
            Ok((replies?, batch.queued))
        })?;
        if queued {
            self.db.signals.work(TaskKind::Inference);
        }
        Ok(replies)
    }

    pub(super) fn task_views(
        &self,
        ids: &[TaskId],
    ) -> std::result::Result<Vec<Option<TaskView>>, StoreError> {
        self.db.read("statuses", |connection| {
            let mut inference = connection.prepare_cached(
                "SELECT 0, status, attempt, error FROM inferences WHERE task_id = ?1",
            )?;
            let mut task = connection.prepare_cached(
                "SELECT kind, status, attempt, error FROM tasks WHERE task_id = ?1",
            )?;
            let mut views = Vec::with_capacity(ids.len());
            for id in ids {
                let view = |row: &rusqlite::Row<'_>| {
                    Ok(TaskView {
                        task_id: *id,
                        kind: kind(row, 0)?,
                        status: status(row, 1)?,
                        attempts: row.get(2)?,
                        error: row.get(3)?,
                    })
                };
                let found = inference.query_row([id.as_bytes()], view).optional()?;
                views.push(match found {
                    None => task.query_row([id.as_bytes()], view).optional()?,
                    found => found,
                });
            }
            Ok(views)
        })
    }
}

/// One transaction's operations.
struct Batch<'a> {
    store: &'a SqliteStore,
    tx: &'a Transaction<'a>,
    now: i64,
    /// Unfinished inferences, once counted.
    pending: Option<u64>,
    /// Whether there is new work.
    queued: bool,
}

/// What a request is.
enum Known {
    /// Not seen before.
    New,
    /// That of this task, again.
    Repeat(TaskId, TaskStatus),
    /// Another than its key stands for.
    Other,
}

impl Batch<'_> {
    fn apply(&mut self, op: &SessionOp) -> Result<SessionReply> {
        match op {
            SessionOp::Start(session) => self.start(session),
            SessionOp::Rank {
                session,
                ranking,
                limit,
            } => self.rank(session, ranking, *limit),
            SessionOp::Show { task_id, limit } => self.show(*task_id, *limit),
            SessionOp::Select { task_id, item_id } => {
                super::select::select(self.tx, self.now, *task_id, *item_id)
            }
        }
    }

    fn start(&mut self, session: &NewSession) -> Result<SessionReply> {
        match self.known(session)? {
            Known::Other => return Ok(SessionReply::KeyReused),
            Known::Repeat(task_id, status) => {
                return Ok(SessionReply::Started { task_id, status });
            }
            Known::New => {}
        }
        let pending = self.pending()?;
        if pending >= self.store.options.max_pending {
            return Ok(SessionReply::Full { pending });
        }
        let user_id = self.remember(session)?;
        let insert = "INSERT INTO inferences
                (task_id, user_id, creation_time, status, due_at, candidates, priority)
            VALUES (?1, ?2, ?3, 0, ?3, ?4, ?5)";
        let candidates = session.candidates.as_deref().map(codec::ids_to_bytes);
        let priority = priority_code(session.priority);
        let values = params![
            session.task_id.as_bytes(),
            user_id,
            self.now,
            candidates,
            priority
        ];
        self.tx.prepare_cached(insert)?.execute(values)?;
        self.pending = Some(pending + 1);
        self.queued = true;
        Ok(SessionReply::Started {
            task_id: session.task_id,
            status: TaskStatus::Pending,
        })
    }

    fn rank(
        &mut self,
        session: &NewSession,
        ranking: &Ranking,
        limit: usize,
    ) -> Result<SessionReply> {
        match self.known(session)? {
            Known::Other => return Ok(SessionReply::KeyReused),
            Known::Repeat(task_id, _) => return self.show(task_id, limit),
            Known::New => {}
        }
        let user_id = self.remember(session)?;
        let shown = limit.min(ranking.ranked.len());
        let insert = "INSERT INTO inferences
                (task_id, user_id, creation_time, status, due_at, attempt, model_id,
                 catalog_version, explored, judging, shown_n, shown_at, candidates, ranked)
            VALUES (?1, ?2, ?3, 3, ?3, 1, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
        self.tx.prepare_cached(insert)?.execute(params![
            session.task_id.as_bytes(),
            user_id,
            self.now,
            ranking.model_id,
            ranking.catalog_version,
            ranking.explored,
            judging(ranking),
            shown,
            (shown > 0).then_some(self.now),
            session.candidates.as_deref().map(codec::ids_to_bytes),
            ranking_to_bytes(ranking)?,
        ])?;
        Ok(SessionReply::Shown(Shown {
            task_id: session.task_id,
            inference_id: self.tx.last_insert_rowid(),
            user_id,
            model_id: ranking.model_id,
            catalog_version: ranking.catalog_version,
            results: ranking.ranked[..shown].to_vec(),
        }))
    }

    fn show(&self, task_id: TaskId, limit: usize) -> Result<SessionReply> {
        let session = match Session::find(self.tx, task_id)? {
            Ok(session) => session,
            Err(reply) => return Ok(reply),
        };
        let results = codec::ranked_from_bytes(&session.ranked, limit)?;
        if results.len() > session.shown_n {
            let update = "UPDATE inferences SET shown_n = ?2, shown_at = coalesce(shown_at, ?3)
                WHERE inference_id = ?1";
            let values = params![session.inference_id, results.len(), self.now];
            self.tx.prepare_cached(update)?.execute(values)?;
        }
        Ok(SessionReply::Shown(Shown {
            task_id,
            inference_id: session.inference_id,
            user_id: session.user_id,
            model_id: session.model_id,
            catalog_version: session.catalog_version,
            results,
        }))
    }

    /// Whether the request was here before: under its key, or under its very task, whose first
    /// reply was then lost.
    fn known(&self, session: &NewSession) -> Result<Known> {
        let task = |status| Known::Repeat(session.task_id, status);
        let Some(given) = &session.idempotency else {
            return Ok(self.status(session.task_id)?.map_or(Known::New, task));
        };
        let mut select = (self.tx)
            .prepare_cached("SELECT fingerprint, task_id FROM idempotency WHERE key = ?1")?;
        let kept = select.query_row([&given.key], |row| {
            Ok((row.get::<_, [u8; 32]>(0)?, task_id(row, 1)?))
        });
        let Some((fingerprint, task_id)) = kept.optional()? else {
            return Ok(self.status(session.task_id)?.map_or(Known::New, task));
        };
        // A key outlives its task only until the next pruning.
        Ok(match self.status(task_id)? {
            None => Known::New,
            Some(_) if fingerprint != given.fingerprint => Known::Other,
            Some(status) => Known::Repeat(task_id, status),
        })
    }

    fn status(&self, task_id: TaskId) -> Result<Option<TaskStatus>> {
        let select = "SELECT status FROM inferences WHERE task_id = ?1";
        let mut select = self.tx.prepare_cached(select)?;
        let found = select.query_row([task_id.as_bytes()], |row| status(row, 0));
        Ok(found.optional()?)
    }

    /// Keeps a new request's key and user; gives the user's number.
    fn remember(&self, session: &NewSession) -> Result<i64> {
        if let Some(given) = &session.idempotency {
            let insert = "INSERT OR REPLACE INTO idempotency
                (key, fingerprint, task_id, creation_time) VALUES (?1, ?2, ?3, ?4)";
            let task_id = session.task_id.as_bytes();
            let values = params![given.key, given.fingerprint, task_id, self.now];
            self.tx.prepare_cached(insert)?.execute(values)?;
        }
        self.store.users.insert(self.tx, self.now, &session.user)
    }

    /// Unfinished inferences, counted no further than the limit.
    fn pending(&mut self) -> Result<u64> {
        if let Some(pending) = self.pending {
            return Ok(pending);
        }
        let count = "SELECT count(*) FROM (
                SELECT 1 FROM inferences INDEXED BY inferences_due WHERE status < 3 LIMIT ?1)";
        let limit = i64::try_from(self.store.options.max_pending).unwrap_or(i64::MAX);
        let mut count = self.tx.prepare_cached(count)?;
        let pending: u64 = count.query_row([limit], |row| row.get(0))?;
        self.pending = Some(pending);
        Ok(pending)
    }
}
