//! A live server with traffic, a real Prometheus that scrapes it, and every query that ships.

use std::path::Path;
use std::time::{Duration, Instant};

use mlp_store::conformance::postgres::TestDatabase;
use postgres::types::Type;
use postgres::{Client, NoTls};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::dashboards::{Query, queries};
use super::document::Told;
use super::macros::View;
use super::prometheus::Prometheus;
use super::{document, http, look, promtool};
use crate::process::{self, Server, free_port, get};
use crate::together::{answered_sessions, ask, fill, open, until, user};

const LEASE: Duration = Duration::from_secs(10);

/// An API process and a worker on a PostgreSQL of their own.
struct System {
    api: Server,
    worker: Option<Server>,
    url: String,
    data: TempDir,
    // Dropped last, when nobody is connected any more.
    _database: TestDatabase,
}

impl System {
    fn start() -> Self {
        Self::start_with(&[])
    }

    /// With variables for both processes.
    fn start_with(variables: &[(&str, &str)]) -> Self {
        let with = |mut command: std::process::Command| {
            command.envs(variables.iter().copied());
            command
        };
        let database = TestDatabase::create();
        let url = database.url();
        fill(&url);
        let data = tempfile::tempdir().unwrap();
        let port = free_port();
        let mut api = Server::start(with(process::serve(data.path(), port, &url)), port);
        let worker = Server::start(with(process::worker(data.path(), &url, LEASE)), 0);
        api.wait_until_ready();
        Self {
            api,
            worker: Some(worker),
            url,
            data,
            _database: database,
        }
    }

    /// A model that serves, and a look at the traffic. From then on the worker ranks alone, so that no
    /// other look takes the place of this one.
    fn learn(&mut self) {
        let port = self.api.port;
        answered_sessions(port, 120);
        let task = ask(port, "POST", "/train/start", &json!({}));
        let path = format!(
            "/train/status/{}?wait=20",
            task["task_id"].as_str().unwrap()
        );
        assert_eq!(ask(port, "GET", &path, &json!({}))["status"], "SUCCESS");
        until("the model", Duration::from_secs(10), || {
            ask(port, "GET", "/readyz", &json!({}))["models"] == 1
        });
        let mut alone = process::worker(self.data(), &self.url, LEASE);
        alone.args(["--only", "inference"]);
        let before = self.worker.take().map(Server::stop);
        assert_eq!(before, Some(Some(0)));
        self.worker = Some(Server::start(alone, 0));
        let model = ask(port, "GET", "/models", &json!({}))[0]["model_id"].as_i64();
        look::leave(&*open(&self.url), model.unwrap());
    }

    fn data(&self) -> &Path {
        self.data.path()
    }

    fn metrics(&self) -> String {
        let answer = get(self.api.port, "/metrics").unwrap();
        let (_, text) = answer.split_once("\r\n\r\n").unwrap();
        text.to_owned()
    }

    /// Sessions by every route, four of five with a pick.
    fn traffic(&self, seeds: std::ops::Range<u64>) {
        let port = self.api.port;
        for seed in seeds {
            let started = ask(port, "POST", "/inference/start", &user(seed));
            let id = started["task_id"].as_str().unwrap();
            let path = format!("/inference/status/{id}?wait=10");
            assert_eq!(ask(port, "GET", &path, &json!({}))["status"], "SUCCESS");
            let path = format!("/inference/results/{id}");
            let results = ask(port, "GET", &path, &json!({}));
            let picked = match seed % 5 {
                0 => json!(-1),
                _ => results[0]["location_id"].clone(),
            };
            let choice = json!({ "task_id": id, "location_id": picked });
            ask(port, "PUT", "/inference/select", &choice);
            ask(port, "POST", "/inference/rank", &user(seed + 1000));
        }
    }
}

/// The last hour by the database's clock.
fn view(client: &mut Client, interval_s: u64, rate_s: u64) -> View {
    let select = "SELECT to_char(t AT TIME ZONE 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')
        FROM unnest(array[now() - interval '1 hour', now() + interval '1 minute']) AS t";
    let rows = client.query(select, &[]).unwrap();
    View {
        from: rows[0].get(0),
        to: rows[1].get(0),
        interval_s,
        rate_s,
    }
}

