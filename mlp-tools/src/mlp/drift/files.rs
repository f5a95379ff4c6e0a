//! Two files of users.

use std::path::Path;

use mlp_core::drift::{DriftReport, Policy, ProfileBuilder, Window, check};
use mlp_core::{Entity, Row, Value};

use super::super::error::{Error, Result};

/// Holds the users of one file against those of another, by one look.
pub(super) fn compare(user: &Entity, reference: &Path, current: &Path) -> Result<DriftReport> {
    let entity = lenient(user);
    let mut profile = ProfileBuilder::new(&entity);
    // A line is as good a time as any: the order is all that counts.
    for (line, row) in (0..).zip(rows(&entity, reference)?) {
        profile.push(&row, None, line);
    }
    let profile = profile.finish();
    let mut window = Window::new(&profile, &entity).map_err(Error::run)?;
    for (line, row) in (0..).zip(rows(&entity, current)?) {
        window.push(&row, None, line);
    }
    Ok(check(&window, Policy::one_look()))
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
