//! The artifact's JSON, and what it takes to be used.

use mlp_core::drift::ProfileBuilder;
use mlp_core::{
    ARTIFACT_FORMAT, Artifact, ArtifactError, LinearModel, PairTable, Row, Scaling, Value,
};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::{fit, schema, sessions};
use crate::support::{inline, reading, travel};

fn artifact() -> Artifact {
    fit(&schema(), &sessions(60, 5, 1.0), 1.0)
}

#[test]
fn json_gives_the_artifact_back_to_the_last_bit() {
    let artifact = artifact();
    let read = Artifact::from_json(&artifact.to_json()).unwrap();
    assert_eq!(read, artifact);
    assert_eq!(read.to_json(), artifact.to_json());
    let (read, first) = (
        read.model(&schema()).unwrap(),
        artifact.model(&schema()).unwrap(),
    );
    assert_eq!(read, first);
}

#[test]
fn the_model_undoes_the_scaling() {
    let (schema, artifact) = (schema(), artifact());
    let model = artifact.model(&schema).unwrap();
    let sessions = sessions(60, 5, 1.0);
    let table = PairTable::new(&schema.features, &sessions);
    for row in table.features().rows() {
        let scaled: f64 = (0..row.len())
            .map(|f| artifact.weights[f] * (row[f] - artifact.center[f]) / artifact.scale[f])
            .sum();
        assert!((model.log_odds(row) - artifact.bias - scaled).abs() < 1e-12);
    }
}

/// What a database of the first version holds.
#[test]
fn an_artifact_of_format_1_is_read() {
    let mut json: Json = serde_json::from_str(&artifact().to_json()).unwrap();
    json["format"] = json!(1);
    for part in ["scaling", "selection"] {
        json.as_object_mut().unwrap().remove(part);
    }
    for part in ["iterations", "converged", "warm_start", "cross_validation"] {
        json["lineage"].as_object_mut().unwrap().remove(part);
    }
    let read = Artifact::from_json(&json.to_string()).unwrap();
    assert_eq!(
        (read.format, read.scaling),
        (ARTIFACT_FORMAT, Scaling::Standard)
    );
    assert_eq!(
        (read.selection.is_some(), read.lineage.converged),
        (false, None)
    );
    assert_eq!(read.model(&schema()), artifact().model(&schema()));
}

/// What a database of the second version holds: no reference, and no drift report for want of it.
#[test]
fn an_artifact_of_format_2_is_read() {
    let mut json: Json = serde_json::from_str(&artifact().to_json()).unwrap();
    assert_eq!(json["format"], 3);
    json["format"] = json!(2);
    assert_eq!(json.get("reference"), None);
    let read = Artifact::from_json(&json.to_string()).unwrap();
    assert_eq!((read.format, &read.reference), (ARTIFACT_FORMAT, &None));
    assert_eq!(read, artifact());
    json["format"] = json!(4);
    let error = Artifact::from_json(&json.to_string()).unwrap_err();
    assert_eq!(error, ArtifactError::Format { found: 4 });
}

#[test]
fn the_reference_goes_with_the_artifact() {
    let schema = schema();
    let mut profile = ProfileBuilder::new(&schema.user);
    let columns = schema.user.columns.len();
    for i in 0..1200 {
        profile.push(&Row(vec![Value::Int(i); columns]), Some(0.5), i);
    }
    let mut artifact = artifact();
    artifact.reference = Some(profile.finish());
    let read = Artifact::from_json(&artifact.to_json()).unwrap();
    assert_eq!(read, artifact);
    assert!(read.model(&schema).is_ok());
    if let Some(reference) = &mut artifact.reference {
        reference.features[0].missing = 2000;
    }
    let features = artifact.reference.as_ref().map_or(0, |r| r.features.len());
    assert_eq!(
        artifact.model(&schema).unwrap_err(),
        ArtifactError::Shape {
            part: "reference",
            found: features,
            expected: schema.features.len(),
        }
    );
}

#[test]
fn a_selection_that_does_not_fit() {
    let misfit = |found| ArtifactError::Shape {
        part: "selection",
        found,
        expected: 4,
    };
    let selection = |kept: Json, chi2: Json| json!({ "k": 3, "kept": kept, "chi2": chi2 });
    let four = json!([1.0, null, 1.0, 1.0]);
    let all = json!([true, true, true, true]);
    assert_eq!(
        refused(|a| a["selection"] = selection(json!([true]), four.clone())),
        misfit(1)
    );
    assert_eq!(
        refused(|a| a["selection"] = selection(all, json!([]))),
        misfit(4)
    );
    // A weight on what was not chosen.
    let one = json!([true, true, false, true]);
    assert_eq!(
        refused(|a| a["selection"] = selection(one, four)),
        misfit(4)
    );
}

#[track_caller]
fn refused(change: impl FnOnce(&mut Json)) -> ArtifactError {
    let mut json: Json = serde_json::from_str(&artifact().to_json()).unwrap();
    change(&mut json);
    match Artifact::from_json(&json.to_string()) {
        Err(error) => error,
        Ok(artifact) => artifact.model(&schema()).unwrap_err(),
    }
}

