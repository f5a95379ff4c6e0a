//! One fault each, on a set-up that needs no server of its own.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mlp_core::Schema;
use mlp_store::conformance::{reading, sample_row};
use mlp_store::sqlite::SqliteStore;
use mlp_store::{
    Clock, ManualClock, NewSession, Priority, SessionOp, Sessions, StoreOptions, SystemClock,
    TaskId,
};

use super::{at, examine};
use crate::process::free_port;

/// A fault: how it is planted in an empty directory, and the row that must tell of it.
struct Fault {
    name: &'static str,
    plant: fn(&Path, &mut Command),
    check: &'static str,
    status: &'static str,
    found: &'static str,
    advice: &'static str,
}

#[rustfmt::skip]
const FAULTS: [Fault; 32] = [
    Fault { name: "wrong host name", check: "database.connection", status: "fail",
        plant: |_, c| { c.env("DATABASE_URL", "postgres://u@no-such-host.invalid/d"); },
        found: "failed to lookup address", advice: "a typing error in the host" },
    Fault { name: "closed port", check: "database.connection", status: "fail",
        plant: |_, c| { c.env("DATABASE_URL", format!("postgres://u@127.0.0.1:{}/d", free_port())); },
        found: "refused", advice: "nothing listens there: start the server" },
    Fault { name: "unreadable password file", check: "config.database", status: "fail",
        plant: |dir, c| { c.envs([("DATABASE_HOST", "h"), ("DATABASE_SCHEMA", "d"), ("DATABASE_USER", "u")])
            .env("DATABASE_PASS_FILE", dir.join("gone")); },
        found: "gone`, which DATABASE_PASS_FILE names", advice: "a secret file must be readable" },
    Fault { name: "half a place", check: "config.precedence", status: "warn",
        plant: |_, c| { c.env("DATABASE_USER", "u"); },
        found: "SQLite is used", advice: "set DATABASE_HOST" },
    Fault { name: "two places", check: "config.precedence", status: "warn",
        plant: |dir, c| { c.envs([("DATABASE_HOST", "h"), ("DATABASE_SCHEMA", "d"), ("DATABASE_USER", "u")])
            .env("DATABASE_URL", format!("sqlite:{}/x.db", dir.display())); },
        found: "DATABASE_URL wins", advice: "take away DATABASE_HOST" },
    Fault { name: "two passwords", check: "config.precedence", status: "warn",
        plant: |_, c| {
            c.env("DATABASE_URL", "postgres://u:hidden@127.0.0.1:1/d").env("DATABASE_PASS", "hidden"); },
        found: "the URL's password wins", advice: "take away DATABASE_PASS" },
    Fault { name: "exposed without a token", check: "config.exposure", status: "fail",
        plant: |_, c| { c.env("MLP_BIND", format!("0.0.0.0:{}", free_port())); },
        found: "there is no token", advice: "openssl rand -hex 32" },
    Fault { name: "token to be guessed", check: "config.token", status: "warn",
        plant: |_, c| { c.env("MLP_TOKEN", "sesame"); },
        found: "6 characters", advice: "make a long random one" },
    Fault { name: "token that others read", check: "permissions.secrets", status: "warn",
        plant: |dir, c| { write(dir, "token", "0123456789abcdef0123456789abcdef\n"); mode(dir, "token", 0o644);
            c.env("MLP_TOKEN_FILE", dir.join("token")); },
        found: "token`, which holds a secret", advice: "`chmod o-r " },
    Fault { name: "open routes", check: "config.public_routes", status: "warn",
        plant: |_, c| { c.env("MLP_PUBLIC_ROUTES", "/metrics,/train"); },
        found: "everybody may call POST /train/start", advice: "MLP_PUBLIC_ROUTES" },
    Fault { name: "schema with an error", check: "config.schema", status: "fail",
        plant: |dir, c| { write(dir, "bad.toml", "name = 7\n"); c.env("MLP_SCHEMA", dir.join("bad.toml")); },
        found: "bad.toml", advice: "config/travel.toml is one that works" },
    Fault { name: "data directory is a file", check: "permissions.data_dir", status: "fail",
        plant: |dir, c| { write(dir, "data", ""); c.env("MLP_DATA_DIR", dir.join("data")); },
        found: "is a file, not a directory", advice: "let MLP_DATA_DIR or --data-dir name a directory" },
    Fault { name: "typing error in a variable", check: "config.variables", status: "warn",
        plant: |_, c| { c.env("MLP_TOKEN_FLIE", "x"); },
        found: "MLP_TOKEN_FLIE is not a variable", advice: "did you mean MLP_TOKEN_FILE?" },
    Fault { name: "Celery's own name of a variable", check: "config.variables", status: "warn",
        plant: |_, c| { c.env("CELERY_RESULT_BACKEND", "redis://:hidden@h"); },
        found: "CELERY_RESULT_BACKEND is not a variable", advice: "did you mean CELERY_BACKEND_URL?" },
    Fault { name: "driver of Python", check: "database.connection", status: "fail",
        plant: |_, c| { c.env("DATABASE_URL", format!("postgresql+psycopg2://u:hidden@127.0.0.1:{}/d", free_port())); },
        found: "refused", advice: "nothing listens there: start the server" },
    Fault { name: "another kind of database", check: "config.database", status: "fail",
        plant: |_, c| { c.env("DATABASE_URL", "mysql+pymysql://u:hidden@h/d"); },
        found: "`mysql+pymysql:…` is not known", advice: "postgres://USER@HOST/DATABASE" },
    Fault { name: "line of .env", check: "config.dotenv", status: "fail",
        plant: |dir, _| { write(dir, ".env", "MLP_LOG=warn\nMLP_TOKEN=\"hidden words\nx\n"); },
        found: "line 2 cannot be read", advice: "NAME=VALUE" },
    Fault { name: ".env that others read", check: "permissions.secrets", status: "warn",
        plant: |dir, _| { write(dir, ".env", "DATABASE_PASS=hidden\n"); mode(dir, ".env", 0o644); },
        found: "`.env`", advice: "`chmod o-r .env`" },
    Fault { name: "drain out of range", check: "config.values", status: "fail",
        plant: |_, c| { c.envs([("MLP_DRAIN_S", "-1"), ("MLP_LEASE_S", "long")]); },
        found: "MLP_DRAIN_S is `-1`", advice: "from 0 to 3600" },
    Fault { name: "and the lease at once", check: "config.values", status: "fail",
        plant: |_, c| { c.envs([("MLP_DRAIN_S", "-1"), ("MLP_LEASE_S", "long")]); },
        found: "MLP_LEASE_S is `long`: it is not a number", advice: "from 0.5 to 3600" },
    Fault { name: "retraining for ever", check: "config.values", status: "fail",
        plant: |_, c| { c.envs([("MLP_RETRAIN_EVERY_S", "0.5"), ("MLP_RETRAIN_COOLDOWN_S", "0")]); },
        found: "MLP_RETRAIN_EVERY_S is `0.5`: retrain-every", advice: "or 0 for never" },
    Fault { name: "and without a rest", check: "config.values", status: "fail",
        plant: |_, c| { c.envs([("MLP_RETRAIN_EVERY_S", "0.5"), ("MLP_RETRAIN_COOLDOWN_S", "0")]); },
        found: "MLP_RETRAIN_COOLDOWN_S is `0`: retrain-cooldown", advice: "from 1 to 31622400" },
    Fault { name: "half an answer", check: "config.values", status: "fail",
        plant: |_, c| { c.env("MLP_RETRAIN_ANSWERS", "0.5"); },
        found: "MLP_RETRAIN_ANSWERS is `0.5`: invalid digit", advice: "a whole number" },
    Fault { name: "neither true nor false", check: "config.values", status: "fail",
        plant: |_, c| { c.env("MLP_RETRAIN_ON_LOSS", "yes"); },
        found: "MLP_RETRAIN_ON_LOSS is `yes`", advice: "true or false" },
    Fault { name: "webhook over another protocol", check: "config.values", status: "fail",
        plant: |_, c| { c.env("MLP_WEBHOOK_URL", "ftp://hooks.example/hidden"); },
        found: "MLP_WEBHOOK_URL: the webhook's URL must begin with `https://` or `http://`", advice: "https://HOST[:PORT]/PATH" },
    Fault { name: "webhook without a host", check: "config.values", status: "fail",
        plant: |_, c| { c.env("MLP_WEBHOOK_URL", "http:///hidden"); },
        found: "MLP_WEBHOOK_URL: the webhook's URL is wrong", advice: "https://HOST[:PORT]/PATH" },
    Fault { name: "no address", check: "config.values", status: "fail",
        plant: |_, c| { c.env("MLP_BIND", "localhost:4789"); },
        found: "MLP_BIND is `localhost:4789`", advice: "write an IP address and a port" },
    Fault { name: "another's address", check: "server.port", status: "fail",
        plant: |_, c| { c.env("MLP_BIND", "192.0.2.1:4789").env("MLP_TOKEN", "0123456789abcdef"); },
        found: "is no address of this machine", advice: "127.0.0.1, or 0.0.0.0" },
    Fault { name: "no database at all", check: "database.connection", status: "fail",
        plant: |dir, _| { write(dir, "mlp.db", &"this is a text ".repeat(100)); },
        found: "damaged", advice: "a file of mlp's" },
    Fault { name: "no items", check: "contents.items", status: "warn",
        plant: |dir, _| { open(dir, StoreOptions::new()); },
        found: "no items", advice: "`mlp items import FILE`" },
    Fault { name: "no worker", check: "contents.queue", status: "fail", plant: |dir, _| leave_a_task(dir),
        found: "1 tasks of kind inference wait", advice: "start `mlp worker`" },
    Fault { name: "another domain", check: "database.tables", status: "fail",
        plant: |dir, _| {
            SqliteStore::open(dir.join("mlp.db"), reading(), StoreOptions::new()).unwrap(); },
        found: "was made for another schema", advice: "put the schema back" },
];

