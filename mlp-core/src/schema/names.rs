//! Names: what they may be, which are taken, and that none stands twice.

use std::collections::HashSet;

use toml::Spanned;

use super::error::{SchemaError, Source};
use super::raw::{RawEntity, RawSchema};
use super::{Column, Entity, Part};

/// Names that the programs themselves use for tables and for paths under `/content`, and that no
/// other name may continue after a `_`.
const RESERVED_TABLES: [&str; 17] = [
    "datasets",
    "decisions",
    "events",
    "idempotency",
    "inferences",
    "info",
    "meta",
    "models",
    "result",
    "results",
    "settings",
    "sqlite",
    "task",
    "tasks",
    "user_versions",
    "item_versions",
    "versions",
];

/// Column names that the tables or the answers have beside the schema's, and those of PostgreSQL's
/// and SQLite's own columns.
const RESERVED_COLUMNS: [&str; 15] = [
    "candidates",
    "cmax",
    "cmin",
    "creation_time",
    "ctid",
    "explain",
    "from_version",
    "oid",
    "rowid",
    "score",
    "tableoid",
    "to_version",
    "version_id",
    "xmax",
    "xmin",
];

/// PostgreSQL cuts longer names short.
const LONGEST_NAME: usize = 63;

pub(super) fn identifier(source: &Source, name: &Spanned<String>) -> Result<String, SchemaError> {
    let text = name.get_ref();
    let mut bytes = text.bytes();
    let good = bytes.next().is_some_and(|b| b.is_ascii_lowercase())
        && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        && text.len() <= LONGEST_NAME;
    if good {
        return Ok(text.clone());
    }
    Err(source.error(
        name.span().start,
        Some(text),
        "a name is a lower-case letter, then at most 62 lower-case letters, digits or `_`",
    ))
}

/// A table's name, or one of the names that its indexes have, which begin with it.
pub(super) fn reserved(word: &str) -> bool {
    let own = |table: &str| {
        let rest = word.strip_prefix(table);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
    };
    RESERVED_TABLES.iter().any(|table| own(table)) || word.starts_with("pg_")
}

pub(super) fn distinct_entities(
    source: &Source,
    raw: &RawSchema,
    user: &Entity,
    item: &Entity,
) -> Result<(), SchemaError> {
    let names = [
        (&user.name, raw.user.name.span()),
        (&user.table, raw.user.table.span()),
        (&item.name, raw.item.name.span()),
        (&item.table, raw.item.table.span()),
    ];
    for (i, (name, span)) in names.iter().enumerate() {
        if names[..i].iter().any(|(earlier, _)| earlier == name) {
            let message = "user and item need four different names for `name` and `table`";
            return Err(source.error(span.start, Some(name), message));
        }
    }
    Ok(())
}

/// Checks the names of an entity's columns, its always-null fields and its summarised lists.
pub(super) fn distinct_columns(
    source: &Source,
    raw: &RawEntity,
    entity: &str,
    columns: &[Column],
) -> Result<(), SchemaError> {
    let mut seen: HashSet<String> = RESERVED_COLUMNS.iter().map(|s| (*s).to_owned()).collect();
    let id = format!("{entity}_id");
    if id.len() > LONGEST_NAME {
        let message = format!("`{id}` is over {LONGEST_NAME} bytes long");
        return Err(source.error(raw.name.span().start, Some(entity), message));
    }
    seen.insert(id);
    let columns = columns.iter().map(|column| {
        let field = &raw.fields[column.field];
        let name = match (column.part, &field.summaries) {
            (Part::Whole, _) | (_, None) => &field.name,
            (_, Some(summaries)) => summaries,
        };
        (&column.name, name.span())
    });
    let nulls = raw.null_fields.iter().map(|n| (n.get_ref(), n.span()));
    // A list kept as summaries has no column of its own name, but requests carry it.
    let lists = (raw.fields.iter())
        .filter(|f| f.summaries.is_some())
        .map(|f| (f.name.get_ref(), f.name.span()));
    for (name, span) in columns.chain(nulls).chain(lists) {
        let fail = |message: String| source.error(span.start, Some(name), message);
        if name.len() > LONGEST_NAME {
            return Err(fail(format!("the name is over {LONGEST_NAME} bytes long")));
        }
        if RESERVED_COLUMNS.contains(&name.as_str()) {
            return Err(fail("the name is reserved".to_owned()));
        }
        if !seen.insert(name.clone()) {
            return Err(fail("the name stands twice".to_owned()));
        }
    }
    Ok(())
}
