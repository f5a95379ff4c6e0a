//! What `/metrics` tells of looks at the live traffic, of models and of decisions.

use std::time::{Duration, Instant};

use mlp_core::drift::{
    DriftReport, DriftVerdict, FeatureDrift, FeatureKind, OtherRules, PolicyKind, Statistics,
};
use mlp_core::watch::{Delay, Explored, PickRate, Quality, WatchReport, Window};
use mlp_store::{
    CANARY_SHARE_SETTING, ClaimOptions, DecisionKind, EXPLORATION_SETTING, NewDecision, NewModel,
    NewTask, Outcome, RAISED_EXPLORATION_SETTING, Settlement, Store, TaskId, TaskKind,
};

use crate::support::{Domain, Server, Setup};

fn feature(name: &str, drifted: bool, statistics: Statistics) -> FeatureDrift {
    FeatureDrift {
        name: name.to_owned(),
        kind: FeatureKind::Numeric,
        drifted,
        p: Some(if drifted { 0.000_25 } else { 0.5 }),
        change: "median 1 \u{2192} 2".to_owned(),
        bars: Default::default(),
        statistics,
    }
}

/// A look that found a changed feature, one that has no number but its PSI, and one that the schema
/// does not have.
fn report(server: &Server) -> WatchReport {
    let columns = &server.domain.schema.user.columns;
    let both = Statistics {
        psi: Some(0.75),
        ks: Some(0.5),
        ..Statistics::default()
    };
    let one = Statistics {
        psi: Some(0.125),
        ..Statistics::default()
    };
    let features = vec![
        feature(&columns[0].name, true, both.clone()),
        FeatureDrift {
            p: None,
            ..feature(&columns[1].name, false, one)
        },
        feature("hostile", true, both.clone()),
        feature("score", false, both),
    ];
    WatchReport {
        created_us: 1_764_106_589_500_000,
        model_id: Some(1),
        reference_model_id: Some(1),
        window: Window {
            requests: 900,
            from_us: Some(1),
            to_us: Some(2),
            newest: None,
        },
        drift: Some(DriftReport {
            verdict: DriftVerdict::Drift,
            sentence: "something changed".to_owned(),
            policy: PolicyKind::Continuous,
            alpha: 0.001,
            reference_requests: 2500,
            window_requests: 900,
            features,
            others: OtherRules::default(),
        }),
        no_drift: None,
        alarm_since_us: Some(1),
        quality: Quality {
            models: vec![rate(1, Some(0.75)), rate(2, None)],
            coverage: Some(0.625),
            delay: Some(Delay {
                p50_s: 1.5,
                p90_s: 4.25,
            }),
            explored: Some(Explored {
                sessions: 64,
                picked: 50,
                log_loss: Some(1.25),
                log_loss_low: Some(1.125),
                log_loss_high: Some(1.5),
                precision_at_1: Some(0.25),
                precision_at_1_low: None,
                precision_at_1_high: None,
                reliability: Vec::new(),
            }),
        },
    }
}

fn rate(model_id: i64, rate: Option<f64>) -> PickRate {
    PickRate {
        model_id,
        shown: 200,
        answered: if rate.is_some() { 100 } else { 0 },
        picked: 75,
        rate,
        low: rate.map(|r| r - 0.125),
        high: rate.map(|r| r + 0.125),
        expected: rate.map(|r| r + 0.0625),
        expected_shown: Some(0.5),
    }
}

/// Leaves a look's result in the store, as a worker does.
fn look(store: &dyn Store, result: String) {
    let task = NewTask {
        task_id: TaskId::new_v7(),
        kind: TaskKind::Monitoring,
        payload: "{}".to_owned(),
    };
    store.enqueue(&task).unwrap();
    let claim = ClaimOptions {
        kind: TaskKind::Monitoring,
        max: 1,
        lease: Duration::from_secs(10),
    };
    let lease = store.claim(&claim).unwrap().remove(0).reference();
    let outcome = Outcome::Done { result };
    store.settle(&[Settlement { lease, outcome }]).unwrap();
}

fn json(report: &WatchReport) -> String {
    serde_json::to_string(report).unwrap()
}

fn scrape(server: &Server) -> String {
    server.client().get("/metrics").text().to_owned()
}

