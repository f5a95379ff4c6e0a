//! Taking tasks under a lease, and keeping them.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use postgres::Row;
use uuid::Uuid;

use super::PostgresStore;
use super::db::{Mode, Session};
use super::error::Result;
use super::horizon::{FRESH, Horizon, Ration, SETTLED};
use super::users::UserTable;
use super::values::{sql_limit, status, task_id};
use crate::clock::micros;
use crate::codec;
use crate::error::StoreError;
use crate::state::kind_code;
use crate::types::{ClaimOptions, Lease, LeaseRef, TaskId, TaskKind, TaskStatus, Work};

/// A look at what lies further back comes at most this often, and takes at most one part of so many;
/// where claims find all they want, it is not so urgent.
const BACK_LEAST: Duration = Duration::from_millis(20);
const BACK_BUSY: Duration = Duration::from_millis(250);
const BACK_SHARE: u32 = 20;

/// The same of looks at everything.
const ALL_LEAST: Duration = Duration::from_secs(60);
const ALL_SHARE: u32 = 50;

/// The longest lease that an `Instant` surely takes.
pub(super) const LONGEST_LEASE: Duration = Duration::from_secs(86_400);

/// The statements of claims that the schema shapes.
pub(super) struct LeaseSql {
    claim: String,
    /// Result columns before the user's.
    user_from: usize,
    /// Leases inferences by their tasks; its columns are those of a claim.
    pub named: String,
    /// Inferences of a priority that have been due for a while.
    pub overdue: String,
}

impl LeaseSql {
    /// Interactive tasks go first; batch ones fill up. A task whose last allowed attempt expired ends
    /// in failure in the same statement.
    pub fn new(users: &UserTable) -> Self {
        let (table, id) = (&users.table, &users.id);
        let claim = format!(
            "WITH interactive AS (
                 SELECT inference_id FROM inferences
                 WHERE open AND priority = 0 AND inference_id > $1 AND due_at <= now()
                 ORDER BY inference_id LIMIT $3 FOR UPDATE SKIP LOCKED
             ), batch AS (
                 SELECT inference_id FROM inferences
                 WHERE open AND priority = 1 AND inference_id > $2 AND due_at <= now()
                 ORDER BY inference_id LIMIT $3::bigint - (SELECT count(*) FROM interactive)
                 FOR UPDATE SKIP LOCKED
             ), due AS (
                 SELECT inference_id FROM interactive UNION ALL SELECT inference_id FROM batch
             ), claimed AS (
                 UPDATE inferences AS i
                 SET open = i.attempt < $5,
                     status = CASE WHEN i.attempt < $5 THEN 1 ELSE 4 END,
                     due_at = now() + $4::bigint * interval '1 microsecond',
                     token = i.token + 1,
                     attempt = least(i.attempt + 1, $5),
                     error = CASE WHEN i.attempt < $5 THEN i.error ELSE $6 END
                 FROM due
                 WHERE i.inference_id = due.inference_id
                 RETURNING i.inference_id, i.status, i.task_id, i.token, i.attempt, i.priority,
                     i.candidates, i.user_id
             )
             SELECT s.last_value, c.inference_id, c.status, c.task_id, c.token, c.attempt,
                 c.priority, c.candidates{columns}
             FROM inferences_inference_id_seq AS s
             LEFT JOIN (claimed AS c JOIN {table} AS u ON u.{id} = c.user_id) ON true
             ORDER BY c.priority, c.inference_id",
            columns = users.columns.list("u."),
        );
        let named = format!(
            "WITH named AS (
                 SELECT inference_id FROM inferences
                 WHERE task_id = ANY($1::uuid[]) AND open AND (status <> 1 OR due_at <= now())
                 FOR UPDATE SKIP LOCKED
             ), claimed AS (
                 UPDATE inferences AS i
                 SET open = i.attempt < $3,
                     status = CASE WHEN i.attempt < $3 THEN 1 ELSE 4 END,
                     due_at = now() + $2::bigint * interval '1 microsecond',
                     token = i.token + 1,
                     attempt = least(i.attempt + 1, $3),
                     error = CASE WHEN i.attempt < $3 THEN i.error ELSE $4 END
                 FROM named
                 WHERE i.inference_id = named.inference_id
                 RETURNING i.inference_id, i.status, i.task_id, i.token, i.attempt, i.priority,
                     i.candidates, i.user_id
             )
             SELECT 0::bigint, c.inference_id, c.status, c.task_id, c.token, c.attempt, c.priority,
                 c.candidates{columns}
             FROM claimed AS c JOIN {table} AS u ON u.{id} = c.user_id",
            columns = users.columns.list("u."),
        );
        let overdue = format!(
            "SELECT i.task_id, (extract(epoch FROM now() - i.due_at) * 1000000)::bigint,
                 i.candidates{columns}
             FROM inferences AS i JOIN {table} AS u ON u.{id} = i.user_id
             WHERE i.open AND i.priority = $1 AND i.inference_id > $2
                 AND i.due_at <= now() - $3::bigint * interval '1 microsecond'
             ORDER BY i.inference_id LIMIT $4",
            columns = users.columns.list("u."),
        );
        Self {
            claim,
            user_from: 8,
            named,
            overdue,
        }
    }
}

