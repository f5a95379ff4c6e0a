//! Several processes on one PostgreSQL: what one changes the others see, what one leaves the others
//! do, and what they say while it is away.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mlp_core::Schema;
use mlp_data::{Date, Mix, UserConfig, UserSampler};
use mlp_store::StoreOptions;
use mlp_store::conformance::postgres::{Cluster, TestDatabase};
use mlp_store::postgres::{PostgresConfig, PostgresStore};
use postgres::{Client, NoTls};
use rand::SeedableRng;
use serde_json::{Value, json};

use crate::faulty::add_items;
use crate::process::{self, Server, free_port, get, mlp, request};

/// What every process shows within so long.
const SOON: Duration = Duration::from_secs(2);

const LEASE: Duration = Duration::from_secs(1);

pub fn schema() -> Arc<Schema> {
    let text = include_str!("../../../config/travel.toml");
    Arc::new(Schema::parse("travel.toml", text).unwrap())
}

pub fn open(url: &str) -> Arc<PostgresStore> {
    let config = PostgresConfig::parse(url).unwrap();
    PostgresStore::open(config, schema(), StoreOptions::new()).unwrap()
}

pub fn fill(url: &str) {
    add_items(&*open(url), &schema());
}

pub fn user(seed: u64) -> Value {
    let users = UserConfig::from_reader("user.tsv", mlp_data::shipped::USERS.as_bytes()).unwrap();
    let sampler = UserSampler::new(&users.value, Mix::Even, Date::FIRST_OF_2026);
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    serde_json::to_value(sampler.sample(&mut rng).user).unwrap()
}

/// The status and the JSON of an answer.
fn parse(answer: Option<String>) -> (u16, Value) {
    let answer = answer.expect("the server answers");
    let status = answer[9..12].parse().unwrap();
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status, serde_json::from_str(body).unwrap_or_default())
}

pub fn ask(port: u16, method: &str, path: &str, body: &Value) -> Value {
    let (status, value) = parse(request(port, method, path, &body.to_string()));
    assert_eq!(status, 200, "{method} {path}: {value}");
    value
}

/// Waits until something holds; how long that took.
pub fn until(what: &str, limit: Duration, mut holds: impl FnMut() -> bool) -> Duration {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < limit, "{what}: not within {limit:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
    begun.elapsed()
}

fn apis(data: &Path, url: &str) -> [Server; 2] {
    [(); 2].map(|()| {
        let port = free_port();
        let mut command = process::serve(data, port, url);
        // A line for each request of an outage helps nobody here.
        command.env("MLP_LOG", "off");
        let mut server = Server::start(command, port);
        server.wait_until_ready();
        server
    })
}

fn named(url: &str, name: &str) -> String {
    let mark = if url.contains('?') { '&' } else { '?' };
    format!("{url}{mark}application_name={name}")
}

/// Sessions that are answered at once, to learn from.
pub fn answered_sessions(port: u16, n: u64) {
    for seed in 0..n {
        let shown = ask(port, "POST", "/inference/rank", &user(seed));
        let choice = json!({
            "task_id": shown["task_id"],
            "location_id": shown["results"][seed as usize % 3]["location_id"],
        });
        ask(port, "PUT", "/inference/select", &choice);
    }
}

