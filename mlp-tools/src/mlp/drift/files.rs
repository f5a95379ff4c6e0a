//! Two files of users.

use std::path::Path;

use mlp_core::drift::{
    DriftReport, DriftVerdict, LEAST_REFERENCE, Policy, ProfileBuilder, Window, check,
};
use mlp_core::{Entity, Row, Value};

use super::super::error::{Error, Result};

/// Holds the users of one file against those of another, by one look; and what may help where that
/// gives no verdict.
pub(super) fn compare(
    user: &Entity,
    reference: &Path,
    current: &Path,
) -> Result<(DriftReport, Option<String>)> {
    let entity = lenient(user);
    let mut profile = ProfileBuilder::new(&entity);
    // A line is as good a time as any: the order is all that counts.
    for (line, row) in (0..).zip(rows(&entity, reference)?) {
        profile.push(&row, None, line);
    }
    let profile = profile.finish();
    let mut window = Window::new(&profile, &entity).map_err(Error::run)?;
    let mut n_current = 0;
    for (line, row) in (0..).zip(rows(&entity, current)?) {
        window.push(&row, None, line);
        n_current += 1;
    }
    let report = check(&window, Policy::one_look());
    let few = report.verdict == DriftVerdict::TooFew;
    let (path, rows, distinct) = match report.reference_requests < LEAST_REFERENCE {
        true => (reference, profile.requests, report.reference_requests),
        false => (current, n_current, report.window_requests),
    };
    let hint = few.then(|| few_distinct(path, rows, distinct));
    Ok((report, hint))
}

/// What to do about a file with too few: more rows of the same users would not help.
fn few_distinct(path: &Path, rows: u64, distinct: u64) -> String {
    format!(
        "`{}` has {rows} rows, {distinct} of them distinct: repeated requests count once. In a data set \
         of dataset_generator more sessions bring no other users, `--fresh-users` makes one anew for \
         each session",
        path.display()
    )
}

/// The entity without the need of what is no feature: an export need not tell anybody's name.
fn lenient(user: &Entity) -> Entity {
    let mut entity = user.clone();
    for field in entity.fields.iter_mut().filter(|field| !field.feature) {
        field.default.get_or_insert(Value::Null);
    }
    entity
}

/// A file's users; which character parts its columns is told by its first line.
fn rows(entity: &Entity, path: &Path) -> Result<Vec<Row>> {
    let text = std::fs::read(path).map_err(Error::file("read", path))?;
    let first = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let tabs = first.contains(&b'\t');
    let mut builder = csv::ReaderBuilder::new();
    // As in item files: a quotation mark in a tab-separated file is one.
    builder
        .delimiter(if tabs { b'\t' } else { b',' })
        .quoting(!tabs);
    let fault =
        |line: u64, message: String| Error::run(format!("{}:{line}: {message}", path.display()));
    let broken = |error: csv::Error| {
        let line = error.position().map_or(1, csv::Position::line);
        fault(line, error.to_string())
    };
    let mut reader = builder.from_reader(&text[..]);
    let header = reader.headers().map_err(broken)?.clone();
    let columns = columns(entity, &header).map_err(|message| fault(1, message))?;
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(broken)?;
        let line = record.position().map_or(0, csv::Position::line);
        let cells = columns.iter().map(|c| c.and_then(|c| record.get(c)));
        let row = entity.row_from_cells(cells);
        rows.push(row.map_err(|(field, m)| fault(line, format!("column `{field}`: {m}")))?);
    }
    Ok(rows)
}

/// Where each field stands; `None` for one that may be missing.
fn columns(
    entity: &Entity,
    header: &csv::StringRecord,
) -> std::result::Result<Vec<Option<usize>>, String> {
    let place = |name: &str| header.iter().position(|column| column.trim() == name);
    let columns: Vec<Option<usize>> = entity.fields.iter().map(|f| place(&f.name)).collect();
    let fields = entity.fields.iter().zip(&columns);
    let missing: Vec<&str> = fields
        .filter(|(field, column)| column.is_none() && field.default.is_none())
        .map(|(field, _)| field.name.as_str())
        .collect();
    match missing.is_empty() {
        true => Ok(columns),
        false => Err(format!("missing columns: {}", missing.join(", "))),
    }
}
