//! Every state as a page, from plain data.

use mlp_core::Schema;
use mlp_core::drift::{
    Bars, DriftReport, DriftVerdict, FeatureDrift, FeatureKind, OtherRules, PolicyKind, Statistics,
};
use mlp_core::watch::{PickRate, Quality, WatchReport, Window};
use mlp_store::{DecisionKind, DecisionRow, ModelStatus, NewDecision};

use super::health::{Level, health};
use super::{ModelView, Stored, View, dashboard};
use crate::metrics::Stretch;
use crate::pages::{Assets, Shell, Tally, words};

const NOW: i64 = 1_768_464_000_000_000;

fn model(status: ModelStatus) -> ModelView {
    ModelView {
        model_id: 3,
        created_us: NOW - 3_600_000_000,
        status,
        share: 1.0,
        unfit: None,
        family: "choice".to_owned(),
        sessions: 4000,
        log_loss: Some(1.9),
        precision_at_1: None,
    }
}

fn report(verdict: DriftVerdict, rate: f64) -> WatchReport {
    WatchReport {
        created_us: NOW - 30_000_000,
        model_id: Some(3),
        reference_model_id: Some(3),
        window: Window::default(),
        drift: Some(DriftReport {
            verdict,
            sentence: "the sentence".to_owned(),
            policy: PolicyKind::Continuous,
            alpha: 0.01,
            reference_requests: 2000,
            window_requests: 500,
            features: vec![FeatureDrift {
                name: "hours".to_owned(),
                kind: FeatureKind::Numeric,
                drifted: verdict == DriftVerdict::Drift,
                p: Some(0.5),
                change: String::new(),
                bars: Bars {
                    labels: vec!["a".to_owned(), "b".to_owned()],
                    reference: vec![0.5, 0.5],
                    window: vec![0.4],
                },
                statistics: Statistics::default(),
            }],
            others: OtherRules::default(),
        }),
        no_drift: None,
        alarm_since_us: None,
        quality: Quality {
            models: vec![PickRate {
                model_id: 3,
                shown: 100,
                answered: 90,
                picked: 80,
                rate: Some(rate),
                low: Some(rate - 0.05),
                high: Some(rate + 0.05),
                expected: Some(0.88),
                expected_shown: None,
            }],
            ..Quality::default()
        },
    }
}

fn view(stored: Option<Stored>) -> View {
    View {
        now_us: NOW,
        can_sign_out: false,
        stored,
        traffic: vec![Stretch {
            ago_s: 0.0,
            span_s: 60.0,
            requests: 1000,
            failures: 0,
            p50_s: Some(0.001),
            p99_s: Some(0.004),
        }],
        tally: Tally::default(),
        done: None,
    }
}

fn with(reports: Vec<WatchReport>) -> Stored {
    Stored {
        items: 30,
        users: 5,
        models: vec![model(ModelStatus::Champion)],
        decisions: Vec::new(),
        reports,
    }
}

fn page(view: &View) -> String {
    let schema = include_str!("../../../../mlp-core/testdata/reading.toml");
    let schema = Schema::parse("reading.toml", schema).unwrap();
    let assets = Assets::new();
    let shell = Shell {
        domain: &schema.name,
        assets: &assets,
    };
    dashboard(shell, &schema, view)
}

/// What few lists let a model expect is no measure of what users do.
#[test]
fn a_model_of_few_lists_faults_nobody() {
    let mut stored = with(vec![report(DriftVerdict::Calm, 0.60)]);
    stored.models[0].sessions = 160;
    let found = health(&view(Some(stored)));
    assert_eq!((found.level, found.word), (Level::Good, "Well"));
    let told = format!("users pick in {} of answers. Last", words::percent(0.6));
    assert!(found.sentence.contains(&told), "{}", found.sentence);
}