#[test]
fn what_is_no_artifact() {
    let message = |text: &str| Artifact::from_json(text).unwrap_err().to_string();
    assert!(
        message("").starts_with("not a model artifact: EOF"),
        "{}",
        message("")
    );
    assert!(message("[1]").starts_with("not a model artifact: "));
    assert_eq!(
        message("{}"),
        "not a model artifact: missing field `format` at line 1 column 2"
    );
    assert_eq!(
        message(r#"{"format":4,"new":"things"}"#),
        "artifact format `4` is not one of those this program reads, 1 to 3"
    );
    assert_eq!(
        Artifact::from_json(r#"{"format":0}"#),
        Err(ArtifactError::Format { found: 0 })
    );
    let unknown = refused(|a| a["colour"] = json!("red"));
    assert!(
        unknown.to_string().contains("unknown field `colour`"),
        "{unknown}"
    );
    let family = refused(|a| a["family"] = json!("forest"));
    assert!(
        family.to_string().contains("unknown variant `forest`"),
        "{family}"
    );
    for part in ["weights", "bias", "schema_hash", "features"] {
        let missing = refused(|a| {
            a.as_object_mut().unwrap().remove(part);
        });
        assert!(
            missing
                .to_string()
                .contains(&format!("missing field `{part}`")),
            "{missing}"
        );
        let wrong = refused(|a| a[part] = Json::Null);
        assert!(matches!(wrong, ArtifactError::Json(_)), "{wrong}");
    }
}

#[test]
fn an_artifact_of_another_schema() {
    // The same domain with one field more.
    let changed = inline(
        r#"{ name = "mood", type = "float" }, { name = "age", type = "int" }"#,
        r#"{ name = "size", type = "float" }"#,
        "",
    );
    let error = artifact().model(&changed).unwrap_err();
    let (found, expected) = (
        schema().hash()[..12].to_owned(),
        changed.hash()[..12].to_owned(),
    );
    assert_eq!(
        error.to_string(),
        format!(
            "the model was trained under schema `{found}`, but the schema here is `{expected}`: retrain it"
        )
    );
    assert_eq!(error, ArtifactError::Schema { expected, found });
    let other = artifact().model(&travel()).unwrap_err();
    assert_eq!(
        other.to_string(),
        "the model is of the domain `inline`, but the domain here is `travel`"
    );
    assert!(artifact().model(&reading()).is_err());
    assert!(matches!(
        refused(|a| a["schema_hash"] = json!("é")),
        ArtifactError::Schema { .. }
    ));
}

#[test]
fn parts_that_do_not_fit() {
    for part in ["center", "scale", "weights", "features"] {
        let short = refused(|a| {
            a[part].as_array_mut().unwrap().pop();
        });
        let (found, expected) = (3, 4);
        assert_eq!(
            short,
            ArtifactError::Shape {
                part,
                found,
                expected
            }
        );
        assert_eq!(
            short.to_string(),
            format!("`{part}` has 3 entries for 4 features, or one that is out of range")
        );
    }
    let misfit = |part| ArtifactError::Shape {
        part,
        found: 4,
        expected: 4,
    };
    assert_eq!(
        refused(|a| a["features"][1] = json!("other")),
        misfit("features")
    );
    for scale in [0.0, -1.0] {
        assert_eq!(refused(|a| a["scale"][2] = json!(scale)), misfit("scale"));
    }
    assert_eq!(
        refused(|a| a["scale"][0] = json!(1e-320)),
        ArtifactError::Shape {
            part: "bias",
            found: 1,
            expected: 4
        }
    );
    let mut built = artifact();
    built.weights[0] = f64::NAN;
    assert_eq!(built.model(&schema()).unwrap_err(), misfit("weights"));
    let mut built = artifact();
    built.bias = f64::INFINITY;
    assert!(matches!(
        built.model(&schema()),
        Err(ArtifactError::Shape { part: "bias", .. })
    ));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_an_artifact_or_an_error(text in "\\PC{0,100}", at in any::<prop::sample::Index>(), cut in 0_usize..9) {
        let _ = Artifact::from_json(&text);
        let mut json = JSON.with(Clone::clone);
        let start = at.index(json.len());
        json.replace_range(start..(start + cut).min(json.len()), &text);
        let model = Artifact::from_json(&json).and_then(|artifact| artifact.model(&schema()));
        if let Ok(LinearModel { bias, weights, .. }) = model {
            prop_assert!(bias.is_finite() && weights.iter().all(|w| w.is_finite()));
        }
    }

    #[test]
    fn numbers_keep_every_bit(weights in prop::array::uniform4(prop::num::f64::NORMAL | prop::num::f64::ZERO), bias in prop::num::f64::NORMAL) {
        let mut artifact = JSON.with(|json| Artifact::from_json(json).unwrap());
        artifact.weights = weights.to_vec();
        artifact.bias = bias;
        prop_assert_eq!(Artifact::from_json(&artifact.to_json()).unwrap(), artifact);
    }
}

thread_local! {
    static JSON: String = artifact().to_json();
}
