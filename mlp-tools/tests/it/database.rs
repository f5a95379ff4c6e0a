//! `mlp db` and `mlp up` on a PostgreSQL, and where the programs look for their database.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use mlp_store::conformance::postgres::TestDatabase;
use postgres::{Client, NoTls};

use crate::process::{Server, free_port, get, mlp};

mod legacy;

pub fn run(command: &mut Command) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

pub fn works(data: &Path, args: &[&str]) -> String {
    let (status, stdout, stderr) = run(mlp(data).args(args));
    assert_eq!(status, 0, "{args:?}\n{stdout}\n{stderr}");
    stdout
}

pub fn fails(data: &Path, args: &[&str], code: i32, words: &[&str]) -> String {
    let (status, stdout, stderr) = run(mlp(data).args(args));
    assert_eq!(status, code, "{args:?}\n{stdout}\n{stderr}");
    for word in words {
        assert!(
            stderr.contains(word),
            "{args:?} does not say `{word}`:\n{stderr}"
        );
    }
    stdout
}

pub fn client(database: &TestDatabase) -> Client {
    Client::connect(&database.url(), NoTls).unwrap()
}

pub fn number(client: &mut Client, select: &str) -> i64 {
    client.query_one(select, &[]).unwrap().get(0)
}

const RELATIONS: &str = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace";

/// A request of the shipped domain.
const REQUEST: &str = r#"{"name": "Family", "people_num": 3, "people_age": [35, 33, 4],
    "children_num": 1, "budget": 420.75, "nights": 5, "time_arrival": "2026-01-15",
    "pool": true, "spa": false, "pet_friendly": false, "lake": true, "mountain": true,
    "sport": false}"#;

fn post(port: u16, path: &str, body: &str) -> String {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn status_makes_nothing_and_migrate_makes_the_tables() {
    let dir = tempfile::tempdir().unwrap();
    let database = TestDatabase::create();
    let url = database.url();
    let status = works(dir.path(), &["--database", &url, "db", "status"]);
    for words in ["schema version  0", "PostgreSQL ", "`mlp db migrate`"] {
        assert!(status.contains(words), "{status}");
    }
    assert_eq!(number(&mut client(&database), RELATIONS), 0);
    let made = works(dir.path(), &["--database", &url, "db", "migrate"]);
    assert!(
        made.contains("schema version  1 (this program: 1)"),
        "{made}"
    );
    assert!(
        made.contains("locations       0\nusers           0\n"),
        "{made}"
    );
    assert_eq!(
        works(dir.path(), &["--database", &url, "db", "migrate"])
            .lines()
            .count(),
        6
    );
    let help = works(dir.path(), &["db", "migrate", "--help"]);
    assert!(
        help.contains("GRANT SELECT, INSERT, UPDATE, DELETE"),
        "{help}"
    );
}

#[test]
fn an_embedded_deployment_moves_and_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path();
    let database = TestDatabase::create();
    let (from, to) = (format!("sqlite:{}/mlp.db", data.display()), database.url());
    let copy = ["db", "copy", "--from", &from, "--to", &to];
    fails(data, &copy, 1, &["mlp.db", "No such file"]);
    assert!(!data.join("mlp.db").exists());

    let mut server = Server::up(data, free_port(), &["--sessions", "300"]);
    server.wait_until_ready();
    for _ in 0..3 {
        let ranked = post(server.port, "/inference/rank?limit=2", REQUEST);
        assert!(ranked.starts_with("HTTP/1.1 200"), "{ranked}");
    }
    fails(
        data,
        &copy,
        1,
        &["in use by another server", "stop it first"],
    );
    assert_eq!(number(&mut client(&database), RELATIONS), 0);
    assert_eq!(server.stop(), Some(0));

    let told = works(data, &copy);
    assert!(
        told.contains("inferences               303        303"),
        "{told}"
    );
    assert_eq!(told.matches("  equal\n").count(), 9, "{told}");
    fails(data, &copy, 1, &["is not empty", "name an empty database"]);

    let mut command = mlp(data);
    let port = free_port();
    command.args([
        "--database",
        &to,
        "up",
        "--bind",
        &format!("127.0.0.1:{port}"),
    ]);
    let mut server = Server::start(command, port);
    server.wait_until_ready();
    let ranked = post(port, "/inference/rank?limit=2", REQUEST);
    assert!(ranked.contains("\"model_id\":1"), "{ranked}");
    assert!(
        get(port, "/content/info")
            .unwrap()
            .starts_with("HTTP/1.1 200")
    );
    assert_eq!(server.stop(), Some(0));
    let newest = "SELECT max(inference_id) FROM inferences";
    assert_eq!(number(&mut client(&database), newest), 304);
}