#[test]
fn a_change_through_one_process_is_served_by_all() {
    let database = TestDatabase::create();
    let url = database.url();
    fill(&url);
    let dir = tempfile::tempdir().unwrap();
    let [one, other] = apis(dir.path(), &url);
    let worker = Server::start(process::worker(dir.path(), &url, LEASE), 0);

    // An item, as the other process ranks it.
    let path = "/content/location/1";
    let mut item = ask(one.port, "GET", path, &json!({}));
    item["price"] = json!(item["price"].as_f64().unwrap() + 12.5);
    ask(one.port, "PUT", path, &item);
    let mut only = user(0);
    only["candidates"] = json!([1]);
    let took = until("the new price", SOON, || {
        let shown = ask(other.port, "POST", "/inference/rank", &only);
        shown["results"][0]["price"] == item["price"]
    });
    println!("a changed item after {took:?}");

    // The first model is promoted when it is trained, by the worker.
    answered_sessions(one.port, 120);
    let models = |port| ask(port, "GET", "/readyz", &json!({}))["models"].clone();
    assert_eq!(models(other.port), 0);
    let task = ask(one.port, "POST", "/train/start", &json!({}))["task_id"].clone();
    let path = format!("/train/status/{}?wait=20", task.as_str().unwrap());
    assert_eq!(
        ask(other.port, "GET", &path, &json!({}))["status"],
        "SUCCESS"
    );
    let listed = ask(other.port, "GET", "/models", &json!({}));
    let id = listed[0]["model_id"].as_i64().unwrap();
    ask(
        one.port,
        "POST",
        &format!("/models/{id}/promote"),
        &json!({}),
    );
    let took = until("the model", SOON, || models(other.port) == 1);
    println!("a promoted model after {took:?}");
    assert_eq!(models(one.port), 1);

    // A worker ranks by it, as soon as it has seen it too.
    let mut db = Client::connect(&url, NoTls).unwrap();
    let took = until("the worker's model", SOON, || {
        let started = ask(other.port, "POST", "/inference/start", &user(1000));
        let task = started["task_id"].as_str().unwrap();
        let path = format!("/inference/status/{task}?wait=10");
        let status = ask(one.port, "GET", &path, &json!({}));
        assert_eq!(status["status"], "SUCCESS");
        let select = "SELECT model_id FROM inferences ORDER BY inference_id DESC LIMIT 1";
        let model: Option<i64> = db.query_one(select, &[]).unwrap().get(0);
        model == Some(id)
    });
    println!("ranked by it after {took:?}");
    drop(worker);
}

#[test]
fn each_process_counts_its_own_requests() {
    let database = TestDatabase::create();
    let url = database.url();
    fill(&url);
    let dir = tempfile::tempdir().unwrap();
    let [one, other] = apis(dir.path(), &url);
    for seed in 0..7 {
        ask(one.port, "POST", "/inference/start", &user(seed));
    }
    for seed in 7..12 {
        ask(other.port, "POST", "/inference/start", &user(seed));
    }
    let counted = |port| -> (f64, f64) {
        let text = get(port, "/metrics").unwrap();
        let value = |line: &str| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap();
        let starts = (text.lines())
            .filter(|l| l.starts_with("api_request_total{") && l.contains("/inference/start"))
            .map(value)
            .sum();
        let waiting = (text.lines())
            .filter(|l| l.starts_with("mlp_queue_waiting{") && l.contains("inference"))
            .map(value)
            .sum();
        (starts, waiting)
    };
    // Requests add up over the processes; the queue is one, and each tells the whole of it.
    assert_eq!(counted(one.port), (7.0, 12.0));
    assert_eq!(counted(other.port), (5.0, 12.0));
}

#[test]
fn a_training_whose_worker_dies_is_taken_over() {
    let database = TestDatabase::create();
    let url = database.url();
    fill(&url);
    let dir = tempfile::tempdir().unwrap();
    let [one, other] = apis(dir.path(), &url);
    answered_sessions(one.port, 120);
    let worker = |name| {
        let command = process::worker(dir.path(), &named(&url, name), LEASE);
        Server::start(command, 0)
    };
    let first = worker("worker-0");
    let mut db = Client::connect(&url, NoTls).unwrap();
    let mut watch = Client::connect(&url, NoTls).unwrap();
    // The training cannot read its sessions, and goes on as long as this is held.
    let mut held = db.transaction().unwrap();
    held.batch_execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
        .unwrap();
    let task = ask(one.port, "POST", "/train/start", &json!({}))["task_id"].clone();
    let claimed = "SELECT token FROM tasks WHERE kind = 1";
    until("the training", Duration::from_secs(10), || {
        let waiting = "SELECT 1 FROM pg_stat_activity
            WHERE datname = current_database() AND application_name = 'worker-0'
                AND wait_event_type = 'Lock' AND query LIKE '%answered_at <=%'";
        let is_claimed = watch.query_one(claimed, &[]).unwrap().get::<_, i64>(0) == 1;
        is_claimed && !watch.query(waiting, &[]).unwrap().is_empty()
    });
    // Its heartbeat outlasts the lease.
    std::thread::sleep(LEASE * 2);
    assert_eq!(watch.query_one(claimed, &[]).unwrap().get::<_, i64>(0), 1);
    first.kill();
    held.rollback().unwrap();
    let _second = worker("worker-1");
    let path = format!("/train/status/{}?wait=20", task.as_str().unwrap());
    assert_eq!(
        ask(other.port, "GET", &path, &json!({}))["status"],
        "SUCCESS"
    );
    let counts = "SELECT token, attempt::bigint, (SELECT count(*) FROM models_registry) FROM tasks WHERE kind = 1";
    let row = watch.query_one(counts, &[]).unwrap();
    assert_eq!((row.get(0), row.get(1), row.get(2)), (2_i64, 2_i64, 1_i64));
}

