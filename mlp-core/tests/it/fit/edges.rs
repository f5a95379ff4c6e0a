//! Data that a fit must survive or refuse.

use mlp_core::{FitError, FitOptions, Lineage, Session, fit_logistic};

use super::{fit, schema, sessions};
use crate::support::inline;

#[test]
fn a_constant_feature_has_no_weight() {
    let schema = inline(
        r#"{ name = "mood", type = "float" }, { name = "same", type = "float" }"#,
        r#"{ name = "size", type = "float" }, { name = "large", type = "float" }"#,
        "",
    );
    for constant in [0.0, 0.1, -3.0, 1e12] {
        for l2 in [0.0, 1.0] {
            let mut sessions = sessions(60, 5, 1.0);
            for session in &mut sessions {
                session.user.push(constant);
                session.shown.iter_mut().for_each(|item| item.push(1e9));
            }
            let artifact = fit(&schema, &sessions, l2);
            assert_eq!(artifact.features, ["mood", "same", "size", "large"]);
            assert_eq!(
                (artifact.weights[1], artifact.scale[1]),
                (0.0, 1.0),
                "{constant}"
            );
            assert_eq!((artifact.weights[3], artifact.scale[3]), (0.0, 1.0));
            assert!(artifact.weights[0] != 0.0 && artifact.weights[2] != 0.0);
        }
    }
}

#[test]
fn features_that_say_the_same_share_the_weight() {
    let schema = inline(
        r#"{ name = "mood", type = "float" }"#,
        r#"{ name = "size", type = "float" }, { name = "again", type = "float" }"#,
        "",
    );
    let mut sessions = sessions(60, 5, 1.0);
    for session in &mut sessions {
        session
            .shown
            .iter_mut()
            .for_each(|item| item.push(2.0 * item[0] + 7.0));
    }
    let artifact = fit(&schema, &sessions, 1.0);
    let [_, size, again] = artifact.weights[..] else {
        panic!()
    };
    assert!((size - again).abs() < 1e-6 && size != 0.0, "{size} {again}");
    let error = try_fit(&schema, &sessions, 0.0).unwrap_err();
    assert_eq!(
        error,
        FitError::Collinear {
            feature: "again".to_owned()
        }
    );
    assert_eq!(
        error.to_string(),
        "`again` is a sum of multiples of other features, so that without a penalty the weights are not determined: set `l2` over 0, or take it out of the schema"
    );
}

fn try_fit(
    schema: &mlp_core::Schema,
    sessions: &[Session],
    l2: f64,
) -> Result<mlp_core::Artifact, FitError> {
    let options = FitOptions {
        l2: l2.into(),
        test_share: 0.0,
        ..FitOptions::default()
    };
    fit_logistic(schema, sessions, &options, Lineage::default())
}

/// A feature that tells the picks apart has a finite weight under a penalty, and none without one.
#[test]
fn separable_data_end() {
    let schema = schema();
    let mut sessions = sessions(60, 5, 1.0);
    for (i, session) in sessions.iter_mut().enumerate() {
        let picked = i % 5;
        session.picked = Some(picked);
        for (position, item) in session.shown.iter_mut().enumerate() {
            item[0] = if position == picked { 9.0 } else { 1.0 };
        }
    }
    let mut last = 0.0;
    for l2 in [10.0, 1.0, 0.01, 1e-6] {
        let artifact = fit(&schema, &sessions, l2);
        let size = artifact.weights[1];
        assert!(size.is_finite() && size > last, "{l2}: {size}");
        assert_eq!(artifact.train.auc, Some(1.0));
        last = size;
    }
    let error = try_fit(&schema, &sessions, 0.0).unwrap_err();
    let FitError::Separable { feature, weight } = &error else {
        panic!("{error}")
    };
    assert!(feature == "size" && *weight > 5.0, "{error}");
    assert!(
        error
            .to_string()
            .ends_with("without error: set `l2` over 0"),
        "{error}"
    );
}

#[test]
fn the_lineage_tells_of_a_solver_that_was_stopped() {
    let options = FitOptions {
        max_iterations: 1,
        solver: mlp_core::Solver::Newton,
        test_share: 0.0,
        ..FitOptions::default()
    };
    let stopped = fit_logistic(
        &schema(),
        &sessions(60, 5, 1.0),
        &options,
        Lineage::default(),
    )
    .unwrap();
    let told = (stopped.lineage.iterations, stopped.lineage.converged);
    assert_eq!(told, (Some(1), Some(false)));
    assert!(
        stopped.lineage.gradient > 1e-4,
        "{}",
        stopped.lineage.gradient
    );
}

