//! Opening a file, and the ways in which that fails.

use std::fs;
use std::path::Path;

use mlp_store::conformance::reading;
use mlp_store::sqlite::SqliteStore;
use mlp_store::{Content, Items, Maintenance, StoreError, StoreOptions};
use rusqlite::Connection;

use crate::support::{directory, error, filled, open, start};

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
    for path in [
        "/proc/self/mlp.db",
        "/proc/mlp/store.db",
        "/dev/null/store.db",
    ] {
        let error = error(Path::new(path));
        assert!(matches!(&error, StoreError::Open { place, .. } if place == path));
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

#[test]
fn a_cut_file_is_corrupt() {
    let (_directory, path) = directory();
    filled(&path);
    let whole = fs::read(&path).unwrap();
    for part in [whole.len() / 2, 4096, 5000, 100] {
        fs::write(&path, &whole[..part]).unwrap();
        let read = open(&path).and_then(|store| store.catalog());
        let error = read.expect_err("it cannot be read");
        assert!(
            matches!(error, StoreError::Corrupt { .. }),
            "{part}: {error:?}"
        );
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
