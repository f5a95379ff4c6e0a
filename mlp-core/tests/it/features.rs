//! What each operation computes, as a feature and in the ranker.

#![allow(clippy::unwrap_used)]

use mlp_core::{Catalog, LinearModel, Ranker, Row, Schema, Scratch, Value};

use crate::support::{inline, reading, travel};

/// The features of one pair, by name, and the log-odds that a ranker gives with a weight of 1 on
/// each alone: both must agree.
fn features(schema: &Schema, user: &[f64], item: &Row) -> Vec<(String, f64)> {
    let mut item_numbers = Vec::new();
    schema.item.numbers(item, &mut item_numbers);
    let mut found = Vec::new();
    schema.features.extend(user, &item_numbers, &mut found);
    let catalog = Catalog::new(&schema.item, 1, [(1, item)]);
    for (feature, value) in found.iter().enumerate() {
        let mut weights = vec![0.0; found.len()];
        weights[feature] = 1.0;
        let ranker = Ranker::new(
            &schema.features,
            &LinearModel {
                family: mlp_core::Family::Logistic,
                bias: 0.0,
                weights,
            },
            &catalog,
        );
        let mut out = Vec::new();
        ranker.top(user, 1, &mut Scratch::default(), &mut out);
        let expected = 1.0 / (1.0 + (-value).exp());
        let name = &schema.features.names()[feature];
        assert!(
            (f64::from(out[0].score) - expected).abs() < 1e-6,
            "{name}: {} {value}",
            out[0].score
        );
    }
    schema.features.names().iter().cloned().zip(found).collect()
}

fn number(features: &[(String, f64)], name: &str) -> f64 {
    features
        .iter()
        .find(|(n, _)| n == name)
        .unwrap_or_else(|| panic!("{name}"))
        .1
}

/// One derived feature of a user `x` and an item `size`.
fn derived(feature: &str, x: f64, size: f64) -> Vec<(String, f64)> {
    let schema = inline(
        r#"{ name = "x", type = "float", feature = false }"#,
        r#"{ name = "size", type = "float", feature = false }"#,
        feature,
    );
    features(&schema, &[x], &Row(vec![Value::Float(size)]))
}