#[test]
fn absurd_numbers_do_not_stop_the_fit() {
    let schema = schema();
    for absurd in [1e300, -1e300, f64::MAX, 1e-300, f64::INFINITY, f64::NAN] {
        let mut sessions = sessions(60, 5, 1.0);
        sessions[7].user[0] = absurd;
        sessions[9].shown[2][0] = absurd;
        let artifact = fit(&schema, &sessions, 1.0);
        let model = artifact.model(&schema).unwrap();
        assert!(
            model.weights.iter().all(|w| w.is_finite()) && model.bias.is_finite(),
            "{absurd}"
        );
        assert!(artifact.train.log_loss.unwrap().is_finite());
    }
}

#[test]
fn too_little_is_no_model() {
    let schema = schema();
    let all = sessions(60, 5, 1.0);
    let try_fit = |sessions: &[Session]| {
        let options = FitOptions {
            test_share: 0.0,
            ..FitOptions::default()
        };
        fit_logistic(&schema, sessions, &options, Lineage::default()).map(|_| ())
    };
    let too_few = |sessions, picks, others| {
        Err(FitError::TooFew {
            sessions,
            picks,
            others,
        })
    };
    assert_eq!(try_fit(&[]), too_few(0, 0, 0));
    let picks = all[..9].iter().filter(|s| s.picked.is_some()).count();
    assert_eq!(try_fit(&all[..9]), too_few(9, picks, 45 - picks));
    assert_eq!(
        try_fit(&all[..9]).unwrap_err().to_string(),
        format!(
            "9 sessions with {picks} picks and {} other items are too few to learn from: at least 10 sessions, 2 picks and 2 others are needed",
            45 - picks
        )
    );
    let mut unpicked = all.clone();
    unpicked.iter_mut().for_each(|s| s.picked = None);
    assert_eq!(try_fit(&unpicked), too_few(60, 0, 300));
    unpicked[30].picked = Some(1);
    assert_eq!(try_fit(&unpicked), too_few(60, 1, 299));
    unpicked[31].picked = Some(1);
    assert_eq!(try_fit(&unpicked), Ok(()));
    let mut unshown = all.clone();
    unshown[9..].iter_mut().for_each(|s| s.shown.clear());
    assert_eq!(
        try_fit(&unshown),
        too_few(9, picks, 45 - picks),
        "sessions without items do not count"
    );
    let single: Vec<Session> = (all.iter().cloned())
        .map(|mut s| {
            s.shown.truncate(1);
            s.picked = Some(0);
            s
        })
        .collect();
    assert_eq!(try_fit(&single), too_few(60, 60, 0));
}

#[test]
fn options_out_of_range() {
    let try_fit = |options: FitOptions| {
        fit_logistic(
            &schema(),
            &sessions(60, 5, 1.0),
            &options,
            Lineage::default(),
        )
        .map(|_| ())
        .map_err(|e| e.to_string())
    };
    let base = FitOptions::default;
    for (options, expected) in [
        (
            FitOptions {
                l2: (-1.0).into(),
                ..base()
            },
            "`l2` is `-1`: a finite number from 0 is needed",
        ),
        (
            FitOptions {
                l2: (f64::NAN).into(),
                ..base()
            },
            "`l2` is `NaN`: a finite number from 0 is needed",
        ),
        (
            FitOptions {
                l2: (f64::INFINITY).into(),
                ..base()
            },
            "`l2` is `inf`: a finite number from 0 is needed",
        ),
        (
            FitOptions {
                test_share: -0.1,
                ..base()
            },
            "`test_share` is `-0.1`: 0 to under 0.9 is needed",
        ),
        (
            FitOptions {
                test_share: 0.9,
                ..base()
            },
            "`test_share` is `0.9`: 0 to under 0.9 is needed",
        ),
        (
            FitOptions {
                test_share: f64::NAN,
                ..base()
            },
            "`test_share` is `NaN`: 0 to under 0.9 is needed",
        ),
        (
            FitOptions {
                max_iterations: 0,
                ..base()
            },
            "`max_iterations` is `0`: at least 1 is needed",
        ),
        (
            FitOptions {
                k_best: Some(0),
                ..base()
            },
            "`k_best` is `0`: at least 1 is needed",
        ),
        (
            FitOptions {
                start: Some(mlp_core::LinearModel {
                    family: mlp_core::Family::Logistic,
                    bias: 0.0,
                    weights: vec![1.0],
                }),
                ..base()
            },
            "the model to start from has 1 weights for 4 features",
        ),
    ] {
        assert_eq!(try_fit(options), Err(expected.to_owned()));
    }
    assert_eq!(try_fit(base()), Ok(()));
}
