//! What looks at the traffic found.

use std::time::Duration;

use mlp_core::watch::{Quality, WatchReport, Window};
use mlp_store::{ClaimOptions, Lease, Outcome, Settlement, TaskKind, Work};
use serde_json::{Value as Json, json};

use crate::support::{Client, Domain, Server, Setup, domains};

fn claim(server: &Server) -> Lease {
    let options = ClaimOptions {
        kind: TaskKind::Monitoring,
        max: 1,
        lease: Duration::from_secs(30),
    };
    server.store.claim(&options).unwrap().remove(0)
}

fn settle(server: &Server, lease: &Lease, outcome: Outcome) {
    let lease = lease.reference();
    let settlement = Settlement { lease, outcome };
    server.store.settle(&[settlement]).unwrap();
}

fn report(created_us: i64) -> WatchReport {
    WatchReport {
        created_us,
        model_id: Some(1),
        reference_model_id: None,
        window: Window::default(),
        drift: None,
        no_drift: Some("model 1 keeps no profile".to_owned()),
        alarm_since_us: None,
        quality: Quality::default(),
    }
}

#[test]
fn a_look_is_asked_for_waited_for_and_told() {
    for domain in domains() {
        // Without a worker: the looks are taken here.
        let server = Setup::new(domain).start();
        let mut client = server.client();
        assert_eq!(
            client.get("/drift").expect(404)["detail"],
            "no look at the traffic yet"
        );
        assert_eq!(client.get("/drift/history").expect(200), json!([]));
        for turn in 0..3 {
            let task = client.request("POST", "/drift/run", &[], None).expect(200);
            assert_eq!(
                (&task["type"], &task["status"]),
                (&"monitoring".into(), &"PENDING".into())
            );
            let again = client.request("POST", "/drift/run/", &[], None).expect(200);
            assert_eq!(task, again, "one at a time");
            let id = task["task_id"].as_str().unwrap();
            let path = format!("/drift/status/{id}?wait=0.02");
            assert_eq!(client.get(&path).expect(200), task);
            client.get(&format!("/train/status/{id}")).expect(404);
            let lease = claim(&server);
            assert_eq!(
                lease.work,
                Work::Task {
                    payload: r#"{"policy":"one_look"}"#.to_owned()
                }
            );
            let text = serde_json::to_string(&report(turn)).unwrap();
            settle(
                &server,
                &lease,
                Outcome::Watched {
                    report: text,
                    decision: None,
                },
            );
            assert_eq!(client.get(&path).expect(200)["status"], "SUCCESS");
        }
        let newest = client.get("/drift").expect(200);
        assert_eq!(
            serde_json::from_value::<WatchReport>(newest).unwrap(),
            report(2)
        );
        let history = |client: &mut Client, query: &str| -> Vec<i64> {
            let reports = client.get(&format!("/drift/history{query}")).expect(200);
            let reports: Vec<WatchReport> = serde_json::from_value(reports).unwrap();
            reports.iter().map(|report| report.created_us).collect()
        };
        assert_eq!(history(&mut client, ""), [2, 1, 0]);
        assert_eq!(history(&mut client, "?limit=2"), [2, 1]);
        assert_eq!(history(&mut client, "?limit=999999"), [2, 1, 0]);
        client.get("/drift/history?limit=0").expect(422);
        client.get("/drift/history?limit=x").expect(422);
    }
}

#[test]
fn a_look_that_failed_says_so() {
    let server = Setup::new(Domain::travel()).start();
    let mut client = server.client();
    let task = client.request("POST", "/drift/run", &[], None).expect(200);
    let lease = claim(&server);
    let error = "the store is away".to_owned();
    settle(&server, &lease, Outcome::Failed { error });
    let id = task["task_id"].as_str().unwrap();
    client.get(&format!("/drift/status/{id}")).expect(500);
    client.get("/drift").expect(404);
    client.get("/drift/status/7").expect(404);
}

/// The members that a shape requires are those that a report has.
#[test]
fn reports_are_described_as_they_are() {
    let server = Setup::new(Domain::reading()).start();
    let document = server.client().get("/openapi.json").expect(200);
    let shapes = &document["components"]["schemas"];
    let described = |name: &str| -> Vec<String> {
        let required = shapes[name]["required"].as_array().unwrap();
        let mut names: Vec<String> = required
            .iter()
            .map(|n| n.as_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    };
    let members = |value: &Json| -> Vec<String> {
        let mut names: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
        names.sort();
        names
    };
    let report = serde_json::to_value(report(1)).unwrap();
    assert_eq!(described("WatchReport"), members(&report));
    assert_eq!(described("Quality"), members(&report["quality"]));
    let window = &shapes["WatchReport"]["properties"]["window"]["properties"];
    assert_eq!(members(window), members(&report["window"]));
    let drift = mlp_core::drift::DriftReport {
        verdict: mlp_core::drift::DriftVerdict::Calm,
        sentence: String::new(),
        policy: mlp_core::drift::PolicyKind::OneLook,
        alpha: 0.01,
        reference_requests: 1000,
        window_requests: 100,
        features: Vec::new(),
        others: Default::default(),
    };
    let drift = serde_json::to_value(drift).unwrap();
    assert_eq!(described("DriftReport"), members(&drift));
    assert_eq!(
        members(&shapes["DriftReport"]["properties"]["others"]["properties"]),
        members(&drift["others"])
    );
}