fn write(dir: &Path, name: &str, text: &str) {
    std::fs::write(dir.join(name), text).unwrap();
    mode(dir, name, 0o600);
}

fn mode(dir: &Path, name: &str, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(dir.join(name), mode).unwrap();
}

fn schema() -> Arc<Schema> {
    let text = include_str!("../../../../config/travel.toml");
    Arc::new(Schema::parse("travel.toml", text).unwrap())
}

fn open(dir: &Path, options: StoreOptions) -> Arc<SqliteStore> {
    SqliteStore::open(dir.join("mlp.db"), schema(), options).unwrap()
}

/// A request of five minutes ago that nobody took.
fn leave_a_task(dir: &Path) {
    let then = ManualClock::new(SystemClock.now_us() - 300_000_000);
    let store = open(dir, StoreOptions::new().clock(Arc::new(then)));
    let session = NewSession {
        task_id: TaskId::new_v7(),
        user: sample_row(&schema().user, 1),
        candidates: None,
        priority: Priority::Interactive,
        idempotency: None,
    };
    store.apply(&[SessionOp::Start(session)]).unwrap();
}

#[test]
fn each_planted_fault_is_told_with_what_to_do() {
    for fault in &FAULTS {
        let dir = tempfile::tempdir().unwrap();
        let mut command = at(dir.path());
        (fault.plant)(dir.path(), &mut command);
        let said = examine(command);
        println!("{}", fault.name);
        said.has(fault.check, fault.status, fault.found, fault.advice);
        for secret in ["hidden", "sesame", "0123456789"] {
            assert!(!said.text.contains(secret), "{}", said.text);
        }
        let others = said.rows.iter().filter(|row| row["status"] == "fail");
        let stray: Vec<_> = others.filter(|row| row["name"] != fault.check).collect();
        let follows = [
            "data directory is a file",
            "no database at all",
            "two passwords",
        ]
        .contains(&fault.name);
        assert!(stray.is_empty() || follows, "{}: {stray:?}", fault.name);
    }
}

