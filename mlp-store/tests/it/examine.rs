//! Thorough looks at databases, good and bad.

use std::io::{Seek, SeekFrom, Write};
use std::time::Duration;

use mlp_store::conformance::postgres::TestDatabase;
use mlp_store::conformance::{reading, travel};
use mlp_store::postgres::{Obstacle, PostgresConfig, PostgresStore};
use mlp_store::sqlite::{Integrity, SqliteStore, server_of};
use mlp_store::{StoreError, StoreOptions, postgres, sqlite};

const LIMIT: Duration = Duration::from_secs(2);

#[test]
fn a_file_is_looked_at_beside_its_server_and_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("books.db");
    assert!(
        sqlite::examine(&path, Some(&reading()), LIMIT)
            .unwrap()
            .is_none()
    );
    let options = StoreOptions::new().server(true);
    let store = SqliteStore::open(&path, reading(), options.clone()).unwrap();
    let pid = std::process::id().to_string();
    assert_eq!(server_of(&path), Some(pid));
    let found = sqlite::examine(&path, Some(&reading()), LIMIT)
        .unwrap()
        .unwrap();
    assert!(found.writable && found.has_log && found.tables.unwrap().up_to_date);
    assert_eq!(found.integrity, Integrity::Sound);
    let found = sqlite::examine(&path, Some(&travel()), LIMIT)
        .unwrap()
        .unwrap();
    assert!(matches!(found.tables, Err(StoreError::Domain { .. })));
    drop(store);
    assert_eq!(server_of(&path), None);
    // Whoever looks does not stay in a server's way.
    SqliteStore::open(&path, reading(), options).unwrap();
}

#[test]
fn a_torn_page_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("books.db");
    drop(SqliteStore::open(&path, reading(), StoreOptions::new()).unwrap());
    let mut file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.seek(SeekFrom::Start(3 * 4096)).unwrap();
    file.write_all(&[0xff; 4096]).unwrap();
    let found = sqlite::examine(&path, None, LIMIT).unwrap().unwrap();
    assert!(
        matches!(found.integrity, Integrity::Damaged(_)),
        "{found:?}"
    );
}

#[test]
fn a_postgres_is_looked_at_and_left_as_it_is() {
    let database = TestDatabase::create();
    let look = || postgres::examine(database.config(), Some(&reading())).unwrap();
    let found = look();
    assert_eq!(found.tables.unwrap().version, 0);
    assert_eq!(look().tables.unwrap().version, 0);
    drop(PostgresStore::open(database.config().clone(), reading(), StoreOptions::new()).unwrap());
    let found = look();
    assert!(found.tables.unwrap().up_to_date && !found.shares_servers);
    assert_eq!(found.rights.unwrap().missing, Vec::<String>::new());
    let server = found.server.unwrap();
    assert!(server.connections >= 1 && server.max_connections > server.connections);
    // One machine has one clock.
    let skew = found.skew;
    assert!(skew.ahead_us.abs() <= skew.uncertain_us + 1_000, "{skew:?}");
}

#[test]
fn what_is_in_the_way_is_told_apart() {
    let database = TestDatabase::create();
    let missing = database.config().with_database("no_such_database");
    for (config, obstacle) in [
        (missing, Obstacle::Database),
        (parse("postgres://u@no-such-host.invalid/d"), Obstacle::Name),
        (parse("postgres://u@127.0.0.1:1/d"), Obstacle::Refused),
        (
            parse("postgres:///d?host=/nowhere&user=u"),
            Obstacle::Refused,
        ),
    ] {
        let found = postgres::examine(&config, None).unwrap_err();
        assert_eq!(found.obstacle, obstacle, "{found}");
    }
}

fn parse(url: &str) -> PostgresConfig {
    PostgresConfig::parse(url).unwrap()
}
