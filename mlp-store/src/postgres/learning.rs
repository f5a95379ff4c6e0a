//! Answered sessions, out and in.

use mlp_core::Ranked;
use mlp_core::explore::Half;
use postgres::types::ToSql;
use uuid::Uuid;

use super::PostgresStore;
use super::content::position;
use super::db::{Mode, Session};
use super::error::{Failure, Result};
use super::state::meta;
use super::values::{Moment, sql_limit};
use crate::codec;
use crate::error::StoreError;
use crate::types::{
    ImportedSession, LoggedSession, NONE_OF_THESE, RESULTS_PER_INFERENCE, SessionQuery,
};

type Public<T> = std::result::Result<T, StoreError>;

/// How many sessions one statement imports.
const PART: usize = 5_000;

impl PostgresStore {
    /// What counts as shown is what had been shown when the answer was given: who answers and then
    /// asks for more did not choose among that. `answered_n` is 0 where nothing had been shown.
    pub(super) fn answered(&self, query: &SessionQuery) -> Public<Vec<LoggedSession>> {
        let (users, id) = (&self.users.table, &self.users.id);
        // The first walks its own index backwards, the second the primary key.
        let condition = match query.explored {
            true => "i.explored AND i.judging = $4",
            false => "NOT i.explored AND $4::boolean IS NOT NULL",
        };
        let select = format!(
            "SELECT i.inference_id, i.model_id, i.catalog_version, i.selected_rank, i.answered_n,
                 i.answered_at, i.ranked{columns}
             FROM inferences AS i JOIN {users} AS u ON u.{id} = i.user_id
             WHERE {condition} AND i.answered_at <= $1
                 AND i.inference_id < $2 AND i.answered_n > coalesce(i.selected_rank, 0)
             ORDER BY i.inference_id DESC LIMIT $3",
            columns = self.users.columns.list("u."),
        );
        let until = Moment(query.answered_until_us);
        let judging = query.half == Half::Judging;
        self.db.run("answered sessions", Mode::Single, |session| {
            let limit = sql_limit(query.limit);
            let rows = session.query(&select, &[&until, &query.before, &limit, &judging])?;
            rows.iter().map(|row| self.logged(row)).collect()
        })
    }

    fn logged(&self, row: &postgres::Row) -> Result<LoggedSession> {
        let picked: Option<i16> = row.try_get(3)?;
        let shown = position(row.try_get(4)?);
        Ok(LoggedSession {
            inference_id: row.try_get(0)?,
            user: self.users.columns.read(row, 7)?,
            model_id: row.try_get(1)?,
            catalog_version: row.try_get(2)?,
            shown: codec::ranked_from_bytes(row.try_get(6)?, shown)?,
            picked: picked.map(position),
            answered_us: row.try_get::<_, Moment>(5)?.0,
        })
    }

    pub(super) fn import(&self, sessions: &[ImportedSession]) -> Public<()> {
        let insert = self.import_statement();
        self.db.run("import sessions", Mode::Once, |session| {
            let catalog = meta(session, "catalog")?;
            for part in sessions.chunks(PART) {
                self.import_part(session, &insert, catalog, part)?;
            }
            Ok(())
        })
    }

    fn import_part(
        &self,
        session: &mut Session<'_>,
        insert: &str,
        catalog: i64,
        part: &[ImportedSession],
    ) -> Result<()> {
        let mut past = Past::default();
        part.iter().try_for_each(|session| past.push(session))?;
        let rows: Vec<_> = part.iter().map(|session| &session.user).collect();
        let arrays = self.users.columns.arrays(&rows)?;
        let mut values: Vec<&(dyn ToSql + Sync)> = vec![
            &catalog,
            &past.task_ids,
            &past.judging,
            &past.shown,
            &past.selected,
            &past.picked,
            &past.ranked,
        ];
        values.extend(arrays.iter().map(|array| &**array));
        session.execute(insert, &values)?;
        Ok(())
    }

    /// Users and inferences from the same arrays, numbered in their order.
    fn import_statement(&self) -> String {
        let columns = &self.users.columns;
        format!(
            "WITH given AS MATERIALIZED (
                 SELECT nextval('inferences_users_seq') AS user_id, t.*
                 FROM unnest($2::uuid[], $3::boolean[], $4::smallint[], $5::bigint[],
                     $6::smallint[], $7::bytea[]{parameters}) WITH ORDINALITY
                     AS t (task_id, judging, shown_n, selected, picked, ranked{aliases}, place)
                 ORDER BY place
             ), kept AS (
                 INSERT INTO {users} ({id}, creation_time{list})
                 SELECT user_id, now(){taken} FROM given ORDER BY place
             )
             INSERT INTO inferences
                 (user_id, task_id, creation_time, due_at, catalog_version, status, open, explored,
                  judging, shown_n, selected_rank, answered_n, shown_at, answered_at, selected,
                  ranked)
             SELECT user_id, task_id, now(), now(), $1, 3, false, true,
                 judging, shown_n, picked, shown_n, now(), now(), selected, ranked
             FROM given ORDER BY place",
            parameters = columns.parameters(8),
            aliases = columns.aliases(),
            users = self.users.table,
            id = self.users.id,
            list = columns.list(""),
            taken = columns.taken(),
        )
    }
}

/// Sessions of the past as arrays, one per column.
#[derive(Default)]
struct Past {
    task_ids: Vec<Uuid>,
    judging: Vec<bool>,
    shown: Vec<i16>,
    selected: Vec<i64>,
    picked: Vec<Option<i16>>,
    ranked: Vec<Vec<u8>>,
}

impl Past {
    fn push(&mut self, session: &ImportedSession) -> Result<()> {
        let shown = session.shown.len();
        if shown as i64 > RESULTS_PER_INFERENCE {
            let message = format!("a session of `{shown}` items is over {RESULTS_PER_INFERENCE}");
            return Err(Failure::invalid(message));
        }
        let selected = match session.picked {
            None => NONE_OF_THESE,
            Some(picked) => *session.shown.get(picked).ok_or_else(|| {
                Failure::invalid(format!("position `{picked}` is not among {shown} items"))
            })?,
        };
        let score = 0.0;
        let items = session.shown.iter();
        let ranked: Vec<Ranked> = items.map(|&item_id| Ranked { item_id, score }).collect();
        self.task_ids.push(session.task_id.uuid());
        self.judging.push(session.half == Half::Judging);
        self.shown.push(shown as i16);
        self.selected.push(selected);
        self.picked.push(session.picked.map(|picked| picked as i16));
        self.ranked.push(codec::ranked_to_bytes(&ranked));
        Ok(())
    }
}