/// Where claims look.
#[derive(Debug, Default)]
pub(super) struct Lookout(Mutex<Looks>);

#[derive(Debug, Default)]
struct Looks {
    /// Up to where claims have found nothing left, by priority.
    fresh: [Horizon; 2],
    /// Up to where nothing is left that is not final.
    oldest: [Horizon; 2],
    back: Ration,
    all: Ration,
    /// When a task that this process had under lease, or put back, is due again.
    alarm: Option<Instant>,
}

impl Looks {
    fn head(&mut self, newest: i64) {
        for horizon in self.fresh.iter_mut().chain(&mut self.oldest) {
            horizon.head(newest);
        }
    }
}

impl Lookout {
    fn looks(&self) -> MutexGuard<'_, Looks> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A task that was claimed here is due again then.
    pub fn due_again(&self, at: Instant) {
        let mut looks = self.looks();
        looks.alarm = Some(looks.alarm.map_or(at, |alarm| alarm.min(at)));
    }

    /// No task that is not final has a number up to these, as far as is known.
    pub fn oldest(&self) -> [i64; 2] {
        let now = Instant::now();
        self.looks()
            .oldest
            .each_ref()
            .map(|h| h.start(now, SETTLED))
    }
}

/// One look of a claim.
struct Look<'a> {
    options: &'a ClaimOptions,
    max: usize,
    after: [i64; 2],
}

/// What a look found.
#[derive(Default)]
struct Found {
    leases: Vec<Lease>,
    /// Tasks whose last allowed attempt expired: they failed just now.
    spent: Vec<TaskId>,
    /// Up to where nothing is left, by priority.
    passed: [i64; 2],
    /// The newest number that was given out.
    head: i64,
}

impl PostgresStore {
    pub(super) fn claim_tasks(
        &self,
        options: &ClaimOptions,
    ) -> std::result::Result<Vec<Lease>, StoreError> {
        if options.max == 0 {
            return Ok(Vec::new());
        }
        loop {
            let (leases, spent) = match options.kind {
                TaskKind::Inference => self.claim_inferences(options)?,
                _ => self.claim_others(options)?,
            };
            let gave_up = !spent.is_empty();
            self.settled_here(spent.into_iter().map(|id| (id, TaskStatus::Failure)));
            // The given up took the places of others.
            if !leases.is_empty() || !gave_up {
                return Ok(leases);
            }
        }
    }

    fn claim_inferences(
        &self,
        options: &ClaimOptions,
    ) -> std::result::Result<(Vec<Lease>, Vec<TaskId>), StoreError> {
        // What was put back goes before what is newer.
        let mut found = match self.alarm_is_due() {
            true => self.look_back(options, options.max)?,
            false => self.look_ahead(options)?,
        };
        let left = options.max.saturating_sub(found.leases.len());
        if left > 0 && self.lookout.looks().back.is_due(Instant::now()) {
            let back = self.look_back(options, left)?;
            found.leases.extend(back.leases);
            found.spent.extend(back.spent);
        }
        if !found.leases.is_empty() {
            let again = Instant::now() + options.lease.min(LONGEST_LEASE);
            self.lookout.due_again(again);
        }
        Ok((found.leases, found.spent))
    }

    fn alarm_is_due(&self) -> bool {
        let now = Instant::now();
        let mut looks = self.lookout.looks();
        looks.alarm.take_if(|alarm| *alarm <= now).is_some()
    }

