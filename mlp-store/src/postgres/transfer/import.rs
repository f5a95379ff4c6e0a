//! Records in.

use postgres::types::ToSql;
use uuid::Uuid;

use crate::postgres::PostgresStore;
use crate::postgres::db::{Mode, Session};
use crate::postgres::error::{Failure, Result};
use crate::postgres::migrate;
use crate::postgres::state::set_meta;
use crate::postgres::values::Moment;
use crate::state::{code, kind_code};
use crate::transfer::{
    Heads, InferenceRecord, KeyRecord, ModelRecord, Records, Target, TaskRecord,
};
use crate::types::{DecisionRow, ItemVersion, TaskId, UserRow};

type Public<T> = crate::traits::Result<T>;

/// A column of records as an array.
macro_rules! array {
    ($rows:expr, $of:expr) => {
        $rows.iter().map($of).collect::<Vec<_>>()
    };
}

impl Target for PostgresStore {
    fn begin(&self) -> Public<()> {
        self.db.run("begin a transfer", Mode::Once, |session| {
            migrate::lock(session)?;
            self.require_empty(session)?;
            migrate::mark_unfinished(session)
        })
    }

    fn put(&self, records: &Records) -> Public<()> {
        if records.is_empty() {
            return Ok(());
        }
        self.db.run("transfer", Mode::Once, |session| {
            // Nobody may rely on it before the mark is gone, and that commit waits for the disk.
            session.batch("SET LOCAL synchronous_commit = off")?;
            match records {
                Records::Items(rows) => self.put_items(session, rows),
                Records::Users(rows) => self.put_users(session, rows),
                Records::Inferences(rows) => put_inferences(session, rows),
                Records::Tasks(rows) => put_tasks(session, rows),
                Records::Keys(rows) => put_keys(session, rows),
                Records::Models(rows) => put_models(session, rows),
                Records::Decisions(rows) => put_decisions(session, rows),
                Records::Settings(rows) => put_settings(session, rows),
            }
        })
    }

    fn set_heads(&self, heads: &Heads) -> Public<()> {
        let count = format!("SELECT count(*) FROM {}", self.users.table);
        self.db.run("last numbers", Mode::Once, |session| {
            // Millions of users may be counted, and this is done once.
            session.batch("SET LOCAL statement_timeout = '600s'")?;
            let users: i64 = session.query_one(&count, &[])?.try_get(0)?;
            set_meta(session, "catalog", heads.catalog)?;
            set_meta(session, "registry", heads.registry)?;
            set_meta(session, "counted", users)?;
            set_meta(session, "counted_to", heads.users)?;
            for (sequence, last) in [
                ("inferences_users_seq", heads.users),
                ("inferences_inference_id_seq", heads.inferences),
                ("tasks_task_no_seq", heads.tasks),
                ("idempotency_key_no_seq", heads.keys),
                ("models_registry_model_id_seq", heads.models),
                ("decisions_decision_id_seq", heads.decisions),
            ] {
                // A sequence begins at 1, and 0 says that none was given.
                let set = "SELECT setval($1::text::regclass, greatest($2::bigint, 1), $2 > 0)";
                session.execute(set, &[&sequence, &last])?;
            }
            Ok(())
        })
    }

    fn complete(&self) -> Public<()> {
        self.db.run("end a transfer", Mode::Once, migrate::unmark)
    }
}

impl PostgresStore {
    fn require_empty(&self, session: &mut Session<'_>) -> Result<()> {
        let tables = [
            self.users.table.as_str(),
            "item_versions",
            "inferences",
            "tasks",
            "idempotency",
            "models_registry",
            "decisions",
            "settings",
        ];
        for table in tables {
            let select = format!("SELECT EXISTS (SELECT FROM {table})");
            if session.query_one(&select, &[])?.try_get(0)? {
                let (place, table) = (self.db.place(), table.replace('"', ""));
                return Err(Failure::invalid(format!(
                    "`{place}` is not empty, its table `{table}` has rows: name an empty database"
                )));
            }
        }
        Ok(())
    }

