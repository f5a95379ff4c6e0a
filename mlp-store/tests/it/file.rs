//! What only a file can get wrong.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mlp_core::{Schema, Value};
use mlp_store::conformance::{reading, sample_row, travel};
use mlp_store::sqlite::SqliteStore;
use mlp_store::{
    Content, ItemChange, Items, Maintenance, NewSession, SessionOp, SessionReply, Sessions,
    StoreError, StoreOptions, TaskId,
};
use rusqlite::Connection;
use tempfile::TempDir;

fn directory() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.db");
    (directory, path)
}

fn open(path: &Path) -> Result<Arc<SqliteStore>, StoreError> {
    SqliteStore::open(path, reading(), StoreOptions::new())
}

fn error(path: &Path) -> StoreError {
    open(path).expect_err("it cannot be opened")
}

fn start(store: &SqliteStore, seed: u64) -> Result<TaskId, StoreError> {
    let task_id = TaskId::new_v7();
    let op = SessionOp::Start(NewSession {
        task_id,
        user: sample_row(&reading().user, seed),
        candidates: None,
        idempotency: None,
    });
    let replies = store.apply(&[op])?;
    assert!(matches!(replies[0], SessionReply::Started { .. }));
    Ok(task_id)
}

fn put(store: &SqliteStore, schema: &Schema, seed: u64) -> i64 {
    let row = sample_row(&schema.item, seed);
    let item_id = None;
    let (_, ids) = (store.change_items(&[ItemChange::Put { item_id, row }])).unwrap();
    ids[0]
}

#[test]
fn a_second_server_is_refused_while_the_first_lives() {
    let (_directory, path) = directory();
    let server = || SqliteStore::open(&path, reading(), StoreOptions::new().server(true));
    let first = server().unwrap();
    match server() {
        Err(StoreError::Held { path: held, pid }) => {
            assert_eq!(held, path.display().to_string());
            assert_eq!(pid, std::process::id().to_string());
        }
        other => panic!("{other:?}"),
    }
    // Others may work beside it.
    start(&open(&path).unwrap(), 1).unwrap();
    drop(first);
    server().unwrap();
}

#[test]
fn a_missing_directory_is_made() {
    let (directory, _) = directory();
    let path = directory.path().join("a/b c/é/store.db");
    start(&open(&path).unwrap(), 1).unwrap();
    assert!(path.is_file());
}

#[test]
fn a_name_is_a_path_and_no_uri() {
    let (directory, _) = directory();
    let path = directory.path().join("file:x?mode=memory&a=%41.db");
    start(&open(&path).unwrap(), 1).unwrap();
    assert!(path.is_file());
}

#[test]
fn a_directory_is_no_database() {
    let (directory, _) = directory();
    let error = error(directory.path()).to_string();
    assert!(error.contains("is a directory"), "{error}");
}

#[test]
fn a_place_that_cannot_be_written_is_said() {
    // Not even root may make files there.
    for path in ["/proc/self/mlp.db", "/proc/mlp/store.db", "/dev/null/store.db"] {
        let error = error(Path::new(path));
        assert!(matches!(&error, StoreError::Open { location, .. } if location == path));
        assert!(!error.is_transient());
    }
}

#[test]
fn a_read_only_file_is_said() {
    let (_directory, path) = directory();
    drop(open(&path).unwrap());
    let mut permissions = fs::metadata(&path).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&path, permissions).unwrap();
    // Root may write all the same.
    if fs::OpenOptions::new().write(true).open(&path).is_ok() {
        start(&open(&path).unwrap(), 1).unwrap();
        return;
    }
    let error = error(&path).to_string();
    assert!(error.contains("read-only"), "{error}");
}

#[test]
fn a_newer_database_is_refused() {
    let (_directory, path) = directory();
    drop(open(&path).unwrap());
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let refused = error(&path);
    assert!(matches!(refused, StoreError::Newer { found: 99, known, .. } if known < 99));
    assert!(refused.to_string().contains("use a newer mlp"));
}

