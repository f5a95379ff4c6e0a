//! Records out.

use postgres::Row;
use uuid::Uuid;

use crate::postgres::PostgresStore;
use crate::postgres::db::{Mode, Session};
use crate::postgres::error::Result;
use crate::postgres::registry::{read_decision, read_model};
use crate::postgres::state::meta;
use crate::postgres::values::{Moment, kind, sql_limit, status, task_id};
use crate::transfer::{
    Heads, InferenceRecord, KeyRecord, ModelRecord, Place, Records, Source, Table, TaskRecord,
};
use crate::types::TaskId;

type Public<T> = crate::traits::Result<T>;

const INFERENCES: &str = "SELECT inference_id, task_id, user_id, creation_time, status, due_at,
        token, attempt, model_id, catalog_version, explored, judging, shown_n, shown_at, selected,
        selected_rank, answered_n, answered_at, error, candidates, ranked, priority
    FROM inferences WHERE inference_id > $1 ORDER BY inference_id LIMIT $2";

const TASKS: &str = "SELECT task_no, task_id, kind, creation_time, due_at, status, token, attempt,
        error, payload, result
    FROM tasks WHERE task_no > $1 ORDER BY task_no LIMIT $2";

const KEYS: &str = "SELECT key_no, key, fingerprint, task_id, creation_time
    FROM idempotency WHERE key_no > $1 ORDER BY key_no LIMIT $2";

const MODELS: &str = "SELECT model_id, task_id, creation_time, status, use_percentage, artifact,
        replaced_by
    FROM models_registry WHERE model_id > $1 ORDER BY model_id LIMIT $2";

const DECISIONS: &str = "SELECT decision_id, creation_time, model_id, kind, reason, evidence
    FROM decisions WHERE decision_id > $1 ORDER BY decision_id LIMIT $2";

/// In the order of SQLite, whatever the database's own is.
const SETTINGS: &str = "SELECT name, value FROM settings
    ORDER BY name COLLATE \"C\" LIMIT $2 OFFSET $1";

impl Source for PostgresStore {
    fn records(&self, table: Table, after: Place, limit: usize) -> Public<Records> {
        Ok(match table {
            Table::Items => Records::Items(self.item_versions_after(after, limit)?),
            Table::Users => Records::Users(self.page_of_users(after.0, limit)?),
            Table::Inferences => {
                Records::Inferences(self.page(INFERENCES, after, limit, inference)?)
            }
            Table::Tasks => Records::Tasks(self.page(TASKS, after, limit, task)?),
            Table::Keys => Records::Keys(self.page(KEYS, after, limit, key)?),
            Table::Models => Records::Models(self.page(MODELS, after, limit, model)?),
            Table::Decisions => {
                Records::Decisions(self.page(DECISIONS, after, limit, read_decision)?)
            }
            Table::Settings => Records::Settings(self.page(SETTINGS, after, limit, |row| {
                Ok((row.try_get(0)?, row.try_get(1)?))
            })?),
        })
    }

    fn heads(&self) -> Public<Heads> {
        self.db.run("last numbers", Mode::Snapshot, |session| {
            Ok(Heads {
                catalog: meta(session, "catalog")?,
                registry: meta(session, "registry")?,
                users: last_number(session, "inferences_users_seq")?,
                inferences: last_number(session, "inferences_inference_id_seq")?,
                tasks: last_number(session, "tasks_task_no_seq")?,
                keys: last_number(session, "idempotency_key_no_seq")?,
                models: last_number(session, "models_registry_model_id_seq")?,
                decisions: last_number(session, "decisions_decision_id_seq")?,
            })
        })
    }
}

impl PostgresStore {
    fn page<T>(
        &self,
        select: &str,
        after: Place,
        limit: usize,
        read: impl Fn(&Row) -> Result<T>,
    ) -> Public<Vec<T>> {
        self.db.run("records", Mode::Single, |session| {
            let rows = session.query(select, &[&after.0, &sql_limit(limit)])?;
            rows.iter().map(&read).collect()
        })
    }
}

/// `sequence` is one of ours, never a user's word.
fn last_number(session: &mut Session<'_>, sequence: &str) -> Result<i64> {
    let select = format!("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {sequence}");
    Ok(session.query_one(&select, &[])?.try_get(0)?)
}

fn moment(row: &Row, column: usize) -> Result<i64> {
    Ok(row.try_get::<_, Moment>(column)?.0)
}

fn moment_or_none(row: &Row, column: usize) -> Result<Option<i64>> {
    let moment: Option<Moment> = row.try_get(column)?;
    Ok(moment.map(|moment| moment.0))
}

fn inference(row: &Row) -> Result<InferenceRecord> {
    Ok(InferenceRecord {
        inference_id: row.try_get(0)?,
        task_id: task_id(row, 1)?,
        user_id: row.try_get(2)?,
        created_us: moment(row, 3)?,
        status: status(row, 4)?,
        due_us: moment(row, 5)?,
        token: row.try_get(6)?,
        attempt: row.try_get(7)?,
        model_id: row.try_get(8)?,
        catalog_version: row.try_get(9)?,
        explored: row.try_get(10)?,
        judging: row.try_get(11)?,
        shown_n: row.try_get(12)?,
        shown_us: moment_or_none(row, 13)?,
        selected: row.try_get(14)?,
        selected_rank: row.try_get(15)?,
        answered_n: row.try_get(16)?,
        answered_us: moment_or_none(row, 17)?,
        error: row.try_get(18)?,
        candidates: row.try_get(19)?,
        ranked: row.try_get(20)?,
        priority: row.try_get(21)?,
    })
}

fn task(row: &Row) -> Result<TaskRecord> {
    Ok(TaskRecord {
        task_no: row.try_get(0)?,
        task_id: task_id(row, 1)?,
        kind: kind(row, 2)?,
        created_us: moment(row, 3)?,
        due_us: moment(row, 4)?,
        status: status(row, 5)?,
        token: row.try_get(6)?,
        attempt: row.try_get(7)?,
        error: row.try_get(8)?,
        payload: row.try_get(9)?,
        result: row.try_get(10)?,
    })
}

fn key(row: &Row) -> Result<KeyRecord> {
    Ok(KeyRecord {
        key_no: row.try_get(0)?,
        key: row.try_get(1)?,
        fingerprint: row.try_get(2)?,
        task_id: TaskId::from_uuid(row.try_get::<_, Uuid>(3)?),
        created_us: moment(row, 4)?,
    })
}

fn model(row: &Row) -> Result<ModelRecord> {
    Ok(ModelRecord {
        model: read_model(row)?,
        replaced_by: row.try_get(6)?,
    })
}
