//! Reading schemas.

#![allow(clippy::unwrap_used)]

mod errors;

use mlp_core::{FieldType, MAX_TEXT, Part, Schema, Value};
use proptest::prelude::*;

use crate::support::{READING, TRAVEL, inline, reading, travel};

#[test]
fn travel_has_its_columns_and_features() {
    let schema = travel();
    assert_eq!((schema.name.as_str(), schema.max_shown), ("travel", 100));
    let names = |e: &mlp_core::Entity| -> Vec<String> {
        e.columns.iter().map(|c| c.name.clone()).collect()
    };
    assert_eq!(
        names(&schema.user),
        [
            "name",
            "people_num",
            "age_avg",
            "age_std",
            "age_min",
            "age_max",
            "children_num",
            "budget",
            "nights",
            "time_arrival",
            "pool",
            "spa",
            "pet_friendly",
            "lake",
            "mountain",
            "sport",
        ]
    );
    assert_eq!(
        names(&schema.item),
        [
            "children",
            "breakfast",
            "lunch",
            "dinner",
            "price",
            "has_pool",
            "has_spa",
            "animals",
            "near_lake",
            "near_mountains",
            "has_sport",
            "family_rating",
            "outdoor_rating",
            "food_rating",
            "leisure_rating",
            "service_rating",
            "user_score",
        ]
    );
    assert_eq!(
        schema.features.names(),
        [
            "people_num",
            "age_avg",
            "age_std",
            "age_min",
            "age_max",
            "children_num",
            "budget",
            "nights",
            "pool",
            "spa",
            "pet_friendly",
            "lake",
            "mountain",
            "sport",
            "children",
            "price",
            "family_rating",
            "outdoor_rating",
            "food_rating",
            "leisure_rating",
            "service_rating",
            "user_score",
            "over_budget",
            "pool_met",
            "spa_met",
            "pets_met",
            "lake_met",
            "mountain_met",
            "sport_met",
            "with_children",
            "family_with_children",
            "family_over_1",
            "family_over_2",
            "family_over_3",
            "family_over_4",
        ]
    );
    assert_eq!(schema.item.null_fields, ["lat", "lon"]);
    assert_eq!(schema.user.id_name(), "user_id");
    assert_eq!(schema.item.id_name(), "location_id");
    assert_eq!(
        (schema.user.table.as_str(), schema.item.table.as_str()),
        ("users", "locations")
    );
    let ages = &schema.user.fields[2];
    assert_eq!(
        (ages.count, ages.summaries.as_deref()),
        (Some(1), Some("age"))
    );
    let parts: Vec<Part> = schema.user.columns[2..6].iter().map(|c| c.part).collect();
    assert_eq!(parts, [Part::Avg, Part::Std, Part::Min, Part::Max]);
    assert!(
        schema.user.columns[2..6]
            .iter()
            .all(|c| c.kind == FieldType::Float && c.field == 2)
    );
}

#[test]
fn reading_has_categories_defaults_and_a_whole_list() {
    let schema = reading();
    let user = &schema.user;
    assert_eq!(user.columns.len(), user.fields.len());
    let shelves = &user.columns[user.column("shelves").unwrap()];
    assert_eq!(
        (shelves.part, &shelves.kind),
        (Part::Whole, &FieldType::IntList)
    );
    assert_eq!(
        user.fields[user.column("genre").unwrap()].default,
        Some(Value::Level(0))
    );
    let birthday = &user.columns[user.column("birthday").unwrap()];
    assert_eq!(birthday.missing, 7470.0, "days from 1970 to 1990-06-15");
    let names = schema.features.names();
    assert!(
        names.iter().any(|n| n == "genre=bande dessinée"),
        "{names:?}"
    );
    assert!(names.iter().any(|n| n == "length=3"), "{names:?}");
    assert!(!names.iter().any(|n| n.starts_with("shelves")), "{names:?}");
}

