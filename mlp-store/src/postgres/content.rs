//! What was stored, for people to look at.

use postgres::Row;

use super::PostgresStore;
use super::db::{Mode, Session, Values};
use super::error::Result;
use super::state::{locked_meta, meta, set_meta};
use super::users::UserTable;
use super::values::{Moment, sql_limit, task_id, unsigned};
use crate::choice::Place;
use crate::codec;
use crate::error::StoreError;
use crate::types::{Counts, RESULTS_PER_INFERENCE, ResultRow, TaskId, UserRow};

type Public<T> = std::result::Result<T, StoreError>;

/// How many users above the mark are counted one by one before the mark moves.
const TAIL: i64 = 20_000;

/// What the mark stays behind the present. A user's number is given before its transaction
/// commits: one below the mark that appeared later would never be counted. No transaction of ours
/// lasts half as long.
const BEHIND: &str = "interval '60 s'";

/// What a count saw.
pub(super) struct Seen {
    items: i64,
    counted: i64,
    /// Users above the mark.
    tail: i64,
}

impl Seen {
    pub fn counts(&self) -> Counts {
        let (items, users) = (self.items, self.counted + self.tail);
        Counts { items, users }
    }
}

/// One statement sees the mark and the users as they were at one moment.
pub(super) fn read_counts(session: &mut Session<'_>, users: &UserTable) -> Result<Seen> {
    let (table, id) = (&users.table, &users.id);
    let select = format!(
        "SELECT (SELECT count(*) FROM item_versions WHERE to_version IS NULL),
             (SELECT value FROM meta WHERE name = 'counted'),
             (SELECT count(*) FROM {table}
              WHERE {id} > (SELECT value FROM meta WHERE name = 'counted_to'))"
    );
    let row = session.query_one(&select, &[])?;
    Ok(Seen {
        items: row.try_get(0)?,
        counted: row.try_get(1)?,
        tail: row.try_get(2)?,
    })
}

impl PostgresStore {
    /// Exact without a look at every user: `counted` of them are numbered up to the mark
    /// `counted_to`, and only those above it are counted one by one.
    pub(super) fn count_content(&self) -> Public<Counts> {
        let seen = self.db.run("counts", Mode::Single, |session| {
            read_counts(session, &self.users)
        })?;
        if seen.tail > TAIL
            && let Err(error) = self.move_mark()
        {
            // The count is right without it, and the next one tries again.
            tracing::debug!(%error, "the mark of counted users stays");
        }
        Ok(seen.counts())
    }

    /// Moves the mark of the users that need not be counted again.
    fn move_mark(&self) -> Public<()> {
        let (table, id) = (&self.users.table, &self.users.id);
        let newest = format!(
            "SELECT {id} FROM {table} WHERE {id} > $1 AND creation_time < now() - {BEHIND}
             ORDER BY {id} DESC LIMIT 1"
        );
        let count = format!("SELECT count(*) FROM {table} WHERE {id} > $1 AND {id} <= $2");
        self.db.run("count users", Mode::Transaction, |session| {
            let counted = locked_meta(session, "counted")?;
            let before = meta(session, "counted_to")?;
            let Some(newest) = session.query_opt(&newest, &[&before])? else {
                return Ok(());
            };
            let mark: i64 = newest.try_get(0)?;
            let more: i64 = session.query_one(&count, &[&before, &mark])?.try_get(0)?;
            set_meta(session, "counted", counted + more)?;
            set_meta(session, "counted_to", mark)
        })
    }

    pub(super) fn one_user(&self, user_id: i64) -> Public<Option<UserRow>> {
        let rest = format!("WHERE {} = $1", self.users.id);
        Ok(self.users_where(&rest, &[&user_id])?.pop())
    }

    pub(super) fn page_of_users(&self, after: i64, limit: usize) -> Public<Vec<UserRow>> {
        let id = &self.users.id;
        let rest = format!("WHERE {id} > $1 ORDER BY {id} LIMIT $2");
        self.users_where(&rest, &[&after, &sql_limit(limit)])
    }

    fn users_where(&self, rest: &str, values: Values<'_>) -> Public<Vec<UserRow>> {
        let users = &self.users;
        let (id, table, columns) = (&users.id, &users.table, users.columns.list(""));
        let select = format!("SELECT {id}, creation_time{columns} FROM {table} {rest}");
        let read = |row: &Row| {
            Ok(UserRow {
                user_id: row.try_get(0)?,
                created_us: row.try_get::<_, Moment>(1)?.0,
                row: users.columns.read(row, 2)?,
            })
        };
        self.db.run("users", Mode::Single, |session| {
            session.query(&select, values)?.iter().map(read).collect()
        })
    }

    /// The texts are out of reach at once, and off the disk once the table is vacuumed and the log
    /// has moved on.
    pub(super) fn erase_texts_of(&self, user_id: i64) -> Public<bool> {
        let (id, table) = (&self.users.id, &self.users.table);
        let statement = match self.users.columns.erase_texts() {
            Some(set) => format!("UPDATE {table} SET {set} WHERE {id} = $1"),
            None => format!("SELECT 1 FROM {table} WHERE {id} = $1"),
        };
        self.db.run("erase", Mode::Single, |session| {
            Ok(session.execute(&statement, &[&user_id])? > 0)
        })
    }

    pub(super) fn one_result(&self, result_id: i64) -> Public<Option<ResultRow>> {
        let number = result_id.div_euclid(RESULTS_PER_INFERENCE);
        let rank = result_id.rem_euclid(RESULTS_PER_INFERENCE) as usize;
        let results = self.db.run("result", Mode::Single, |session| {
            results(session, "inference_id = $1", &[&number])
        })?;
        Ok(results.and_then(|results| results.into_iter().nth(rank)))
    }

    pub(super) fn all_results(&self, task_id: TaskId) -> Public<Option<Vec<ResultRow>>> {
        self.db.run("results", Mode::Single, |session| {
            results(session, "task_id = $1", &[&task_id.uuid()])
        })
    }
}

/// The results of the inference that fits a condition; `None` where there is none.
fn results(
    session: &mut Session<'_>,
    condition: &str,
    values: Values<'_>,
) -> Result<Option<Vec<ResultRow>>> {
    let select = format!(
        "SELECT task_id, inference_id, user_id, shown_n, selected_rank, ranked
         FROM inferences WHERE {condition}"
    );
    let Some(row) = session.query_opt(&select, values)? else {
        return Ok(None);
    };
    let selected_rank: Option<i16> = row.try_get(4)?;
    let place = Place {
        task_id: task_id(&row, 0)?,
        inference_id: row.try_get(1)?,
        user_id: row.try_get(2)?,
        shown_n: position(row.try_get(3)?),
        selected_rank: selected_rank.map(position),
    };
    let ranked = match row.try_get::<_, Option<&[u8]>>(5)? {
        Some(bytes) => codec::ranked_from_bytes(bytes, usize::MAX)?,
        None => Vec::new(),
    };
    let rows = ranked.into_iter().enumerate();
    let rows = rows.map(|(rank, ranked)| place.result(rank, ranked));
    Ok(Some(rows.collect()))
}

/// A position or length in a list of results, as tables keep it.
pub(super) fn position(stored: i16) -> usize {
    unsigned(stored.into()) as usize
}
