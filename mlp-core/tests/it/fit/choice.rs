//! The choice family.

use mlp_core::choice::{ChoiceOptions, Choices, Outside, estimate};
use mlp_core::{
    Artifact, Catalog, Family, FitOptions, Lineage, Penalty, Ranker, Row, Scratch, Value,
};
use mlp_core::{PairTable, Session, fit};

use super::{assert_close, schema, sessions};

fn choice(sessions: &[Session], l2: impl Into<Penalty>) -> Artifact {
    let options = FitOptions {
        family: Family::Choice,
        l2: l2.into(),
        test_share: 0.0,
        ..FitOptions::default()
    };
    fit(&schema(), sessions, &options, Lineage::default()).unwrap()
}

/// The estimator, on the same standardised features and with the same penalties.
#[test]
fn the_family_is_the_estimator_on_scaled_features() {
    let sessions = sessions(120, 5, 1.0);
    let table = PairTable::new(&schema().features, &sessions);
    for l2 in [0.1, 1.0, 10.0] {
        let artifact = choice(&sessions, l2);
        let mut scaled = table.features().to_owned();
        for (k, mut column) in scaled.columns_mut().into_iter().enumerate() {
            column.mapv_inplace(|x| (x - artifact.center[k]) / artifact.scale[k]);
        }
        let chosen = sessions.iter().map(|s| s.picked).collect();
        let lists = table.sessions().clone();
        let choices = Choices::new(scaled.view(), lists, chosen, Outside::Present).unwrap();
        let options = ChoiceOptions {
            l2,
            constant: true,
            constant_l2: 0.1,
            ..ChoiceOptions::default()
        };
        let expected = estimate(&choices, &options).unwrap();
        let found = [&artifact.weights[..], &[artifact.bias]].concat();
        assert_close(&found, &expected.coefficients, "weights");
        let errors = expected.standard_errors().unwrap();
        let found = artifact.standard_errors.as_deref().unwrap();
        assert_close(found, &errors[..found.len()], "standard errors");
        // Unscaled, the model gives the same probabilities.
        let model = artifact.model(&schema()).unwrap();
        let p = model.probabilities(&table);
        assert_close(
            &p,
            &expected.probabilities(&choices).unwrap(),
            "probabilities",
        );
        assert!(artifact.lineage.converged == Some(true) && artifact.lineage.gradient < 1e-9);
    }
}

#[test]
fn a_list_s_probabilities_leave_room_for_none() {
    let sessions = sessions(120, 5, 1.0);
    let table = PairTable::new(&schema().features, &sessions);
    let mut model = choice(&sessions, 1.0).model(&schema()).unwrap();
    let p = model.probabilities(&table);
    let mut expected_none = 0.0;
    for list in table.sessions().ranges() {
        let total: f64 = p[list].iter().sum();
        assert!(total > 0.0 && total < 1.0);
        expected_none += 1.0 - total;
    }
    // The constant is told by how many pick none, but for its small penalty.
    let none = sessions.iter().filter(|s| s.picked.is_none()).count() as f64;
    assert!((expected_none - none).abs() < 0.5, "{expected_none} {none}");
    // The same numbers as a logistic model say something else.
    model.family = Family::Logistic;
    assert!(model.probabilities(&table).iter().sum::<f64>() > p.iter().sum());
}

#[test]
fn an_artifact_says_its_family_and_ranks() {
    let (schema, sessions) = (schema(), sessions(120, 5, 1.0));
    let artifact = choice(&sessions, 1.0);
    let json = artifact.to_json();
    assert!(json.contains(r#""family":"choice""#));
    let model = Artifact::from_json(&json).unwrap().model(&schema).unwrap();
    assert_eq!(model.family, Family::Choice);
    let rows: Vec<Row> = (0..50)
        .map(|i| Row(vec![Value::Float(f64::from(i) / 8.0)]))
        .collect();
    let catalog = Catalog::new(&schema.item, 1, (0..).zip(&rows));
    let ranker = Ranker::new(&schema.features, &model, &catalog);
    let (mut scratch, mut best) = (Scratch::default(), Vec::new());
    ranker.top(&[1.5], 50, &mut scratch, &mut best);
    for ranked in best {
        // The score is what the model says of a list of this item alone.
        let alone = Session {
            user: vec![1.5],
            shown: vec![catalog.numbers(ranked.item_id as usize).to_vec()],
            picked: None,
        };
        let p = model.probabilities(&PairTable::new(&schema.features, [&alone]))[0];
        assert!((f64::from(ranked.score) - p).abs() < 1e-5);
    }
}

/// A constant without a penalty would have no best value in either case.
#[test]
fn sessions_that_all_pick_still_give_a_model() {
    let mut all = sessions(120, 5, 1.0);
    all.retain(|s| s.picked.is_some());
    assert!(all.len() >= 40);
    let artifact = choice(&all, 1.0);
    assert_eq!(artifact.lineage.converged, Some(true));
    let table = PairTable::new(&schema().features, &all);
    let p = artifact.model(&schema()).unwrap().probabilities(&table);
    let picked: f64 = p.iter().sum::<f64>() / all.len() as f64;
    assert!(picked > 0.95 && picked < 1.0, "{picked}");
}

#[test]
fn cross_validation_starts_and_repeats() {
    let sessions = sessions(120, 5, 1.0);
    let first = choice(&sessions, Penalty::cross_validated(7));
    let found = first.lineage.cross_validation.clone().unwrap();
    assert_eq!((found.candidates.len(), found.folds), (6, 5));
    let least = found
        .candidates
        .iter()
        .map(|c| c.log_loss)
        .fold(f64::INFINITY, f64::min);
    let chosen = found.candidates.iter().find(|c| c.l2 == first.lineage.l2);
    assert_eq!(chosen.unwrap().log_loss, least);
    // Far too strong is worse than knowing something; a choice among five and none is 1.79 nats.
    assert!(found.candidates[0].log_loss > least && least < 1.79);
    let again = choice(&sessions, Penalty::cross_validated(7));
    assert_eq!(again.to_json(), first.to_json());
}

/// Another pick, another order or another number is other data; the sessions of the test are none.
#[test]
fn the_lineage_has_a_hash_of_what_was_fitted_on() {
    let hash = |sessions: &[Session]| choice(sessions, 1.0).lineage.content_hash;
    let all = sessions(120, 5, 1.0);
    let first = hash(&all);
    assert_eq!(first.len(), 64);
    assert_eq!(first, hash(&all.clone()));
    let mut others = [all.clone(), all.clone(), all.clone()];
    others[0][3].picked = match others[0][3].picked {
        None => Some(0),
        Some(_) => None,
    };
    others[1].swap(3, 4);
    others[2][3].user[0] += 1.0;
    assert!(others.iter().all(|other| hash(other) != first));
}