#[test]
fn operations() {
    for (op, args, x, size, expected) in [
        ("product", r#"["x", "size"]"#, 3.0, -2.0, -6.0),
        ("product", r#"["size", 0.5]"#, 0.0, 3.0, 1.5),
        ("ratio", r#"["size", "x"]"#, 4.0, 3.0, 0.75),
        ("ratio", r#"["x", "size"]"#, 3.0, 4.0, 0.75),
        ("ratio", r#"["x", "size"]"#, 3.0, 0.0, 0.0),
        ("ratio", r#"["size", 100]"#, 0.0, 5.0, 0.05),
        ("difference", r#"["x", "size"]"#, 3.0, 5.0, -2.0),
        ("difference", r#"["size", "x"]"#, 3.0, 5.0, 2.0),
        ("difference", r#"["size", 1]"#, 3.0, 5.0, 4.0),
        ("greater", r#"["size", "x"]"#, 3.0, 3.0, 0.0),
        ("greater", r#"["size", "x"]"#, 3.0, 3.000_000_1, 1.0),
        ("greater", r#"["size", "x"]"#, 3.0, 2.999_999_9, 0.0),
        ("greater", r#"["x", "size"]"#, 3.0, 3.0, 0.0),
        ("greater", r#"["x", "size"]"#, 3.0, 2.999_999_9, 1.0),
        ("greater", r#"["size", 10]"#, 0.0, 10.0, 0.0),
        ("greater", r#"["size", 10]"#, 0.0, 10.5, 1.0),
        ("greater", r#"["x", 10]"#, 10.5, 0.0, 1.0),
        ("greater", r#"[10, "x"]"#, 10.5, 0.0, 0.0),
        ("equal", r#"["size", "x"]"#, 3.0, 3.0, 1.0),
        ("equal", r#"["size", "x"]"#, 3.0, 3.000_000_1, 0.0),
        ("equal", r#"["x", "size"]"#, 0.0, -0.0, 1.0),
        ("equal", r#"["x", "size"]"#, 16_777_217.0, 16_777_216.0, 0.0),
        ("greater", r#"["size", "x"]"#, 1e300, 1.1e300, 1.0),
        ("greater", r#"["x", "size"]"#, 1e300, 1.1e300, 0.0),
        ("equal", r#"["x", "size"]"#, 1e300, 1.1e300, 0.0),
        ("equal", r#"["size", 3]"#, 0.0, 3.0, 1.0),
        ("log1p", r#"["x"]"#, 1.5, 0.0, 0.916_290_731_874_155),
        ("log1p", r#"["size"]"#, 0.0, -4.0, 0.0),
        ("square", r#"["x"]"#, -3.0, 0.0, 9.0),
        ("square", r#"["size"]"#, 0.0, 1.5, 2.25),
    ] {
        let feature = format!("{{ name = \"f\", op = \"{op}\", args = {args} }}");
        let found = number(&derived(&feature, x, size), "f");
        assert!(
            (found - expected).abs() < 1e-15,
            "{op} {args} of {x}, {size}: {found}"
        );
    }
}

#[test]
fn buckets_hold_their_upper_edge() {
    let feature = r#"{ name = "b", op = "bucket", args = ["size"], edges = [1, 2.5] }"#;
    for (size, bucket) in [
        (-9.0, 0),
        (1.0, 0),
        (1.000_001, 1),
        (2.5, 1),
        (2.6, 2),
        (1e300, 2),
    ] {
        let found = derived(feature, 0.0, size);
        let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["b=0", "b=1", "b=2"]);
        for (position, (_, value)) in found.iter().enumerate() {
            assert_eq!(*value, f64::from(u8::from(position == bucket)), "{size}");
        }
    }
}

#[test]
fn features_of_features() {
    let chain = r#"
        { name = "spread", op = "difference", args = ["size", "x"] },
        { name = "wide", op = "greater", args = ["spread", 10] },
        { name = "scaled", op = "product", args = ["spread", 0.5] },
        { name = "wide_size", op = "product", args = ["wide", "size"] },
        { name = "wide_spread", op = "product", args = ["wide", "spread"] },
        { name = "narrow", op = "difference", args = [1, "wide"] },
        { name = "x2", op = "square", args = ["x"] },
        { name = "x2_size", op = "product", args = ["x2", "size"] },
        { name = "size2", op = "square", args = ["size"] },
        { name = "over_x", op = "greater", args = ["size2", "x2"] }"#;
    for (x, size) in [
        (2.0, 12.0),
        (2.0, 12.5),
        (-3.0, 3.0),
        (3.0, 3.0),
        (5.0, 100.0),
        (0.0, 0.0),
    ] {
        let found = derived(chain, x, size);
        let wide = f64::from(u8::from(size - x > 10.0));
        for (name, expected) in [
            ("spread", size - x),
            ("wide", wide),
            ("scaled", (size - x) / 2.0),
            ("wide_size", wide * size),
            ("wide_spread", wide * (size - x)),
            ("narrow", 1.0 - wide),
            ("x2", x * x),
            ("x2_size", x * x * size),
            ("size2", size * size),
            ("over_x", f64::from(u8::from(size * size > x * x))),
        ] {
            assert_eq!(number(&found, name), expected, "{name} of {x}, {size}");
        }
    }
}

#[test]
fn categories() {
    let kind = r#"{ name = "kind", type = "category", levels = ["prose", "verse", "drama"] }"#;
    let schema = inline(
        &format!("{kind}, {{ name = \"member\", type = \"bool\", feature = false }}"),
        &kind.replace(" }", ", default = \"drama\", feature = false }"),
        r#"{ name = "hot", op = "one_hot", args = ["item.kind"] },
           { name = "same", op = "equal", args = ["user.kind", "item.kind"] },
           { name = "same_member", op = "and", args = ["same", "member"] }"#,
    );
    for (user, item, level) in [
        (0, Value::Level(1), 1),
        (1, Value::Level(1), 1),
        (2, Value::Null, 2),
    ] {
        let found = features(&schema, &[f64::from(user), 1.0], &Row(vec![item]));
        for (position, name) in ["prose", "verse", "drama"].iter().enumerate() {
            let is = |level: usize| f64::from(u8::from(level == position));
            assert_eq!(
                number(&found, &format!("user.kind={name}")),
                is(user as usize)
            );
            assert_eq!(number(&found, &format!("hot={name}")), is(level));
        }
        let same = f64::from(u8::from(user as usize == level));
        assert_eq!(
            (number(&found, "same"), number(&found, "same_member")),
            (same, same)
        );
    }
}

#[test]
fn dates_compare() {
    let schema = inline(
        r#"{ name = "born", type = "date" }"#,
        r#"{ name = "published", type = "date" }"#,
        r#"{ name = "since", op = "greater", args = ["published", "born"] },
           { name = "days", op = "difference", args = ["published", "born"] }"#,
    );
    let day = |text: &str| Value::Date(text.parse().unwrap());
    let born = day("1990-06-15").number().unwrap();
    for (published, since, days) in [
        ("1990-06-15", 0.0, 0.0),
        ("1990-06-16", 1.0, 1.0),
        ("1989-06-15", 0.0, -365.0),
    ] {
        let found = features(&schema, &[born], &Row(vec![day(published)]));
        assert_eq!(
            (number(&found, "since"), number(&found, "days")),
            (since, days)
        );
    }
}

#[test]
fn every_feature_of_the_two_domains_is_the_same_in_the_ranker() {
    let (travel, reading) = (travel(), reading());
    let location = serde_json::json!({
        "children": true, "breakfast": false, "lunch": true, "dinner": false, "price": 420.75,
        "has_pool": true, "has_spa": false, "animals": true, "near_lake": true,
        "near_mountains": false, "has_sport": true, "family_rating": 1.5, "outdoor_rating": 2.5,
        "food_rating": 0.25, "leisure_rating": 3.0, "service_rating": 4.5, "user_score": 2.0,
    });
    let mut user = crate::support::numbers(&travel.user, &crate::support::family());
    let row = travel.item.row_from_json(&location).unwrap();
    let found = features(&travel, &user, &row);
    let met = [
        "over_budget",
        "pool_met",
        "spa_met",
        "pets_met",
        "lake_met",
        "mountain_met",
        "sport_met",
    ];
    assert_eq!(
        met.map(|name| number(&found, name)),
        [0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0]
    );
    let family = [
        "with_children",
        "family_with_children",
        "family_over_1",
        "family_over_2",
    ];
    let children = travel.user.column("children_num").unwrap();
    for (n, expected) in [(0.0, [0.0; 4]), (1.0, [1.0, 1.5, 1.0, 0.0])] {
        user[children] = n;
        let found = features(&travel, &user, &row);
        assert_eq!(family.map(|name| number(&found, name)), expected);
        // How many they are is not how good it must be.
        user[children] = 3.0 * n;
        let more = features(&travel, &user, &row);
        assert_eq!(family.map(|name| number(&more, name)), expected);
    }

    let reader =
        serde_json::json!({ "nickname": "ann", "shelves": [1], "genre": "poetry", "member": true });
    let user = crate::support::numbers(&reading.user, &reader);
    let book = serde_json::json!({ "title": "x", "group": "poetry", "order": 301, "weight": null });
    let found = features(&reading, &user, &reading.item.row_from_json(&book).unwrap());
    let names = [
        "own_genre",
        "published_since",
        "length=0",
        "length=1",
        "length=2",
        "length=3",
        "light_for_members",
        "weight",
    ];
    assert_eq!(
        names.map(|name| number(&found, name)),
        [1.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 250.5]
    );
}

#[test]
fn features_stay_finite() {
    let every = r#"
        { name = "product", op = "product", args = ["x", "size"] },
        { name = "ratio", op = "ratio", args = ["x", "size"] },
        { name = "difference", op = "difference", args = ["x", "size"] },
        { name = "square", op = "square", args = ["size"] },
        { name = "log", op = "log1p", args = ["size"] },
        { name = "both", op = "product", args = ["ratio", "x"] },
        { name = "left", op = "difference", args = ["square", "product"] }"#;
    let schema = inline(
        r#"{ name = "x", type = "float" }"#,
        r#"{ name = "size", type = "float" }"#,
        every,
    );
    let extremes = [
        0.0,
        -0.0,
        1e-310,
        -1e-310,
        1e300,
        -1e300,
        f64::MAX,
        f64::MIN,
        1.0,
    ];
    let rows: Vec<Row> = extremes
        .iter()
        .map(|size| Row(vec![Value::Float(*size)]))
        .collect();
    let catalog = Catalog::new(&schema.item, 1, (1..).zip(&rows));
    let weights = (0..schema.features.len())
        .map(|f| if f % 2 == 0 { 1e10 } else { -1e10 })
        .collect();
    let ranker = Ranker::new(
        &schema.features,
        &LinearModel {
            family: mlp_core::Family::Logistic,
            bias: 1.0,
            weights,
        },
        &catalog,
    );
    let mut ranked = Vec::new();
    for x in extremes {
        for size in extremes {
            let mut found = Vec::new();
            schema.features.extend(&[x], &[size], &mut found);
            assert!(found.iter().all(|f| f.is_finite()), "{x} {size}: {found:?}");
        }
        ranker.top(&[x], 100, &mut Scratch::default(), &mut ranked);
        assert_eq!(ranked.len(), extremes.len());
        assert!(
            ranked.iter().all(|r| (0.0..=1.0).contains(&r.score)),
            "{x}: {ranked:?}"
        );
        assert!(ranked.is_sorted_by(|a, b| a.score >= b.score));
    }
}
