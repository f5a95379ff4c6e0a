//! Answered sessions, out and in.

use mlp_core::Ranked;
use mlp_core::explore::Half;
use rusqlite::{Transaction, params};

use super::SqliteStore;
use super::db::Durability;
use super::error::{Failure, Result};
use super::state::{meta, sql_limit};
use crate::codec;
use crate::error::StoreError;
use crate::types::{
    ImportedSession, LoggedSession, NONE_OF_THESE, RESULTS_PER_INFERENCE, SessionQuery,
};

type Public<T> = std::result::Result<T, StoreError>;

impl SqliteStore {
    /// What counts as shown is what had been shown when the answer was given: who answers and then
    /// asks for more did not choose among that. `answered_n` is 0 where nothing had been shown.
    pub(super) fn answered(&self, query: &SessionQuery) -> Public<Vec<LoggedSession>> {
        let (users, id) = (&self.users.table, &self.users.id);
        let (index, condition) = match query.explored {
            true => (
                "INDEXED BY inferences_explored",
                "i.explored = 1 AND i.judging = ?4",
            ),
            false => ("NOT INDEXED", "i.explored = 0 AND ?4 IS NOT NULL"),
        };
        let select = format!(
            "SELECT i.inference_id, i.model_id, i.catalog_version, i.selected_rank, i.answered_n,
                 i.answered_at, i.ranked{columns}
             FROM inferences AS i {index} CROSS JOIN {users} AS u ON u.{id} = i.user_id
             WHERE {condition} AND i.answered_at IS NOT NULL AND i.answered_at <= ?1
                 AND i.inference_id < ?2 AND i.answered_n > coalesce(i.selected_rank, 0)
             ORDER BY i.inference_id DESC LIMIT ?3",
            columns = self.users.columns.list("u."),
        );
        self.db.read("answered sessions", |connection| {
            let mut select = connection.prepare_cached(&select)?;
            let mut rows = select.query(params![
                query.answered_until_us,
                query.before,
                sql_limit(query.limit),
                query.half == Half::Judging,
            ])?;
            let mut sessions = Vec::new();
            while let Some(row) = rows.next()? {
                sessions.push(self.logged(row)?);
            }
            Ok(sessions)
        })
    }

    fn logged(&self, row: &rusqlite::Row<'_>) -> Result<LoggedSession> {
        let ranked: Vec<u8> = row.get(6)?;
        Ok(LoggedSession {
            inference_id: row.get(0)?,
            user: self.users.columns.read(row, 7)?,
            model_id: row.get(1)?,
            catalog_version: row.get(2)?,
            shown: codec::ranked_from_bytes(&ranked, row.get(4)?)?,
            picked: row.get(3)?,
            answered_us: row.get(5)?,
        })
    }

    pub(super) fn import(&self, sessions: &[ImportedSession]) -> Public<()> {
        self.db.write("import sessions", Durability::Synced, |tx| {
            let (now, catalog) = (self.now(), meta(tx, "catalog")?);
            for session in sessions {
                self.import_one(tx, now, catalog, session)?;
            }
            Ok(())
        })
    }

    fn import_one(
        &self,
        tx: &Transaction<'_>,
        now: i64,
        catalog: i64,
        session: &ImportedSession,
    ) -> Result<()> {
        let shown = session.shown.len();
        if shown as i64 > RESULTS_PER_INFERENCE {
            let message = format!("a session of `{shown}` items is over {RESULTS_PER_INFERENCE}");
            return Err(Failure::invalid(message));
        }
        let picked = match session.picked {
            None => NONE_OF_THESE,
            Some(picked) => *session.shown.get(picked).ok_or_else(|| {
                Failure::invalid(format!("position `{picked}` is not among {shown} items"))
            })?,
        };
        let score = 0.0;
        let ranked = session
            .shown
            .iter()
            .map(|&item_id| Ranked { item_id, score });
        let ranked: Vec<Ranked> = ranked.collect();
        let user_id = self.users.insert(tx, now, &session.user)?;
        let insert = "INSERT INTO inferences
                (task_id, user_id, creation_time, status, due_at, catalog_version, explored,
                 judging, shown_n, shown_at, selected, selected_rank, answered_n, answered_at,
                 ranked)
            VALUES (?1, ?2, ?3, 3, ?3, ?4, 1, ?5, ?6, ?3, ?7, ?8, ?6, ?3, ?9)";
        tx.prepare_cached(insert)?.execute(params![
            session.task_id.as_bytes(),
            user_id,
            now,
            catalog,
            session.half == Half::Judging,
            shown,
            picked,
            session.picked,
            codec::ranked_to_bytes(&ranked),
        ])?;
        Ok(())
    }
}