#[test]
fn what_cannot_be_copied_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path();
    let copy = |from: &str, to: &str, code, words: &[&str]| {
        fails(
            data,
            &["db", "copy", "--from", from, "--to", to],
            code,
            words,
        );
    };
    let postgres = "postgres://u:secret@127.0.0.1:1/d";
    copy(postgres, postgres, 2, &["pg_dump"]);
    copy(
        "sqlite:a.db",
        "sqlite:b.db",
        2,
        &["--to is `sqlite:b.db`", "postgres://"],
    );
    fails(
        data,
        &["db", "copy", "--from", "sqlite:a.db"],
        2,
        &["--to is `sqlite:"],
    );
    std::fs::write(data.join("junk.db"), vec![7; 9000]).unwrap();
    let junk = format!("sqlite:{}", data.join("junk.db").display());
    copy(&junk, postgres, 1, &["junk.db"]);
}

/// A process that is stopped in the middle must not leave what looks whole.
#[test]
fn a_copy_that_was_stopped_cannot_be_served() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path();
    let mut server = Server::up(data, free_port(), &["--sessions", "30000"]);
    server.wait_until_ready();
    server.stop();
    let database = TestDatabase::create();
    let (from, to) = (format!("sqlite:{}/mlp.db", data.display()), database.url());
    works(data, &["--database", &to, "db", "migrate"]);
    // Every batch takes a while, so that there is a middle to stop in.
    let slow = "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql
            AS 'BEGIN PERFORM pg_sleep(0.3); RETURN NULL; END';
        CREATE TRIGGER slow AFTER INSERT ON users FOR EACH STATEMENT EXECUTE FUNCTION slow()";
    client(&database).batch_execute(slow).unwrap();
    let mut command = mlp(data);
    command.args(["db", "copy", "--from", &from, "--to", &to]);
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut client = client(&database);
    let end = Instant::now() + Duration::from_secs(30);
    while number(&mut client, "SELECT count(*) FROM users") == 0 {
        assert!(Instant::now() < end, "nothing is copied");
    }
    let id = child.id().to_string();
    assert!(
        Command::new("kill")
            // Not INT, which whatever a shell runs in the background ignores.
            .args(["-TERM", &id])
            .status()
            .unwrap()
            .success()
    );
    assert!(!child.wait().unwrap().success(), "it was stopped");
    for command in [
        &["db", "status"][..],
        &["serve"],
        &["db", "copy", "--from", &from],
    ] {
        let mut args = vec!["--database", to.as_str()];
        args.extend(command);
        fails(data, &args, 1, &["begin again"]);
    }
}

#[test]
fn old_sessions_are_pruned_from_a_postgres() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path();
    let database = TestDatabase::create();
    let url = database.url();
    let mut command = mlp(data);
    let port = free_port();
    let bind = format!("127.0.0.1:{port}");
    command.args([
        "--database",
        &url,
        "up",
        "--bind",
        &bind,
        "--sessions",
        "2500",
    ]);
    let mut server = Server::start(command, port);
    server.wait_until_ready();
    let prune = |args: &[&str]| {
        let mut all = vec!["--database", url.as_str(), "db", "prune", "--days"];
        all.extend(args);
        works(data, &all)
    };
    assert_eq!(
        prune(&["1"]),
        "removed 0 sessions with their users, 0 other tasks, 0 idempotency keys\n"
    );
    fails(
        data,
        &["--database", &url, "db", "prune", "--days", "0"],
        2,
        &["1..=36500"],
    );
    let older = "UPDATE inferences SET creation_time = creation_time - interval '2 days'";
    client(&database).batch_execute(older).unwrap();
    let kept = prune(&["1"]);
    assert!(
        kept.starts_with("removed 0 sessions"),
        "explored ones stay: {kept}"
    );
    let gone = prune(&["1", "--explored"]);
    assert!(gone.starts_with("removed 2500 sessions"), "{gone}");
    assert_eq!(server.stop(), Some(0));
    assert_eq!(
        number(&mut client(&database), "SELECT count(*) FROM users"),
        0
    );
}

/// The first line that `db status` prints, and what it says to standard error.
fn place(command: &mut Command) -> (String, String) {
    let (_, stdout, stderr) = run(command.args(["db", "status"]));
    let first = stdout.lines().next().unwrap_or_default();
    (
        first.trim_start_matches("database").trim().to_owned(),
        stderr,
    )
}