#[test]
fn another_programs_database_is_left_alone() {
    let (_directory, path) = directory();
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch("CREATE TABLE users (a)").unwrap();
    drop(connection);
    let before = fs::read(&path).unwrap();
    let error = error(&path).to_string();
    assert!(error.contains("another program"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);
    assert!(!path.with_extension("db-wal").exists());
}

#[test]
fn garbage_is_corrupt_and_left_alone() {
    let (_directory, path) = directory();
    for garbage in [vec![b'x'; 5000], b"SQLite format 3\0 but no more".to_vec()] {
        fs::write(&path, &garbage).unwrap();
        let error = error(&path);
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
        assert_eq!(fs::read(&path).unwrap(), garbage);
    }
}

#[test]
fn an_empty_file_becomes_a_database() {
    let (_directory, path) = directory();
    fs::write(&path, "").unwrap();
    start(&open(&path).unwrap(), 1).unwrap();
}

fn filled(path: &Path) {
    let store = open(path).unwrap();
    for seed in 0..200 {
        put(&store, &reading(), seed);
        start(&store, seed).unwrap();
    }
}

#[test]
fn a_cut_file_is_corrupt() {
    let (_directory, path) = directory();
    filled(&path);
    let whole = fs::read(&path).unwrap();
    for part in [whole.len() / 2, 4096, 5000, 100] {
        fs::write(&path, &whole[..part]).unwrap();
        let read = open(&path).and_then(|store| store.catalog());
        let error = read.expect_err("it cannot be read");
        assert!(matches!(error, StoreError::Corrupt { .. }), "{part}: {error:?}");
    }
}

#[test]
fn damage_within_is_an_error_and_no_panic() {
    let (_directory, path) = directory();
    filled(&path);
    let whole = fs::read(&path).unwrap();
    for turn in 0..40 {
        let mut bytes = whole.clone();
        let at = 100 + turn * (bytes.len() - 400) / 40;
        bytes[at..at + 300].fill(0xff);
        fs::write(&path, &bytes).unwrap();
        let _ = fs::remove_file(path.with_extension("db-wal"));
        let Ok(store) = open(&path) else { continue };
        let _ = store.catalog();
        let _ = store.users_page(0, 1000);
        let _ = store.counts();
        let _ = start(&store, 1);
        let _ = store.prune(i64::MAX, 1000, false);
    }
}

#[test]
fn a_full_store_refuses_and_recovers() {
    let (_directory, path) = directory();
    let limited = |bytes| {
        let options = StoreOptions::new().max_bytes(Some(bytes));
        SqliteStore::open(&path, reading(), options).unwrap()
    };
    let store = limited(200_000);
    let mut kept = Vec::new();
    let error = loop {
        match start(&store, kept.len() as u64) {
            Ok(id) => kept.push(id),
            Err(error) => break error,
        }
        assert!(kept.len() < 10_000);
    };
    assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
    assert!(error.is_transient());
    assert!(kept.len() > 100);
    // Nothing is lost, and reading goes on.
    let views = store.statuses(&kept).unwrap();
    assert!(views.iter().all(Option::is_some));
    assert_eq!(store.counts().unwrap().users, kept.len() as i64);
    drop(store);
    let store = limited(400_000);
    kept.push(start(&store, 1).unwrap());
    assert_eq!(store.counts().unwrap().users, kept.len() as i64);
}

/// A schema like `reading`, with a part of its text replaced.
fn changed(from: &str, to: &str) -> Arc<Schema> {
    let text = include_str!("../../../mlp-core/testdata/reading.toml");
    assert!(text.contains(from));
    Arc::new(Schema::parse("changed.toml", &text.replace(from, to)).unwrap())
}

fn difference(path: &Path, schema: Arc<Schema>) -> String {
    match SqliteStore::open(path, schema, StoreOptions::new()) {
        Err(StoreError::Domain { difference, .. }) => difference,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_schema_that_loses_something_is_refused() {
    let (_directory, path) = directory();
    filled(&path);
    for (from, to, expected) in [
        (r#"name = "hours", type = "int""#, r#"name = "hours", type = "float""#, "`hours` was `int` and is `float`"),
        (r#"name = "weight""#, r#"name = "mass""#, "column `weight` is gone"),
        (r#"["novel", "poetry", "#, r#"["novel", "#, "lost its level `poetry`"),
        (r#"table = "books""#, r#"table = "volumes""#, "table was `books` and is `volumes`"),
        (r#"name = "reader""#, r#"name = "borrower""#, "name was `reader` and is `borrower`"),
    ] {
        let difference = difference(&path, changed(from, to));
        assert!(difference.contains(expected), "{difference}");
        assert!(difference.contains("another database"), "{difference}");
    }
    assert!(difference(&path, travel()).contains("the user's name"));
    open(&path).unwrap();
}

#[test]
fn a_schema_that_gains_a_field_adds_its_column() {
    let (_directory, path) = directory();
    filled(&path);
    let wider = changed(
        r#"    { name = "motto""#,
        r#"    { name = "left_handed", type = "bool", default = true },
    { name = "motto""#,
    );
    let store = SqliteStore::open(&path, Arc::clone(&wider), StoreOptions::new()).unwrap();
    let user = store.user(5).unwrap().unwrap();
    let before = sample_row(&reading().user, 4);
    assert_eq!(user.row.values()[0], before.values()[0]);
    assert_eq!(user.row.values()[1], Value::Null);
    assert_eq!(user.row.values()[2..], before.values()[1..]);
    put(&store, &wider, 1);
    drop(store);
    // The narrower schema would not know what it stores.
    assert!(difference(&path, reading()).contains("`left_handed` is gone"));
    SqliteStore::open(&path, wider, StoreOptions::new()).unwrap();
}

#[test]
fn an_item_field_is_gained_in_table_and_view() {
    let (_directory, path) = directory();
    filled(&path);
    let wider = changed(
        r#"    { name = "published""#,
        r#"    { name = "pages", type = "int", default = 100 },
    { name = "published""#,
    );
    let store = SqliteStore::open(&path, Arc::clone(&wider), StoreOptions::new()).unwrap();
    let id = put(&store, &wider, 7);
    let kept = store.catalog().unwrap().1.pop().unwrap();
    assert_eq!((kept.item_id, kept.row), (id, sample_row(&wider.item, 7)));
    let connection = Connection::open(&path).unwrap();
    let rows: i64 = connection
        .query_row("SELECT count(*) FROM books WHERE pages IS NULL", [], |r| r.get(0))
        .unwrap();
    assert!(rows >= 200);
}

#[test]
fn levels_may_be_added_and_moved() {
    let (_directory, path) = directory();
    filled(&path);
    let levels = r#"["novel", "poetry", "non-fiction", "bande dessinée"]"#;
    let moved = r#"["manga", "bande dessinée", "poetry", "non-fiction", "novel"]"#;
    let schema = changed(levels, moved);
    let store = SqliteStore::open(&path, Arc::clone(&schema), StoreOptions::new()).unwrap();
    let (group, old) = (schema.item.column("group").unwrap(), reading());
    let name = |schema: &Schema, value: &Value| match (&schema.item.columns[group].kind, value) {
        (mlp_core::FieldType::Category(levels), Value::Level(l)) => levels[usize::from(*l)].clone(),
        other => panic!("{other:?}"),
    };
    for item in store.catalog().unwrap().1 {
        let before = sample_row(&old.item, item.item_id as u64 - 1);
        let now = name(&schema, &item.row.values()[group]);
        assert_eq!(now, name(&old, &before.values()[group]));
    }
}

#[test]
fn other_features_are_the_same_domain() {
    let (_directory, path) = directory();
    filled(&path);
    let schema = changed("edges = [100, 300, 800]", "edges = [5, 6]");
    let store = SqliteStore::open(&path, schema, StoreOptions::new()).unwrap();
    assert_eq!(store.catalog().unwrap().1.len(), 200);
}

#[test]
fn many_that_open_at_once_make_one_database() {
    let (_directory, path) = directory();
    std::thread::scope(|scope| {
        for seed in 0..8 {
            let path = &path;
            scope.spawn(move || start(&open(path).unwrap(), seed).unwrap());
        }
    });
    assert_eq!(open(&path).unwrap().counts().unwrap().users, 8);
}

fn log_bytes(path: &Path) -> u64 {
    fs::metadata(path.with_extension("db-wal")).unwrap().len()
}

#[test]
fn the_log_stays_bounded_under_constant_writing() {
    let (_directory, path) = directory();
    let store = open(&path).unwrap();
    let mut written = 0;
    let mut longest = 0;
    for round in 0..150 {
        let ops: Vec<_> = (0..200)
            .map(|i| {
                SessionOp::Start(NewSession {
                    task_id: TaskId::new_v7(),
                    user: sample_row(&reading().user, round * 200 + i),
                    candidates: Some((0..400).collect()),
                    idempotency: None,
                })
            })
            .collect();
        for ops in ops.chunks(20) {
            store.apply(ops).unwrap();
        }
        written += ops.len();
        longest = longest.max(log_bytes(&path));
    }
    assert!(written > 0);
    let size = fs::metadata(&path).unwrap().len();
    assert!(size > 12 << 20, "enough was written: {size}");
    assert!(longest < 32 << 20, "{longest}");
}

#[test]
fn a_reader_that_stays_does_not_stop_writers() {
    let (_directory, path) = directory();
    let store = open(&path).unwrap();
    start(&store, 0).unwrap();
    let reader = Connection::open(&path).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM readers;").unwrap();
    for seed in 1..300 {
        start(&store, seed).unwrap();
    }
    let seen: i64 = (reader.query_row("SELECT count(*) FROM readers", [], |r| r.get(0))).unwrap();
    assert_eq!(seen, 1);
    assert_eq!(store.counts().unwrap().users, 300);
}

#[test]
fn another_process_that_writes_too_long_makes_it_unavailable() {
    let (_directory, path) = directory();
    let store = open(&path).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = start(&store, 1).expect_err("the other one writes");
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
    assert!(error.is_transient());
    assert_eq!(store.counts().unwrap().users, 0, "reading goes on");
    other.execute_batch("COMMIT").unwrap();
    start(&store, 1).unwrap();
}

#[test]
fn a_lock_of_another_process_is_waited_for() {
    let (_directory, path) = directory();
    let store = open(&path).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| start(&store, 1).unwrap());
        std::thread::sleep(Duration::from_millis(200));
        other.execute_batch("COMMIT").unwrap();
        waiting.join().unwrap();
    });
}

#[test]
fn erased_texts_are_not_in_the_file() {
    let (_directory, path) = directory();
    let store = open(&path).unwrap();
    let secret = "Ada Lovelace, 12 St James's Square";
    let mut user = sample_row(&reading().user, 1);
    user.0[0] = Value::Text(secret.into());
    for seed in 0..50 {
        start(&store, seed).unwrap();
    }
    let task_id = TaskId::new_v7();
    let session = NewSession {
        task_id,
        user,
        candidates: None,
        idempotency: None,
    };
    store.apply(&[SessionOp::Start(session)]).unwrap();
    assert!(store.erase_user(51).unwrap());
    drop(store);
    let bytes = fs::read(&path).unwrap();
    let found = bytes.windows(12).any(|w| w == &secret.as_bytes()[..12]);
    assert!(!found);
}

#[test]
fn hot_statements_use_their_indexes() {
    let (_directory, path) = directory();
    drop(open(&path).unwrap());
    let connection = Connection::open(&path).unwrap();
    for (statement, index) in [
        ("SELECT * FROM inferences WHERE task_id = x'00'", "inferences_task"),
        ("SELECT * FROM tasks WHERE task_id = x'00'", "tasks_task"),
        (
            "SELECT * FROM inferences WHERE status < 3 AND due_at <= 1 ORDER BY due_at, inference_id",
            "inferences_due",
        ),
        (
            "SELECT * FROM inferences WHERE explored = 1 AND judging = 1 AND answered_at IS NOT NULL
             AND inference_id < 9 ORDER BY inference_id DESC",
            "inferences_explored",
        ),
        ("SELECT * FROM idempotency WHERE key = 'k'", "idempotency_key"),
    ] {
        let plan: Vec<String> = connection
            .prepare(&format!("EXPLAIN QUERY PLAN {statement}"))
            .unwrap()
            .query_map([], |row| row.get(3))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let plan = plan.join("; ");
        assert!(plan.contains(index), "{statement}: {plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{statement}: {plan}");
    }
}
