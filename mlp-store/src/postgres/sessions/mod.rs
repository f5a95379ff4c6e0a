//! The hot path: a batch of sessions' operations, in few statements.
//!
//! A batch is loaded, decided on in memory in the order of its operations, and written: one statement
//! reads what it is about, one inserts users with their inferences, one updates. Nothing is locked
//! while it is decided. What is written fits whatever others write meanwhile: more can be shown than
//! before but never less, the last choice stands, and a request that another process stored first is
//! a unique violation, after which the batch begins anew and finds it.

mod decide;
mod load;
mod segment;
mod write;

use std::collections::{HashMap, HashSet};

use postgres::Row;
use uuid::Uuid;

use super::PostgresStore;
use super::db::{Mode, Session};
use super::error::Result;
use super::pending::Reserved;
use super::users::UserTable;
use super::values::{status, task_id};
use crate::error::StoreError;
use crate::types::{SessionOp, SessionReply, TaskId, TaskKind, TaskView};
use segment::Segment;

/// The statements of the hot path that the schema shapes.
pub(super) struct SessionSql {
    /// Users and inferences, from arrays.
    insert: String,
}

/// The parameters of [`SessionSql::insert`] before the user's columns.
const INFERENCE_ARRAYS: usize = 11;

impl SessionSql {
    pub fn new(users: &UserTable) -> Self {
        let (table, id, columns) = (&users.table, &users.id, &users.columns);
        let insert = format!(
            "WITH given AS MATERIALIZED (
                 SELECT nextval('inferences_users_seq') AS user_id, t.*
                 FROM unnest($1::uuid[], $2::smallint[], $3::integer[], $4::smallint[],
                     $5::bigint[], $6::bigint[], $7::boolean[], $8::boolean[], $9::smallint[],
                     $10::bytea[], $11::bytea[]{parameters}) AS t (task_id, status, attempt,
                     priority, model_id, catalog_version, explored, judging, shown_n,
                     candidates, ranked{aliases})
             ), kept AS (
                 INSERT INTO {table} ({id}, creation_time{names})
                 SELECT user_id, now(){taken} FROM given
             )
             INSERT INTO inferences (task_id, user_id, creation_time, due_at, status, open,
                 attempt, priority, model_id, catalog_version, explored, judging, shown_n,
                 shown_at, candidates, ranked)
             SELECT task_id, user_id, now(), now(), status, status < 3, attempt, priority,
                 model_id, catalog_version, explored, judging, shown_n,
                 CASE WHEN shown_n > 0 THEN now() END, candidates, ranked FROM given
             RETURNING task_id, inference_id, user_id",
            parameters = columns.parameters(INFERENCE_ARRAYS + 1),
            aliases = columns.aliases(),
            names = columns.list(""),
            taken = columns.taken(),
        );
        Self { insert }
    }
}

impl PostgresStore {
    pub(super) fn apply_ops(
        &self,
        ops: &[SessionOp],
    ) -> std::result::Result<Vec<SessionReply>, StoreError> {
        if ops.is_empty() {
            return Ok(Vec::new());
        }
        let mut again = false;
        let mut room = Reserved::new(&self.pending);
        let replies = self.db.run("sessions", Mode::Single, |session| {
            let careful = std::mem::replace(&mut again, true);
            // What an earlier attempt reserved was not used.
            room = Reserved::new(&self.pending);
            self.apply_once(session, ops, careful, &mut room)
        })?;
        if room.commit() {
            self.wake.work(&self.db, TaskKind::Inference);
        }
        Ok(replies)
    }

    /// Does the batch. `careful`: looks whether requests are known by
    /// their very task, which is only so after an attempt whose end nobody saw.
    fn apply_once(
        &self,
        session: &mut Session<'_>,
        ops: &[SessionOp],
        careful: bool,
        room: &mut Reserved<'_>,
    ) -> Result<Vec<SessionReply>> {
        let segments = segments(ops);
        if let [whole] = &segments[..] {
            return Segment::new(self, whole, careful).run(session, true, room);
        }
        session.begin()?;
        let mut all = Vec::with_capacity(ops.len());
        let outcome = segments.into_iter().try_for_each(|part| {
            all.extend(Segment::new(self, part, careful).run(session, false, room)?);
            Ok(())
        });
        session.end(outcome)?;
        Ok(all)
    }

    pub(super) fn task_views(
        &self,
        ids: &[TaskId],
    ) -> std::result::Result<Vec<Option<TaskView>>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let uuids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
        let mut found = self.db.run("statuses", Mode::Single, |session| {
            let mut found: HashMap<TaskId, TaskView> = HashMap::with_capacity(ids.len());
            let select = "SELECT task_id, 0::smallint, status, attempt, error FROM inferences
                WHERE task_id = ANY($1)";
            for row in session.query(select, &[&uuids])? {
                let view = view(&row)?;
                found.insert(view.task_id, view);
            }
            if found.len() < ids.len() {
                let select = "SELECT task_id, kind, status, attempt, error FROM tasks
                    WHERE task_id = ANY($1)";
                for row in session.query(select, &[&uuids])? {
                    let view = view(&row)?;
                    found.insert(view.task_id, view);
                }
            }
            Ok(found)
        })?;
        // An id may stand twice.
        let mut views: Vec<Option<TaskView>> = Vec::with_capacity(ids.len());
        let mut first: HashMap<TaskId, usize> = HashMap::new();
        for (place, id) in ids.iter().enumerate() {
            let view = match found.remove(id) {
                Some(view) => Some(view),
                None => first.get(id).and_then(|first| views[*first].clone()),
            };
            first.entry(*id).or_insert(place);
            views.push(view);
        }
        Ok(views)
    }
}

fn view(row: &Row) -> Result<TaskView> {
    Ok(TaskView {
        task_id: task_id(row, 0)?,
        kind: super::values::kind(row, 1)?,
        status: status(row, 2)?,
        attempts: u32::try_from(row.try_get::<_, i32>(3)?).unwrap_or(0),
        error: row.try_get(4)?,
    })
}

/// Parts of a batch in which no operation is about an inference that a [`SessionOp::Rank`] of the
/// same part makes: its numbers are known only once it is written.
fn segments(ops: &[SessionOp]) -> Vec<&[SessionOp]> {
    let mut parts = Vec::new();
    let mut begin = 0;
    let mut ids: HashSet<TaskId> = HashSet::new();
    let mut keys: HashSet<&str> = HashSet::new();
    for (place, op) in ops.iter().enumerate() {
        let (id, request) = match op {
            SessionOp::Start(session) => (session.task_id, Some(session)),
            SessionOp::Rank { session, .. } => (session.task_id, Some(session)),
            SessionOp::Show { task_id, .. } | SessionOp::Select { task_id, .. } => (*task_id, None),
        };
        let key = request
            .and_then(|r| r.idempotency.as_ref())
            .map(|i| i.key.as_str());
        if ids.contains(&id) || key.is_some_and(|key| keys.contains(key)) {
            parts.push(&ops[begin..place]);
            begin = place;
            ids.clear();
            keys.clear();
        }
        if matches!(op, SessionOp::Rank { .. }) {
            ids.insert(id);
            keys.extend(key);
        }
    }
    parts.push(&ops[begin..]);
    parts
}
