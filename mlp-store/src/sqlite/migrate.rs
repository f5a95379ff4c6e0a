//! The tables' versions.

use rusqlite::{Connection, TransactionBehavior};

use super::error::{Failure, Result};
use crate::error::StoreError;

/// Marks a file as one of ours: "mlp1".
const APPLICATION_ID: i64 = 0x6d6c_7031;

/// What leads from each version to the next; the first makes the tables that no schema changes.
/// A migration that was released never changes.
const MIGRATIONS: [&str; 2] = [V1, V2];

/// The version that this program writes.
pub(super) const VERSION: i64 = MIGRATIONS.len() as i64;

/// The state of an inference's task stands in its row, so that a session is two inserts. `due_at`
/// is when somebody should take the task next: its creation, the end of its wait or of its lease.
/// One index serves all three. `ranked` stands last, since a long list moves to pages of its own.
const V1: &str = "
    CREATE TABLE meta (name TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;
    INSERT INTO meta VALUES ('catalog', 0), ('registry', 0), ('users_removed', 0), ('pinged', 0);

    CREATE TABLE inferences (
        inference_id INTEGER PRIMARY KEY AUTOINCREMENT,
        task_id BLOB NOT NULL,
        user_id INTEGER NOT NULL,
        creation_time INTEGER NOT NULL,
        status INTEGER NOT NULL,
        due_at INTEGER NOT NULL,
        token INTEGER NOT NULL DEFAULT 0,
        attempt INTEGER NOT NULL DEFAULT 0,
        model_id INTEGER,
        catalog_version INTEGER,
        explored INTEGER NOT NULL DEFAULT 0,
        judging INTEGER NOT NULL DEFAULT 0,
        shown_n INTEGER NOT NULL DEFAULT 0,
        shown_at INTEGER,
        selected INTEGER,
        selected_rank INTEGER,
        answered_n INTEGER,
        answered_at INTEGER,
        error TEXT,
        candidates BLOB,
        ranked BLOB
    ) STRICT;
    CREATE UNIQUE INDEX inferences_task ON inferences (task_id);
    CREATE INDEX inferences_due ON inferences (due_at) WHERE status < 3;
    CREATE INDEX inferences_explored ON inferences (judging)
        WHERE explored = 1 AND answered_at IS NOT NULL;

    CREATE TABLE tasks (
        task_no INTEGER PRIMARY KEY AUTOINCREMENT,
        task_id BLOB NOT NULL,
        kind INTEGER NOT NULL,
        creation_time INTEGER NOT NULL,
        status INTEGER NOT NULL,
        due_at INTEGER NOT NULL,
        token INTEGER NOT NULL DEFAULT 0,
        attempt INTEGER NOT NULL DEFAULT 0,
        error TEXT,
        payload TEXT NOT NULL,
        result TEXT
    ) STRICT;
    CREATE UNIQUE INDEX tasks_task ON tasks (task_id);
    CREATE UNIQUE INDEX tasks_one ON tasks (kind) WHERE status < 3;

    CREATE TABLE idempotency (
        key_no INTEGER PRIMARY KEY,
        key TEXT NOT NULL,
        fingerprint BLOB NOT NULL,
        task_id BLOB NOT NULL,
        creation_time INTEGER NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX idempotency_key ON idempotency (key);

    CREATE TABLE models (
        model_id INTEGER PRIMARY KEY AUTOINCREMENT,
        task_id BLOB,
        creation_time INTEGER NOT NULL,
        status TEXT NOT NULL,
        use_percentage REAL NOT NULL DEFAULT 0,
        replaced_by INTEGER,
        artifact TEXT NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX models_champion ON models (status) WHERE status = 'champion';

    CREATE TABLE decisions (
        decision_id INTEGER PRIMARY KEY AUTOINCREMENT,
        creation_time INTEGER NOT NULL,
        model_id INTEGER NOT NULL,
        kind TEXT NOT NULL,
        reason TEXT NOT NULL,
        evidence TEXT NOT NULL
    ) STRICT;

    CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
";

/// Priorities: interactive inferences are claimed before batch ones.
const V2: &str = "
    ALTER TABLE inferences ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
    DROP INDEX inferences_due;
    CREATE INDEX inferences_due ON inferences (priority, due_at) WHERE status < 3;
";

/// Whose file this is, before anything is written to it. To be called in a transaction.
///
/// # Errors
///
/// Where it is another program's or a newer one's.
pub(super) fn recognise(connection: &Connection, place: &str) -> Result<()> {
    if pragma(connection, "application_id")? == APPLICATION_ID {
        let found = version(connection)?;
        if found > VERSION {
            return Err(Failure::Store(StoreError::Newer {
                place: place.to_owned(),
                found,
                known: VERSION,
            }));
        }
        return Ok(());
    }
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables > 0 || pragma(connection, "application_id")? != 0 {
        return Err(Failure::Store(StoreError::Open {
            place: place.to_owned(),
            reason: "it is a database of another program: name another file".to_owned(),
        }));
    }
    Ok(())
}

/// Brings the tables to [`VERSION`], each step a transaction. Of several that open a file at once,
/// one does each step.
pub(super) fn migrate(connection: &mut Connection, place: &str) -> Result<()> {
    while version(connection)? < VERSION {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Only now does nobody else write: look again.
        recognise(&transaction, place)?;
        let from = version(&transaction)?;
        let step = usize::try_from(from)
            .ok()
            .and_then(|from| MIGRATIONS.get(from));
        if let Some(step) = step {
            transaction.execute_batch(step)?;
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
            transaction.pragma_update(None, "user_version", from + 1)?;
        }
        transaction.commit()?;
    }
    Ok(())
}

/// The version of the tables.
pub(super) fn version(connection: &Connection) -> Result<i64> {
    pragma(connection, "user_version")
}

fn pragma(connection: &Connection, name: &str) -> Result<i64> {
    Ok(connection.pragma_query_value(None, name, |row| row.get(0))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_the_first_version_is_brought_up_to_date() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(V1).unwrap();
        let pragmas = [("application_id", APPLICATION_ID), ("user_version", 1)];
        for (name, value) in pragmas {
            connection.pragma_update(None, name, value).unwrap();
        }
        let old = "INSERT INTO inferences (task_id, user_id, creation_time, status, due_at)
            VALUES (x'00', 1, 5, 0, 5)";
        connection.execute(old, []).unwrap();
        migrate(&mut connection, "old.db").unwrap();
        assert_eq!(version(&connection).unwrap(), VERSION);
        let priority = "SELECT priority FROM inferences INDEXED BY inferences_due
            WHERE status < 3 AND priority = 0 AND due_at <= 5";
        let priority: i64 = connection
            .query_row(priority, [], |row| row.get(0))
            .unwrap();
        assert_eq!(priority, 0);
    }
}
