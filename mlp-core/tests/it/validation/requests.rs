//! Whole requests of the two domains.

use mlp_core::{Date, Value};
use serde_json::{Value as Json, json};

use crate::support::{family, numbers, reading, travel, with};

/// What is sent back for a body; must be a list of faults.
#[track_caller]
fn detail(body: &Json) -> Json {
    serde_json::to_value(travel().user.row_from_json(body).unwrap_err()).unwrap()
}

/// The type and the place of each fault.
#[track_caller]
fn kinds(body: &Json) -> Vec<(String, String)> {
    let detail = detail(body);
    let place = |fault: &Json| {
        let location: Vec<String> = (fault["loc"].as_array().unwrap().iter())
            .map(|part| {
                part.as_str()
                    .map_or_else(|| part.to_string(), str::to_owned)
            })
            .collect();
        location.join(".")
    };
    (detail.as_array().unwrap().iter())
        .map(|f| (f["type"].as_str().unwrap().to_owned(), place(f)))
        .collect()
}

#[track_caller]
fn one(change: Json, kind: &str, place: &str) {
    let body = with(family(), change.clone());
    assert_eq!(
        kinds(&body),
        [(kind.to_owned(), format!("body.{place}"))],
        "{change}"
    );
}

#[test]
fn the_recorded_body_is_a_row() {
    let row = travel().user.row_from_json(&family()).unwrap();
    let date: Date = "2026-01-15".parse().unwrap();
    let Value::Float(std) = row.0[3] else {
        panic!()
    };
    assert!((std - 14.165_686_240_583_85).abs() < 1e-12);
    assert_eq!(
        row.0[..3],
        [
            Value::Text("Family".into()),
            Value::Int(3),
            Value::Float(24.0)
        ]
    );
    assert_eq!(
        row.0[4..],
        [
            Value::Float(4.0),
            Value::Float(35.0),
            Value::Int(1),
            Value::Float(420.75),
            Value::Int(5),
            Value::Date(date),
            Value::Bool(true),
            Value::Bool(false),
            Value::Bool(false),
            Value::Bool(true),
            Value::Bool(true),
            Value::Bool(false),
        ]
    );
}

#[test]
fn recorded_leniencies_give_the_same_row() {
    let schema = travel();
    let plain = with(
        family(),
        json!({ "budget": 420.5, "nights": 2, "spa": true }),
    );
    let recorded = with(
        family(),
        json!({
            "people_num": "3", "budget": "420.5", "nights": 2.0, "pool": "yes", "spa": 1,
            "time_arrival": "2026-01-15T00:00:00", "foo": 1,
        }),
    );
    assert_eq!(
        schema.user.row_from_json(&recorded),
        schema.user.row_from_json(&plain)
    );
    // `start_bad_types` has `children_num: true` without a fault.
    let truth = with(family(), json!({ "children_num": true }));
    assert_eq!(
        schema.user.row_from_json(&truth),
        schema.user.row_from_json(&family())
    );
}

#[test]
fn recorded_faults() {
    let mut body = family();
    body.as_object_mut()
        .unwrap()
        .retain(|name, _| name != "name" && name != "budget");
    assert_eq!(
        detail(&body),
        json!([
            { "type": "missing", "loc": ["body", "name"], "msg": "Field required" },
            { "type": "missing", "loc": ["body", "budget"], "msg": "Field required" },
        ]),
        "start_missing_field, without its input: the whole body"
    );
    let bad = json!({
        "people_age": "35", "children_num": true, "nights": 2.5, "time_arrival": "soon", "pool": "maybe",
    });
    assert_eq!(
        detail(&with(family(), bad)),
        json!([
            {
                "type": "list_type", "loc": ["body", "people_age"],
                "msg": "Input should be a valid list", "input": "35",
            },
            {
                "type": "int_from_float", "loc": ["body", "nights"],
                "msg": "Input should be a valid integer, got a number with a fractional part",
                "input": 2.5,
            },
            {
                "type": "date_from_datetime_parsing", "loc": ["body", "time_arrival"],
                "msg": "Input should be a valid date or datetime, input is too short",
                "input": "soon", "ctx": { "error": "input is too short" },
            },
            {
                "type": "bool_parsing", "loc": ["body", "pool"],
                "msg": "Input should be a valid boolean, unable to interpret input", "input": "maybe",
            },
        ]),
        "start_bad_types"
    );
}

