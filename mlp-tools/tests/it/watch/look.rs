//! A look at the live traffic that has every number, as a worker leaves it.

use std::time::{Duration, SystemTime};

use mlp_core::drift::{
    Bars, DriftReport, DriftVerdict, FeatureDrift, FeatureKind, OtherRules, PolicyKind, Statistics,
};
use mlp_core::watch::{Delay, Explored, PickRate, Quality, WatchReport, Window};
use mlp_store::{ClaimOptions, NewTask, Outcome, Settlement, Store, TaskId, TaskKind};

use crate::together::schema;

fn feature(name: &str) -> FeatureDrift {
    FeatureDrift {
        name: name.to_owned(),
        kind: FeatureKind::Numeric,
        drifted: false,
        p: Some(0.5),
        change: "as before".to_owned(),
        bars: Bars::default(),
        statistics: Statistics {
            ks: Some(0.02),
            psi: Some(0.01),
            ..Statistics::default()
        },
    }
}

/// Nothing drifts, and one model answers.
fn report(model_id: i64) -> WatchReport {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let created_us = i64::try_from(now.unwrap().as_micros()).unwrap();
    let schema = schema();
    let columns = schema.user.columns.iter().map(|c| c.name.as_str());
    WatchReport {
        created_us,
        model_id: Some(model_id),
        reference_model_id: Some(model_id),
        window: Window {
            requests: 1000,
            from_us: Some(created_us - 60_000_000),
            to_us: Some(created_us),
            newest: None,
        },
        drift: Some(DriftReport {
            verdict: DriftVerdict::Calm,
            sentence: "nothing beyond noise".to_owned(),
            policy: PolicyKind::Continuous,
            alpha: 0.001,
            reference_requests: 1200,
            window_requests: 1000,
            features: columns.chain(["score"]).map(feature).collect(),
            others: OtherRules::default(),
        }),
        no_drift: None,
        alarm_since_us: None,
        quality: Quality {
            models: vec![PickRate {
                model_id,
                shown: 1000,
                answered: 800,
                picked: 700,
                rate: Some(0.875),
                low: Some(0.85),
                high: Some(0.9),
                expected: Some(0.88),
                expected_shown: Some(0.88),
            }],
            coverage: Some(0.8),
            delay: Some(Delay {
                p50_s: 2.0,
                p90_s: 9.0,
            }),
            explored: Some(Explored {
                sessions: 200,
                picked: 160,
                log_loss: Some(2.0),
                log_loss_low: Some(1.9),
                log_loss_high: Some(2.1),
                precision_at_1: Some(0.3),
                precision_at_1_low: Some(0.25),
                precision_at_1_high: Some(0.35),
                reliability: Vec::new(),
            }),
        },
    }
}

/// Leaves it in a store whose workers do not look themselves.
pub fn leave(store: &dyn Store, model_id: i64) {
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
    let outcome = Outcome::Watched {
        report: serde_json::to_string(&report(model_id)).unwrap(),
        decision: None,
    };
    store.settle(&[Settlement { lease, outcome }]).unwrap();
}
