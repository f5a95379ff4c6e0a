//! When a challenger replaces the champion.

#![allow(clippy::unwrap_used)]

use mlp_core::{GateOptions, GateReport, LinearModel, PairTable, Session, Verdict, gate};

use crate::support::{inline, noise};

/// Sessions of four items in which `size` draws the pick.
fn judging(n: usize, picks: bool) -> PairTable {
    let schema = inline(
        r#"{ name = "mood", type = "float" }"#,
        r#"{ name = "size", type = "float" }"#,
        "",
    );
    let sessions: Vec<Session> = (0..n)
        .map(|s| {
            let sizes: Vec<f64> = (0..4).map(|i| 4.0 * noise(s * 4 + i) - 2.0).collect();
            let best = (0..4).max_by(|a, b| {
                let liking = |i: usize| sizes[i] + 2.0 * noise(7000 + s * 4 + i);
                liking(*a).total_cmp(&liking(*b))
            });
            Session {
                user: vec![0.0],
                shown: sizes.iter().map(|size| vec![*size]).collect(),
                picked: best.filter(|_| picks),
            }
        })
        .collect();
    PairTable::new(&schema.features, &sessions)
}

fn model(bias: f64, size: f64) -> LinearModel {
    LinearModel {
        family: mlp_core::Family::Logistic,
        bias,
        weights: vec![0.0, size],
    }
}

fn verdict(
    champion: Option<&LinearModel>,
    challenger: &LinearModel,
    table: &PairTable,
    least: usize,
) -> GateReport {
    gate(
        champion,
        challenger,
        table,
        &GateOptions {
            min_sessions: least,
        },
    )
    .unwrap()
}

#[test]
fn verdicts() {
    let (many, few, unpicked, none) = (
        judging(200, true),
        judging(20, true),
        judging(200, false),
        judging(0, true),
    );
    let good = model(-1.5, 1.0);
    let flat = model(-1.1, 0.0);
    // The right order with probabilities that are far off, and the wrong order with fair ones.
    let loud = model(-1.5, 20.0);
    let reversed = model(-1.2, -0.1);
    for (what, champion, challenger, table, least, expected) in [
        (
            "the better one",
            Some(&flat),
            &good,
            &many,
            100,
            Verdict::Promote,
        ),
        (
            "the worse one",
            Some(&good),
            &flat,
            &many,
            100,
            Verdict::Reject,
        ),
        (
            "the same again",
            Some(&good),
            &good,
            &many,
            100,
            Verdict::Promote,
        ),
        (
            "same order, worse log loss",
            Some(&good),
            &loud,
            &many,
            100,
            Verdict::Reject,
        ),
        (
            "better log loss, worse first place",
            Some(&loud),
            &reversed,
            &many,
            100,
            Verdict::Reject,
        ),
        (
            "just enough sessions",
            Some(&flat),
            &good,
            &few,
            20,
            Verdict::Promote,
        ),
        (
            "too few sessions",
            Some(&flat),
            &good,
            &few,
            21,
            Verdict::Wait,
        ),
        (
            "too few sessions, and worse",
            Some(&good),
            &flat,
            &few,
            100,
            Verdict::Wait,
        ),
        (
            "no picks",
            Some(&flat),
            &good,
            &unpicked,
            100,
            Verdict::Wait,
        ),
        ("no sessions", Some(&flat), &good, &none, 0, Verdict::Wait),
        ("no champion", None, &reversed, &many, 100, Verdict::Promote),
        (
            "no champion, no sessions",
            None,
            &good,
            &none,
            100,
            Verdict::Promote,
        ),
    ] {
        let report = verdict(champion, challenger, table, least);
        assert_eq!(report.verdict, expected, "{what}: {report:?}");
    }
}

#[test]
fn the_report_has_both_models_numbers() {
    let table = judging(200, true);
    let (old, new) = (model(-1.1, 0.0), model(-1.5, 1.0));
    let report = verdict(Some(&old), &new, &table, 100);
    let (champion, challenger) = (old.evaluate(&table).unwrap(), new.evaluate(&table).unwrap());
    assert_eq!((report.sessions, report.picked), (200, 200));
    assert_eq!(report.champion_log_loss, champion.log_loss);
    assert_eq!(report.challenger_log_loss, challenger.log_loss);
    assert_eq!(report.champion_precision_at_1, champion.precision_at_1);
    assert_eq!(report.challenger_precision_at_1, challenger.precision_at_1);
    assert!(report.challenger_log_loss < report.champion_log_loss);
    let first = verdict(None, &new, &table, 100);
    assert_eq!(
        (first.champion_log_loss, first.champion_precision_at_1),
        (None, None)
    );
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["verdict"], "promote");
    assert_eq!(serde_json::from_value::<GateReport>(json).unwrap(), report);
    assert_eq!(GateOptions::default().min_sessions, 100);
}

#[test]
fn a_model_without_numbers_is_an_error() {
    let table = judging(200, true);
    let options = GateOptions::default();
    assert!(gate(None, &model(f64::NAN, 0.0), &table, &options).is_err());
    assert!(
        gate(
            Some(&model(f64::NAN, 0.0)),
            &model(0.0, 0.0),
            &table,
            &options
        )
        .is_err()
    );
}
