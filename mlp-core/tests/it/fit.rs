//! Fitting, and the artifact that comes of it.

#![allow(clippy::unwrap_used)]

mod artifact;
mod choice;
mod cross_validation;
mod edges;
mod preprocess;

use std::cmp::Ordering;
use std::collections::BTreeMap;

use mlp_core::{Artifact, FitOptions, Lineage, PairTable, Schema, Session, Solver, fit_logistic};
use serde::Deserialize;

use crate::support::{inline, noise};

/// What scikit-learn found; see `fit/golden.py`.
const GOLDEN: &str = include_str!("fit/golden.json");

#[derive(Deserialize)]
struct Golden {
    sessions: usize,
    shown: usize,
    limit: f64,
    rows: usize,
    picks: usize,
    center: Vec<f64>,
    scale: Vec<f64>,
    fits: Vec<Fit>,
}

#[derive(Deserialize)]
struct Fit {
    l2: f64,
    weights: Vec<f64>,
    bias: f64,
}

fn schema() -> Schema {
    inline(
        r#"{ name = "mood", type = "float" }"#,
        r#"{ name = "size", type = "float" }"#,
        r#"{ name = "both", op = "product", args = ["mood", "size"] },
           { name = "over", op = "greater", args = ["size", "mood"] }"#,
    )
}

/// The sessions of `golden.py`.
fn sessions(n: usize, shown: usize, limit: f64) -> Vec<Session> {
    (0..n)
        .map(|s| {
            let mood = 4.0 * noise(s) - 1.0;
            let sizes: Vec<f64> = (0..shown)
                .map(|i| 6.0 * noise(1000 + s * shown + i))
                .collect();
            let liking = |i: usize| {
                let size = sizes[i];
                mood * size - 0.3 * size * size + 3.0 * noise(5000 + s * shown + i)
            };
            let best =
                (1..shown).fold(0, |best, i| if liking(i) > liking(best) { i } else { best });
            Session {
                user: vec![mood],
                picked: (liking(best) > limit).then_some(best),
                shown: sizes.iter().map(|size| vec![*size]).collect(),
            }
        })
        .collect()
}

fn fit(schema: &Schema, sessions: &[Session], l2: f64) -> Artifact {
    let options = FitOptions {
        l2: l2.into(),
        test_share: 0.0,
        ..FitOptions::default()
    };
    fit_logistic(schema, sessions, &options, Lineage::default()).unwrap()
}

#[track_caller]
fn assert_close(found: &[f64], expected: &[f64], what: &str) {
    assert_eq!(found.len(), expected.len());
    let close = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-6 * b.abs().max(1.0);
    assert!(
        found.iter().zip(expected).all(close),
        "{what}: {found:?}, not {expected:?}"
    );
}

const SOLVERS: [(Solver, &str); 3] = [
    (Solver::Auto, "linfa-logistic, newton"),
    (Solver::Linfa, "linfa-logistic, newton"),
    (Solver::Newton, "newton"),
];

/// To 1e-6, of both solvers, on three data sets.
#[test]
fn weights_are_those_of_scikit_learn() {
    let golden: BTreeMap<String, Golden> = serde_json::from_str(GOLDEN).unwrap();
    let mut shares = Vec::new();
    for (name, golden) in golden {
        let sessions = sessions(golden.sessions, golden.shown, golden.limit);
        shares.push((2 * golden.picks).cmp(&golden.rows));
        for expected in golden.fits {
            for (solver, by) in SOLVERS {
                let options = FitOptions {
                    solver,
                    l2: expected.l2.into(),
                    test_share: 0.0,
                    ..FitOptions::default()
                };
                let artifact =
                    fit_logistic(&schema(), &sessions, &options, Lineage::default()).unwrap();
                let what = format!("{name}, l2 {}, {solver:?}", expected.l2);
                assert_eq!(
                    (artifact.lineage.solver.as_str(), artifact.lineage.converged),
                    (by, Some(true))
                );
                assert_eq!(
                    (artifact.lineage.sessions, artifact.lineage.rows),
                    (golden.sessions, golden.rows)
                );
                assert_close(&artifact.center, &golden.center, &what);
                assert_close(&artifact.scale, &golden.scale, &what);
                assert_close(&artifact.weights, &expected.weights, &what);
                assert_close(&[artifact.bias], &[expected.bias], &what);
                assert!(
                    artifact.lineage.gradient <= 1e-10,
                    "{what}: {}",
                    artifact.lineage.gradient
                );
            }
        }
    }
    // linfa models the more frequent label: all three cases must be there.
    assert_eq!(shares, [Ordering::Less, Ordering::Equal, Ordering::Greater]);
}