#[test]
fn what_the_old_service_let_in() {
    one(
        json!({ "people_age": [], "people_num": 3 }),
        "too_short",
        "people_age",
    );
    one(json!({ "people_num": 2 }), "value_error", "people_age");
    one(
        json!({ "people_num": 0 }),
        "greater_than_equal",
        "people_num",
    );
    one(
        json!({ "people_num": -3 }),
        "greater_than_equal",
        "people_num",
    );
    one(
        json!({ "people_age": [35, -1, 4] }),
        "greater_than_equal",
        "people_age.1",
    );
    one(
        json!({ "people_age": [35, 33, 151] }),
        "less_than_equal",
        "people_age.2",
    );
    one(
        json!({ "people_age": [35, null, 4] }),
        "int_type",
        "people_age.1",
    );
    one(
        json!({ "people_age": vec![35; 1001] }),
        "too_long",
        "people_age",
    );
    one(json!({ "budget": -0.01 }), "greater_than_equal", "budget");
    one(json!({ "budget": 1e300 }), "less_than_equal", "budget");
    one(json!({ "budget": "NaN" }), "finite_number", "budget");
    one(json!({ "budget": "inf" }), "finite_number", "budget");
    one(json!({ "budget": "-Infinity" }), "finite_number", "budget");
    one(json!({ "budget": "1e400" }), "finite_number", "budget");
    one(json!({ "budget": null }), "float_type", "budget");
    one(json!({ "nights": -1 }), "greater_than_equal", "nights");
    one(json!({ "nights": 10_001 }), "less_than_equal", "nights");
    one(json!({ "nights": "1e3" }), "int_parsing", "nights");
    one(json!({ "nights": "٣" }), "int_parsing", "nights");
    one(json!({ "nights": u64::MAX }), "less_than_equal", "nights");
    one(
        json!({ "children_num": "99999999999999999999" }),
        "less_than_equal",
        "children_num",
    );
    one(json!({ "name": "a\0" }), "string_nul", "name");
    one(
        json!({ "name": "x".repeat(201) }),
        "string_too_long",
        "name",
    );
    one(json!({ "name": 3 }), "string_type", "name");
    one(
        json!({ "time_arrival": "2026-02-30" }),
        "date_from_datetime_parsing",
        "time_arrival",
    );
    one(
        json!({ "time_arrival": "0000-01-01" }),
        "date_parsing",
        "time_arrival",
    );
    one(
        json!({ "time_arrival": "2026-01-15T12:30:00" }),
        "date_from_datetime_inexact",
        "time_arrival",
    );
}

#[test]
fn all_faults_at_once_in_the_order_of_the_fields() {
    let body = json!({
        "sport": "perhaps", "people_age": [1, 2], "people_num": 3, "name": 7, "budget": -1, "nights": [],
        "time_arrival": {}, "pool": 2, "children_num": "many", "lake": null,
    });
    let expected = [
        ("string_type", "name"),
        ("value_error", "people_age"),
        ("int_parsing", "children_num"),
        ("greater_than_equal", "budget"),
        ("int_type", "nights"),
        ("date_type", "time_arrival"),
        ("bool_parsing", "pool"),
        ("missing", "spa"),
        ("missing", "pet_friendly"),
        ("bool_type", "lake"),
        ("missing", "mountain"),
        ("bool_parsing", "sport"),
    ];
    let expected = expected.map(|(kind, field)| (kind.to_owned(), format!("body.{field}")));
    assert_eq!(kinds(&body), expected);
}

#[test]
fn bodies_that_are_no_objects() {
    let object = "Input should be a valid dictionary or object to extract fields from";
    for (body, expected) in [
        (
            json!([1, 2]),
            json!([{ "type": "model_attributes_type", "loc": ["body"], "msg": object }]),
        ),
        (
            json!("x"),
            json!([{ "type": "model_attributes_type", "loc": ["body"], "msg": object, "input": "x" }]),
        ),
        (
            json!(3),
            json!([{ "type": "model_attributes_type", "loc": ["body"], "msg": object, "input": 3 }]),
        ),
        (
            json!(null),
            json!([{ "type": "missing", "loc": ["body"], "msg": "Field required", "input": null }]),
        ),
    ] {
        assert_eq!(detail(&body), expected);
    }
    assert_eq!(kinds(&json!({})).len(), travel().user.fields.len());
}

#[test]
fn only_scalars_are_echoed() {
    let secret = json!({ "secret": ["123-45-6789"] });
    let all: Json = (travel().user.fields.iter())
        .map(|f| (f.name.clone(), secret.clone()))
        .collect();
    let text = detail(&all).to_string();
    assert!(
        !text.contains("secret") && !text.contains("123-45"),
        "{text}"
    );
}

#[test]
fn missing_values_take_their_default_in_features_alone() {
    let schema = reading();
    let least = json!({ "nickname": "ann", "shelves": [] });
    let row = schema.user.row_from_json(&least).unwrap();
    let null = row.values().iter().filter(|v| **v == Value::Null).count();
    assert_eq!(
        null,
        schema
            .user
            .fields
            .iter()
            .filter(|f| f.default.is_some())
            .count()
    );
    let nulls = with(
        least.clone(),
        json!({ "genre": null, "patience": null, "birthday": null }),
    );
    assert_eq!(schema.user.row_from_json(&nulls).unwrap(), row);
    let given = with(
        least.clone(),
        json!({ "genre": "novel", "patience": 0.5, "hours": 4, "birthday": "1990-06-15", "member": false }),
    );
    assert_eq!(numbers(&schema.user, &given), numbers(&schema.user, &least));
    assert_ne!(
        schema.user.row_from_json(&given).unwrap(),
        row,
        "null stays null in the row"
    );
}

#[test]
fn a_row_from_before_a_column_came_is_padded() {
    let schema = reading();
    let mut row = schema
        .item
        .row_from_json(&json!({ "title": "x", "group": "poetry", "order": 3 }))
        .unwrap();
    let mut full = Vec::new();
    schema.item.numbers(&row, &mut full);
    row.0.truncate(3);
    let mut short = Vec::new();
    schema.item.numbers(&row, &mut short);
    assert_eq!(short, full);
    assert_eq!(short.len(), schema.item.columns.len());
}