#[test]
fn a_column_of_both_sides_gives_two_names() {
    let both = r#"{ name = "kind", type = "category", levels = ["a", "b"] }, { name = "n", type = "int" }"#;
    let user = format!("{both}, {{ name = \"age\", type = \"int\" }}");
    let features = r#"{ name = "same", op = "equal", args = ["user.kind", "item.kind"] }"#;
    let schema = inline(&user, both, features);
    assert_eq!(
        schema.features.names(),
        [
            "user.kind=a",
            "user.kind=b",
            "user.n",
            "age",
            "item.kind=a",
            "item.kind=b",
            "item.n",
            "same",
        ]
    );
}

#[test]
fn what_is_left_out_takes_its_default() {
    let user = r#"{ name = "motto", type = "text" }, { name = "age", type = "int" }"#;
    let schema = inline(user, r#"{ name = "size", type = "float" }"#, "");
    assert_eq!(schema.max_shown, 100);
    assert_eq!(schema.features.names(), ["age", "size"]);
    let motto = &schema.user.fields[0];
    assert!(!motto.feature && motto.min.is_none() && motto.max.is_none());
    let longest = serde_json::json!({ "motto": "é".repeat(MAX_TEXT), "age": 1 });
    assert!(schema.user.row_from_json(&longest).is_ok());
    let longer = serde_json::json!({ "motto": "é".repeat(MAX_TEXT + 1), "age": 1 });
    assert_eq!(
        schema.user.row_from_json(&longer).unwrap_err()[0].kind(),
        "string_too_long"
    );
}

fn hash(text: &str) -> String {
    Schema::parse("t.toml", text).unwrap().hash().to_owned()
}

fn changed(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1)
}

