//! What looks at the traffic may have found, in a store.

use std::time::Duration;

use mlp_core::drift::{
    Bars, DriftReport, DriftVerdict, FeatureDrift, FeatureKind, OtherRules, PolicyKind, Statistics,
};
use mlp_core::watch::{Delay, Explored, PickRate, Quality, WatchReport, Window};
use mlp_core::{FieldType, Schema};
use mlp_store::{ClaimOptions, NewTask, Outcome, Settlement, Store, TaskId, TaskKind};

/// A report of the champion at a time, made by rule: with an alarm, a feature has changed.
pub fn report(
    schema: &Schema,
    created_us: i64,
    model_id: i64,
    alarm_since_us: Option<i64>,
) -> WatchReport {
    let minute = (created_us / 60_000_000) as f64;
    let wave = (minute / 2.3).sin() * 0.009 + (minute / 7.1).cos() * 0.006;
    let rate = if alarm_since_us.is_some() { 0.74 } else { 0.87 } + wave;
    WatchReport {
        created_us,
        model_id: Some(model_id),
        reference_model_id: Some(model_id),
        window: Window {
            requests: 1000,
            from_us: Some(created_us - 600_000_000),
            to_us: Some(created_us),
            newest: None,
        },
        drift: Some(drift(schema, alarm_since_us.is_some())),
        no_drift: None,
        alarm_since_us,
        quality: Quality {
            models: vec![PickRate {
                model_id,
                shown: 940,
                answered: 610,
                picked: (610.0 * rate) as u64,
                rate: Some(rate),
                low: Some(rate - 0.03),
                high: Some(rate + 0.025),
                expected: Some(0.88),
                expected_shown: Some(0.88),
            }],
            coverage: Some(0.649),
            delay: Some(Delay {
                p50_s: 2.1,
                p90_s: 7.9,
            }),
            explored: Some(Explored {
                sessions: 212,
                picked: 150,
                log_loss: Some(1.93),
                log_loss_low: Some(1.8),
                log_loss_high: Some(2.07),
                precision_at_1: Some(0.46),
                precision_at_1_low: Some(0.39),
                precision_at_1_high: Some(0.54),
                reliability: vec![(0.05, 0.04, 900), (0.4, 0.43, 120)],
            }),
        },
    }
}

fn drift(schema: &Schema, alarm: bool) -> DriftReport {
    let columns = schema.user.columns.iter();
    let seen = columns.filter(|c| schema.user.fields[c.field].feature && c.kind != FieldType::Text);
    let mut features: Vec<FeatureDrift> = seen.map(|c| feature(&c.name, &c.kind, false)).collect();
    if alarm {
        // A number that people know; else the first.
        let known = features.iter().position(|f| f.name == "budget");
        let numeric = features.iter().position(|f| f.kind == FeatureKind::Numeric);
        if let Some(first) = known.or(numeric).map(|position| &mut features[position]) {
            *first = feature(&first.name.clone(), &FieldType::Float, true);
        }
    }
    features.push(feature("score", &FieldType::Float, false));
    let changed: Vec<String> = (features.iter().filter(|f| f.drifted))
        .map(|f| f.name.clone())
        .collect();
    let sentence = match changed.first() {
        Some(name) => format!("drift in {name} (p = 2e-9): median 320 → 9,800"),
        None => "no change beyond noise in any feature".to_owned(),
    };
    DriftReport {
        verdict: if alarm {
            DriftVerdict::Drift
        } else {
            DriftVerdict::Calm
        },
        sentence,
        policy: PolicyKind::Continuous,
        alpha: 0.00007,
        reference_requests: 4210,
        window_requests: 1000,
        others: OtherRules {
            psi_over_0_1: changed.clone(),
            ks_uncorrected: features.iter().take(3).map(|f| f.name.clone()).collect(),
            always: features.iter().map(|f| f.name.clone()).collect(),
            never: Vec::new(),
        },
        features,
    }
}

fn feature(name: &str, kind: &FieldType, drifted: bool) -> FeatureDrift {
    let labels: Vec<String> = match kind {
        FieldType::Bool => vec!["false".to_owned(), "true".to_owned()],
        FieldType::Category(levels) => levels.clone(),
        _ => (0..10)
            .map(|i| format!("({}, {}]", i * 100, (i + 1) * 100))
            .collect(),
    };
    let n = labels.len();
    let reference: Vec<f64> = (0..n)
        .map(|i| (1.0 + (i % 4) as f64) / (n as f64 * 2.4))
        .collect();
    let shift = |i: usize| match drifted {
        true => (i as f64 / n as f64).powi(3) * 1.4,
        false => reference[i] * (1.0 + 0.05 * (i as f64).sin()),
    };
    let is_level = matches!(kind, FieldType::Bool | FieldType::Category(_));
    FeatureDrift {
        name: name.to_owned(),
        kind: if is_level {
            FeatureKind::Category
        } else {
            FeatureKind::Numeric
        },
        drifted,
        p: Some(if drifted { 2e-9 } else { 0.61 }),
        change: match (drifted, is_level) {
            (true, _) => "median 320 → 9,800",
            (false, true) => "no level's share moved by over 2 points",
            (false, false) => "median 320 → 325",
        }
        .to_owned(),
        bars: Bars {
            window: (0..n).map(shift).collect(),
            labels,
            reference,
        },
        statistics: Statistics {
            ks: Some(if drifted { 0.41 } else { 0.021 }),
            chi2: Some(1.9),
            psi: Some(if drifted { 1.7 } else { 0.012 }),
            out_of_range: if drifted { 0.08 } else { 0.0 },
            ..Statistics::default()
        },
    }
}

/// Keeps a report as a worker would.
pub fn keep(store: &dyn Store, report: &WatchReport) {
    let task = NewTask {
        task_id: TaskId::new_v7(),
        kind: TaskKind::Monitoring,
        payload: "{}".to_owned(),
    };
    store.enqueue(&task).unwrap();
    let options = ClaimOptions {
        kind: TaskKind::Monitoring,
        max: 1,
        lease: Duration::from_secs(30),
    };
    let lease = store.claim(&options).unwrap().pop().unwrap();
    let settlement = Settlement {
        lease: lease.reference(),
        outcome: Outcome::Watched {
            report: serde_json::to_string(report).unwrap(),
            decision: None,
        },
    };
    store.settle(&[settlement]).unwrap();
}

/// The time, in microseconds since 1970.
pub fn now_us() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.unwrap().as_micros() as i64
}
