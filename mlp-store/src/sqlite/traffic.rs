//! What came in of late, and what was said of it.

use mlp_core::explore::Half;
use rusqlite::params;

use super::SqliteStore;
use super::error::Result;
use super::state::{sql_limit, task_id};
use crate::codec;
use crate::error::StoreError;
use crate::state::kind_code;
use crate::types::{Answering, LoggedRequest, RequestQuery, TaskKind, TaskResult};

type Public<T> = std::result::Result<T, StoreError>;

impl SqliteStore {
    /// The limit stands inside: what is older than asked for ends the walk back instead of prolonging
    /// it to the first request ever made.
    pub(super) fn newest_requests(&self, query: &RequestQuery) -> Public<Vec<LoggedRequest>> {
        let (users, id) = (&self.users.table, &self.users.id);
        let select = format!(
            "SELECT i.inference_id, i.creation_time, i.model_id, i.explored, i.judging, i.shown_n,
                 i.shown_at, i.answered_n, i.answered_at, i.selected_rank, i.ranked{columns}
             FROM (
                 SELECT * FROM inferences NOT INDEXED
                 WHERE inference_id < ?1 AND creation_time <= ?2
                 ORDER BY inference_id DESC LIMIT ?3
             ) AS i CROSS JOIN {users} AS u ON u.{id} = i.user_id
             WHERE i.creation_time > ?4 ORDER BY i.inference_id DESC",
            columns = self.users.columns.list("u."),
        );
        let limit = sql_limit(query.limit);
        self.db.read("requests", |connection| {
            let mut select = connection.prepare_cached(&select)?;
            let values = params![query.before, query.until_us, limit, query.after_us];
            let mut rows = select.query(values)?;
            let mut requests = Vec::new();
            while let Some(row) = rows.next()? {
                requests.push(self.request(row)?);
            }
            Ok(requests)
        })
    }

    fn request(&self, row: &rusqlite::Row<'_>) -> Result<LoggedRequest> {
        let answering = Answering {
            shown_n: row.get(5)?,
            answered_n: row.get(7)?,
            answered_us: row.get(8)?,
            selected_rank: row.get(9)?,
        };
        let (shown_n, answered_us, picked) = answering.counted();
        let ranked: Option<Vec<u8>> = row.get(10)?;
        let shown = ranked.map(|bytes| codec::ranked_from_bytes(&bytes, shown_n));
        Ok(LoggedRequest {
            inference_id: row.get(0)?,
            created_us: row.get(1)?,
            user: self.users.columns.read(row, 11)?,
            model_id: row.get(2)?,
            explored: row.get(3)?,
            half: match row.get(4)? {
                true => Half::Judging,
                false => Half::Training,
            },
            shown: shown.transpose()?.unwrap_or_default(),
            shown_us: row.get(6)?,
            answered_us,
            picked,
        })
    }

    pub(super) fn newest_results(&self, kind: TaskKind, limit: usize) -> Public<Vec<TaskResult>> {
        self.db.read("task results", |connection| {
            let select = "SELECT task_id, creation_time, result FROM tasks NOT INDEXED
                WHERE kind = ?1 AND status = 3 AND result IS NOT NULL
                ORDER BY task_no DESC LIMIT ?2";
            let mut select = connection.prepare_cached(select)?;
            let values = params![kind_code(kind), sql_limit(limit)];
            let results = select.query_map(values, |row| {
                Ok(TaskResult {
                    task_id: task_id(row, 0)?,
                    created_us: row.get(1)?,
                    result: row.get(2)?,
                })
            })?;
            Ok(results.collect::<rusqlite::Result<_>>()?)
        })
    }
}
