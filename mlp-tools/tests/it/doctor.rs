//! `mlp doctor`: green on what is good, and for each planted fault the sentence that helps.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use mlp_store::conformance::postgres::TestDatabase;
use serde_json::Value;

use crate::database::{client, run, works};
use crate::process::{Server, free_port, get, mlp};

mod broker;
mod faults;
mod servers;

/// What the doctor said.
pub struct Said {
    pub code: i32,
    pub rows: Vec<Value>,
    /// All that it printed.
    pub text: String,
}

impl Said {
    /// The rows of a check.
    pub fn of(&self, name: &str) -> Vec<&Value> {
        let rows = self.rows.iter().filter(|row| row["name"] == name);
        rows.collect()
    }

    /// A check has such a row.
    pub fn has(&self, name: &str, status: &str, found: &str, advice: &str) {
        let fits = |row: &&Value| {
            let text = |field: &str| row[field].as_str().unwrap_or_default().to_owned();
            row["status"] == status
                && text("found").contains(found)
                && text("advice").contains(advice)
        };
        let found_it = self.of(name).into_iter().any(|row| fits(&row));
        assert!(
            found_it,
            "no `{name}` is {status} with `{found}`, `{advice}`:\n{}",
            self.text
        );
    }
}

/// Runs the doctor as `command` has it set up, and compares what it prints with what it writes.
pub fn examine(mut command: Command) -> Said {
    let dir = tempfile::tempdir().unwrap();
    let json = dir.path().join("doctor.json");
    let (code, stdout, stderr) = run(command.arg("doctor").arg("--json").arg(&json));
    let text = stdout + &stderr;
    let rows = std::fs::read_to_string(&json).unwrap_or_else(|e| panic!("{e}:\n{text}"));
    let rows: Vec<Value> = serde_json::from_str(&rows).unwrap();
    let mut failed = false;
    for row in &rows {
        let (status, advice) = (row["status"].as_str().unwrap(), row["advice"].as_str());
        failed |= status == "fail";
        assert_eq!(
            advice.is_some(),
            status == "warn" || status == "fail",
            "{row}"
        );
        for said in [row["found"].as_str(), advice].into_iter().flatten() {
            assert!(text.contains(said), "`{said}` was not printed:\n{text}");
        }
    }
    assert_eq!(code, i32::from(failed), "{text}");
    Said { code, rows, text }
}

/// A command that listens nowhere else's port.
pub fn at(data: &Path) -> Command {
    let mut command = mlp(data);
    command
        .current_dir(data)
        .env("MLP_BIND", format!("127.0.0.1:{}", free_port()));
    command
}

/// What a machine may have that does not make a set-up bad: a test may run as root, with little
/// memory, its files in memory.
const OF_MACHINES: [&str; 8] = [
    "permissions.user",
    "limits.files",
    "limits.memory",
    "disk.data",
    "disk.postgres",
    "database.file",
    "database.connections",
    "database.transactions",
];

fn is_green(said: &Said) {
    assert_eq!(said.code, 0, "{}", said.text);
    for row in &said.rows {
        let name = row["name"].as_str().unwrap();
        let fine = row["status"] == "ok" || OF_MACHINES.contains(&name);
        assert!(fine, "{row}\n{}", said.text);
    }
}

/// Starts everything, looks while it runs and after it stopped.
fn good(data: &Path, database: &str) {
    let port = free_port();
    let flags = ["--database", database, "--sessions", "300"];
    let mut server = Server::up(data, port, &flags);
    server.wait_until_ready();
    let end = Instant::now() + Duration::from_secs(30);
    while !get(port, "/readyz").is_some_and(|answer| answer.contains("\"models\":1")) {
        assert!(Instant::now() < end, "there is no model");
        std::thread::sleep(Duration::from_millis(20));
    }
    let command = || {
        let mut command = at(data);
        command.env("MLP_BIND", format!("127.0.0.1:{port}"));
        command.env("DATABASE_URL", database);
        command
    };
    let said = examine(command());
    is_green(&said);
    said.has("server.port", "ok", "is served by mlp, process", "");
    said.has("server.ready", "ok", "is ready: 210 items, 1 models", "");
    said.has("server.version", "ok", "too", "");
    said.has("contents.items", "ok", "210 items", "");
    said.has("contents.model", "ok", "model 1 answers", "");
    said.has("contents.queue", "ok", "0 tasks wait", "");
    said.has("database.tables", "ok", "they fit the schema", "");
    assert_eq!(server.stop(), Some(0));
    let said = examine(command());
    assert_eq!(said.code, 0);
    said.has("server.port", "ok", "is free", "");
    said.has("server.ready", "skip", "no server of mlp runs there", "");
}

#[test]
fn a_good_sqlite_is_green_and_stays_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("mlp.db");
    good(dir.path(), &format!("sqlite:{}", file.display()));
    let state = || {
        let files = std::fs::read_dir(dir.path()).unwrap();
        let mut names: Vec<_> = files.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        (names, std::fs::read(&file).unwrap())
    };
    let before = state();
    let said = examine(at(dir.path()));
    said.has("database.integrity", "ok", "every page is whole", "");
    said.has("database.server", "ok", "no server has it", "");
    let after = state();
    assert_eq!(after.0, before.0);
    let differ = (after.1.iter().zip(&before.1).enumerate()).find(|(_, (a, b))| a != b);
    assert_eq!(differ, None, "the file is not as it was, from that byte on");
    assert_eq!(after.1.len(), before.1.len());
}

#[test]
fn a_good_postgres_is_green() {
    let dir = tempfile::tempdir().unwrap();
    let database = TestDatabase::create();
    good(dir.path(), &database.url());
    let mut command = at(dir.path());
    command.env("DATABASE_URL", database.url());
    let said = examine(command);
    said.has("clock.skew", "ok", "this machine's (± ", "");
    said.has("database.durability", "ok", "on the disk", "");
    said.has("database.rights", "ok", "may do what serving needs", "");
    said.has("database.pooler", "ok", "none", "");
}

#[test]
fn an_empty_place_is_not_filled() {
    let dir = tempfile::tempdir().unwrap();
    let said = examine(at(dir.path()));
    assert_eq!(said.code, 0, "{}", said.text);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    let database = TestDatabase::create();
    let mut command = at(dir.path());
    command.env("DATABASE_URL", database.url());
    let said = examine(command);
    assert_eq!(said.code, 0, "{}", said.text);
    said.has(
        "database.tables",
        "warn",
        "no tables yet",
        "`mlp db migrate` makes them",
    );
    said.has("contents.items", "skip", "to be made", "");
    let tables = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace";
    assert_eq!(crate::database::number(&mut client(&database), tables), 0);
}

#[test]
fn what_is_asked_wrongly_exits_with_2() {
    let dir = tempfile::tempdir().unwrap();
    for args in [
        &["doctor", "--url", "ftp://x"][..],
        &["doctor", "--nonsense"],
    ] {
        let (code, _, stderr) = run(at(dir.path()).args(args));
        assert_eq!(code, 2, "{stderr}");
    }
    let help = works(dir.path(), &["doctor", "--help"]);
    assert!(help.contains("--json doctor.json"), "{help}");
}