/// Waits until a scrape has all these lines: what the store said may be a second old.
#[track_caller]
fn told(server: &Server, lines: &[&str]) -> String {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let text = scrape(server);
        let missing = lines.iter().find(|line| !text.lines().any(|l| l == **line));
        match missing {
            None => return text,
            Some(line) => assert!(Instant::now() < end, "{line} is not in {text}"),
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn decide(store: &dyn Store, model_id: i64, kind: DecisionKind) {
    let decision = NewDecision {
        kind,
        reason: "a test".to_owned(),
        evidence: "{}".to_owned(),
    };
    assert!(store.decide(model_id, &decision).unwrap());
}

#[test]
fn what_nobody_looked_at_is_not_told() {
    let server = Setup::new(Domain::reading()).start();
    let text = told(
        &server,
        &[
            "mlp_exploration_share 1.0",
            "mlp_exploration_raised 0.0",
            "mlp_decisions_total{kind=\"promote\"} 0",
            "mlp_decisions_total{kind=\"wait\"} 0",
        ],
    );
    for part in [
        "mlp_watch_",
        "mlp_drift_",
        "mlp_pick_rate",
        "mlp_explored_",
        "mlp_answer_",
        "mlp_model_",
    ] {
        assert!(!text.contains(part), "{part} is in {text}");
    }
}

#[test]
fn the_newest_look_is_told_whole() {
    let server = Setup::new(Domain::reading()).start();
    look(server.store.as_ref(), json(&report(&server)));
    let columns = &server.domain.schema.user.columns;
    let (first, second) = (&columns[0].name, &columns[1].name);
    let mut lines: Vec<String> = [
        "mlp_watch_last_timestamp_seconds 1764106589.5",
        "mlp_watch_window_requests 900.0",
        "mlp_watch_reference_requests 2500.0",
        "mlp_drift_alarm 1.0",
        "mlp_drift_detected{feature=\"score\"} 0.0",
        "mlp_drift_p_value{feature=\"score\"} 0.5",
        "mlp_drift_ks{feature=\"score\"} 0.5",
        "mlp_pick_rate_answered{model_id=\"1\"} 100.0",
        "mlp_pick_rate_answered{model_id=\"2\"} 0.0",
        "mlp_pick_rate{model_id=\"1\"} 0.75",
        "mlp_pick_rate_low{model_id=\"1\"} 0.625",
        "mlp_pick_rate_high{model_id=\"1\"} 0.875",
        "mlp_pick_rate_expected{model_id=\"1\"} 0.8125",
        "mlp_explored_sessions 64.0",
        "mlp_explored_log_loss 1.25",
        "mlp_explored_log_loss_low 1.125",
        "mlp_explored_log_loss_high 1.5",
        "mlp_explored_precision_at_1 0.25",
        "mlp_answer_coverage 0.625",
        "mlp_answer_delay_p50_seconds 1.5",
        "mlp_answer_delay_p90_seconds 4.25",
    ]
    .map(str::to_owned)
    .into();
    lines.push(format!("mlp_drift_detected{{feature=\"{first}\"}} 1.0"));
    lines.push(format!("mlp_drift_p_value{{feature=\"{first}\"}} 0.00025"));
    lines.push(format!("mlp_drift_psi{{feature=\"{second}\"}} 0.125"));
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let text = told(&server, &lines);
    // What has no number has no series, and a metric without a series is not described.
    for part in [
        "hostile",
        "mlp_pick_rate{model_id=\"2\"}",
        "mlp_explored_precision_at_1_low",
        &format!("mlp_drift_ks{{feature=\"{second}\"}}"),
        &format!("mlp_drift_p_value{{feature=\"{second}\"}}"),
    ] {
        assert!(!text.contains(part), "{part} is in {text}");
    }
}

#[test]
fn the_next_look_replaces_the_one_before() {
    let server = Setup::new(Domain::travel()).start();
    let mut found = report(&server);
    look(server.store.as_ref(), json(&found));
    told(
        &server,
        &["mlp_drift_alarm 1.0", "mlp_answer_coverage 0.625"],
    );
    found.quality.models = vec![rate(7, Some(0.5))];
    found.drift = None;
    found.alarm_since_us = None;
    look(server.store.as_ref(), json(&found));
    let text = told(
        &server,
        &["mlp_drift_alarm 0.0", "mlp_pick_rate{model_id=\"7\"} 0.5"],
    );
    assert!(!text.contains("mlp_pick_rate{model_id=\"1\"}"), "{text}");
    assert!(!text.contains("mlp_drift_psi"), "{text}");
    // What another version wrote is not read, and nothing of before is taken for it.
    look(
        server.store.as_ref(),
        r#"{"created_us":"later"}"#.to_owned(),
    );
    let end = Instant::now() + Duration::from_secs(20);
    while scrape(&server).contains("mlp_watch_") {
        assert!(Instant::now() < end, "the old look is told for ever");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(scrape(&server).contains("mlp_store_up 1"));
}

#[test]
fn models_that_serve_and_decisions_are_told() {
    let domain = Domain::reading();
    let setup = Setup {
        model: true,
        ..Setup::new(domain)
    };
    let server = setup.start();
    let store = server.store.as_ref();
    let champion = "mlp_model_info{model_id=\"1\",family=\"logistic\",status=\"champion\"} 1";
    told(
        &server,
        &[
            champion,
            "mlp_model_share{model_id=\"1\"} 1.0",
            "mlp_exploration_share 0.0",
            "mlp_decisions_total{kind=\"promote\"} 1",
        ],
    );
    let artifact = server.domain.artifact(2);
    let task_id = None;
    let second = store.insert_model(&NewModel { task_id, artifact }).unwrap();
    store.set_setting(CANARY_SHARE_SETTING, "0.5").unwrap();
    store.set_setting(EXPLORATION_SETTING, "0.1").unwrap();
    (store.set_setting(RAISED_EXPLORATION_SETTING, "0.2")).unwrap();
    decide(store, second, DecisionKind::Canary);
    let canary =
        format!("mlp_model_info{{model_id=\"{second}\",family=\"logistic\",status=\"canary\"}} 1");
    told(
        &server,
        &[
            champion,
            &canary,
            "mlp_model_share{model_id=\"1\"} 0.5",
            "mlp_exploration_share 0.2",
            "mlp_exploration_raised 1.0",
            "mlp_decisions_total{kind=\"canary\"} 1",
        ],
    );
    decide(store, second, DecisionKind::Promote);
    let promoted = format!(
        "mlp_model_info{{model_id=\"{second}\",family=\"logistic\",status=\"champion\"}} 1"
    );
    let text = told(
        &server,
        &[&promoted, "mlp_decisions_total{kind=\"promote\"} 2"],
    );
    assert!(!text.contains("mlp_model_share{model_id=\"1\"}"), "{text}");
    let row = store.model(second).unwrap().unwrap();
    let made = format!("mlp_model_created_timestamp_seconds{{model_id=\"{second}\"}} ");
    let line = text.lines().find_map(|l| l.strip_prefix(&made)).unwrap();
    let apart = line.parse::<f64>().unwrap() - row.created_us as f64 / 1e6;
    assert!(apart.abs() < 1e-3, "{line}");
}
