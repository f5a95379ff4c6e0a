//! Random features, models, users and items: the ranker is the model on the features.

use mlp_core::{Catalog, LinearModel, Ranker, Row, Schema, Scratch, Value};
use proptest::prelude::*;
use proptest::strategy::ValueTree;

use crate::support::inline_text;

const USER: &str = r#"
    { name = "u_flag", type = "bool" },
    { name = "u_n", type = "int", feature = false },
    { name = "u_x", type = "float" },
    { name = "u_kind", type = "category", levels = ["a", "b", "c"] },
    { name = "u_day", type = "date", feature = false }"#;
const ITEM: &str = r#"
    { name = "i_flag", type = "bool", feature = false },
    { name = "i_n", type = "int" },
    { name = "i_x", type = "float" },
    { name = "i_kind", type = "category", levels = ["a", "b", "c"] },
    { name = "i_day", type = "date", feature = false }"#;
const NAMES: [&str; 10] = [
    "u_flag", "u_n", "u_x", "u_kind", "u_day", "i_flag", "i_n", "i_x", "i_kind", "i_day",
];
/// Those that may join two sides more often.
const OPS: [&str; 16] = [
    "product",
    "product",
    "difference",
    "difference",
    "greater",
    "greater",
    "greater",
    "equal",
    "equal",
    "and",
    "and",
    "ratio",
    "log1p",
    "one_hot",
    "bucket",
    "square",
];

/// An operation, two operands among columns, earlier features and small numbers, and an edge.
type Draft = (usize, [usize; 2], i8);

fn draft() -> impl Strategy<Value = Draft> {
    (0..OPS.len(), [0_usize..480, 0_usize..480], -3_i8..3)
}

/// One operand: half of the first ones are columns of the user, half of the second of the item.
fn operand(position: usize, draw: usize) -> String {
    if draw >= 240 {
        let columns = [
            ["u_flag", "u_n", "u_x", "u_day"],
            ["i_flag", "i_n", "i_x", "i_day"],
        ];
        return format!("\"{}\"", columns[position][draw % 4]);
    }
    match draw % 24 {
        column @ 0..10 => format!("\"{}\"", NAMES[column]),
        literal @ 10..14 => format!("{}", (literal as f64 - 12.0) / 2.0),
        earlier => format!("\"f{}\"", earlier - 14),
    }
}

/// A schema with those of the drafts that can be compiled.
fn schema(drafts: &[Draft]) -> Schema {
    let mut features: Vec<String> = Vec::new();
    let mut schema = Schema::parse("t", &inline_text(USER, ITEM, "")).unwrap();
    for (number, (op, operands, edge)) in drafts.iter().enumerate() {
        let op = OPS[*op];
        let one = ["log1p", "one_hot", "bucket", "square"].contains(&op);
        let args: Vec<String> = (0..if one { 1 } else { 2 })
            .map(|at| operand(at, operands[at]))
            .collect();
        let edges = if op == "bucket" {
            format!(", edges = [{edge}, {}.5]", edge + 1)
        } else {
            String::new()
        };
        features.push(format!(
            "{{ name = \"f{number}\", op = \"{op}\", args = [{}]{edges} }}",
            args.join(", ")
        ));
        match Schema::parse("t", &inline_text(USER, ITEM, &features.join(", "))) {
            Ok(parsed) => schema = parsed,
            Err(_) => drop(features.pop()),
        }
    }
    schema
}

/// Small multiples of a quarter, so that many values are equal, and products exact.
fn quarter() -> impl Strategy<Value = f64> {
    (-12_i8..=12).prop_map(|q| f64::from(q) / 4.0)
}

