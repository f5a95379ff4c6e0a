//! Scaling and selection, as scikit-learn's.

use mlp_core::{Artifact, FitOptions, Lineage, Scaling, Schema, Session, Solver, fit as fit_model};
use serde::Deserialize;

use super::{assert_close, sessions};
use crate::support::inline;

/// What scikit-learn found; see `preprocess.py`.
const GOLDEN: &str = include_str!("preprocess.json");

#[derive(Deserialize)]
struct Golden {
    center: Vec<f64>,
    scale: Vec<f64>,
    selections: Vec<Selected>,
}

#[derive(Deserialize)]
struct Selected {
    k: usize,
    kept: Vec<bool>,
    chi2: Vec<Option<f64>>,
    weights: Vec<f64>,
    bias: f64,
}

/// The features of `preprocess.py`, in its order.
fn case() -> (Schema, Vec<Session>) {
    let schema = inline(
        r#"{ name = "mood", type = "float" }"#,
        r#"{ name = "size", type = "float" }"#,
        r#"{ name = "both", op = "product", args = ["mood", "size"] },
           { name = "over", op = "greater", args = ["size", "mood"] },
           { name = "again", op = "product", args = ["size", 1] },
           { name = "same", op = "greater", args = ["size", -7] }"#,
    );
    (schema, sessions(60, 5, 1.0))
}

fn fit(options: FitOptions) -> Artifact {
    let (schema, sessions) = case();
    let options = FitOptions {
        test_share: 0.0,
        ..options
    };
    fit_model(&schema, &sessions, &options, Lineage::default()).unwrap()
}

#[test]
fn min_max_and_the_best_by_chi2_are_those_of_scikit_learn() {
    let golden: Golden = serde_json::from_str(GOLDEN).unwrap();
    for expected in golden.selections {
        let found = fit(FitOptions {
            scaling: Scaling::MinMax,
            k_best: Some(expected.k),
            ..FitOptions::default()
        });
        let what = format!("k = {}", expected.k);
        let selection = found.selection.as_ref().unwrap();
        assert_eq!(selection.kept, expected.kept, "{what}");
        for (found, expected) in selection.chi2.iter().zip(&expected.chi2) {
            match (found, expected) {
                (Some(found), Some(expected)) => assert_close(&[*found], &[*expected], &what),
                (found, expected) => assert_eq!(found, expected, "{what}"),
            }
        }
        // The constant feature is 7 there and 1 here.
        assert_close(&found.center[..5], &golden.center[..5], &what);
        let scale: Vec<f64> = golden.scale[..5].iter().map(|s| 1.0 / s).collect();
        assert_close(&found.scale[..5], &scale, &what);
        assert_close(&found.weights, &expected.weights, &what);
        assert_close(&[found.bias], &[expected.bias], &what);
    }
}

#[test]
fn the_scaling_of_what_is_not_penalised_changes_no_score() {
    let (schema, sessions) = case();
    let (schema, mut options) = (schema, FitOptions::default());
    options.l2 = 1e-9.into();
    let of = |scaling| {
        let options = FitOptions {
            scaling,
            k_best: Some(4),
            ..options.clone()
        };
        let artifact = fit(options);
        let unscaled = [1.0; 6];
        assert_eq!(artifact.scaling, scaling);
        assert!(scaling != Scaling::None || artifact.scale == unscaled);
        artifact.model(&schema).unwrap()
    };
    let models = [Scaling::Standard, Scaling::MinMax, Scaling::None].map(of);
    for model in &models[1..] {
        assert_close(&model.weights, &models[0].weights, "weights");
        assert_close(&[model.bias], &[models[0].bias], "bias");
    }
    assert_eq!(sessions.len(), 60);
}

/// A missing cell is its field's default for training and ranking alike, and 0 where there is none:
/// `Entity::numbers` is the one place where it becomes a number.
#[test]
fn a_missing_value_is_its_declared_default() {
    let schema = crate::support::reading();
    let body = serde_json::json!({ "nickname": "a", "shelves": [] });
    let given = serde_json::json!({
        "nickname": "a", "shelves": [], "patience": 0.5, "hours": 4, "genre": "novel",
        "member": false, "birthday": "1990-06-15", "motto": "",
    });
    let [missing, given] = [body, given].map(|body| crate::support::numbers(&schema.user, &body));
    assert_eq!(missing, given);
}

#[test]
fn a_start_is_carried_over_the_scaling() {
    let (schema, _) = case();
    let options = FitOptions {
        solver: Solver::Newton,
        ..FitOptions::default()
    };
    let cold = fit(options.clone());
    let start = Some(cold.model(&schema).unwrap());
    let warm = fit(FitOptions {
        start: start.clone(),
        ..options.clone()
    });
    assert_eq!(
        (cold.lineage.warm_start, warm.lineage.warm_start),
        (false, true)
    );
    assert!(
        warm.lineage.iterations < cold.lineage.iterations,
        "{:?}",
        warm.lineage
    );
    assert!(warm.lineage.iterations <= Some(1));
    assert_close(&warm.weights, &cold.weights, "warm");
    // Under another scaling the same model is another minimum's start.
    let other = FitOptions {
        scaling: Scaling::MinMax,
        ..options
    };
    let warm = fit(FitOptions {
        start,
        ..other.clone()
    });
    assert_close(&warm.weights, &fit(other).weights, "min-max");
}