#[test]
fn the_first_row_s_label_is_no_matter() {
    let mut sessions = sessions(60, 2, -100.0);
    let first = |picked| {
        sessions
            .iter()
            .position(|s| s.picked == Some(picked))
            .unwrap()
    };
    let orders = [first(0), first(1)].map(|at| {
        let mut sessions = sessions.clone();
        sessions.swap(0, at);
        fit(&schema(), &sessions, 1.0).weights
    });
    assert_close(&orders[0], &orders[1], "half are picked");
    sessions.reverse();
    assert_close(
        &fit(&schema(), &sessions, 1.0).weights,
        &orders[0],
        "reversed",
    );
}

#[test]
fn the_last_sessions_test_and_do_not_train() {
    let schema = schema();
    let mut all = sessions(100, 5, 1.0);
    let options = FitOptions {
        test_share: 0.25,
        ..FitOptions::default()
    };
    let artifact = fit_logistic(&schema, &all, &options, Lineage::default()).unwrap();
    assert_eq!((artifact.train.sessions, artifact.test.sessions), (75, 25));
    assert_eq!(
        (artifact.lineage.sessions, artifact.lineage.rows),
        (75, 375)
    );
    let alone = fit(&schema, &all[..75], 1.0);
    assert_eq!(
        (&artifact.weights, &artifact.train),
        (&alone.weights, &alone.train)
    );
    let test = artifact
        .model(&schema)
        .unwrap()
        .evaluate(&PairTable::new(&schema.features, &all[75..]));
    assert_eq!(artifact.test, test.unwrap());
    assert!(artifact.test.auc.unwrap() > 0.7, "{:?}", artifact.test);
    assert!(
        artifact.train.precision_at_1.unwrap() > 0.5,
        "{:?}",
        artifact.train
    );
    for session in &mut all[75..] {
        session.picked = None;
    }
    let blind = fit_logistic(&schema, &all, &options, Lineage::default()).unwrap();
    assert_eq!((blind.weights, blind.test.auc), (artifact.weights, None));
}

#[test]
fn the_lineage_is_kept_and_completed() {
    let given = Lineage {
        from_us: Some(1),
        to_us: Some(2),
        catalog_version: 3,
        parent: Some(4),
        sessions: 99,
        solver: "other".to_owned(),
        ..Lineage::default()
    };
    let options = FitOptions {
        l2: 2.5.into(),
        test_share: 0.0,
        ..FitOptions::default()
    };
    let artifact = fit_logistic(&schema(), &sessions(40, 5, 1.0), &options, given).unwrap();
    let lineage = artifact.lineage;
    assert_eq!(
        (lineage.from_us, lineage.to_us, lineage.catalog_version),
        (Some(1), Some(2), 3)
    );
    assert_eq!(
        (lineage.parent, lineage.sessions, lineage.rows),
        (Some(4), 40, 200)
    );
    assert_eq!(
        (lineage.solver.as_str(), lineage.l2),
        ("linfa-logistic, newton", 2.5)
    );
}

