//! The users' table.

use mlp_core::{Entity, Row};
use rusqlite::Connection;

use super::columns::Columns;
use super::error::Result;
use crate::state::quoted;

/// The users' table and its statements, made from the schema.
pub(super) struct UserTable {
    pub columns: Columns,
    /// The table's quoted name.
    pub table: String,
    /// The key's quoted name.
    pub id: String,
    insert: String,
    /// Inferences of a priority that are due, with their users.
    pub due: String,
    /// The inference of a task, with its user.
    pub named: String,
}

impl UserTable {
    pub fn new(entity: &Entity) -> Self {
        let columns = Columns::new(entity);
        let table = quoted(&entity.table);
        let insert = format!(
            "INSERT INTO {table} (creation_time{}) VALUES (?1{})",
            columns.list(""),
            columns.parameters(2),
        );
        let id = quoted(&entity.id_name());
        // Each due inference first, then its user: a lease is short, the index is the only way.
        let due = format!(
            "SELECT i.inference_id, i.task_id, i.token, i.attempt, i.candidates{}
             FROM inferences AS i INDEXED BY inferences_due
             CROSS JOIN {table} AS u ON u.{id} = i.user_id
             WHERE i.status < 3 AND i.priority = ?1 AND i.due_at <= ?2
             ORDER BY i.due_at, i.inference_id LIMIT ?3",
            columns.list("u."),
        );
        let named = format!(
            "SELECT i.inference_id, i.task_id, i.token, i.attempt, i.candidates{}, i.status, i.due_at
             FROM inferences AS i JOIN {table} AS u ON u.{id} = i.user_id WHERE i.task_id = ?1",
            columns.list("u."),
        );
        Self {
            columns,
            table,
            id,
            insert,
            due,
            named,
        }
    }

    /// Keeps a user; gives its number.
    pub fn insert(&self, connection: &Connection, now: i64, row: &Row) -> Result<i64> {
        let mut statement = connection.prepare_cached(&self.insert)?;
        statement.raw_bind_parameter(1, now)?;
        self.columns.bind(&mut statement, 2, row)?;
        statement.raw_execute()?;
        Ok(connection.last_insert_rowid())
    }

    pub fn delete(&self, connection: &Connection, user_id: i64) -> Result<bool> {
        let delete = format!("DELETE FROM {} WHERE {} = ?1", self.table, self.id);
        Ok(connection.prepare_cached(&delete)?.execute([user_id])? > 0)
    }
}