#[test]
fn the_line_says_what_is_the_matter() {
    let alarm = WatchReport {
        alarm_since_us: Some(NOW - 300_000_000),
        ..report(DriftVerdict::Drift, 0.87)
    };
    let no_verdict = WatchReport {
        drift: None,
        no_drift: Some("the reference has 12 requests".to_owned()),
        ..report(DriftVerdict::Calm, 0.87)
    };
    let of_another = WatchReport {
        model_id: Some(2),
        ..report(DriftVerdict::Calm, 0.87)
    };
    let empty = Stored::default();
    let mut unfit = with(vec![report(DriftVerdict::Calm, 0.87)]);
    unfit.models[0].unfit = Some("it is of another schema".to_owned());
    let no_model = Stored {
        models: vec![model(ModelStatus::Challenger)],
        ..with(Vec::new())
    };
    for (stored, level, word) in [
        (None, Level::Bad, "Store down"),
        (Some(empty), Level::Unknown, "Empty"),
        (Some(unfit), Level::Bad, "No model serves"),
        (Some(no_model), Level::Unknown, "No model yet"),
        (Some(with(Vec::new())), Level::Unknown, "Not looked yet"),
        (
            Some(with(vec![no_verdict])),
            Level::Unknown,
            "No verdict yet",
        ),
        (
            Some(with(vec![report(DriftVerdict::TooFew, 0.87)])),
            Level::Unknown,
            "No verdict yet",
        ),
        (
            Some(with(vec![report(DriftVerdict::Calm, 0.87)])),
            Level::Good,
            "Well",
        ),
        (
            Some(with(vec![report(DriftVerdict::Calm, 0.75)])),
            Level::Watch,
            "Fewer picks",
        ),
        (
            Some(with(vec![report(DriftVerdict::Drift, 0.87)])),
            Level::Watch,
            "A change",
        ),
        (Some(with(vec![alarm])), Level::Bad, "Alarm"),
        (
            Some(with(vec![of_another])),
            Level::Unknown,
            "Not looked yet",
        ),
    ] {
        let view = view(stored);
        let found = health(&view);
        assert_eq!(
            (found.level, found.word),
            (level, word),
            "{}",
            found.sentence
        );
        let page = page(&view);
        assert!(page.contains(&format!("{word}.</strong>")), "{word}");
        assert!(!page.contains("style=\""));
    }
}

#[test]
fn failures_come_before_all_but_the_store() {
    let mut view = view(Some(with(vec![report(DriftVerdict::Calm, 0.87)])));
    view.traffic[0].failures = 9;
    assert_eq!(health(&view).word, "Well");
    view.traffic[0].failures = 10;
    assert_eq!(health(&view).word, "Failing");
    view.stored = None;
    assert_eq!(health(&view).word, "Store down");
}

#[test]
fn hostile_text_stays_text() {
    let hostile = "<script>alert('x')</script>\"&<img src=x>";
    let mut report = report(DriftVerdict::Drift, 0.87);
    report.alarm_since_us = Some(NOW);
    if let Some(drift) = &mut report.drift {
        drift.sentence = hostile.to_owned();
        drift.others.psi_over_0_1 = vec![hostile.to_owned()];
        let feature = &mut drift.features[0];
        feature.name = hostile.to_owned();
        feature.change = hostile.to_owned();
        feature.bars.labels = vec![hostile.to_owned(); 2];
    }
    let stored = Stored {
        models: vec![ModelView {
            family: hostile.to_owned(),
            ..model(ModelStatus::Champion)
        }],
        decisions: vec![DecisionRow {
            decision_id: 1,
            created_us: NOW,
            model_id: 3,
            decision: NewDecision {
                kind: DecisionKind::Promote,
                reason: hostile.to_owned(),
                evidence: "{}".to_owned(),
            },
        }],
        ..with(vec![report])
    };
    let page = page(&view(Some(stored)));
    assert!(!page.contains("<img") && !page.contains("<script>"));
    assert!(page.matches("&lt;script&gt;").count() >= 8);
}
