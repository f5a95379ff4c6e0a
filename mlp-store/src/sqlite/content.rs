//! What was stored, for people to look at.

use rusqlite::{Connection, OptionalExtension, params};

use super::SqliteStore;
use super::db::Durability;
use super::error::Result;
use super::items;
use super::state::{meta, sql_limit, task_id};
use crate::choice::Place;
use crate::codec;
use crate::error::StoreError;
use crate::types::{Counts, RESULTS_PER_INFERENCE, ResultRow, TaskId, UserRow};

type Public<T> = std::result::Result<T, StoreError>;

impl SqliteStore {
    pub(super) fn count_content(&self) -> Public<Counts> {
        self.db.read_at_once("counts", |connection| {
            // Users are numbered without a gap: counting ten million rows takes a second, this
            // takes none.
            let numbered = "SELECT seq FROM sqlite_sequence WHERE name = ?1";
            let numbered: Option<i64> = connection
                .prepare_cached(numbered)?
                .query_row([&self.schema.user.table], |row| row.get(0))
                .optional()?;
            Ok(Counts {
                items: items::count(connection)?,
                users: numbered.unwrap_or(0) - meta(connection, "users_removed")?,
            })
        })
    }

    pub(super) fn one_user(&self, user_id: i64) -> Public<Option<UserRow>> {
        let rest = format!("WHERE {} = ?1", self.users.id);
        Ok(self.users_where(&rest, [user_id])?.pop())
    }

    pub(super) fn page_of_users(&self, after: i64, limit: usize) -> Public<Vec<UserRow>> {
        let id = &self.users.id;
        let rest = format!("WHERE {id} > ?1 ORDER BY {id} LIMIT ?2");
        self.users_where(&rest, [after, sql_limit(limit)])
    }

    fn users_where(&self, rest: &str, values: impl rusqlite::Params) -> Public<Vec<UserRow>> {
        let users = &self.users;
        self.db.read("users", |connection| {
            let (id, table, columns) = (&users.id, &users.table, users.columns.list(""));
            let select = format!("SELECT {id}, creation_time{columns} FROM {table} {rest}");
            let mut select = connection.prepare_cached(&select)?;
            let rows = select.query_map(values, |row| {
                Ok(UserRow {
                    user_id: row.get(0)?,
                    created_us: row.get(1)?,
                    row: users.columns.read(row, 2)?,
                })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    pub(super) fn erase_texts_of(&self, user_id: i64) -> Public<bool> {
        let (id, table) = (&self.users.id, &self.users.table);
        self.db.write("erase", Durability::Synced, |tx| {
            // Zeroes where the texts stood, as far as the page is still theirs.
            tx.pragma_update(None, "secure_delete", true)?;
            let erased = match self.users.columns.erase_texts() {
                Some(set) => {
                    let update = format!("UPDATE {table} SET {set} WHERE {id} = ?1");
                    tx.execute(&update, [user_id])? > 0
                }
                None => {
                    let select = format!("SELECT 1 FROM {table} WHERE {id} = ?1");
                    tx.prepare_cached(&select)?.exists([user_id])?
                }
            };
            tx.pragma_update(None, "secure_delete", false)?;
            Ok(erased)
        })
    }

    pub(super) fn one_result(&self, result_id: i64) -> Public<Option<ResultRow>> {
        let number = result_id.div_euclid(RESULTS_PER_INFERENCE);
        let rank = result_id.rem_euclid(RESULTS_PER_INFERENCE) as usize;
        let results = self.db.read("result", |connection| {
            results(connection, "inference_id = ?1", params![number])
        })?;
        Ok(results.and_then(|results| results.into_iter().nth(rank)))
    }

    pub(super) fn all_results(&self, task_id: TaskId) -> Public<Option<Vec<ResultRow>>> {
        self.db.read("results", |connection| {
            results(connection, "task_id = ?1", params![task_id.as_bytes()])
        })
    }
}

/// The results of the inference that fits a condition; `None` where there is none.
fn results(
    connection: &Connection,
    condition: &str,
    values: &[&dyn rusqlite::ToSql],
) -> Result<Option<Vec<ResultRow>>> {
    let select = format!(
        "SELECT task_id, inference_id, user_id, shown_n, selected_rank, ranked
         FROM inferences WHERE {condition}"
    );
    let mut select = connection.prepare_cached(&select)?;
    let found = select.query_row(values, |row| {
        let place = Place {
            task_id: task_id(row, 0)?,
            inference_id: row.get(1)?,
            user_id: row.get(2)?,
            shown_n: row.get(3)?,
            selected_rank: row.get(4)?,
        };
        Ok((place, row.get::<_, Option<Vec<u8>>>(5)?))
    });
    let Some((place, bytes)) = found.optional()? else {
        return Ok(None);
    };
    let ranked = match bytes {
        Some(bytes) => codec::ranked_from_bytes(&bytes, usize::MAX)?,
        None => Vec::new(),
    };
    let rows = ranked.into_iter().enumerate();
    let rows = rows.map(|(rank, ranked)| place.result(rank, ranked));
    Ok(Some(rows.collect()))
}
