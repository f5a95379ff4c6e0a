//! What came in of late, and what was said of it.

use mlp_core::explore::Half;

use super::PostgresStore;
use super::content::position;
use super::db::Mode;
use super::error::Result;
use super::values::{Moment, sql_limit, task_id};
use crate::codec;
use crate::error::StoreError;
use crate::state::kind_code;
use crate::types::{Answering, LoggedRequest, RequestQuery, TaskKind, TaskResult};

type Public<T> = std::result::Result<T, StoreError>;

impl PostgresStore {
    /// The limit stands inside: what is older than asked for ends the walk back instead of prolonging
    /// it to the first request ever made.
    pub(super) fn newest_requests(&self, query: &RequestQuery) -> Public<Vec<LoggedRequest>> {
        let (users, id) = (&self.users.table, &self.users.id);
        let select = format!(
            "SELECT i.inference_id, i.creation_time, i.model_id, i.explored, i.judging, i.shown_n,
                 i.shown_at, i.answered_n, i.answered_at, i.selected_rank, i.ranked{columns}
             FROM (
                 SELECT * FROM inferences WHERE inference_id < $1 AND creation_time <= $2
                 ORDER BY inference_id DESC LIMIT $3
             ) AS i JOIN {users} AS u ON u.{id} = i.user_id
             WHERE i.creation_time > $4 ORDER BY i.inference_id DESC",
            columns = self.users.columns.list("u."),
        );
        let (until, after) = (Moment(query.until_us), Moment(query.after_us));
        let limit = sql_limit(query.limit);
        self.db.run("requests", Mode::Single, |session| {
            let rows = session.query(&select, &[&query.before, &until, &limit, &after])?;
            rows.iter().map(|row| self.request(row)).collect()
        })
    }

    fn request(&self, row: &postgres::Row) -> Result<LoggedRequest> {
        let answered_n: Option<i16> = row.try_get(7)?;
        let selected_rank: Option<i16> = row.try_get(9)?;
        let moment = |column| -> Result<Option<i64>> {
            Ok(row.try_get::<_, Option<Moment>>(column)?.map(|at| at.0))
        };
        let answering = Answering {
            shown_n: position(row.try_get(5)?),
            answered_n: answered_n.map(position),
            answered_us: moment(8)?,
            selected_rank: selected_rank.map(position),
        };
        let (shown_n, answered_us, picked) = answering.counted();
        let ranked: Option<&[u8]> = row.try_get(10)?;
        let shown = ranked.map(|bytes| codec::ranked_from_bytes(bytes, shown_n));
        Ok(LoggedRequest {
            inference_id: row.try_get(0)?,
            created_us: row.try_get::<_, Moment>(1)?.0,
            user: self.users.columns.read(row, 11)?,
            model_id: row.try_get(2)?,
            explored: row.try_get(3)?,
            half: match row.try_get(4)? {
                true => Half::Judging,
                false => Half::Training,
            },
            shown: shown.transpose()?.unwrap_or_default(),
            shown_us: moment(6)?,
            answered_us,
            picked,
        })
    }

    pub(super) fn newest_results(&self, kind: TaskKind, limit: usize) -> Public<Vec<TaskResult>> {
        let select = "SELECT task_id, creation_time, result FROM tasks
            WHERE kind = $1 AND status = 3 AND result IS NOT NULL
            ORDER BY task_no DESC LIMIT $2";
        let (kind, limit) = (kind_code(kind) as i16, sql_limit(limit));
        self.db.run("task results", Mode::Single, |session| {
            let rows = session.query(select, &[&kind, &limit])?;
            (rows.iter())
                .map(|row| {
                    Ok(TaskResult {
                        task_id: task_id(row, 0)?,
                        created_us: row.try_get::<_, Moment>(1)?.0,
                        result: row.try_get(2)?,
                    })
                })
                .collect()
        })
    }
}
