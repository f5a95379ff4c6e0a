//! All that the file holds, page by page.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::SqliteStore;
use super::error::Result;
use super::registry::{read_decision, read_model};
use super::state::{kind, meta, sql_limit, status, task_id};
use crate::text::clean;
use crate::transfer::{
    Heads, InferenceRecord, KeyRecord, ModelRecord, Place, Records, Source, Table, TaskRecord,
};
use crate::types::DecisionRow;

type Public<T> = crate::traits::Result<T>;

const INFERENCES: &str = "SELECT inference_id, task_id, user_id, creation_time, status, due_at,
        token, attempt, model_id, catalog_version, explored, judging, shown_n, shown_at, selected,
        selected_rank, answered_n, answered_at, error, candidates, ranked, priority
    FROM inferences WHERE inference_id > ?1 ORDER BY inference_id LIMIT ?2";

const TASKS: &str = "SELECT task_no, task_id, kind, creation_time, due_at, status, token, attempt,
        error, payload, result
    FROM tasks WHERE task_no > ?1 ORDER BY task_no LIMIT ?2";

const KEYS: &str = "SELECT key_no, key, fingerprint, task_id, creation_time
    FROM idempotency WHERE key_no > ?1 ORDER BY key_no LIMIT ?2";

const MODELS: &str = "SELECT model_id, task_id, creation_time, status, use_percentage, artifact,
        replaced_by
    FROM models WHERE model_id > ?1 ORDER BY model_id LIMIT ?2";

const DECISIONS: &str = "SELECT decision_id, creation_time, model_id, kind, reason, evidence
    FROM decisions WHERE decision_id > ?1 ORDER BY decision_id LIMIT ?2";

const SETTINGS: &str = "SELECT name, value FROM settings ORDER BY name LIMIT ?2 OFFSET ?1";

impl Source for SqliteStore {
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
            Table::Decisions => Records::Decisions(self.page(DECISIONS, after, limit, decision)?),
            Table::Settings => Records::Settings(self.page(SETTINGS, after, limit, |row| {
                Ok((row.get(0)?, text(row.get(1)?)))
            })?),
        })
    }

    fn heads(&self) -> Public<Heads> {
        self.db.read_at_once("last numbers", |connection| {
            let last = |table: &str| last_number(connection, table);
            Ok(Heads {
                catalog: meta(connection, "catalog")?,
                registry: meta(connection, "registry")?,
                users: last(&self.schema.user.table)?,
                inferences: last("inferences")?,
                tasks: last("tasks")?,
                // Numbered by SQLite without a memory: the highest that is there.
                keys: connection.query_row(
                    "SELECT coalesce(max(key_no), 0) FROM idempotency",
                    [],
                    |row| row.get(0),
                )?,
                models: last("models")?,
                decisions: last("decisions")?,
            })
        })
    }
}

impl SqliteStore {
    fn page<T>(
        &self,
        select: &str,
        after: Place,
        limit: usize,
        read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Public<Vec<T>> {
        self.db.read("records", |connection| {
            let mut select = connection.prepare_cached(select)?;
            let rows = select.query_map(params![after.0, sql_limit(limit)], |row| read(row))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }
}

fn last_number(connection: &Connection, table: &str) -> Result<i64> {
    let select = "SELECT seq FROM sqlite_sequence WHERE name = ?1";
    let last = connection
        .prepare_cached(select)?
        .query_row([table], |row| row.get(0));
    Ok(last.optional()?.unwrap_or(0))
}

/// As every backend would keep it.
fn text(text: String) -> String {
    clean(&text).into_owned()
}

fn inference(row: &Row<'_>) -> rusqlite::Result<InferenceRecord> {
    Ok(InferenceRecord {
        inference_id: row.get(0)?,
        task_id: task_id(row, 1)?,
        user_id: row.get(2)?,
        created_us: row.get(3)?,
        status: status(row, 4)?,
        due_us: row.get(5)?,
        token: row.get(6)?,
        attempt: row.get(7)?,
        model_id: row.get(8)?,
        catalog_version: row.get(9)?,
        explored: row.get(10)?,
        judging: row.get(11)?,
        shown_n: row.get(12)?,
        shown_us: row.get(13)?,
        selected: row.get(14)?,
        selected_rank: row.get(15)?,
        answered_n: row.get(16)?,
        answered_us: row.get(17)?,
        error: row.get::<_, Option<String>>(18)?.map(text),
        candidates: row.get(19)?,
        ranked: row.get(20)?,
        priority: row.get(21)?,
    })
}

fn task(row: &Row<'_>) -> rusqlite::Result<TaskRecord> {
    Ok(TaskRecord {
        task_no: row.get(0)?,
        task_id: task_id(row, 1)?,
        kind: kind(row, 2)?,
        created_us: row.get(3)?,
        due_us: row.get(4)?,
        status: status(row, 5)?,
        token: row.get(6)?,
        attempt: row.get(7)?,
        error: row.get::<_, Option<String>>(8)?.map(text),
        payload: text(row.get(9)?),
        result: row.get::<_, Option<String>>(10)?.map(text),
    })
}

fn key(row: &Row<'_>) -> rusqlite::Result<KeyRecord> {
    Ok(KeyRecord {
        key_no: row.get(0)?,
        key: text(row.get(1)?),
        fingerprint: row.get(2)?,
        task_id: task_id(row, 3)?,
        created_us: row.get(4)?,
    })
}

fn model(row: &Row<'_>) -> rusqlite::Result<ModelRecord> {
    let mut model = read_model(row)?;
    model.artifact = text(model.artifact);
    Ok(ModelRecord {
        model,
        replaced_by: row.get(6)?,
    })
}

fn decision(row: &Row<'_>) -> rusqlite::Result<DecisionRow> {
    let mut row = read_decision(row)?;
    row.decision.reason = text(row.decision.reason);
    row.decision.evidence = text(row.decision.evidence);
    Ok(row)
}