    /// The usual look: for what is new.
    fn look_ahead(&self, options: &ClaimOptions) -> std::result::Result<Found, StoreError> {
        let began = Instant::now();
        let after = (self.lookout.looks().fresh)
            .each_ref()
            .map(|h| h.start(began, FRESH));
        let max = options.max;
        let look = Look {
            options,
            max,
            after,
        };
        let found = self.look(&look)?;
        let mut looks = self.lookout.looks();
        looks.head(found.head);
        for (horizon, passed) in looks.fresh.iter_mut().zip(found.passed) {
            horizon.passed(began, passed.min(found.head));
        }
        Ok(found)
    }

    /// Looks for what lies behind the usual look, and now and then at everything.
    fn look_back(
        &self,
        options: &ClaimOptions,
        max: usize,
    ) -> std::result::Result<Found, StoreError> {
        let began = Instant::now();
        let (after, all) = {
            let looks = self.lookout.looks();
            let all = looks.all.is_due(began);
            let after = looks.oldest.each_ref().map(|h| h.start(began, SETTLED));
            (if all { [0; 2] } else { after }, all)
        };
        let look = Look {
            options,
            max,
            after,
        };
        let found = self.look(&look)?;
        let oldest = self
            .db
            .run("oldest", Mode::Single, |session| oldest(session, after))?;
        let ended = Instant::now();
        let mut looks = self.lookout.looks();
        for (horizon, oldest) in looks.oldest.iter_mut().zip(oldest) {
            horizon.passed(began, oldest - 1);
        }
        let least = if found.leases.len() == max {
            BACK_BUSY
        } else {
            BACK_LEAST
        };
        if all {
            // Of its own share: else what lies a little further back would wait for it.
            looks.all.spent(began, ended, ALL_SHARE, ALL_LEAST);
            looks.back.spent(ended, ended, BACK_SHARE, least);
        } else {
            looks.back.spent(began, ended, BACK_SHARE, least);
        }
        Ok(found)
    }

    fn look(&self, look: &Look<'_>) -> std::result::Result<Found, StoreError> {
        let (sql, limit) = (&self.leases, sql_limit(look.max));
        let lease = micros(look.options.lease);
        let attempts = i32::try_from(self.options.max_attempts).unwrap_or(i32::MAX);
        let spent = self.spent();
        let [interactive, batch] = look.after;
        self.db.run("claim", Mode::Single, |session| {
            let rows = session.query(
                &sql.claim,
                &[&interactive, &batch, &limit, &lease, &attempts, &spent],
            )?;
            let mut found = Found::default();
            for row in &rows {
                let head: i64 = row.try_get(0)?;
                found.head = head;
                let number: Option<i64> = row.try_get(1)?;
                let Some(number) = number else {
                    found.passed = [head; 2];
                    break;
                };
                let lane = usize::from(row.try_get::<_, i16>(6)? != 0);
                found.passed[lane] = found.passed[lane].max(number);
                match status(row, 2)? {
                    TaskStatus::Started => found.leases.push(self.lease(row)?),
                    _ => found.spent.push(task_id(row, 3)?),
                }
                if rows.len() < look.max {
                    found.passed = [head; 2];
                }
            }
            // The batch lane was not looked at to its end where the other filled the claim; and not
            // at all is not beyond where it began.
            for (passed, after) in found.passed.iter_mut().zip(look.after) {
                *passed = (*passed).max(after);
            }
            Ok(found)
        })
    }

    pub(super) fn lease(&self, row: &Row) -> Result<Lease> {
        let candidates: Option<&[u8]> = row.try_get(7)?;
        Ok(Lease {
            task_id: task_id(row, 3)?,
            kind: TaskKind::Inference,
            token: row.try_get(4)?,
            attempt: attempt(row, 5)?,
            work: Work::Inference {
                user: self.users.columns.read(row, self.leases.user_from)?,
                candidates: candidates.map(codec::ids_from_bytes).transpose()?,
            },
        })
    }

    /// What is said of a task whose last allowed attempt expired.
    pub(super) fn spent(&self) -> String {
        format!(
            "the lease of attempt {limit} of {limit} expired",
            limit = self.options.max_attempts
        )
    }

