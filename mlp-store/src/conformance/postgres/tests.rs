use std::time::{Duration, SystemTime, UNIX_EPOCH};

use postgres::NoTls;
use uuid::{NoContext, Timestamp, Uuid};

use super::database::with_database;
use super::leftovers::{is_leftover, remove};
use super::{Cluster, TestDatabase};

const HOUR: u64 = 3600;

fn name(pid: u32, made: u64) -> String {
    let made = Uuid::new_v7(Timestamp::from_unix(NoContext, made, 0));
    format!("mlp_test_{pid}_7_{}", made.simple())
}

#[test]
fn a_leftover_is_old_and_its_process_dead() {
    let now = 1_800_000_000;
    let cases = [
        (name(5, now - HOUR - 1), true),
        (name(5, now - HOUR), false),
        (name(5, now + HOUR), false),
        (name(1, now - 9 * HOUR), false),
        (format!("{}_x", name(5, 0)), false),
        (name(5, 0).replace("mlp_", "app_"), false),
        (name(5, 0).replace("_7_", "_x_"), false),
        (
            "mlp_test_5_7_00000000000040008000000000000000".to_owned(),
            false,
        ),
        ("mlp_test_5_7".to_owned(), false),
        ("mlp_test_results".to_owned(), false),
    ];
    for (name, leftover) in cases {
        let now = Duration::from_secs(now);
        assert_eq!(is_leftover(&name, now, |pid| pid == 1), leftover, "{name}");
    }
}

#[test]
fn leftovers_are_removed_and_nothing_else() {
    let cluster = Cluster::start();
    let mut client = postgres::Client::connect(&cluster.url(), NoTls).unwrap();
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    // Linux numbers processes up to 2^22 at most.
    let dead = 1 << 23;
    let kept = [
        name(dead, now),
        name(std::process::id(), now - 2 * HOUR),
        "mlp_test_results".to_owned(),
    ];
    for name in kept.iter().chain([&name(dead, now - 2 * HOUR)]) {
        client
            .batch_execute(&format!("CREATE DATABASE {name}"))
            .unwrap();
    }
    remove(&mut client);
    let query = "SELECT datname FROM pg_database WHERE datname LIKE 'mlp%'";
    let rows = client.query(query, &[]).unwrap();
    let mut left: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    let mut kept = kept.to_vec();
    left.sort();
    kept.sort();
    assert_eq!(left, kept);
}

#[test]
fn a_url_is_given_another_database() {
    let cases = [
        ("postgres://u:p@h:1/d?a=/b", "postgres://u:p@h:1/x?a=/b"),
        ("postgres://u@h", "postgres://u@h/x"),
        ("postgres://u@h/", "postgres://u@h/x"),
        ("postgres://u@h?a=b", "postgres://u@h/x?a=b"),
        ("postgres:///d?host=/run", "postgres:///x?host=/run"),
    ];
    for (url, other) in cases {
        assert_eq!(with_database(url, "x"), other);
    }
}

#[test]
#[should_panic(expected = "or let MLP_TEST_POSTGRES be the URL")]
fn a_missing_server_fails_the_test() {
    let mut cluster = Cluster::start();
    cluster.stop_fast();
    TestDatabase::create_on(&cluster.url());
}