/// What a query is for, as far as its answer has to fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// A time, and numbers.
    Course,
    /// Anything, and some of it.
    Table,
    /// A time and texts, and maybe nothing.
    Marks,
}

impl From<&Query> for Shape {
    fn from(query: &Query) -> Self {
        match (query.may_be_empty, query.is_table) {
            (true, _) => Self::Marks,
            (false, true) => Self::Table,
            (false, false) => Self::Course,
        }
    }
}

/// Why a panel's SQL would show nothing, or not what it should.
fn sql_fault(client: &mut Client, sql: &str, shape: Shape) -> Option<String> {
    let statement = match client.prepare(sql) {
        Ok(statement) => statement,
        Err(error) => return Some(format!("{error:?}: {sql}")),
    };
    let columns = statement.columns();
    let is_number = |kind: &Type| {
        [
            Type::INT4,
            Type::INT8,
            Type::FLOAT4,
            Type::FLOAT8,
            Type::NUMERIC,
        ]
        .contains(kind)
    };
    let [time, others @ ..] = columns else {
        return Some(format!("no column: {sql}"));
    };
    if shape != Shape::Table && (time.name() != "time" || !is_number(time.type_())) {
        return Some(format!("the first column is {time:?}: {sql}"));
    }
    if shape == Shape::Marks {
        let answered = client.query(&statement, &[]);
        return answered.err().map(|error| error.to_string());
    }
    let text = others.iter().find(|c| !is_number(c.type_()));
    if let Some(text) = text.filter(|_| shape == Shape::Course) {
        return Some(format!("{text:?} is no number: {sql}"));
    }
    let counts: String = columns
        .iter()
        .map(|c| format!(", count(\"{}\")", c.name()))
        .collect();
    let count = format!("SELECT count(*){counts} FROM ({sql}) AS answered");
    let row = client.query_one(&count, &[]).unwrap();
    let empty = (0..row.len()).find(|i| row.get::<_, i64>(*i) == 0);
    empty.map(|i| format!("column {i} has no value: {sql}"))
}

/// Every SQL query's fault.
fn sql_faults(client: &mut Client, view: &View) -> Vec<String> {
    let asked = queries().postgres;
    assert!(
        asked.len() >= 5,
        "only {} queries ask PostgreSQL",
        asked.len()
    );
    let fault = |query: &Query| {
        let sql = view.sql(&query.text);
        let fault = sql_fault(client, &sql, query.into())?;
        Some(format!("{}: {fault}", query.place))
    };
    asked.iter().filter_map(fault).collect()
}

/// Why a panel would show nothing.
fn promql_fault(authority: &str, expression: &str) -> Option<String> {
    match http::query(authority, expression) {
        Err(error) => Some(error),
        Ok(found) if found.is_empty() => Some(format!("`{expression}` answers nothing")),
        Ok(found) => {
            let is_number = |v: &Value| v["value"][1].as_str().is_some_and(|n| n != "NaN");
            let all = found.iter().all(is_number);
            (!all).then(|| format!("`{expression}` answers no number: {found:?}"))
        }
    }
}

/// What is wrong with queries, each with its panel's title.
fn promql_faults(authority: &str, view: &View) -> Vec<(String, String)> {
    let asked = queries().prometheus;
    assert!(
        asked.len() >= 20,
        "only {} queries ask Prometheus",
        asked.len()
    );
    let fault = |query: &Query| {
        let fault = promql_fault(authority, &view.promql(&query.text))?;
        Some((query.place.clone(), fault))
    };
    asked.iter().filter_map(fault).collect()
}

/// Faults of panels that no query of theirs fills: of few sessions there are no bounds.
fn empty_panels(authority: &str, view: &View) -> Vec<String> {
    let faults = promql_faults(authority, view);
    let asked = queries().prometheus;
    let all = |place: &String| asked.iter().filter(|q| q.place == *place).count();
    let bad = |place: &String| faults.iter().filter(|(p, _)| p == place).count();
    let empty = faults.iter().filter(|(place, _)| bad(place) == all(place));
    empty
        .map(|(place, fault)| format!("{place}: {fault}"))
        .collect()
}