    fn put_items(&self, session: &mut Session<'_>, rows: &[ItemVersion]) -> Result<()> {
        let ids = array!(rows, |r| r.item_id);
        let from = array!(rows, |r| r.from_version);
        let to = array!(rows, |r| r.to_version);
        let times = array!(rows, |r| Moment(r.created_us));
        let columns = self.items.columns();
        let values = array!(rows, |r| &r.row);
        let arrays = columns.arrays(&values)?;
        let insert = format!(
            "INSERT INTO item_versions ({id}, from_version, to_version, creation_time{names})
             SELECT id, from_version, to_version, at{taken}
             FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::timestamptz[]{parameters})
                 AS t (id, from_version, to_version, at{aliases})",
            id = self.items.id(),
            names = columns.list(""),
            taken = columns.taken(),
            parameters = columns.parameters(5),
            aliases = columns.aliases(),
        );
        let mut given: Vec<&(dyn ToSql + Sync)> = vec![&ids, &from, &to, &times];
        given.extend(arrays.iter().map(|array| &**array));
        session.execute(&insert, &given)?;
        Ok(())
    }

    fn put_users(&self, session: &mut Session<'_>, rows: &[UserRow]) -> Result<()> {
        let ids = array!(rows, |r| r.user_id);
        let times = array!(rows, |r| Moment(r.created_us));
        let columns = &self.users.columns;
        let values = array!(rows, |r| &r.row);
        let arrays = columns.arrays(&values)?;
        let insert = format!(
            "INSERT INTO {table} ({id}, creation_time{names})
             SELECT id, at{taken} FROM unnest($1::bigint[], $2::timestamptz[]{parameters})
                 AS t (id, at{aliases})",
            table = self.users.table,
            id = self.users.id,
            names = columns.list(""),
            taken = columns.taken(),
            parameters = columns.parameters(3),
            aliases = columns.aliases(),
        );
        let mut given: Vec<&(dyn ToSql + Sync)> = vec![&ids, &times];
        given.extend(arrays.iter().map(|array| &**array));
        session.execute(&insert, &given)?;
        Ok(())
    }
}

fn put_inferences(session: &mut Session<'_>, rows: &[InferenceRecord]) -> Result<()> {
    let insert = "INSERT INTO inferences (inference_id, user_id, task_id, creation_time, due_at,
            token, catalog_version, model_id, attempt, status, open, explored, judging, candidates,
            error, shown_n, selected_rank, answered_n, shown_at, answered_at, selected, ranked,
            priority)
        SELECT inference_id, user_id, task_id, creation_time, due_at, token, catalog_version,
            model_id, attempt, status, status < 3, explored, judging, candidates, error, shown_n,
            selected_rank, answered_n, shown_at, answered_at, selected, ranked, priority
        FROM unnest($1::bigint[], $2::bigint[], $3::uuid[], $4::timestamptz[], $5::timestamptz[],
            $6::bigint[], $7::bigint[], $8::bigint[], $9::integer[], $10::smallint[],
            $11::boolean[], $12::boolean[], $13::bytea[], $14::text[], $15::smallint[],
            $16::smallint[], $17::smallint[], $18::timestamptz[], $19::timestamptz[],
            $20::bigint[], $21::bytea[], $22::smallint[]) AS t (inference_id, user_id, task_id, creation_time,
            due_at, token, catalog_version, model_id, attempt, status, explored, judging,
            candidates, error, shown_n, selected_rank, answered_n, shown_at, answered_at,
            selected, ranked, priority)";
    session.execute(
        insert,
        &[
            &array!(rows, |r| r.inference_id),
            &array!(rows, |r| r.user_id),
            &array!(rows, |r| r.task_id.uuid()),
            &array!(rows, |r| Moment(r.created_us)),
            &array!(rows, |r| Moment(r.due_us)),
            &array!(rows, |r| r.token),
            &array!(rows, |r| r.catalog_version),
            &array!(rows, |r| r.model_id),
            &array!(rows, |r| r.attempt),
            &array!(rows, |r| code(r.status) as i16),
            &array!(rows, |r| r.explored),
            &array!(rows, |r| r.judging),
            &array!(rows, |r| r.candidates.as_deref()),
            &array!(rows, |r| r.error.as_deref()),
            &array!(rows, |r| r.shown_n),
            &array!(rows, |r| r.selected_rank),
            &array!(rows, |r| r.answered_n),
            &array!(rows, |r| r.shown_us.map(Moment)),
            &array!(rows, |r| r.answered_us.map(Moment)),
            &array!(rows, |r| r.selected),
            &array!(rows, |r| r.ranked.as_deref()),
            &array!(rows, |r| r.priority),
        ],
    )?;
    Ok(())
}

