//! Faults of a PostgreSQL, and of a server of mlp that runs.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;

use mlp_store::conformance::postgres::{Cluster, TestDatabase};

use super::{Said, at, examine};
use crate::database::{client, works};

/// The doctor's look at this URL.
fn on(url: &str) -> Said {
    let dir = tempfile::tempdir().unwrap();
    let mut command = at(dir.path());
    command.env("DATABASE_URL", url);
    examine(command)
}

fn migrated(database: &TestDatabase) {
    let dir = tempfile::tempdir().unwrap();
    works(
        dir.path(),
        &["--database", &database.url(), "db", "migrate"],
    );
}

/// What is wrong with a database, by the statements that make it so.
#[rustfmt::skip]
const FAULTS: [(&str, bool, [&str; 3]); 5] = [
    ("CREATE TABLE shop (a int)", false,
        ["database.tables", "not mlp's, as `shop`", "an empty database of its own"]),
    ("CREATE TABLE inferences (a int); CREATE TABLE results (a int); CREATE TABLE events (a int)", false,
        ["database.tables", "`mlp db import-legacy", "these are the old stack's tables"]),
    ("CREATE TABLE users (a int); CREATE TABLE locations (a int); CREATE TABLE results (a int)", false,
        ["database.tables", "`mlp db import-legacy", "`mlp db import-legacy`, as step 2"]),
    ("UPDATE meta SET value = 99 WHERE name = 'version'", true,
        ["database.tables", "schema version 99", "install the newer mlp"]),
    ("DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database()
        || ' SET default_transaction_read_only = on'; END $$", true,
        ["database.durability", "takes no writes", "the primary"]),
];

#[test]
fn each_fault_of_a_database_is_told_with_what_to_do() {
    for (statements, tables, [check, found, advice]) in FAULTS {
        let database = TestDatabase::create();
        if tables {
            migrated(&database);
        }
        client(&database).batch_execute(statements).unwrap();
        on(&database.url()).has(check, "fail", found, advice);
    }
    let database = TestDatabase::create();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let mut command = at(dir.path());
    command.env("DATABASE_URL", database.url());
    command.env("MLP_DATA_DIR", file);
    examine(command).has(
        "permissions.data_dir",
        "warn",
        "is a file",
        "nothing is to be done",
    );
    let missing = database.url().replace(database.name(), "no_such_database");
    on(&missing).has(
        "database.connection",
        "fail",
        "does not exist",
        "create it with `createdb`",
    );
}

/// A server that wants passwords, and does not keep what it promises.
#[test]
fn each_fault_of_a_server_is_told_with_what_to_do() {
    let who = "host all clerk all scram-sha-256\nhost all all all trust\nlocal all all trust\n";
    let settings = [
        ("fsync", "off"),
        ("full_page_writes", "off"),
        ("synchronous_commit", "off"),
        ("max_connections", "10"),
    ];
    let cluster = Cluster::start_with(&settings, &[("pg_hba.conf", who)]);
    let database = TestDatabase::create_on(&cluster.url());
    migrated(&database);
    let role =
        "CREATE ROLE clerk LOGIN PASSWORD 'right'; REVOKE CREATE ON SCHEMA public FROM PUBLIC;
        GRANT SELECT ON ALL TABLES IN SCHEMA public TO clerk";
    client(&database).batch_execute(role).unwrap();
    let as_clerk = |password: &str| {
        let login = format!("postgres://clerk:{password}@");
        database.url().replacen("postgres://postgres@", &login, 1)
    };

    let said = on(&as_clerk("hidden"));
    said.has(
        "database.connection",
        "fail",
        "password authentication failed",
        "DATABASE_PASS_FILE",
    );
    assert!(!said.text.contains("hidden"), "{}", said.text);

    let said = on(&as_clerk("right"));
    let grants = "`mlp db migrate --help` names";
    said.has(
        "database.rights",
        "fail",
        "`clerk` lacks INSERT on decisions",
        grants,
    );
    said.has("database.rights", "fail", " more", grants);
    said.has("contents.items", "skip", "needs database.rights", "");

    let nothing = "REVOKE ALL ON ALL TABLES IN SCHEMA public FROM clerk";
    client(&database).batch_execute(nothing).unwrap();
    let said = on(&as_clerk("right"));
    said.has("database.tables", "fail", "permission denied", grants);

    let said = on(&database.url());
    said.has(
        "database.durability",
        "fail",
        "fsync is off",
        "`fsync = on`",
    );
    said.has(
        "database.durability",
        "fail",
        "full_page_writes is off",
        "`full_page_writes = on`",
    );
    said.has(
        "database.durability",
        "warn",
        "synchronous_commit is off",
        "turns it on for itself",
    );
    said.has(
        "database.connections",
        "warn",
        "of 7 connections",
        "raise max_connections",
    );
    said.has("database.rights", "ok", "`postgres` may", "");

    // A transaction that is held open is seen, and not yet old.
    let mut held = client(&database);
    held.batch_execute("BEGIN; SELECT 1").unwrap();
    on(&database.url()).has("database.transactions", "ok", "the oldest is 0 s old", "");
}

/// What answers like a server of mlp of this version, for as many requests as come.
fn pretend(version: &str, ready: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let document = format!(r#"{{"info":{{"version":"{version}"}}}}"#);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 1024];
            let n = stream.read(&mut request).unwrap();
            let body = match String::from_utf8_lossy(&request[..n]) {
                path if path.starts_with("GET /healthz") => r#"{"status":"ok"}"#,
                path if path.starts_with("GET /readyz") => ready,
                _ => &document,
            };
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n", body.len());
            let answer = format!("{head}Connection: close\r\n\r\n{body}");
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    url
}

fn with_url(url: &str) -> Said {
    let dir = tempfile::tempdir().unwrap();
    let mut command: Command = at(dir.path());
    command.arg("doctor").args(["--url", url]);
    // `doctor` stands before the flags of a second one: clap takes no subcommand twice.
    let json = dir.path().join("doctor.json");
    let (code, stdout, stderr) = crate::database::run(command.arg("--json").arg(&json));
    let rows = std::fs::read_to_string(json).unwrap();
    Said {
        code,
        rows: serde_json::from_str(&rows).unwrap(),
        text: stdout + &stderr,
    }
}

#[test]
fn a_server_of_another_version_and_one_without_items_are_told() {
    let ready = r#"{"status":"ready","items":5,"models":1}"#;
    let said = with_url(&pretend("99.1.0", ready));
    said.has("server.ready", "ok", "5 items", "");
    said.has(
        "server.version",
        "warn",
        "runs 99.1.0",
        "install the newer one",
    );
    assert_eq!(said.code, 0, "{}", said.text);
    let said = with_url(&pretend(
        "0.0.1",
        r#"{"status":"ready","items":0,"models":0}"#,
    ));
    said.has(
        "server.ready",
        "warn",
        "no items",
        "`mlp items import FILE`",
    );
    said.has(
        "server.version",
        "warn",
        "runs 0.0.1",
        "start the server again",
    );
    let gone = r#"{"detail":"not ready","reasons":["the store is not available"]}"#;
    let said = with_url(&pretend("0.1.0", gone));
    said.has(
        "server.ready",
        "fail",
        "the store is not available",
        "look at the database",
    );
    assert_eq!(said.code, 1);
}

#[test]
fn a_server_that_was_named_and_does_not_answer_is_told() {
    let url = format!("http://127.0.0.1:{}", crate::process::free_port());
    let said = with_url(&url);
    said.has("server.ready", "fail", "cannot connect", "mend --url");
    assert_eq!(said.code, 1);
}
