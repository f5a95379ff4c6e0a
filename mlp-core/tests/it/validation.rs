//! From request bodies and item files to rows.

#![allow(clippy::unwrap_used)]

mod arbitrary;
mod cells;
mod requests;

use mlp_core::{MAX_LIST, Schema, Value};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::support::inline;

/// What pydantic found; see `validation/golden.py`.
const PYDANTIC: &str = include_str!("validation/golden.jsonl");

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Found {
    Value(Json),
    Faults(Vec<(String, Vec<Json>, String, Option<Json>)>),
}

/// A schema whose only field of the user is called `v`.
fn single(rest: &str) -> Schema {
    let field = format!("{{ name = \"v\", {rest} }}");
    inline(&field, "{ name = \"size\", type = \"int\" }", "")
}

fn of_type(name: &str) -> Schema {
    single(match name {
        "bool" => r#"type = "bool""#,
        "int" => r#"type = "int""#,
        "int_0_10" => r#"type = "int", min = 0, max = 10"#,
        "float" => r#"type = "float""#,
        "float_0_10" => r#"type = "float", min = 0, max = 10"#,
        "text_2_3" => r#"type = "text", min = 2, max = 3"#,
        "text_1_1" => r#"type = "text", min = 1, max = 1"#,
        "date" => r#"type = "date""#,
        "level" => r#"type = "category", levels = ["red", "green", "deep blue"]"#,
        "level_1" => r#"type = "category", levels = ["x"]"#,
        "ints" => r#"type = "int_list", min = 0, max = 150"#,
        "ints_summarised" => r#"type = "int_list", min = 0, max = 150, summaries = "v""#,
        other => panic!("{other}"),
    })
}

fn plain(value: &Value, levels: &[&str]) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(b) => json!(b),
        Value::Int(i) => json!(i),
        Value::Float(f) => json!(f),
        Value::Text(t) => json!(t),
        Value::Date(d) => json!(d.to_string()),
        Value::Level(l) => json!(levels[usize::from(*l)]),
        Value::Ints(list) => json!(list),
    }
}

/// The body's first value, or its faults as they are sent.
fn read(schema: &Schema, input: &Json) -> Result<Value, Json> {
    match schema.user.row_from_json(&json!({ "v": input })) {
        Ok(row) => Ok(row.0[0].clone()),
        Err(faults) => Err(serde_json::to_value(faults).unwrap()),
    }
}

#[test]
fn single_fields_are_read_as_pydantic_reads_them() {
    let mut cases = 0;
    for line in PYDANTIC.lines() {
        let (kind, input, found): (String, Json, Found) = serde_json::from_str(line).unwrap();
        let summarised = kind == "ints" && input == json!([]);
        let schema = of_type(if summarised { "ints_summarised" } else { &kind });
        let result = read(&schema, &input);
        match found {
            Found::Value(expected) => {
                let value = result.unwrap_or_else(|faults| panic!("{line}\n{faults}"));
                let value = plain(&value, &["red", "green", "deep blue"]);
                let same = value == expected
                    || value.as_f64().is_some_and(|v| Some(v) == expected.as_f64());
                assert!(same, "{line}\n{value}");
            }
            Found::Faults(expected) => {
                let expected: Vec<Json> = (expected.into_iter())
                    .map(|(kind, at, message, context)| {
                        let element = match at.first() {
                            Some(i) => &input[i.as_u64().unwrap() as usize],
                            None => &input,
                        };
                        let mut location = vec![json!("body"), json!("v")];
                        location.extend(at);
                        let mut fault = json!({ "type": kind, "loc": location, "msg": message });
                        // A body echoes personal data: only scalars are sent back.
                        if !element.is_array() && !element.is_object() {
                            fault["input"] = element.clone();
                        }
                        if let Some(context) = context {
                            fault["ctx"] = context;
                        }
                        fault
                    })
                    .collect();
                assert_eq!(result, Err(json!(expected)), "{line}");
            }
        }
        cases += 1;
    }
    assert_eq!(cases, CASES);
}

const CASES: usize = 286;

#[track_caller]
fn fault(schema: &Schema, input: &Json, kind: &str, message: &str) {
    let faults = read(schema, input).unwrap_err();
    assert_eq!(faults.as_array().unwrap().len(), 1, "{faults}");
    assert_eq!(
        (faults[0]["type"].as_str(), faults[0]["msg"].as_str()),
        (Some(kind), Some(message))
    );
}

#[test]
fn whole_numbers_beyond_64_bits_are_out_of_range() {
    let size = "Unable to parse input string as an integer, exceeded maximum size";
    let digits = "9".repeat(5000);
    for text in [
        "9223372036854775808",
        "-9223372036854775809",
        "18446744073709551616",
        "1e300",
        "-1e300",
        "\"9223372036854775808\"",
        "\"-9223372036854775809.0\"",
        &format!("\"{digits}\""),
        &digits[..300],
    ] {
        let input: Json = serde_json::from_str(text).unwrap();
        fault(&of_type("int"), &input, "int_parsing_size", size);
        let (kind, message) = if text.contains('-') {
            (
                "greater_than_equal",
                "Input should be greater than or equal to 0",
            )
        } else {
            (
                "less_than_equal",
                "Input should be less than or equal to 10",
            )
        };
        fault(&of_type("int_0_10"), &input, kind, message);
    }
    for (text, value) in [
        ("1e18", 10_i64.pow(18)),
        ("9223372036854775807", i64::MAX),
        ("-9223372036854775808", i64::MIN),
        ("\"-9223372036854775808\"", i64::MIN),
    ] {
        let input: Json = serde_json::from_str(text).unwrap();
        assert_eq!(read(&of_type("int"), &input), Ok(Value::Int(value)));
    }
    // JSON has no larger numbers for us: its reader refuses them, and answers 422 on its own.
    assert!(serde_json::from_str::<Json>("1e400").is_err());
    assert!(serde_json::from_str::<Json>("NaN").is_err());
}