fn put_tasks(session: &mut Session<'_>, rows: &[TaskRecord]) -> Result<()> {
    let insert = "INSERT INTO tasks (task_no, task_id, kind, creation_time, due_at, token, attempt,
            status, open, error, payload, result)
        SELECT task_no, task_id, kind, creation_time, due_at, token, attempt, status, status < 3,
            error, payload, result
        FROM unnest($1::bigint[], $2::uuid[], $3::smallint[], $4::timestamptz[],
            $5::timestamptz[], $6::bigint[], $7::integer[], $8::smallint[], $9::text[],
            $10::text[], $11::text[]) AS t (task_no, task_id, kind, creation_time, due_at, token,
            attempt, status, error, payload, result)";
    session.execute(
        insert,
        &[
            &array!(rows, |r| r.task_no),
            &array!(rows, |r| r.task_id.uuid()),
            &array!(rows, |r| kind_code(r.kind) as i16),
            &array!(rows, |r| Moment(r.created_us)),
            &array!(rows, |r| Moment(r.due_us)),
            &array!(rows, |r| r.token),
            &array!(rows, |r| r.attempt),
            &array!(rows, |r| code(r.status) as i16),
            &array!(rows, |r| r.error.as_deref()),
            &array!(rows, |r| r.payload.as_str()),
            &array!(rows, |r| r.result.as_deref()),
        ],
    )?;
    Ok(())
}

fn put_keys(session: &mut Session<'_>, rows: &[KeyRecord]) -> Result<()> {
    let insert = "INSERT INTO idempotency (key_no, key, fingerprint, task_id, creation_time)
        SELECT * FROM unnest($1::bigint[], $2::text[], $3::bytea[], $4::uuid[],
            $5::timestamptz[])";
    session.execute(
        insert,
        &[
            &array!(rows, |r| r.key_no),
            &array!(rows, |r| r.key.as_str()),
            &array!(rows, |r| r.fingerprint.as_slice()),
            &array!(rows, |r| r.task_id.uuid()),
            &array!(rows, |r| Moment(r.created_us)),
        ],
    )?;
    Ok(())
}

fn put_models(session: &mut Session<'_>, rows: &[ModelRecord]) -> Result<()> {
    let insert = "INSERT INTO models_registry (model_id, task_id, creation_time, status,
            use_percentage, replaced_by, artifact)
        SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::timestamptz[], $4::text[],
            $5::double precision[], $6::bigint[], $7::text[])";
    let tasks: Vec<Option<Uuid>> = array!(rows, |r| r.model.task_id.map(TaskId::uuid));
    session.execute(
        insert,
        &[
            &array!(rows, |r| r.model.model_id),
            &tasks,
            &array!(rows, |r| Moment(r.model.created_us)),
            &array!(rows, |r| r.model.status.name()),
            &array!(rows, |r| r.model.use_percentage),
            &array!(rows, |r| r.replaced_by),
            &array!(rows, |r| r.model.artifact.as_str()),
        ],
    )?;
    Ok(())
}

fn put_decisions(session: &mut Session<'_>, rows: &[DecisionRow]) -> Result<()> {
    let insert = "INSERT INTO decisions (decision_id, creation_time, model_id, kind, reason,
            evidence)
        SELECT * FROM unnest($1::bigint[], $2::timestamptz[], $3::bigint[], $4::text[],
            $5::text[], $6::text[])";
    session.execute(
        insert,
        &[
            &array!(rows, |r| r.decision_id),
            &array!(rows, |r| Moment(r.created_us)),
            &array!(rows, |r| r.model_id),
            &array!(rows, |r| r.decision.kind.name()),
            &array!(rows, |r| r.decision.reason.as_str()),
            &array!(rows, |r| r.decision.evidence.as_str()),
        ],
    )?;
    Ok(())
}

fn put_settings(session: &mut Session<'_>, rows: &[(String, String)]) -> Result<()> {
    let insert = "INSERT INTO settings (name, value) SELECT * FROM unnest($1::text[], $2::text[])";
    let names = array!(rows, |(name, _)| name.as_str());
    let values = array!(rows, |(_, value)| value.as_str());
    session.execute(insert, &[&names, &values])?;
    Ok(())
}