#[test]
fn a_port_that_another_program_has_is_told_with_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut command = at(dir.path());
    command.env("MLP_BIND", address.to_string());
    let other = std::thread::spawn(move || {
        use std::io::Write;
        // No HTTP at all.
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"220 mail.example ESMTP\r\n").unwrap();
        listener
    });
    let said = examine(command);
    let process = format!("process {}", std::process::id());
    said.has(
        "server.port",
        "fail",
        "is taken by another program",
        "name another port",
    );
    said.has("server.port", "fail", &process, "");
    drop(other.join().unwrap());
}

/// A server that takes connections and says nothing stops one check, and for five seconds.
#[test]
fn a_database_that_says_nothing_holds_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut command = at(dir.path());
    let url = format!("postgres://u@{}/d", listener.local_addr().unwrap());
    command.env("DATABASE_URL", url);
    let began = Instant::now();
    let said = examine(command);
    assert!(
        began.elapsed() < Duration::from_secs(9),
        "{:?}",
        began.elapsed()
    );
    said.has(
        "database.connection",
        "fail",
        "no answer within 5 s",
        "a stopped server",
    );
    said.has("database.tables", "skip", "needs database.connection", "");
    said.has(
        "disk.data",
        said.of("disk.data")[0]["status"].as_str().unwrap(),
        "free",
        "",
    );
}

/// A disk of 4 MB; the limits themselves have a test that needs no right.
#[test]
#[ignore = "mounts a file system, which needs root: scripts/verify.sh full_disks"]
fn a_full_disk_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("small");
    std::fs::create_dir(&place).unwrap();
    let mount = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"])
        .arg(&place)
        .output();
    let mounted = mount.is_ok_and(|said| said.status.success());
    assert!(mounted, "no right to mount a small disk");
    let mut command = at(dir.path());
    command.env("MLP_DATA_DIR", &place);
    let said = std::thread::spawn(move || examine(command)).join();
    let gone = Command::new("umount").arg(&place).status();
    assert!(gone.unwrap().success());
    let said = said.unwrap();
    said.has(
        "disk.data",
        "fail",
        "4.2 MB are free",
        "`mlp db prune --days N`",
    );
    said.has(
        "database.file",
        "warn",
        "in memory",
        "a directory on a disk",
    );
}