    fn claim_others(
        &self,
        options: &ClaimOptions,
    ) -> std::result::Result<(Vec<Lease>, Vec<TaskId>), StoreError> {
        let kind = kind_code(options.kind) as i16;
        let lease = micros(options.lease);
        let attempts = i32::try_from(self.options.max_attempts).unwrap_or(i32::MAX);
        let (spent, limit) = (self.spent(), sql_limit(options.max));
        let claim = "UPDATE tasks AS t
            SET open = t.attempt < $4,
                status = CASE WHEN t.attempt < $4 THEN 1 ELSE 4 END,
                due_at = now() + $3::bigint * interval '1 microsecond',
                token = t.token + 1,
                attempt = least(t.attempt + 1, $4),
                error = CASE WHEN t.attempt < $4 THEN t.error ELSE $5 END
            FROM (SELECT task_no FROM tasks WHERE kind = $1 AND open AND due_at <= now()
                LIMIT $2 FOR UPDATE SKIP LOCKED) AS due
            WHERE t.task_no = due.task_no
            RETURNING t.task_id, t.status, t.token, t.attempt, t.payload";
        self.db.run("claim", Mode::Single, |session| {
            let (mut leases, mut given_up) = (Vec::new(), Vec::new());
            for row in session.query(claim, &[&kind, &limit, &lease, &attempts, &spent])? {
                let task_id = task_id(&row, 0)?;
                if status(&row, 1)? != TaskStatus::Started {
                    given_up.push(task_id);
                    continue;
                }
                leases.push(Lease {
                    task_id,
                    kind: options.kind,
                    token: row.try_get(2)?,
                    attempt: attempt(&row, 3)?,
                    work: Work::Task {
                        payload: row.try_get(4)?,
                    },
                });
            }
            Ok((leases, given_up))
        })
    }

    pub(super) fn prolong(
        &self,
        leases: &[LeaseRef],
        lease: Duration,
    ) -> std::result::Result<Vec<bool>, StoreError> {
        let lease = micros(lease);
        let mut kept = vec![false; leases.len()];
        for (table, inference) in [("inferences", true), ("tasks", false)] {
            let mine: Vec<usize> = (0..leases.len())
                .filter(|i| (leases[*i].kind == TaskKind::Inference) == inference)
                .collect();
            if mine.is_empty() {
                continue;
            }
            let ids: Vec<Uuid> = mine.iter().map(|i| leases[*i].task_id.uuid()).collect();
            let tokens: Vec<i64> = mine.iter().map(|i| leases[*i].token).collect();
            let update = format!(
                "UPDATE {table} AS t SET due_at = now() + $3::bigint * interval '1 microsecond'
                 FROM unnest($1::uuid[], $2::bigint[]) AS h (task_id, token)
                 WHERE t.task_id = h.task_id AND t.token = h.token AND t.status = 1
                 RETURNING t.task_id, t.token"
            );
            let rows = self.db.run("heartbeat", Mode::Single, |session| {
                let rows = session.query(&update, &[&ids, &tokens, &lease])?;
                rows.iter()
                    .map(|row| Ok((task_id(row, 0)?, row.try_get(1)?)))
                    .collect::<Result<std::collections::HashSet<(TaskId, i64)>>>()
            })?;
            for i in mine {
                kept[i] = rows.contains(&(leases[i].task_id, leases[i].token));
            }
        }
        Ok(kept)
    }
}

/// The oldest numbers that are not final after some, by priority; the newest where there are none.
fn oldest(session: &mut Session<'_>, after: [i64; 2]) -> Result<[i64; 2]> {
    let select = "SELECT coalesce((SELECT inference_id FROM inferences
                WHERE open AND priority = 0 AND inference_id > $1
                ORDER BY inference_id LIMIT 1), s.last_value),
            coalesce((SELECT inference_id FROM inferences
                WHERE open AND priority = 1 AND inference_id > $2
                ORDER BY inference_id LIMIT 1), s.last_value)
        FROM inferences_inference_id_seq AS s";
    let [interactive, batch] = after;
    let row = session.query_one(select, &[&interactive, &batch])?;
    Ok([row.try_get(0)?, row.try_get(1)?])
}

fn attempt(row: &Row, column: usize) -> Result<u32> {
    Ok(u32::try_from(row.try_get::<_, i32>(column)?).unwrap_or(0))
}