#[test]
fn a_process_waits_for_a_database_that_is_not_there_yet_and_says_so() {
    let mut cluster = Cluster::start();
    let url = cluster.url();
    fill(&url);
    cluster.stop_fast();
    let dir = tempfile::tempdir().unwrap();
    // A command says it and ends.
    let said = mlp(dir.path())
        .args(["models", "list"])
        .env("DATABASE_URL", &url)
        .output()
        .unwrap();
    let text = String::from_utf8(said.stderr).unwrap();
    assert_eq!(said.status.code(), Some(1), "{text}");
    let port = cluster.port().to_string();
    assert!(
        text.contains("not available") && text.contains(&port),
        "{text}"
    );
    // What serves says it and waits.
    let log = dir.path().join("log");
    let with_log = |mut command: Command| {
        command.stderr(Stdio::from(std::fs::File::create(&log).unwrap()));
        command
    };
    let serve = with_log(process::serve(dir.path(), free_port(), &url));
    let port = serve.get_args().nth(2).unwrap().to_str().unwrap();
    let port = port.rsplit(':').next().unwrap().parse().unwrap();
    let mut server = Server::start(serve, port);
    until("the message", Duration::from_secs(5), || {
        let text = std::fs::read_to_string(&log).unwrap();
        text.contains("out of reach") && text.contains(&cluster.port().to_string())
    });
    assert!(server.ended().is_none());
    cluster.start_again();
    let took = until("the start", Duration::from_secs(4), || server.ready());
    println!("serves {took:?} after the database was there");
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_database_that_goes_away_is_told_at_once_and_found_again() {
    let mut cluster = Cluster::start();
    let url = cluster.url();
    fill(&url);
    let dir = tempfile::tempdir().unwrap();
    let [one, other] = apis(dir.path(), &url);
    let mut worker = process::worker(dir.path(), &url, LEASE);
    worker.env("MLP_LOG", "off");
    let _worker = Server::start(worker, 0);
    let whole = |port| -> bool {
        let (status, task) = parse(request(
            port,
            "POST",
            "/inference/start",
            &user(1).to_string(),
        ));
        let Some(id) = task["task_id"].as_str().filter(|_| status == 200) else {
            return false;
        };
        let path = format!("/inference/status/{id}?wait=1");
        let (status, task) = parse(get(port, &path));
        status == 200 && task["status"] == "SUCCESS"
    };
    until("the first session", Duration::from_secs(10), || {
        whole(one.port)
    });
    cluster.stop_immediate();
    let away = Instant::now();
    let mut slowest = Duration::ZERO;
    let mut asked = 0;
    while away.elapsed() < Duration::from_secs(5) {
        for port in [one.port, other.port] {
            for (method, path) in [
                ("POST", "/inference/start"),
                ("POST", "/inference/rank"),
                ("GET", "/content/info"),
                ("GET", "/readyz"),
            ] {
                let begun = Instant::now();
                let body = if method == "POST" {
                    user(2).to_string()
                } else {
                    String::new()
                };
                let answer = request(port, method, path, &body).unwrap();
                slowest = slowest.max(begun.elapsed());
                asked += 1;
                assert!(
                    answer.starts_with("HTTP/1.1 503"),
                    "{method} {path}: {answer}"
                );
                assert!(
                    answer.to_lowercase().contains("\r\nretry-after: 1\r\n"),
                    "{answer}"
                );
            }
            assert!(get(port, "/healthz").unwrap().starts_with("HTTP/1.1 200"));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let metrics = |port| get(port, "/metrics").unwrap();
    let text = metrics(one.port);
    assert!(text.contains("\nmlp_store_up 0\n"), "{text}");
    assert!(!text.contains("mlp_failures_total{reason=\"store\"} 0\n"));
    cluster.start_again();
    let back = Instant::now();
    for server in [&one, &other] {
        until("ready", SOON, || server.ready());
        until(
            "a whole session",
            SOON.saturating_sub(back.elapsed()),
            || whole(server.port),
        );
    }
    until("the store's metrics", SOON, || {
        metrics(one.port).contains("\nmlp_store_up 1\n")
    });
    println!(
        "{asked} answers of 503, the slowest after {slowest:?}; whole again after {:?}",
        back.elapsed()
    );
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
}
