//! The compiled ranker against the features and the model it was made of.

#![allow(clippy::unwrap_used)]

mod random;

use mlp_core::{Catalog, LinearModel, Ranked, Ranker, Row, Schema, Scratch, Value};

use crate::support::{family, inline, noise, numbers, travel, with};

/// A model with the given weights, by name; the rest are 0.
fn model(schema: &Schema, weights: &[(&str, f64)]) -> LinearModel {
    let position = |name: &str| {
        schema
            .features
            .names()
            .iter()
            .position(|n| n == name)
            .unwrap()
    };
    let mut model = LinearModel {
        family: mlp_core::Family::Logistic,
        bias: -1.0,
        weights: vec![0.0; schema.features.len()],
    };
    for (name, weight) in weights {
        model.weights[position(name)] = *weight;
    }
    model
}

fn top(ranker: &Ranker, user: &[f64], k: usize) -> Vec<Ranked> {
    let mut out = vec![Ranked {
        item_id: -1,
        score: 0.0,
    }];
    ranker.top(user, k, &mut Scratch::default(), &mut out);
    out
}

fn ids(ranked: &[Ranked]) -> Vec<i64> {
    ranked.iter().map(|r| r.item_id).collect()
}

/// Locations that differ in price and in nothing else but a rating that goes with it.
fn priced(schema: &Schema, prices: &[f64]) -> Vec<Row> {
    let price = schema.item.column("price").unwrap();
    let rating = schema.item.column("user_score").unwrap();
    prices
        .iter()
        .map(|p| {
            let mut row = vec![Value::Bool(false); schema.item.columns.len()];
            row[price] = Value::Float(*p);
            row[rating] = Value::Float(p / 1000.0);
            Row(row)
        })
        .collect()
}

fn catalog(schema: &Schema, rows: &[Row]) -> Catalog {
    Catalog::new(&schema.item, 1, (1..).zip(rows))
}

#[test]
fn a_price_of_the_whole_budget_is_not_over_it() {
    let schema = travel();
    let budgets: [f64; 7] = [
        420.75,
        0.1 + 0.2,
        100.0,
        1e-9,
        0.0,
        999_999_999.5,
        16_777_217.0,
    ];
    let prices: Vec<f64> = (budgets.iter())
        .flat_map(|b| [b.next_down(), *b, b.next_up()])
        .map(|p| p.max(0.0))
        .collect();
    let rows = priced(&schema, &prices);
    let ranker = Ranker::new(
        &schema.features,
        &model(&schema, &[("over_budget", -4.0)]),
        &catalog(&schema, &rows),
    );
    for budget in budgets {
        let user = numbers(
            &schema.user,
            &with(family(), serde_json::json!({ "budget": budget })),
        );
        let ranked = top(&ranker, &user, 100);
        let (within, over): (Vec<Ranked>, Vec<Ranked>) = ranked.iter().partition(|r| r.score > 0.2);
        let expected = |keep: fn(f64, f64) -> bool| -> Vec<i64> {
            (1..)
                .zip(&prices)
                .filter(|(_, p)| keep(**p, budget))
                .map(|(id, _)| id)
                .collect()
        };
        assert_eq!(ids(&within), expected(|p, b| p <= b), "{budget}");
        assert_eq!(ids(&over), expected(|p, b| p > b), "{budget}");
    }
}

#[test]
fn users_who_differ_in_budget_get_different_orders() {
    let schema = travel();
    let rows = priced(&schema, &[100.0, 900.0, 400.0, 2000.0]);
    let catalog = catalog(&schema, &rows);
    let user = |budget: f64| {
        numbers(
            &schema.user,
            &with(family(), serde_json::json!({ "budget": budget })),
        )
    };
    let crossed = Ranker::new(
        &schema.features,
        &model(&schema, &[("user_score", 1.0), ("over_budget", -9.0)]),
        &catalog,
    );
    assert_eq!(ids(&top(&crossed, &user(500.0), 4)), [3, 1, 4, 2]);
    assert_eq!(ids(&top(&crossed, &user(1000.0), 4)), [2, 3, 1, 4]);
    assert_eq!(ids(&top(&crossed, &user(5000.0), 4)), [4, 2, 3, 1]);
    let raw = Ranker::new(
        &schema.features,
        &model(
            &schema,
            &[("user_score", 1.0), ("budget", -0.01), ("price", 0.0001)],
        ),
        &catalog,
    );
    for budget in [500.0, 1000.0, 5000.0] {
        assert_eq!(
            ids(&top(&raw, &user(budget), 4)),
            [4, 2, 3, 1],
            "raw features rank alike for all"
        );
    }
    assert_ne!(
        top(&raw, &user(1000.0), 4),
        top(&raw, &user(500.0), 4),
        "but the scores differ"
    );
}

#[test]
fn ties_go_to_the_lower_id() {
    let schema = travel();
    let rows = priced(&schema, &[5.0; 7]);
    let ids_given = [40, -3, 7, i64::MAX, 12, i64::MIN, 8];
    let catalog = Catalog::new(&schema.item, 1, ids_given.into_iter().zip(&rows));
    let user = numbers(&schema.user, &family());
    for weights in [
        &[][..],
        &[("price", 1.0)],
        &[("budget", 1.0)],
        &[("price", -0.0), ("over_budget", 1.0)],
    ] {
        let ranker = Ranker::new(&schema.features, &model(&schema, weights), &catalog);
        let mut sorted = ids_given;
        sorted.sort_unstable();
        for k in 0..9 {
            assert_eq!(ids(&top(&ranker, &user, k)), sorted[..k.min(7)]);
        }
    }
}

