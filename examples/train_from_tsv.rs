//! Trains and evaluates a model from a labelled file and a schema, with no database.
//!
//! ```text
//! cargo run --release --bin dataset_generator -- --fresh-users
//! cargo run --release -p mlp-examples --example train_from_tsv -- \
//!     config/travel.toml dataset/dataset_labelled.tsv 10
//! ```
//!
//! The file has a row per shown item: the user's fields, the item's fields, and `label`; the last
//! argument says how many rows make a session. A fifth of the sessions is kept from the fit, and
//! says how good the model is, how surely, and for whom. Where the file has users who come back, or
//! times, `split::by_group` of the users or `split::by_time` is the better split.

use std::collections::HashMap;

use mlp_core::metrics::{
    BootstrapOptions, EvaluateOptions, EvaluationWithIntervals, Predictions, Statistic,
    evaluate_with_intervals, segments,
};
use mlp_core::{Entity, FitOptions, Lineage, PairTable, Schema, Session, fit_logistic, split};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let args: Vec<String> = std::env::args().collect();
    let [_, schema, labelled, rows] = args.as_slice() else {
        return Err("three arguments are needed: SCHEMA LABELLED_TSV ROWS_PER_SESSION".into());
    };
    let schema = Schema::parse(schema, &std::fs::read_to_string(schema)?)?;
    let sessions = read(&schema, labelled, rows.parse()?)?;
    let ids: Vec<[u8; 8]> = (0..sessions.len() as u64).map(u64::to_le_bytes).collect();
    let split = split::by_group(&ids, 0.2, 42)?;
    let train: Vec<Session> = split.train_of(&sessions).cloned().collect();
    let test: Vec<Session> = split.test_of(&sessions).cloned().collect();
    let options = FitOptions {
        test_share: 0.0,
        ..FitOptions::default()
    };
    let artifact = fit_logistic(&schema, &train, &options, Lineage::default())?;

    let table = PairTable::new(&schema.features, &test);
    let predictions = Predictions::new(
        table.labels().to_vec(),
        artifact.model(&schema)?.probabilities(&table),
        table.sessions().clone(),
    )?;
    println!(
        "fitted on {} sessions, tested on {}:",
        train.len(),
        test.len()
    );
    let found = evaluate(&predictions)?;
    for statistic in Statistic::ALL {
        println!("  {:<18} {}", statistic.title(), told(&found, statistic));
    }

    // For whom: by the first field that users can be told apart by.
    let users: Vec<&[f64]> = test.iter().map(|session| &*session.user).collect();
    let slices = schema
        .user
        .columns
        .iter()
        .find_map(|column| segments(&schema.user, &column.name, users.iter().copied(), 3));
    for segment in slices.unwrap_or_default() {
        let found = evaluate(&predictions.select(&segment.sessions))?;
        println!("{}: {}", segment.name, told(&found, Statistic::Auc));
    }
    println!("the largest weights of the standardised features:");
    let mut weights: Vec<_> = artifact.features.iter().zip(&artifact.weights).collect();
    weights.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    for (name, weight) in weights.iter().take(10) {
        println!("{weight:>+8.3}  {name}");
    }
    Ok(())
}

fn evaluate(predictions: &Predictions) -> Outcome<EvaluationWithIntervals> {
    Ok(evaluate_with_intervals(
        predictions,
        &EvaluateOptions::default(),
        &BootstrapOptions::default(),
    )?)
}

fn told(found: &EvaluationWithIntervals, statistic: Statistic) -> String {
    let Some(value) = statistic.of(&found.evaluation) else {
        return "undefined".to_owned();
    };
    match found.intervals.get(&statistic) {
        Some(interval) => format!("{value:.3} ({:.3} to {:.3})", interval.low, interval.high),
        None => format!("{value:.3}"),
    }
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
