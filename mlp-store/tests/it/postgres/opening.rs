//! Opening a database, and the ways in which that fails.

use std::sync::Barrier;

use mlp_store::conformance::{reading, travel};
use mlp_store::{Content, Items, Maintenance, StoreError};

use super::support::{client as connect, number, open};
use mlp_store::conformance::postgres::TestDatabase;

#[test]
fn an_empty_database_gets_its_tables_once() {
    for schema in [reading(), travel()] {
        let database = TestDatabase::create();
        for _ in 0..2 {
            let store = open(&database, &schema).unwrap();
            store.ping().unwrap();
            let counts = store.counts().unwrap();
            assert_eq!((counts.items, counts.users), (0, 0));
            let status = store.status().unwrap();
            assert_eq!(status.backend, "postgres");
            assert_eq!(status.schema_version, status.program_version);
            assert!(status.bytes > 1 << 20, "{}", status.bytes);
        }
    }
}

#[test]
fn many_open_an_empty_database_at_once() {
    let database = TestDatabase::create();
    let start = Barrier::new(10);
    std::thread::scope(|scope| {
        let open = || {
            start.wait();
            open(&database, &reading()).map(|store| store.versions())
        };
        let threads: Vec<_> = (0..10).map(|_| scope.spawn(open)).collect();
        for thread in threads {
            thread.join().unwrap().unwrap().unwrap();
        }
    });
    let mut client = connect(&database);
    let versions = "SELECT count(*) FROM meta WHERE name IN ('version', 'domain')";
    assert_eq!(number(&mut client, versions), 2);
}

#[test]
fn a_database_with_foreign_tables_is_left_alone() {
    let database = TestDatabase::create();
    let mut client = connect(&database);
    client
        .batch_execute("CREATE TABLE customers (id int)")
        .unwrap();
    let error = open(&database, &reading()).unwrap_err();
    assert!(matches!(error, StoreError::Open { .. }), "{error:?}");
    let message = error.to_string();
    assert!(message.contains("`customers`"), "{message}");
    assert!(message.contains("of its own"), "{message}");
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    assert_eq!(number(&mut client, tables), 1);
}

#[test]
fn what_extensions_bring_is_no_foreign_table() {
    let database = TestDatabase::create();
    let mut client = connect(&database);
    let known = "SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_stat_statements'";
    if number(&mut client, known) == 0 {
        return;
    }
    client
        .batch_execute("CREATE EXTENSION pg_stat_statements")
        .unwrap();
    let views = "SELECT count(*) FROM pg_views WHERE schemaname = 'public'";
    assert!(number(&mut client, views) > 0);
    open(&database, &reading()).unwrap();
}

#[test]
fn a_database_of_the_python_stack_is_named() {
    let database = TestDatabase::create();
    let tables = "CREATE TABLE inferences (id int); CREATE TABLE results (id int);
        CREATE TABLE events (id int)";
    connect(&database).batch_execute(tables).unwrap();
    let message = open(&database, &reading()).unwrap_err().to_string();
    assert!(message.contains("Python"), "{message}");
    assert!(message.contains("import-legacy"), "{message}");
}

#[test]
fn a_newer_database_is_refused() {
    let database = TestDatabase::create();
    open(&database, &reading()).unwrap();
    let newer = "UPDATE meta SET value = 99 WHERE name = 'version'";
    connect(&database).batch_execute(newer).unwrap();
    match open(&database, &reading()) {
        Err(StoreError::Newer { found: 99, .. }) => {}
        other => panic!("{other:?}"),
    }
}
