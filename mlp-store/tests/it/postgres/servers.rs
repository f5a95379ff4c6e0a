//! The databases and servers that the tests against PostgreSQL are given.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use mlp_store::conformance::postgres::{Cluster, TestDatabase};
use postgres::{Client, NoTls};

const CHILD: &str = "MLP_TEST_CLUSTER_CHILD";

fn connect(url: &str) -> Client {
    Client::connect(url, NoTls).unwrap()
}

fn number(client: &mut Client, query: &str) -> i64 {
    client.query_one(query, &[]).unwrap().get(0)
}

fn exists(client: &mut Client, database: &str) -> bool {
    let query = "SELECT 1 FROM pg_database WHERE datname = $1";
    !client.query(query, &[&database]).unwrap().is_empty()
}

/// Waits for the condition.
fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "{what}");
        sleep(Duration::from_millis(10));
    }
}

#[test]
fn each_test_database_is_its_own_and_goes_with_its_owner() {
    let (one, other) = (TestDatabase::create(), TestDatabase::create());
    assert_ne!(one.name(), other.name());
    let mut in_one = connect(&one.url());
    in_one.batch_execute("CREATE TABLE t (x int)").unwrap();
    let mut in_other = connect(&other.url());
    assert!(in_other.query("SELECT * FROM t", &[]).is_err());

    let name = one.name().to_owned();
    assert!(exists(&mut in_other, &name));
    drop(one);
    assert!(
        !exists(&mut in_other, &name),
        "though somebody is connected"
    );
    assert!(in_one.query("SELECT 1", &[]).is_err());
}

#[test]
fn a_cluster_keeps_what_was_committed_through_every_kind_of_stop() {
    let mut cluster = Cluster::start_with(&[("work_mem", "7MB")], &[]);
    let mut client = connect(&cluster.url());
    client.batch_execute("CREATE TABLE t (x int)").unwrap();
    let setting: String = client.query_one("SHOW work_mem", &[]).unwrap().get(0);
    assert_eq!(setting, "7MB");
    let setting: String = client.query_one("SHOW fsync", &[]).unwrap().get(0);
    assert_eq!(setting, "on");
    let stops: [(Stop, &str); 3] = [
        (Cluster::stop_immediate, "was not properly shut down"),
        (Cluster::stop_fast, "was shut down at"),
        (kill, "was not properly shut down"),
    ];
    for (n, (stop, said)) in (1..).zip(stops) {
        let (url, before) = (cluster.url(), cluster.log().len());
        client.batch_execute("INSERT INTO t VALUES (1)").unwrap();
        stop(&mut cluster);
        until("the port is closed", || {
            Client::connect(&url, NoTls).is_err()
        });
        while client.query("SELECT 1", &[]).is_ok() {
            // The children of a killed postmaster take a moment to see it.
            sleep(Duration::from_millis(1));
        }
        cluster.start_again();
        client = connect(&url);
        assert_eq!(number(&mut client, "SELECT count(*) FROM t"), n);
        assert!(cluster.log()[before..].contains(said), "{}", cluster.log());
    }
}

type Stop = fn(&mut Cluster);

fn kill(cluster: &mut Cluster) {
    let pid = cluster.pid().to_string();
    assert!(
        Command::new("kill")
            .args(["-KILL", &pid])
            .status()
            .unwrap()
            .success()
    );
}

#[test]
fn a_cluster_has_a_socket_and_leaves_nothing() {
    let cluster = Cluster::start();
    let directory = cluster.directory().to_owned();
    let url = format!(
        "postgres://postgres@/postgres?host={}&port={}",
        directory.display(),
        cluster.port()
    );
    let database = TestDatabase::create_on(&url);
    assert_eq!(number(&mut connect(&database.url()), "SELECT 1::int8"), 1);
    drop(database);
    drop(cluster);
    assert!(!directory.exists());
}

#[test]
#[should_panic(expected = "unrecognized configuration parameter \"no_such\"")]
fn a_cluster_that_does_not_start_says_why() {
    Cluster::start_with(&[("no_such", "1")], &[]);
}

/// Not a test by itself: the process that is killed.
#[test]
#[ignore = "another test runs it as a process of its own"]
fn child() {
    if std::env::var_os(CHILD).is_some() {
        let cluster = Cluster::start();
        println!("\n{} {}", cluster.port(), cluster.directory().display());
        sleep(Duration::from_secs(600));
    }
}

#[test]
fn a_cluster_does_not_outlive_its_process() {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "postgres::servers::child",
            "--ignored",
            "--nocapture",
        ])
        .env(CHILD, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = lines
        .map(Result::unwrap)
        .find(|line| line.contains(" /"))
        .unwrap();
    let (port, directory) = line.split_once(' ').unwrap();
    let port = port.parse().unwrap();
    TcpStream::connect(("127.0.0.1", port)).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    until("the directory goes", || !Path::new(directory).exists());
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}
