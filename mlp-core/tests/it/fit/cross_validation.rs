//! The penalty that sessions kept from the fit choose.

use mlp_core::{Artifact, FitError, FitOptions, Lineage, Penalty, Session, fit as fit_model};
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
    assert_eq!((told.folds, told.seed), (5, 7));
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

#[test]
fn noise_wants_a_strong_penalty() {
    let names: Vec<String> = (0..30).map(|i| format!("x{i}")).collect();
    let fields: Vec<String> = (names.iter())
        .map(|name| format!("{{ name = \"{name}\", type = \"float\" }}"))
        .collect();
    let schema = inline(
        r#"{ name = "mood", type = "float" }"#,
        &fields.join(", "),
        "",
    );
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let sessions: Vec<Session> = (0..100)
        .map(|_| Session {
            user: vec![0.0],
            shown: (0..4)
                .map(|_| (0..30).map(|_| rng.random()).collect())
                .collect(),
            picked: Some(rng.random_range(0..4)),
        })
        .collect();
    let options = FitOptions {
        l2: Penalty::cross_validated(3),
        ..FitOptions::default()
    };
    let artifact = fit_model(&schema, &sessions, &options, Lineage::default()).unwrap();
    assert!(artifact.lineage.l2 >= 100.0, "{:?}", artifact.lineage);
    assert_eq!(
        artifact.lineage.cross_validation.unwrap().candidates.len(),
        11
    );
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
    let mut few = sessions.clone();
    few.iter_mut().for_each(|s| s.picked = None);
    few[3].picked = Some(0);
    few[4].picked = Some(0);
    // Some seed puts both in one fold; with two folds half of them do.
    let errors: Vec<FitError> = (0..20)
        .filter_map(|seed| {
            let l2 = Penalty::CrossValidated {
                candidates: vec![1.0],
                folds: 2,
                seed,
            };
            let options = FitOptions {
                l2,
                test_share: 0.0,
                ..FitOptions::default()
            };
            fit_model(&schema(), &few, &options, Lineage::default()).err()
        })
        .collect();
    assert!(
        errors
            .iter()
            .all(|e| matches!(e, FitError::Fold { folds: 2, .. })),
        "{errors:?}"
    );
    assert!((1..20).contains(&errors.len()), "{errors:?}");
}
