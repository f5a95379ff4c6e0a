//! Ranks items for two users with `mlp-core` alone: no files, no database, no server.
//!
//! ```text
//! cargo run -p mlp-examples --example rank
//! ```

use mlp_core::{Catalog, LinearModel, Ranker, Row, Schema, Scratch};
use serde_json::json;

const SCHEMA: &str = r#"
name = "shop"

[user]
name = "customer"
table = "customers"

[[user.fields]]
name = "purse"
type = "float"
min = 0

[[user.fields]]
name = "likes"
type = "category"
levels = ["tea", "coffee"]

[item]
name = "product"
table = "products"

[[item.fields]]
name = "cost"
type = "float"

[[item.fields]]
name = "kind"
type = "category"
levels = ["tea", "coffee"]

[[features]]
name = "too_dear"
op = "greater"
args = ["cost", "purse"]

[[features]]
name = "liked"
op = "equal"
args = ["likes", "kind"]
"#;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let schema = Schema::parse("shop.toml", SCHEMA)?;
    let products = [
        ("tea", 4.0),
        ("coffee", 9.0),
        ("tea", 30.0),
        ("coffee", 3.0),
    ];
    let rows: Vec<Row> = (products.iter())
        .map(|(kind, cost)| row(&schema.item, &json!({ "kind": kind, "cost": cost })))
        .collect::<Outcome<_>>()?;
    let catalog = Catalog::new(&schema.item, 1, (1..).zip(&rows));

    // A weight per feature; most matter to nobody.
    let weight = |name: &str| match name {
        "too_dear" => -5.0,
        "liked" => 2.0,
        "cost" => -0.01,
        _ => 0.0,
    };
    let model = LinearModel {
        family: mlp_core::Family::Logistic,
        bias: -1.0,
        weights: (schema.features.names().iter())
            .map(|n| weight(n))
            .collect(),
    };
    let ranker = Ranker::new(&schema.features, &model, &catalog);

    let (mut scratch, mut best, mut numbers) = (Scratch::default(), Vec::new(), Vec::new());
    for customer in [
        json!({ "purse": 5, "likes": "tea" }),
        json!({ "purse": "50", "likes": "coffee" }),
    ] {
        schema
            .user
            .numbers(&row(&schema.user, &customer)?, &mut numbers);
        ranker.top(&numbers, 3, &mut scratch, &mut best);
        println!("{customer}");
        for ranked in &best {
            let (kind, cost) = products[ranked.item_id as usize - 1];
            println!(
                "  {kind} at {cost}: picked with probability {:.3}",
                ranked.score
            );
        }
    }

    // A request that is wrong says everything that is wrong with it.
    let faults = schema
        .user
        .row_from_json(&json!({ "purse": -1, "likes": "water" }));
    println!("{}", serde_json::to_string_pretty(&faults.err())?);
    Ok(())
}

fn row(entity: &mlp_core::Entity, body: &serde_json::Value) -> Outcome<Row> {
    entity
        .row_from_json(body)
        .map_err(|faults| format!("{faults:?}").into())
}