/// Rules that were not evaluated well; those that were not evaluated yet are among them.
fn rule_faults(authority: &str) -> Vec<String> {
    let data = http::data(authority, "/api/v1/rules").unwrap();
    let groups = data["groups"].as_array().unwrap().iter();
    let rules: Vec<&Value> = groups
        .flat_map(|g| g["rules"].as_array().unwrap())
        .collect();
    assert!(rules.len() >= 10, "only {} rules are loaded", rules.len());
    let bad = rules.into_iter().filter(|rule| rule["health"] != "ok");
    bad.map(|rule| format!("{}: {} {}", rule["name"], rule["health"], rule["lastError"]))
        .collect()
}

/// Targets of the job that are not up.
fn targets(authority: &str) -> (usize, Vec<String>) {
    let data = http::data(authority, "/api/v1/targets?state=active").unwrap();
    let targets = data["activeTargets"].as_array().unwrap().iter();
    let ours: Vec<&Value> = targets.filter(|t| t["labels"]["job"] == "mlp").collect();
    let down = ours.iter().filter(|t| t["health"] != "up");
    (
        ours.len(),
        down.map(|t| t["lastError"].to_string()).collect(),
    )
}

#[test]
fn prometheus_scrapes_a_server_and_answers_every_query() {
    let mut system = System::start();
    system.learn();
    let prometheus = Prometheus::start(system.data(), system.api.port);
    let authority = &prometheus.authority;
    let mut client = Client::connect(&system.url, NoTls).unwrap();
    let view = view(&mut client, 1, 10);
    // A rate needs traffic between two scrapes.
    let end = Instant::now() + Duration::from_secs(20);
    for round in 0.. {
        system.traffic(round * 5..round * 5 + 5);
        let faults = promql_faults(authority, &view).into_iter();
        let mut found: Vec<String> = faults.map(|(place, f)| format!("{place}: {f}")).collect();
        found.extend(rule_faults(authority));
        found.extend(targets(authority).1);
        if found.is_empty() {
            break;
        }
        assert!(Instant::now() < end, "{}", found.join("\n"));
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(targets(authority).0, 1);
    // The alerts that must not fire on a system that is well: all but that there is no model, which
    // waits half an hour.
    let firing = http::query(authority, "ALERTS{alertstate=\"firing\"}").unwrap();
    assert_eq!(firing, Vec::<Value>::new());
    // What an old dashboard asks.
    for old in [
        "sum(api_request_total{app_name=\"mlp\", status_code=\"200\"}) by (path)",
        "api_exception_total{app_name=\"mlp\"}",
        "sum by (le) (api_processing_time_bucket{app_name=\"mlp\", le=\"0.75\"})",
        "api_processing_time_sum / api_processing_time_count",
        "api_active_inferences",
    ] {
        assert_eq!(promql_fault(authority, old), None);
    }
    assert!(promql_fault(authority, "mlp_nothing").is_some());
}

#[test]
fn the_database_answers_every_query_by_its_indexes() {
    let mut system = System::start();
    system.learn();
    system.traffic(0..10);
    let mut client = Client::connect(&system.url, NoTls).unwrap();
    let view = view(&mut client, 60, 60);
    let found = sql_faults(&mut client, &view);
    assert!(found.is_empty(), "{}", found.join("\n"));
    for wrong in [
        "SELECT creation_time AS \"time\", budget FROM users",
        "SELECT 1 AS \"time\", name FROM users",
        "SELECT 1 AS \"time\", 2 AS b FROM users WHERE false",
        "SELECT 1 AS \"time\", NULL::int AS b FROM users",
        "SELECT nothing FROM users",
    ] {
        let fault = sql_fault(&mut client, wrong, Shape::Course);
        assert!(fault.is_some(), "{wrong}");
    }
    let empty = "SELECT name FROM users WHERE false";
    assert!(sql_fault(&mut client, empty, Shape::Table).is_some());
    // The tables are small: what counts is whether the time is looked up in an index at all. Those of
    // models, decisions and trainings stay small, and have none.
    let plan = "SET enable_seqscan = off; SET enable_indexscan = off";
    client.batch_execute(plan).unwrap();
    let large = ["FROM inferences", "FROM users"];
    let is_large = |q: &&Query| large.iter().any(|from| q.text.contains(from));
    let asked = queries().postgres;
    let asked: Vec<&Query> = asked.iter().filter(is_large).collect();
    assert!(asked.len() >= 5, "only {} queries", asked.len());
    for query in asked {
        let explain = format!("EXPLAIN {}", view.sql(&query.text));
        let rows = client.query(&explain, &[]).unwrap();
        let plan: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        let plan = plan.join("\n");
        let uses = ["inferences_users_time", "inferences_time"];
        assert!(
            uses.iter().any(|u| plan.contains(u)),
            "{}: {plan}",
            query.place
        );
        assert!(plan.contains("Index Cond: ((creation_time >="), "{plan}");
    }
}

#[test]
fn the_table_of_metrics_is_what_a_server_tells() {
    let mut system = System::start();
    // Before anybody has looked, what a look tells may be missing, and nothing else.
    system.traffic(0..1);
    let may = [Told::OfModel, Told::OfLook];
    let found = document::differences(&system.metrics(), &[Told::Everywhere], &may);
    assert!(found.is_empty(), "{}", found.join("\n"));
    system.learn();
    system.traffic(1..2);
    for path in ["/train/status/none", "/nothing/here", "/docs"] {
        get(system.api.port, path).unwrap();
    }
    // The store was asked before the look, less than a second ago.
    until("the look", Duration::from_secs(10), || {
        system.metrics().contains("mlp_drift_alarm 0")
    });
    let text = &system.metrics();
    let must = [Told::Everywhere, Told::OfModel, Told::OfLook];
    let found = document::differences(text, &must, &[]);
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert_eq!(promtool::lint(text), "");
    assert!(promtool::lint("# TYPE a_total gauge\na_total 1\n").contains("a_total"));
    for line in text.lines().filter(|l| l.contains(",path=\"")) {
        let path = line.split(",path=\"").nth(1).unwrap();
        let path = path.split('"').next().unwrap();
        let parts = path.split('/').count();
        assert!(
            path == "unknown" || (path.starts_with('/') && parts <= 3),
            "{line}"
        );
    }
}

#[cfg(feature = "celery")]
#[test]
fn the_table_is_also_what_a_server_over_a_broker_tells() {
    let space = mlp_store::conformance::services::Space::shared();
    let system = System::start_with(&space.variables());
    system.traffic(0..2);
    let end = Instant::now() + Duration::from_secs(20);
    // Nothing was written to Redis by this process: it knows of it by its own asking.
    for line in [
        "mlp_transport_connected{to=\"broker\"} 1",
        "mlp_transport_connected{to=\"results\"} 1",
        "mlp_transport_published_total 2",
        "mlp_transport_received_total 0",
        "mlp_transport_mirrored_total 0",
    ] {
        while !system.metrics().lines().any(|l| l == line) {
            let text = system.metrics();
            assert!(Instant::now() < end, "{line} is not in {text}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    for path in ["/train/status/none", "/nothing/here", "/docs"] {
        get(system.api.port, path).unwrap();
    }
    let text = system.metrics();
    let must = [Told::Everywhere, Told::OverBroker];
    let found = document::differences(&text, &must, &[Told::OfModel, Told::OfLook]);
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert_eq!(promtool::lint(&text), "");
}

/// The same queries of a Prometheus and a PostgreSQL that run already, where people came within the
/// last five minutes, before and after a scrape, and a worker that trained a model of them looks at
/// the traffic.
#[test]
#[ignore = "asks the servers that MLP_LIVE_PROMETHEUS and MLP_LIVE_POSTGRES name"]
fn live_dashboards() {
    let named = |name: &str| match std::env::var(name) {
        Ok(url) if !url.is_empty() => url,
        _ => panic!("{name} is not set"),
    };
    let url = named("MLP_LIVE_PROMETHEUS");
    let authority = url
        .strip_prefix("http://")
        .unwrap_or(&url)
        .trim_end_matches('/');
    let mut client = Client::connect(&named("MLP_LIVE_POSTGRES"), NoTls).unwrap();
    let view = view(&mut client, 60, 300);
    // Workers look at the traffic once a minute.
    let end = Instant::now() + Duration::from_secs(150);
    loop {
        let mut found = empty_panels(authority, &view);
        found.extend(rule_faults(authority));
        found.extend(sql_faults(&mut client, &view));
        let (n, down) = targets(authority);
        found.extend(down);
        if n == 0 {
            found.push("no target of the job mlp".to_owned());
        }
        if found.is_empty() {
            return;
        }
        assert!(Instant::now() < end, "{}", found.join("\n"));
        std::thread::sleep(Duration::from_secs(1));
    }
}