#[test]
fn the_same_sessions_give_the_same_bytes() {
    let sessions = sessions(60, 5, 1.0);
    let first = fit(&schema(), &sessions, 1.0).to_json();
    assert_eq!(fit(&schema(), &sessions, 1.0).to_json(), first);
    assert!(
        first.starts_with(r#"{"format":3,"family":"logistic","domain":"inline","schema_hash":""#)
    );
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let sessions = sessions(1200, 5, 1.0);
    let on = |threads| {
        let threads = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let options = FitOptions {
            solver: Solver::Newton,
            k_best: Some(3),
            l2: mlp_core::Penalty::cross_validated(1),
            ..FitOptions::default()
        };
        let fit = || fit_logistic(&schema(), &sessions, &options, Lineage::default());
        threads.unwrap().install(fit).unwrap().to_json()
    };
    let one = on(1);
    assert!([2, 5].map(on) == [one.clone(), one]);
}

/// More rows than are solved at once: a part of them first, then all, to the same weights.
#[test]
fn many_rows_begin_with_a_part_of_them() {
    let sessions = sessions(25_000, 5, 1.0);
    let fit = |start| {
        let options = FitOptions {
            start,
            test_share: 0.0,
            ..FitOptions::default()
        };
        fit_logistic(&schema(), &sessions, &options, Lineage::default()).unwrap()
    };
    let found = fit(None);
    assert_eq!(
        (found.lineage.solver.as_str(), found.lineage.rows),
        ("newton", 125_000)
    );
    assert!(found.lineage.iterations <= Some(5), "{:?}", found.lineage);
    let origin = mlp_core::LinearModel {
        family: mlp_core::Family::Logistic,
        bias: 0.0,
        weights: vec![0.0; 4],
    };
    let cold = fit(Some(origin));
    assert!(
        cold.lineage.iterations > found.lineage.iterations,
        "{:?}",
        cold.lineage
    );
    assert_close(&found.weights, &cold.weights, "a part first");
}

#[test]
fn a_session_that_was_shown_nothing_has_no_rows() {
    let schema = schema();
    let mut all = sessions(3, 2, 1.0);
    all[1].shown.clear();
    all[1].picked = None;
    all[2].picked = Some(1);
    let table = PairTable::new(&schema.features, &all);
    assert_eq!(table.sessions().offsets(), [0, 2, 4]);
    assert_eq!((table.labels().len(), table.features().dim()), (4, (4, 4)));
    assert_eq!(table.labels()[2..], [false, true]);
    let (mood, size) = (all[2].user[0], all[2].shown[1][0]);
    let over = f64::from(u8::from(size > mood));
    assert_eq!(
        table.features().row(3).to_vec(),
        [mood, size, mood * size, over]
    );
    all[0].shown.clear();
    all[2].shown.clear();
    let none = PairTable::new(&schema.features, &all);
    assert_eq!((none.sessions().len(), none.features().dim()), (0, (0, 4)));
    assert!(PairTable::new(&schema.features, []).sessions().is_empty());
}

/// Travel, with a choice that looks at the budget first: what comes of the fit is personal.
#[test]
fn a_fit_on_travel_finds_that_too_dear_is_too_dear() {
    let schema = crate::support::travel();
    let column = |name| schema.item.column(name).unwrap();
    let (price, rating) = (column("price"), column("family_rating"));
    let budget = schema.user.column("budget").unwrap();
    let sessions: Vec<Session> = (0..300)
        .map(|s| {
            let mut user = vec![0.0; schema.user.columns.len()];
            user[budget] = 100.0 + 900.0 * noise(s);
            let shown: Vec<Vec<f64>> = (0..6)
                .map(|i| {
                    let mut item = vec![0.0; schema.item.columns.len()];
                    item[price] = 1000.0 * noise(3000 + s * 6 + i);
                    item[rating] = 5.0 * noise(9000 + s * 6 + i);
                    item
                })
                .collect();
            let affordable = (0..6).filter(|i| shown[*i][price] <= user[budget]);
            let picked = affordable.max_by(|a, b| shown[*a][rating].total_cmp(&shown[*b][rating]));
            Session {
                user,
                shown,
                picked,
            }
        })
        .collect();
    let artifact = fit(&schema, &sessions, 1.0);
    let weight =
        |name: &str| artifact.weights[artifact.features.iter().position(|f| f == name).unwrap()];
    assert!(weight("over_budget") < -1.0 && weight("family_rating") > 0.5);
    assert!(
        artifact.train.precision_at_1.unwrap() > 0.8,
        "{:?}",
        artifact.train
    );
}