/// These may change only with the files: stored models name the hash that they were trained under,
/// and a change of how it is made orphans them all.
#[test]
fn hashes_are_these() {
    assert_eq!(
        hash(TRAVEL),
        "c7e4eb39964454a79498c51593c9e8e34e9c4e0fb6c635089fea695db9a3880e"
    );
    let mut features = String::new();
    for (name, op, args) in [
        ("a", "product", r#"["x", "size"]"#),
        ("b", "ratio", r#"["size", 4]"#),
        ("c", "difference", r#"["x", "size"]"#),
        ("d", "greater", r#"["size", "x"]"#),
        ("e", "equal", r#"["size", "x"]"#),
        ("f", "and", r#"["d", "member"]"#),
        ("g", "log1p", r#"["size"]"#),
        ("h", "square", r#"["x"]"#),
        ("i", "one_hot", r#"["kind"]"#),
    ] {
        features += &format!("{{ name = \"{name}\", op = \"{op}\", args = {args} }}, ");
    }
    features += r#"{ name = "j", op = "bucket", args = ["size"], edges = [0.5, 2] }"#;
    let kind = r#"{ name = "kind", type = "category", levels = ["a", "b"], default = "b" }"#;
    let schema = inline(
        r#"{ name = "x", type = "float", default = 0.1 }, { name = "member", type = "bool" }"#,
        &format!("{{ name = \"size\", type = \"float\" }}, {kind}"),
        &features,
    );
    assert_eq!(
        schema.hash(),
        "0685e45e44517831aa0c1c4c7fde7c6ad0dd0e5be12e2f9784a02d2604d298c7"
    );
}

#[test]
fn the_hash_is_of_what_rows_and_models_mean() {
    let base = hash(TRAVEL);
    let same = [
        ("max = 1e9", "max = 2e9"),
        ("max_shown = 100", "max_shown = 7"),
        ("name = \"travel\"", "name = \"journeys\""),
        ("# What makes", "# What really makes"),
        ("null_fields = [\"lat\", \"lon\"]", "null_fields = []"),
        ("count = \"people_num\"\n", ""),
        ("[\"lat\", \"lon\"]", "[ \"lat\",\r\n \"lon\" ]"),
    ];
    for (from, to) in same {
        assert_eq!(hash(&changed(TRAVEL, from, to)), base, "{from} -> {to}");
    }
    let other = [
        ("name = \"user\"", "name = \"guest\""),
        ("table = \"users\"", "table = \"guests\""),
        ("name = \"nights\"", "name = \"days\""),
        (
            "name = \"nights\"\ntype = \"int\"",
            "name = \"nights\"\ntype = \"float\"",
        ),
        (
            "name = \"nights\"\ntype = \"int\"",
            "name = \"nights\"\ntype = \"int\"\nfeature = false",
        ),
        (
            "name = \"nights\"\ntype = \"int\"",
            "name = \"nights\"\ntype = \"int\"\ndefault = 2",
        ),
        (
            "args = [\"price\", \"budget\"]",
            "args = [\"budget\", \"price\"]",
        ),
        ("args = [\"price\", \"budget\"]", "args = [\"price\", 100]"),
        ("name = \"spa_met\"", "name = \"spa_wish_met\""),
        ("summaries = \"age\"", "summaries = \"ages\""),
        ("op = \"product\"", "op = \"difference\""),
    ];
    let mut seen = vec![base];
    for (from, to) in other {
        let hash = hash(&changed(TRAVEL, from, to));
        assert!(!seen.contains(&hash), "{from} -> {to}");
        seen.push(hash);
    }
    let levels = changed(READING, "\"poetry\", ", "");
    assert!(
        Schema::parse("t.toml", &levels).is_err(),
        "the two categories differ now"
    );
    let default = changed(
        READING,
        "default = \"1990-06-15\"",
        "default = \"1990-06-16\"",
    );
    assert_ne!(hash(&default), hash(READING));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_a_schema_or_an_error(text in "\\PC{0,200}") {
        let _ = Schema::parse("t.toml", &text);
    }

    #[test]
    fn a_damaged_schema_is_a_schema_or_an_error_that_points_into_it(
        travel in any::<bool>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..40, edit()), 1..4),
    ) {
        let mut text = if travel { TRAVEL } else { READING }.to_owned();
        for (at, length, insert) in edits {
            let start = text.floor_char_boundary(at.index(text.len() + 1));
            let end = text.floor_char_boundary((start + length).min(text.len()));
            text.replace_range(start..end.max(start), &insert);
        }
        match Schema::parse("t.toml", &text) {
            Ok(schema) => {
                prop_assert!(!schema.features.is_empty());
                prop_assert!((1..=1024).contains(&schema.max_shown));
                for entity in [&schema.user, &schema.item] {
                    for column in &entity.columns {
                        prop_assert!(is_name(&column.name), "{}", column.name);
                    }
                    prop_assert!(is_name(&entity.table) && is_name(&entity.name));
                }
            }
            Err(error) => {
                prop_assert!(error.line >= 1 && error.line <= text.lines().count().max(1) + 1);
                prop_assert!(error.to_string().starts_with("t.toml:"));
            }
        }
    }
}

fn is_name(name: &str) -> bool {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    name.len() <= 63 && name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(good)
}

/// Something that schemas are made of, or anything.
fn edit() -> impl Strategy<Value = String> {
    let words = [
        "",
        "\"",
        "[",
        "]",
        "=",
        "\n",
        "[[features]]",
        "[[user.fields]]\n",
        "name = \"x\"\n",
        "type = \"int\"\n",
        "default = ",
        "min = 5\n",
        "max = -1\n",
        "1e999",
        "nan",
        "op = \"square\"\n",
        "args = [\"x\"]\n",
        "levels = []\n",
        "count = \"nights\"\n",
        "feature = true\n",
        "-",
        "é",
        "\0",
    ];
    prop_oneof![
        4 => prop::sample::select(words.to_vec()).prop_map(str::to_owned),
        1 => "\\PC{0,8}",
    ]
}