#[test]
fn flags_win_over_the_environment_which_wins_over_dotenv() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    let command = || {
        let mut command = mlp(at);
        command.current_dir(at);
        command
    };
    std::fs::write(at.join("url"), "sqlite:of_file.db\n").unwrap();
    std::fs::write(at.join("pass"), "secret\n").unwrap();
    let parts = [
        ("DATABASE_HOST", "127.0.0.1:1"),
        ("DATABASE_SCHEMA", "d"),
        ("DATABASE_USER", "u"),
        ("DATABASE_PASS_FILE", "pass"),
    ];
    let of_parts = "postgres://u@127.0.0.1:1/d";
    assert_eq!(place(command().envs(parts)).0, of_parts);
    let file = ("DATABASE_URL_FILE", "url");
    assert_eq!(
        place(command().envs(parts).envs([file])).0,
        "sqlite:of_file.db"
    );
    let url = ("DATABASE_URL", "sqlite:of_env.db");
    assert_eq!(
        place(command().envs(parts).envs([file, url])).0,
        "sqlite:of_env.db"
    );
    let flag = ["--database", "sqlite:of_flag.db"];
    assert_eq!(
        place(command().envs([file, url]).args(flag)).0,
        "sqlite:of_flag.db"
    );

    let dotenv = "# ours\nexport DATABASE_URL=sqlite:of_dotenv.db\nDATABASE_PASS='a b'\n";
    std::fs::write(at.join(".env"), dotenv).unwrap();
    assert_eq!(place(&mut command()).0, "sqlite:of_dotenv.db");
    assert_eq!(place(command().envs([url])).0, "sqlite:of_env.db");
    assert_eq!(place(command().envs([file])).0, "sqlite:of_file.db");
    assert_eq!(place(command().envs(parts)).0, of_parts);
    assert_eq!(place(command().args(flag)).0, "sqlite:of_flag.db");
    std::fs::write(at.join(".env"), "DATABASE_URL_FILE=url\n").unwrap();
    assert_eq!(place(&mut command()).0, "sqlite:of_file.db");
    assert_eq!(place(command().envs([url])).0, "sqlite:of_env.db");
}

#[test]
fn a_secret_file_that_is_wrong_is_named_and_not_printed() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    for (name, text, words) in [
        ("DATABASE_URL_FILE", None, &["cannot read", "secrets"][..]),
        (
            "DATABASE_URL_FILE",
            Some("topsecret"),
            &["DATABASE_URL_FILE", "sqlite:PATH"],
        ),
        (
            "DATABASE_URL_FILE",
            Some("postgres://u:topsecret@h:x/d"),
            &["DATABASE_URL_FILE"],
        ),
        ("DATABASE_URL_FILE", Some("top/secret://x"), &["no scheme"]),
    ] {
        let file = at.join("secrets");
        match text {
            Some(text) => std::fs::write(&file, text).unwrap(),
            None => assert!(!file.exists()),
        }
        let (status, _, stderr) = run(mlp(at).env(name, &file).args(["db", "status"]));
        assert!(status == 1 || status == 2, "{status}");
        assert!(
            !stderr.contains("topsecret") && !stderr.contains("top/"),
            "{stderr}"
        );
        for word in words {
            assert!(
                stderr.contains(word),
                "{text:?} does not say `{word}`: {stderr}"
            );
        }
    }
    std::fs::write(at.join(".env"), "MLP_TOKEN=\"topsecret\nx\n").unwrap();
    let (status, _, stderr) = run(mlp(at).current_dir(at).args(["db", "status"]));
    assert_eq!(status, 2);
    assert!(
        stderr.contains(".env") && !stderr.contains("topsecret"),
        "{stderr}"
    );
}

/// A server that wants a password: that of the URL wins over that of the environment.
#[test]
fn the_password_of_a_url_is_its_own() {
    use mlp_store::conformance::postgres::Cluster;
    let dir = tempfile::tempdir().unwrap();
    let who = "host all server all scram-sha-256\nhost all all all trust\nlocal all all trust\n";
    let cluster = Cluster::start_with(&[], &[("pg_hba.conf", who)]);
    let database = TestDatabase::create_on(&cluster.url());
    let role = format!(
        "CREATE ROLE server LOGIN PASSWORD 'right'; GRANT ALL ON DATABASE {} TO server",
        database.name()
    );
    client(&database).batch_execute(&role).unwrap();
    let url = |login: &str| {
        format!(
            "postgres://{login}@127.0.0.1:{}/{}",
            cluster.port(),
            database.name()
        )
    };
    let status = |login: &str, pass: &str| {
        let mut command = mlp(dir.path());
        command
            .env("DATABASE_PASS", pass)
            .args(["--database", &url(login), "db", "status"]);
        run(&mut command)
    };
    assert_eq!(status("server", "right").0, 0);
    assert_eq!(status("server:right", "wrong").0, 0);
    let (code, stdout, stderr) = status("server:wrong", "right");
    assert_eq!(code, 1);
    assert!(stderr.contains("pg_hba.conf"), "{stderr}");
    assert!(!(stdout + &stderr).contains("wrong"));
}