#[test]
fn a_negative_zero_ties_with_zero() {
    let schema = inline(
        r#"{ name = "x", type = "float" }"#,
        r#"{ name = "size", type = "float" }"#,
        "",
    );
    let rows = [-0.0, 0.0, -0.0, 0.0].map(|x| Row(vec![Value::Float(x)]));
    let model = LinearModel {
        family: mlp_core::Family::Logistic,
        bias: -0.0,
        weights: vec![0.0, 1.0],
    };
    let ranker = Ranker::new(&schema.features, &model, &catalog(&schema, &rows));
    assert_eq!(ids(&top(&ranker, &[0.0], 4)), [1, 2, 3, 4]);
}

#[test]
fn the_edges_of_k_and_of_the_catalog() {
    let schema = travel();
    let user = numbers(&schema.user, &family());
    let model = model(&schema, &[("user_score", 1.0), ("over_budget", -9.0)]);
    let empty = Ranker::new(&schema.features, &model, &Catalog::new(&schema.item, 0, []));
    assert!(empty.is_empty() && empty.position(1).is_none());
    for k in [0, 1, 1000, usize::MAX] {
        assert_eq!(top(&empty, &user, k), []);
    }
    let rows = priced(&schema, &[100.0, 300.0, 200.0]);
    let ranker = Ranker::new(&schema.features, &model, &catalog(&schema, &rows));
    assert_eq!(top(&ranker, &user, 0), []);
    assert_eq!(ids(&top(&ranker, &user, 2)), [2, 3]);
    for k in [3, 4, 1024, usize::MAX] {
        assert_eq!(ids(&top(&ranker, &user, k)), [2, 3, 1]);
    }
    assert_eq!(
        (ranker.len(), ranker.position(2), ranker.position(9)),
        (3, Some(1), None)
    );
}

/// Many blocks, with the best at either end, and every size of answer.
#[test]
fn catalogs_of_many_blocks() {
    let schema = travel();
    let user = numbers(&schema.user, &family());
    let model = model(
        &schema,
        &[
            ("user_score", 1.0),
            ("over_budget", -9.0),
            ("pool_met", 2.0),
        ],
    );
    let pool = schema.item.column("has_pool").unwrap();
    for order in 0..3 {
        for n in [1023_usize, 1024, 1025, 5000] {
            let price = |i: usize| match order {
                0 => i as f64 / 10.0,
                1 => (n - i) as f64 / 10.0,
                // A few prices alone: many ties.
                _ => (noise(i) * 8.0).floor() * 100.0,
            };
            let mut rows = priced(&schema, &(0..n).map(price).collect::<Vec<_>>());
            rows.iter_mut()
                .step_by(3)
                .for_each(|row| row.0[pool] = Value::Bool(true));
            let ranker = Ranker::new(&schema.features, &model, &catalog(&schema, &rows));
            let positions: Vec<u32> = (0..n as u32).collect();
            let mut all = Vec::new();
            let mut scratch = Scratch::default();
            ranker.scores(&user, &positions, &mut scratch, &mut all);
            assert!(all.iter().map(|r| r.item_id).eq(1..=n as i64));
            all.sort_by(|a, b| b.score.total_cmp(&a.score));
            for k in [1, 10, 100, 511, 512, 513, 1024, 4999, 5000] {
                let mut best = Vec::new();
                ranker.top(&user, k, &mut scratch, &mut best);
                assert_eq!(best, all[..k.min(n)], "order {order}, {n} items, best {k}");
            }
        }
    }
}

#[test]
fn a_catalog_sorts_and_the_last_of_an_id_stands() {
    let schema = travel();
    let rows = priced(&schema, &[1.0, 2.0, 3.0, 4.0]);
    let catalog = Catalog::new(
        &schema.item,
        7,
        [(5, &rows[0]), (2, &rows[1]), (5, &rows[2]), (9, &rows[3])],
    );
    assert_eq!((catalog.version(), catalog.ids()), (7, &[2, 5, 9][..]));
    let price = schema.item.column("price").unwrap();
    let prices: Vec<f64> = (0..3).map(|at| catalog.numbers(at)[price]).collect();
    assert_eq!(prices, [2.0, 3.0, 4.0]);
    assert_eq!((catalog.position(9), catalog.position(1)), (Some(2), None));
}

#[test]
fn scores_follow_the_positions() {
    let schema = travel();
    let rows = priced(&schema, &[100.0, 300.0, 200.0, 900.0]);
    let ranker = Ranker::new(
        &schema.features,
        &model(&schema, &[("price", 0.01), ("over_budget", -9.0)]),
        &catalog(&schema, &rows),
    );
    let user = numbers(&schema.user, &family());
    let mut scratch = Scratch::default();
    let (mut some, best) = (Vec::new(), top(&ranker, &user, 4));
    ranker.scores(&user, &[3, 0, 3], &mut scratch, &mut some);
    assert_eq!(ids(&some), [4, 1, 4]);
    for ranked in &some {
        assert!(best.contains(ranked), "one item has one score");
    }
    ranker.scores(&user, &[], &mut scratch, &mut some);
    assert_eq!(some, []);
}
