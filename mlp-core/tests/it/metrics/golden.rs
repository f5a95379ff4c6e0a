//! Against numpy and scikit-learn; `golden.json` names the call behind each value.

use std::collections::BTreeMap;

use mlp_core::metrics::{
    Binning, Confusion, EvaluateOptions, Sessions, average_precision, brier, calibration_error,
    choice_log_loss, evaluate, log_loss, roc_auc, session_ndcg,
};
use serde::Deserialize;

use super::assert_close;

#[derive(Deserialize)]
struct Golden {
    classification: Vec<Classification>,
    ndcg: Vec<Ndcg>,
    choice: Vec<Choice>,
}

#[derive(Deserialize)]
struct Classification {
    name: String,
    y: Vec<u8>,
    p: Vec<f64>,
    expected: BTreeMap<String, Option<f64>>,
}

#[derive(Deserialize)]
struct Ndcg {
    gains: Vec<f64>,
    scores: Vec<f64>,
    k: Option<usize>,
    expected: f64,
}

#[derive(Deserialize)]
struct Choice {
    per_session: usize,
    picked: Vec<bool>,
    probabilities: Vec<f64>,
    expected: f64,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("golden.json")).expect("golden.json is well formed")
}

fn statistic(name: &str, y: &[bool], p: &[f64]) -> Option<f64> {
    let counts = Confusion::at(0.5, y, p).unwrap();
    match name {
        "roc_auc" => roc_auc(y, p).unwrap(),
        "average_precision" => average_precision(y, p).unwrap(),
        "log_loss" => log_loss(y, p).unwrap(),
        "brier" => brier(y, p).unwrap(),
        "accuracy" => counts.accuracy(),
        "precision" => counts.precision(),
        "recall" => counts.recall(),
        "f1" => counts.f1(),
        "ece_equal_width_10" => calibration_error(y, p, Binning::EqualWidth(10)).unwrap(),
        "ece_equal_mass_5" => calibration_error(y, p, Binning::EqualMass(5)).unwrap(),
        other => panic!("golden.json has the unknown statistic `{other}`"),
    }
}

#[test]
fn classification() {
    let cases = golden().classification;
    assert_eq!(cases.len(), 9);
    for case in cases {
        let y: Vec<bool> = case.y.iter().map(|&label| label == 1).collect();
        assert_eq!(case.expected.len(), 10, "{}", case.name);
        for (name, expected) in case.expected {
            let found = statistic(&name, &y, &case.p);
            assert_close(found, expected, &format!("{} of {}", name, case.name));
        }
    }
}

#[test]
fn evaluate_agrees_with_every_statistic() {
    for case in golden().classification {
        let y: Vec<bool> = case.y.iter().map(|&label| label == 1).collect();
        let found = evaluate(&y, &case.p, None, &EvaluateOptions::default()).unwrap();
        for (name, found) in [
            ("roc_auc", found.auc),
            ("average_precision", found.average_precision),
            ("log_loss", found.log_loss),
            ("brier", found.brier),
            ("accuracy", found.accuracy),
            ("precision", found.precision),
            ("recall", found.recall),
            ("f1", found.f1),
            ("ece_equal_width_10", found.calibration_error),
        ] {
            assert_close(
                found,
                case.expected[name],
                &format!("{name} of {}", case.name),
            );
        }
        assert_eq!(found.rows, y.len());
    }
}

#[test]
fn ndcg() {
    let cases = golden().ndcg;
    assert_eq!(cases.len(), 12);
    for case in cases {
        let found = session_ndcg(&case.gains, &case.scores, case.k).unwrap();
        assert_close(found, Some(case.expected), &format!("k = {:?}", case.k));
    }
}

#[test]
fn choice() {
    let cases = golden().choice;
    assert_eq!(cases.len(), 2);
    for case in cases {
        let sessions = Sessions::equal(case.picked.len(), case.per_session).unwrap();
        let found = choice_log_loss(&case.picked, &case.probabilities, &sessions).unwrap();
        assert_close(found, Some(case.expected), "choice");
    }
}
