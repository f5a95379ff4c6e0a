//! The peer of the store: the same rows, updates, batches and settings, by rusqlite alone.

use std::path::Path;
use std::time::{Duration, Instant};

use mlp_store::TaskId;
use rusqlite::types::Value;
use rusqlite::{Connection, Transaction, TransactionBehavior, params, params_from_iter};

/// A connection to a file that has the store's tables.
pub struct Plain {
    connection: Connection,
    insert_user: String,
    /// What the store wrote of its users, shape `(n_users, n_columns)`.
    users: Vec<Vec<Value>>,
    /// What it wrote of a ranking.
    ranked: Vec<u8>,
}

impl Plain {
    /// Opens `path`, to write what the store wrote to the file `like`.
    pub fn open(path: &Path, like: &Path) -> Self {
        let (columns, users, ranked) = read(like);
        let connection = Connection::open(path).unwrap();
        connection.pragma_update(None, "cache_size", -8192).unwrap();
        let mode: String = connection
            .pragma_query_value(None, "journal_mode", |row| row.get(0))
            .unwrap();
        assert_eq!(mode, "wal");
        connection.set_prepared_statement_cache_capacity(32);
        let places = vec!["?"; columns.len()].join(", ");
        Self {
            connection,
            insert_user: format!(
                "INSERT INTO users ({}) VALUES ({places})",
                columns.join(", ")
            ),
            users,
            ranked,
        }
    }

    /// A batch of sessions from start to choice; the time that it took.
    pub fn sessions(&mut self, n: usize) -> Duration {
        let ids: Vec<TaskId> = (0..n).map(|_| TaskId::new_v7()).collect();
        let begun = Instant::now();
        self.start(&ids);
        let claimed = self.claim(n);
        self.settle(&claimed);
        self.show(&ids);
        self.select(&ids);
        let spent = begun.elapsed();
        assert_eq!(claimed.len(), n);
        spent
    }

    fn transaction(&mut self, synchronous: &str) -> Transaction<'_> {
        self.connection
            .execute_batch(&format!("PRAGMA synchronous = {synchronous}"))
            .unwrap();
        self.connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .unwrap()
    }

    fn start(&mut self, ids: &[TaskId]) {
        let (insert_user, users) = (self.insert_user.clone(), self.users.clone());
        let tx = self.transaction("FULL");
        for (id, user) in ids.iter().zip(users.iter().cycle()) {
            let mut insert = tx.prepare_cached(&insert_user).unwrap();
            insert.execute(params_from_iter(user)).unwrap();
            let user_id = tx.last_insert_rowid();
            let mut insert = tx
                .prepare_cached(
                    "INSERT INTO inferences (task_id, user_id, creation_time, status, due_at)
                     VALUES (?1, ?2, 1, 0, 1)",
                )
                .unwrap();
            insert.execute(params![id.as_bytes(), user_id]).unwrap();
        }
        tx.commit().unwrap();
    }

    /// Like the store, without waiting for the disk.
    fn claim(&mut self, n: usize) -> Vec<i64> {
        let tx = self.transaction("NORMAL");
        let mut due = tx
            .prepare_cached(
                "SELECT i.inference_id, i.task_id, u.* FROM inferences AS i
                 JOIN users AS u ON u.user_id = i.user_id
                 WHERE i.status < 3 AND i.due_at <= 1 ORDER BY i.due_at LIMIT ?1",
            )
            .unwrap();
        let width = due.column_count();
        let numbers: Vec<i64> = due
            .query_map([n], |row| {
                for column in 0..width {
                    std::hint::black_box(row.get_ref(column)?);
                }
                row.get(0)
            })
            .unwrap()
            .map(Result::unwrap)
            .collect();
        drop(due);
        for number in &numbers {
            let mut update = tx
                .prepare_cached(
                    "UPDATE inferences SET status = 1, due_at = 2, token = token + 1,
                         attempt = attempt + 1 WHERE inference_id = ?1",
                )
                .unwrap();
            update.execute([number]).unwrap();
        }
        tx.commit().unwrap();
        numbers
    }

    fn settle(&mut self, numbers: &[i64]) {
        let ranked = self.ranked.clone();
        let tx = self.transaction("FULL");
        for number in numbers {
            let mut update = tx
                .prepare_cached(
                    "UPDATE inferences SET status = 3, model_id = 1, catalog_version = 1,
                         ranked = ?2 WHERE inference_id = ?1",
                )
                .unwrap();
            update.execute(params![number, ranked]).unwrap();
        }
        tx.commit().unwrap();
    }

    fn show(&mut self, ids: &[TaskId]) {
        self.read_and(
            ids,
            "UPDATE inferences SET shown_n = 10, shown_at = 3 WHERE inference_id = ?1",
        );
    }

    fn select(&mut self, ids: &[TaskId]) {
        self.read_and(
            ids,
            "UPDATE inferences SET selected = 1, selected_rank = 0, answered_n = 10,
                 answered_at = 4 WHERE inference_id = ?1",
        );
    }

    fn read_and(&mut self, ids: &[TaskId], update: &str) {
        let tx = self.transaction("FULL");
        for id in ids {
            let select = "SELECT inference_id, user_id, ranked FROM inferences WHERE task_id = ?1";
            let (number, ranked): (i64, Vec<u8>) = tx
                .prepare_cached(select)
                .unwrap()
                .query_row([id.as_bytes()], |row| Ok((row.get(0)?, row.get(2)?)))
                .unwrap();
            std::hint::black_box(ranked);
            tx.prepare_cached(update)
                .unwrap()
                .execute([number])
                .unwrap();
        }
        tx.commit().unwrap();
    }
}

/// The users' columns but for their key, the users, and a ranking.
fn read(path: &Path) -> (Vec<String>, Vec<Vec<Value>>, Vec<u8>) {
    let connection = Connection::open(path).unwrap();
    let mut select = connection
        .prepare("SELECT * FROM users LIMIT 1000")
        .unwrap();
    let columns: Vec<String> = select.column_names().map(str::to_owned).collect();
    let kept: Vec<usize> = (0..columns.len())
        .filter(|column| columns[*column] != "user_id")
        .collect();
    let users = select
        .query_map([], |row| {
            kept.iter().map(|column| row.get(*column)).collect()
        })
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let ranked = "SELECT ranked FROM inferences LIMIT 1";
    let ranked = connection.query_row(ranked, [], |row| row.get(0)).unwrap();
    let names = kept
        .iter()
        .map(|column| format!("\"{}\"", columns[*column]));
    (names.collect(), users, ranked)
}
