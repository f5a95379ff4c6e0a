//! `mlp items`: the catalog, from and to a file.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use mlp_core::{Entity, Row, Schema};
use mlp_store::{ItemChange, Items, Store};

use super::arguments::whole;
use super::context::Context;
use super::error::{Error, Result};

/// What to do with the items.
#[derive(Subcommand, Clone, Debug)]
pub enum Command {
    /// Put every row of a tab-separated file into the catalog, as one catalog version
    #[command(
        after_help = "The header names the fields of the schema's item. A column `ITEM_id` \
        gives the ids; without it the rows are 1, 2, 3, … Other columns are ignored.\n\n\
        Example:\n  mlp items import dataset/dataset_locations.tsv"
    )]
    Import {
        /// The file
        file: PathBuf,
        /// Withdraw every item that the file does not name
        #[arg(long)]
        replace: bool,
    },
    /// Print the current items as JSON, one a line
    List {
        /// At most so many
        #[arg(long, default_value_t = 1000, value_parser = whole::<usize>(0, u64::MAX))]
        limit: usize,
    },
}

/// Runs the command.
pub fn run(command: &Command, context: &Context) -> Result<()> {
    let store = context.open(false)?;
    match command {
        Command::Import { file, replace } => {
            let rows = read(&context.schema, file)?;
            let n = rows.len();
            let (version, changed) = import(&*store, rows, *replace)?;
            say!("{n} items read, {changed} changes, catalog version {version}");
        }
        Command::List { limit } => {
            for item in store.items_page(0, *limit)? {
                let names = context.schema.item.columns.iter().map(|c| c.name.as_str());
                let fields: Vec<String> = names
                    .zip(item.row.values())
                    .map(|(name, value)| {
                        format!("\"{name}\":{}", json(value, &context.schema, name))
                    })
                    .collect();
                let id = context.schema.item.id_name();
                say!("{{\"{id}\":{},{}}}", item.item_id, fields.join(","));
            }
        }
    }
    Ok(())
}

fn json(value: &mlp_core::Value, schema: &Schema, column: &str) -> serde_json::Value {
    use mlp_core::{FieldType, Value};
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(b) => (*b).into(),
        Value::Int(i) => (*i).into(),
        Value::Float(f) => (*f).into(),
        Value::Text(t) => t.to_string().into(),
        Value::Date(d) => d.to_string().into(),
        Value::Ints(list) => list.clone().into(),
        Value::Level(level) => {
            let position = schema.item.column(column);
            match position.map(|p| &schema.item.columns[p].kind) {
                Some(FieldType::Category(levels)) => {
                    levels.get(usize::from(*level)).cloned().into()
                }
                _ => serde_json::Value::Null,
            }
        }
    }
}

/// Reads an item file: ids, where the file has them, and rows.
pub fn read(schema: &Schema, path: &Path) -> Result<Vec<(i64, Row)>> {
    let fault =
        |line: u64, message: String| Error::run(format!("{}:{line}: {message}", path.display()));
    let file = std::fs::File::open(path).map_err(Error::file("read", path))?;
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(b'\t')
        .quoting(false)
        .comment(Some(b'#'))
        .from_reader(file);
    let csv_fault = |e: csv::Error| {
        let line = e.position().map_or(1, csv::Position::line);
        fault(line, e.to_string())
    };
    let header = reader.headers().map_err(csv_fault)?.clone();
    let columns = Columns::find(&schema.item, &header).map_err(|m| fault(1, m))?;
    let (mut rows, mut seen) = (Vec::new(), HashSet::new());
    for record in reader.records() {
        let record = record.map_err(csv_fault)?;
        let line = record.position().map_or(0, csv::Position::line);
        let id = match columns.id {
            None => rows.len() as i64 + 1,
            Some(column) => {
                id(record.get(column).unwrap_or_default()).map_err(|m| fault(line, m))?
            }
        };
        if !seen.insert(id) {
            return Err(fault(line, format!("id `{id}` stands twice")));
        }
        let cells = columns.fields.iter().map(|c| c.and_then(|c| record.get(c)));
        let row = schema
            .item
            .row_from_cells(cells)
            .map_err(|(field, m)| fault(line, format!("column `{field}`: {m}")))?;
        rows.push((id, row));
    }
    if rows.is_empty() {
        return Err(fault(1, "no rows".to_owned()));
    }
    Ok(rows)
}

fn id(text: &str) -> std::result::Result<i64, String> {
    match text.trim().parse() {
        Ok(id @ 1..) => Ok(id),
        _ => Err(format!("id `{text}` is no whole number from 1")),
    }
}

struct Columns {
    id: Option<usize>,
    fields: Vec<Option<usize>>,
}

impl Columns {
    fn find(entity: &Entity, header: &csv::StringRecord) -> std::result::Result<Self, String> {
        let position = |name: &str| header.iter().position(|column| column.trim() == name);
        let mut seen = HashSet::new();
        if let Some(twice) = header.iter().find(|column| !seen.insert(column.trim())) {
            return Err(format!("column `{twice}` stands twice"));
        }
        let fields: Vec<Option<usize>> = entity.fields.iter().map(|f| position(&f.name)).collect();
        let required = entity.fields.iter().zip(&fields);
        let missing: Vec<&str> = required
            .filter(|(field, found)| found.is_none() && field.default.is_none())
            .map(|(field, _)| field.name.as_str())
            .collect();
        if !missing.is_empty() {
            return Err(format!("missing columns: {}", missing.join(", ")));
        }
        Ok(Self {
            id: position(&entity.id_name()),
            fields,
        })
    }
}

/// Puts the items into the catalog as one version; gives the version and the number of changes
/// that were asked for.
pub fn import(store: &dyn Store, rows: Vec<(i64, Row)>, replace: bool) -> Result<(i64, usize)> {
    let ids: HashSet<i64> = rows.iter().map(|(id, _)| *id).collect();
    let (_, current) = store.catalog()?;
    let known: std::collections::HashMap<i64, &Row> = current
        .iter()
        .map(|item| (item.item_id, &item.row))
        .collect();
    let mut changes: Vec<ItemChange> = rows
        .into_iter()
        .filter(|(id, row)| known.get(id) != Some(&row))
        .map(|(id, row)| ItemChange::Put {
            item_id: Some(id),
            row,
        })
        .collect();
    if replace {
        let gone = current.iter().filter(|item| !ids.contains(&item.item_id));
        changes.extend(gone.map(|item| ItemChange::Withdraw {
            item_id: item.item_id,
        }));
    }
    let n = changes.len();
    let (version, _) = Items::change_items(store, &changes)?;
    Ok((version, n))
}