#[test]
fn a_negative_zero_is_zero() {
    let Ok(Value::Float(zero)) = read(&of_type("float_0_10"), &json!(-0.0)) else {
        panic!()
    };
    assert!(zero.is_sign_positive());
}

#[test]
fn text_without_nul() {
    let text = single(r#"type = "text""#);
    fault(
        &text,
        &json!("a\0b"),
        "string_nul",
        "String should not contain NUL",
    );
    for good in ["", "\u{1}", "'; DROP TABLE readers; --", "\u{202e}", "🏳️‍🌈"] {
        assert_eq!(read(&text, &json!(good)), Ok(Value::Text(good.into())));
    }
    let long = "é".repeat(101);
    let faults = read(&of_type("text_2_3"), &json!(long)).unwrap_err();
    assert_eq!(
        faults[0]["input"],
        format!("{}…", "é".repeat(100)),
        "echoes stay short"
    );
}

#[test]
fn long_lists_and_many_levels_have_short_answers() {
    let ints = of_type("ints");
    let full = vec![7; MAX_LIST];
    assert_eq!(read(&ints, &json!(full)), Ok(Value::Ints(full)));
    fault(
        &ints,
        &json!(vec![7; MAX_LIST + 1]),
        "too_long",
        "List should have at most 1000 items after validation, not 1001",
    );
    assert_eq!(
        read(&ints, &json!([])),
        Ok(Value::Ints(Vec::new())),
        "only summaries need an element"
    );
    let levels: Vec<String> = (0..1000).map(|i| format!("\"level {i}\"")).collect();
    let schema = single(&format!(
        "type = \"category\", levels = [{}]",
        levels.join(", ")
    ));
    let faults = read(&schema, &json!("x")).unwrap_err();
    let message = faults[0]["msg"].as_str().unwrap();
    assert!(
        message.starts_with("Input should be 'level 0', 'level 1', "),
        "{message}"
    );
    assert!(message.ends_with("'level 49' or 950 others"), "{message}");
    assert_eq!(read(&schema, &json!("level 999")), Ok(Value::Level(999)));
}

#[test]
fn nesting_is_no_matter() {
    // As deep as JSON's reader goes.
    let text = format!("{}1{}", "[".repeat(120), "]".repeat(120));
    let deep: Json = serde_json::from_str(&text).unwrap();
    for kind in ["bool", "int", "float", "text_2_3", "date", "level", "ints"] {
        assert!(read(&of_type(kind), &deep).is_err(), "{kind}");
    }
}

#[test]
fn a_count_must_fit_its_list() {
    let count = r#"{ name = "v", type = "int_list", count = "n" }, { name = "n", type = "int", default = 2 }"#;
    let schema = inline(count, "{ name = \"size\", type = \"int\" }", "");
    let read = |body: Json| {
        schema
            .user
            .row_from_json(&body)
            .map_err(|f| serde_json::to_value(f).unwrap())
    };
    assert!(read(json!({ "v": [1, 2, 3], "n": 3 })).is_ok());
    assert!(read(json!({ "v": [], "n": 0 })).is_ok());
    assert!(
        read(json!({ "v": [1, 2, 3] })).is_ok(),
        "nothing was said of the length"
    );
    for n in [-1, 2, 4, i64::MAX] {
        assert_eq!(
            read(json!({ "v": [1, 2, 3], "n": n })).unwrap_err(),
            json!([{
                "type": "value_error", "loc": ["body", "v"],
                "msg": format!("Value error, 3 elements where `n` is {n}"),
                "ctx": { "expected": n, "actual_length": 3 },
            }])
        );
    }
    let faults = read(json!({ "v": [1, "x", 3], "n": "y" })).unwrap_err();
    assert_eq!(
        faults.as_array().unwrap().len(),
        2,
        "no word on a count that is none: {faults}"
    );
}

#[test]
fn summaries_are_of_the_population() {
    // numpy: [35, 33, 4]: mean 24.0, std 14.16568624058385
    let schema = of_type("ints_summarised");
    let row = schema
        .user
        .row_from_json(&json!({ "v": [35, 33, 4] }))
        .unwrap();
    let numbers: Vec<f64> = row.values().iter().map(|v| v.number().unwrap()).collect();
    assert_eq!(numbers[0], 24.0);
    assert!((numbers[1] - 14.165_686_240_583_85).abs() < 1e-12);
    assert_eq!(numbers[2..], [4.0, 35.0]);
    let one = schema.user.row_from_json(&json!({ "v": [7] })).unwrap();
    assert_eq!(one.values(), [7.0, 0.0, 7.0, 7.0].map(Value::Float));
}
