//! The penalty that sessions kept from the fit choose.

use mlp_core::{
    Artifact, Family, FitError, FitOptions, Lineage, Penalty, Scaling, Schema, Session,
    fit as fit_model,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{schema, sessions};
use crate::support::inline;

fn fit(sessions: &[Session], candidates: &[f64], folds: usize) -> Result<Artifact, FitError> {
    let options = FitOptions {
        l2: Penalty::CrossValidated {
            candidates: candidates.to_vec(),
            folds,
            seed: 7,
            max_sessions: 2_000,
        },
        test_share: 0.0,
        ..FitOptions::default()
    };
    fit_model(&schema(), sessions, &options, Lineage::default())
}

#[test]
fn the_least_loss_is_chosen_and_all_are_told() {
    let sessions = sessions(200, 5, 1.0);
    let artifact = fit(&sessions, &[0.01, 100.0, 1.0, 1e6], 5).unwrap();
    let told = artifact.lineage.cross_validation.clone().unwrap();
    assert_eq!((told.folds, told.seed, told.sessions), (5, 7, 200));
    assert_eq!(
        told.score(artifact.lineage.l2).unwrap().l2,
        artifact.lineage.l2
    );
    let tried: Vec<f64> = told.candidates.iter().map(|c| c.l2).collect();
    assert_eq!(tried, [1e6, 100.0, 1.0, 0.01]);
    let least = (told.candidates.iter()).min_by(|a, b| a.log_loss.total_cmp(&b.log_loss));
    assert_eq!(artifact.lineage.l2, least.unwrap().l2);
    // These sessions tell much: no strong penalty.
    assert!(artifact.lineage.l2 <= 1.0, "{told:?}");
    assert!(told.candidates.iter().all(|c| c.standard_error > 0.0));
    // Weights of nothing but the constant have the entropy of the labels, here and there.
    let share = sessions.iter().filter(|s| s.picked.is_some()).count() as f64 / 1000.0;
    let entropy = -share * share.ln() - (1.0 - share) * (1.0 - share).ln();
    assert!(
        (told.candidates[0].log_loss - entropy).abs() < 5e-3,
        "{told:?} {entropy}"
    );
    // The same weights as with that penalty given.
    let given = super::fit(&schema(), &sessions, artifact.lineage.l2);
    assert_eq!(
        (given.weights, given.bias),
        (artifact.weights.clone(), artifact.bias)
    );
    assert_eq!(Artifact::from_json(&artifact.to_json()).unwrap(), artifact);
    assert_eq!(
        fit(&sessions, &[1.0, 1e6, 100.0, 0.01], 5).unwrap(),
        artifact
    );
}

/// `n` features of an item that say nothing, and picks by lot of 4.
fn noise(n: usize, sessions: usize) -> (Schema, Vec<Session>) {
    let fields: Vec<String> = (0..n)
        .map(|i| format!("{{ name = \"x{i}\", type = \"float\" }}"))
        .collect();
    let schema = inline(
        r#"{ name = "mood", type = "float" }"#,
        &fields.join(", "),
        "",
    );
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let session = |_| Session {
        user: vec![0.0],
        shown: (0..4)
            .map(|_| (0..n).map(|_| rng.random()).collect())
            .collect(),
        picked: Some(rng.random_range(0..4)),
    };
    (schema, (0..sessions).map(session).collect())
}

#[test]
fn noise_wants_a_strong_penalty() {
    let (schema, sessions) = noise(30, 100);
    let options = FitOptions {
        l2: Penalty::cross_validated(3),
        ..FitOptions::default()
    };
    let artifact = fit_model(&schema, &sessions, &options, Lineage::default()).unwrap();
    assert!(artifact.lineage.l2 >= 100.0, "{:?}", artifact.lineage);
    assert_eq!(
        artifact.lineage.cross_validation.unwrap().candidates.len(),
        6
    );
}

/// The best of many features that say nothing seem to say much to whoever chose them with the
/// sessions that they are tested on: Hastie, Tibshirani and Friedman, *The Elements of Statistical
/// Learning*, 7.10.2, "the wrong way to do cross-validation".
#[test]
fn features_are_chosen_without_the_fold_that_they_are_tested_on() {
    let (schema, sessions) = noise(200, 80);
    let (share, entropy) = (0.25_f64, |p: f64| -p * p.ln() - (1.0 - p) * (1.0 - p).ln());
    for family in [Family::Logistic, Family::Choice] {
        let options = FitOptions {
            family,
            l2: Penalty::CrossValidated {
                candidates: vec![0.01],
                folds: 5,
                seed: 3,
                max_sessions: 2_000,
            },
            k_best: Some(10),
            scaling: Scaling::MinMax,
            test_share: 0.0,
            ..FitOptions::default()
        };
        let artifact = fit_model(&schema, &sessions, &options, Lineage::default()).unwrap();
        let told = artifact.lineage.cross_validation.unwrap();
        let score = told.candidates[0].clone();
        // Per row, and per choice of one of 4; with a leak it is under that by several errors.
        let none = match family {
            Family::Logistic => entropy(share),
            Family::Choice => 4_f64.ln(),
        };
        assert!(score.log_loss > none, "{family:?}: {score:?}, {none}");
    }
}

#[test]
fn only_the_last_sessions_are_dealt() {
    let sessions = sessions(300, 5, 1.0);
    let told = |sessions: &[Session], max_sessions| {
        let options = FitOptions {
            family: Family::Choice,
            l2: Penalty::CrossValidated {
                candidates: vec![1.0, 10.0],
                folds: 4,
                seed: 7,
                max_sessions,
            },
            test_share: 0.0,
            ..FitOptions::default()
        };
        let artifact = fit_model(&schema(), sessions, &options, Lineage::default()).unwrap();
        artifact.lineage.cross_validation.unwrap()
    };
    let last = told(&sessions, 200);
    assert_eq!(last.sessions, 200);
    assert_eq!(last, told(&sessions[100..], 2_000));
    assert_ne!(last, told(&sessions[..200], 2_000));
}

#[test]
fn too_few_picks_choose_nothing() {
    let mut sessions = sessions(100, 5, 1.0);
    let mut picks = 0;
    for session in &mut sessions {
        picks += usize::from(session.picked.is_some());
        session.picked = session.picked.filter(|_| picks <= 12);
    }
    assert!(picks > 12);
    for family in [Family::Logistic, Family::Choice] {
        let options = FitOptions {
            family,
            l2: Penalty::cross_validated(7),
            test_share: 0.0,
            ..FitOptions::default()
        };
        let artifact = fit_model(&schema(), &sessions, &options, Lineage::default()).unwrap();
        let told = artifact.lineage.cross_validation.unwrap();
        assert!(told.candidates.is_empty(), "{told:?}");
        assert_eq!(artifact.lineage.l2, Penalty::DEFAULT);
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let sessions = sessions(400, 5, 1.0);
    let artifact = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        let options = FitOptions {
            family: Family::Choice,
            l2: Penalty::cross_validated(7),
            k_best: Some(3),
            ..FitOptions::default()
        };
        let fit = || fit_model(&schema(), &sessions, &options, Lineage::default());
        pool.build().unwrap().install(fit).unwrap().to_json()
    };
    let one = artifact(1);
    assert!([2, 3, 8].map(artifact).iter().all(|other| *other == one));
}

#[test]
fn plans_that_cannot_be() {
    let sessions = sessions(60, 5, 1.0);
    let message =
        |candidates: &[f64], folds| fit(&sessions, candidates, folds).unwrap_err().to_string();
    assert_eq!(message(&[], 5), "`candidates` is `0`: at least 1 is needed");
    assert_eq!(
        message(&[1.0, 0.0], 5),
        "`candidates` is `0`: finite numbers over 0 are needed"
    );
    assert_eq!(message(&[1.0], 1), "`folds` is `1`: 2 to 100 are needed");
    assert_eq!(
        message(&[1.0], 101),
        "`folds` is `101`: 2 to 100 are needed"
    );
    let options = FitOptions {
        l2: Penalty::CrossValidated {
            candidates: vec![1.0],
            folds: 5,
            seed: 1,
            max_sessions: 9,
        },
        ..FitOptions::default()
    };
    let error = fit_model(&schema(), &sessions, &options, Lineage::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`max_sessions` is `9`: at least 10 are needed"
    );
}
