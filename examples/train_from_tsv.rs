//! Trains and evaluates a model from a labelled file and a schema, with no database.
//!
//! ```text
//! cargo run --release --bin dataset_generator -- --fresh-users
//! cargo run --release -p mlp-examples --example train_from_tsv -- \
//!     config/travel.toml dataset/dataset_labelled.tsv 10
//! ```
//!
//! The file has a row per shown item: the user's fields, the item's fields, and `label`; the last
//! argument says how many rows make a session.

use std::collections::HashMap;

use mlp_core::{Entity, FitOptions, Lineage, Schema, Session, fit_logistic};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let args: Vec<String> = std::env::args().collect();
    let [_, schema, labelled, rows] = args.as_slice() else {
        return Err("three arguments are needed: SCHEMA LABELLED_TSV ROWS_PER_SESSION".into());
    };
    let schema = Schema::parse(schema, &std::fs::read_to_string(schema)?)?;
    let sessions = read(&schema, labelled, rows.parse()?)?;
    let artifact = fit_logistic(
        &schema,
        &sessions,
        &FitOptions::default(),
        Lineage::default(),
    )?;
    println!(
        "{} sessions, the last fifth to test on: AUC {:.3}, log loss {:.3}, precision@1 {:.3}",
        sessions.len(),
        artifact.test.auc.unwrap_or(f64::NAN),
        artifact.test.log_loss.unwrap_or(f64::NAN),
        artifact.test.precision_at_1.unwrap_or(f64::NAN),
    );
    let mut weights: Vec<_> = artifact.features.iter().zip(&artifact.weights).collect();
    weights.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    for (name, weight) in weights.iter().take(10) {
        println!("{weight:>+8.3}  {name}");
    }
    Ok(())
}

fn read(schema: &Schema, path: &str, rows_per_session: usize) -> Outcome<Vec<Session>> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(b'\t')
        .quoting(false)
        .from_path(path)?;
    let header: HashMap<String, usize> = (reader.headers()?.iter())
        .enumerate()
        .map(|(position, name)| (name.to_owned(), position))
        .collect();
    let records = reader.records().collect::<Result<Vec<_>, _>>()?;
    let numbers = |entity: &Entity, record: &csv::StringRecord| -> Outcome<Vec<f64>> {
        let cells = (entity.fields.iter()).map(|field| {
            let position = header.get(&field.name)?;
            record.get(*position)
        });
        let row = entity
            .row_from_cells(cells)
            .map_err(|(field, message)| format!("{field}: {message}"))?;
        let mut numbers = Vec::new();
        entity.numbers(&row, &mut numbers);
        Ok(numbers)
    };
    let label = header.get("label").ok_or("there is no column `label`")?;
    records
        .chunks(rows_per_session.max(1))
        .map(|rows| {
            Ok(Session {
                user: numbers(&schema.user, &rows[0])?,
                shown: (rows.iter())
                    .map(|row| numbers(&schema.item, row))
                    .collect::<Outcome<_>>()?,
                picked: rows.iter().position(|row| row.get(*label) == Some("1")),
            })
        })
        .collect()
}
