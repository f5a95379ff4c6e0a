//! Rows of item files.

use mlp_core::{Entity, FieldType, Value};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::of_type;
use crate::support::{inline, reading, travel};

#[test]
fn one_cell_per_field() {
    let schema = reading();
    let read = |cells: &[Option<&str>]| schema.item.row_from_cells(cells.iter().copied());
    let row = read(&[Some("Nô"), Some("poetry"), Some(" 12 "), Some(""), None]).unwrap();
    let text = Value::Text("Nô".into());
    assert_eq!(
        row.0,
        [
            text,
            Value::Level(1),
            Value::Int(12),
            Value::Null,
            Value::Null
        ]
    );
    // Too few cells are missing columns, too many are ignored.
    assert_eq!(
        read(&[Some("Nô"), Some("poetry"), Some("12")]).unwrap(),
        row
    );
    let more = [
        Some("Nô"),
        Some("poetry"),
        Some("12"),
        Some(""),
        None,
        Some("x"),
        Some("y"),
    ];
    assert_eq!(read(&more).unwrap(), row);
    for (cells, field, message) in [
        (&[None][..], "title", "the column is missing"),
        (&[], "title", "the column is missing"),
        (
            &[Some(""), Some("")],
            "group",
            "``: Input should be 'novel', 'poetry', 'non-fiction' or 'bande dessinée'",
        ),
        (
            &[Some("x"), Some("poetry"), Some("")],
            "order",
            "``: Input should be a valid integer, unable to parse string as an integer",
        ),
        (
            &[Some("x"), Some("poetry"), Some("0")],
            "order",
            "`0`: Input should be greater than or equal to 1",
        ),
        (
            &[Some("x"), Some("poetry"), Some("1"), Some("heavy")],
            "weight",
            "`heavy`: Input should be a valid number, unable to parse string as a number",
        ),
        (
            &[Some("a\0")],
            "title",
            "`a\0`: String should not contain NUL",
        ),
    ] {
        assert_eq!(
            read(cells).unwrap_err(),
            (field.to_owned(), message.to_owned())
        );
    }
    let long = "9".repeat(3000);
    let (_, message) = read(&[Some("x"), Some("poetry"), Some(&long)]).unwrap_err();
    assert!(message.len() < 300, "{message}");
}

#[test]
fn lists_are_written_in_brackets() {
    let schema = of_type("ints");
    let read = |cell: &str| {
        schema
            .user
            .row_from_cells([Some(cell)])
            .map(|row| row.0[0].clone())
    };
    assert_eq!(read("[23, 45]"), Ok(Value::Ints(vec![23, 45])));
    assert_eq!(read(" [] "), Ok(Value::Ints(Vec::new())));
    for (cell, message) in [
        ("", "`` is no list such as `[23, 45]`"),
        ("23, 45", "`23, 45` is no list such as `[23, 45]`"),
        ("[23", "`[23` is no list such as `[23, 45]`"),
        ("7", "`7`: Input should be a valid list"),
        (
            "[151]",
            "`[151]`: Input should be less than or equal to 150",
        ),
        ("[nan]", "`[nan]` is no list such as `[23, 45]`"),
    ] {
        assert_eq!(read(cell), Err(("v".to_owned(), message.to_owned())));
    }
    assert!(read(&"[".repeat(100_000)).is_err());
    let counted = r#"{ name = "n", type = "int" }, { name = "v", type = "int_list", count = "n" }"#;
    let schema = inline(counted, "{ name = \"size\", type = \"int\" }", "");
    assert_eq!(
        schema.user.row_from_cells([Some("2"), Some("[1]")]),
        Err((
            "v".to_owned(),
            "Value error, 1 elements where `n` is 2".to_owned()
        ))
    );
}

#[test]
fn python_writes_booleans_with_a_capital() {
    let schema = of_type("bool");
    for (cell, value) in [
        ("True", true),
        ("False", false),
        (" yes ", true),
        ("0", false),
        ("TRUE", true),
    ] {
        let row = schema.user.row_from_cells([Some(cell)]).unwrap();
        assert_eq!(row.0, [Value::Bool(value)], "{cell}");
    }
}

/// A valid value of each field, as JSON and as a cell; `None` for a missing one.
fn valid(entity: &Entity) -> impl Strategy<Value = Vec<(Json, Option<String>)>> + use<> {
    let fields: Vec<BoxedStrategy<(Json, Option<String>)>> = (entity.fields.iter())
        .map(|field| {
            let (min, max) = (field.min.unwrap_or(-1e15), field.max.unwrap_or(1e15));
            let given = match field.kind.clone() {
                FieldType::Bool => any::<bool>().prop_map(|b| (json!(b), if b { "True" } else { "False" }.to_owned())).boxed(),
                FieldType::Int => (min as i64..=max as i64).prop_map(|i| (json!(i), i.to_string())).boxed(),
                FieldType::Float => (min..=max).prop_map(|f| (json!(f), f.to_string())).boxed(),
                FieldType::Text => "[^\0]{1,40}".prop_map(|t| (json!(t), t)).boxed(),
                FieldType::Date => (0..3_000).prop_map(|d| mlp_core::Date::from_days(d * 365).unwrap().to_string()).prop_map(|d| (json!(d), d)).boxed(),
                FieldType::Category(levels) => prop::sample::select(levels).prop_map(|l| (json!(l), l)).boxed(),
                FieldType::IntList => prop::collection::vec(min as i64..=max as i64, 1..9).prop_map(|list| (json!(list), format!("{list:?}"))).boxed(),
            };
            let given = given.prop_map(|(json, cell)| (json, Some(cell)));
            if field.default.is_some() {
                prop_oneof![3 => given, 1 => Just((Json::Null, None)), 1 => Just((Json::Null, Some(String::new())))].boxed()
            } else {
                given.boxed()
            }
        })
        .collect();
    let counts: Vec<(usize, usize)> = (entity.fields.iter().enumerate())
        .filter_map(|(list, field)| Some((list, field.count?)))
        .collect();
    fields.prop_map(move |mut values| {
        for &(list, count) in &counts {
            let length = values[list].0.as_array().map_or(0, Vec::len);
            values[count] = (json!(length), Some(length.to_string()));
        }
        values
    })
}

fn same_row(entity: &Entity, values: &[(Json, Option<String>)]) -> Result<(), TestCaseError> {
    let names = entity.fields.iter().map(|f| f.name.clone());
    let body: Json = names
        .zip(values.iter().map(|(json, _)| json.clone()))
        .collect();
    let from_json = entity.row_from_json(&body);
    prop_assert!(from_json.is_ok(), "{body}: {from_json:?}");
    let from_cells = entity.row_from_cells(values.iter().map(|(_, cell)| cell.as_deref()));
    prop_assert_eq!(from_cells.map_err(|_| Vec::new()), from_json);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn cells_and_json_give_one_row(
        user in valid(&travel().user), location in valid(&travel().item),
        reader in valid(&reading().user), book in valid(&reading().item),
    ) {
        same_row(&travel().user, &user)?;
        same_row(&travel().item, &location)?;
        same_row(&reading().user, &reader)?;
        same_row(&reading().item, &book)?;
    }

    #[test]
    fn any_cell_is_a_value_or_an_error(cell in "\\PC{0,30}", kind in 0_usize..7) {
        let kind = ["bool", "int", "float", "text_2_3", "date", "level", "ints"][kind];
        let schema = of_type(kind);
        if let Err((field, message)) = schema.user.row_from_cells([Some(cell.as_str())]) {
            prop_assert!(field == "v" && !message.is_empty());
        }
    }
}