fn row() -> impl Strategy<Value = Row> {
    (any::<bool>(), -3_i64..=3, quarter(), 0_u16..3, -3_i32..=3).prop_map(
        |(flag, n, x, kind, day)| {
            let day = mlp_core::Date::from_days(day).unwrap();
            Row(vec![
                Value::Bool(flag),
                Value::Int(n),
                Value::Float(x),
                Value::Level(kind),
                Value::Date(day),
            ])
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 800, ..ProptestConfig::default() })]

    #[test]
    fn the_ranker_is_the_model_on_the_features(
        drafts in prop::collection::vec(draft(), 0..12),
        users in prop::collection::vec(row(), 1..4),
        items in prop::collection::vec(row(), 0..40),
        weights in prop::collection::vec(prop_oneof![1 => Just(0.0), 4 => quarter()], 64),
        bias in quarter(),
        k in 0_usize..50,
    ) {
        let schema = schema(&drafts);
        let n_features = schema.features.len();
        let scale = n_features as f64;
        let weights: Vec<f64> = (0..n_features).map(|f| weights[f % 64] / scale).collect();
        let model = LinearModel { family: mlp_core::Family::Logistic, bias, weights };
        let catalog = Catalog::new(&schema.item, 1, (10_i64..).zip(&items));
        let ranker = Ranker::new(&schema.features, &model, &catalog);
        let positions: Vec<u32> = (0..items.len() as u32).collect();
        let (mut scratch, mut scores, mut all, mut top) = (Scratch::default(), Vec::new(), Vec::new(), Vec::new());
        for user in &users {
            let mut numbers = Vec::new();
            schema.user.numbers(user, &mut numbers);
            ranker.scores(&numbers, &positions, &mut scratch, &mut scores);
            let mut features = Vec::new();
            for (position, ranked) in scores.iter().enumerate() {
                features.clear();
                schema.features.extend(&numbers, catalog.numbers(position), &mut features);
                prop_assert!(features.iter().all(|f| f.is_finite()));
                let log_odds = model.log_odds(&features);
                let expected = 1.0 / (1.0 + (-log_odds).exp());
                // Differences of f32: a few units in the last place of the largest part.
                let parts: f64 = features.iter().zip(&model.weights).map(|(f, w)| (f * w).abs()).sum();
                let tolerance = 1e-6 * (1.0 + parts.max(10.0));
                let error = (f64::from(ranked.score) - expected).abs();
                prop_assert!(error <= tolerance, "{} not {expected}; {:?} {drafts:?}", ranked.score, schema.features.names());
                prop_assert_eq!(ranked.item_id, catalog.ids()[position]);
            }
            ranker.top(&numbers, items.len(), &mut scratch, &mut all);
            prop_assert_eq!(all.len(), items.len());
            for pair in all.windows(2) {
                prop_assert!(pair[0].score >= pair[1].score);
                let at = |id: i64| catalog.numbers(catalog.position(id).unwrap());
                if at(pair[0].item_id) == at(pair[1].item_id) {
                    prop_assert!(pair[0].item_id < pair[1].item_id, "a tie goes to the lower id");
                }
            }
            for ranked in &all {
                prop_assert_eq!(scores[(ranked.item_id - 10) as usize], *ranked);
            }
            ranker.top(&numbers, k, &mut scratch, &mut top);
            prop_assert_eq!(&top[..], &all[..k.min(all.len())]);
        }
    }
}

/// The drafts above must reach what they are for: features of both sides, of every operation.
#[test]
fn the_family_of_features_is_rich() {
    let runner = &mut proptest::test_runner::TestRunner::deterministic();
    let drafts = prop::collection::vec(draft(), 10);
    let mut kept = 0;
    let mut personal = 0;
    for _ in 0..100 {
        let drafts = drafts.new_tree(runner).unwrap().current();
        let schema = schema(&drafts);
        let derived: Vec<usize> = (0..schema.features.len())
            .filter(|f| schema.features.names()[*f].starts_with('f'))
            .collect();
        kept += derived.len();
        let value = |user: &[f64], item: &[f64], feature: usize| {
            let mut out = Vec::new();
            schema.features.extend(user, item, &mut out);
            out[feature]
        };
        // It reads both sides where the effect of the item depends on the user.
        let users = [[1.0, 2.0, -1.5, 2.0, 3.0], [0.0, -1.0, 2.25, 1.0, -2.0]];
        let items = [[1.0, 2.0, 0.5, 2.0, 3.0], [0.0, 1.0, -2.5, 1.0, 1.0]];
        personal += (derived.iter())
            .filter(|f| {
                let effect =
                    |user: &[f64; 5]| value(user, &items[0], **f) - value(user, &items[1], **f);
                effect(&users[0]) != effect(&users[1])
            })
            .count();
    }
    assert!(
        kept > 300 && personal > 100,
        "{kept} derived features, {personal} of both sides"
    );
}
