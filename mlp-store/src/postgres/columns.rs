//! Rows of an entity as arrays, one per column, which `unnest` turns into a table's rows.

use mlp_core::{Entity, FieldType, Row, Value};
use postgres::types::ToSql;

use super::error::{Failure, Result};
use super::values::Day;
use crate::state::quoted;

/// An entity's columns, ready to be named, sent and read.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    names: Vec<String>,
    kinds: Vec<FieldType>,
}

/// A column's values.
pub(super) type Array<'a> = Box<dyn ToSql + Sync + 'a>;

/// The type that a column of this kind has in a table.
pub(super) fn sql_type(kind: &FieldType) -> &'static str {
    match kind {
        FieldType::Bool => "boolean",
        FieldType::Int => "bigint",
        FieldType::Float => "double precision",
        FieldType::Text | FieldType::Category(_) => "text",
        FieldType::Date => "date",
        FieldType::IntList => "bigint[]",
    }
}

/// The type in which a column's values are sent: `unnest` would take lists of lists apart.
fn sent_type(kind: &FieldType) -> &'static str {
    match kind {
        FieldType::IntList => "text",
        kind => sql_type(kind),
    }
}

impl Columns {
    pub fn new(entity: &Entity) -> Self {
        Self {
            names: entity.columns.iter().map(|c| c.name.clone()).collect(),
            kinds: entity.columns.iter().map(|c| c.kind.clone()).collect(),
        }
    }

    /// `, "a", "b"`, each after `prefix`.
    pub fn list(&self, prefix: &str) -> String {
        let name = |name: &String| format!(", {prefix}{}", quoted(name));
        self.names.iter().map(name).collect()
    }

    /// `, $3::boolean[], $4::text[]`, one per column, from `first`.
    pub fn parameters(&self, first: usize) -> String {
        let kinds = self.kinds.iter().zip(first..);
        kinds
            .map(|(kind, i)| format!(", ${i}::{}[]", sent_type(kind)))
            .collect()
    }

    /// `, c0, c1`: names for what the parameters hold.
    pub fn aliases(&self) -> String {
        (0..self.names.len()).map(|i| format!(", c{i}")).collect()
    }

    /// `, c0, c1::bigint[]`: what goes into the table.
    pub fn taken(&self) -> String {
        let take = |(i, kind): (usize, &FieldType)| match kind {
            FieldType::IntList => format!(", c{i}::bigint[]"),
            _ => format!(", c{i}"),
        };
        self.kinds.iter().enumerate().map(take).collect()
    }

    /// `"a" = NULL, "b" = NULL` for texts; `None` where there is no text.
    pub fn erase_texts(&self) -> Option<String> {
        let columns = self.names.iter().zip(&self.kinds);
        let set: Vec<String> = columns
            .filter(|(_, kind)| **kind == FieldType::Text)
            .map(|(name, _)| format!("{} = NULL", quoted(name)))
            .collect();
        (!set.is_empty()).then(|| set.join(", "))
    }

    /// The values of rows, an array for each column.
    pub fn arrays<'a>(&'a self, rows: &[&'a Row]) -> Result<Vec<Array<'a>>> {
        let wanted = self.names.len();
        if let Some(row) = rows.iter().find(|row| row.values().len() != wanted) {
            let found = row.values().len();
            let message = format!("the row has {found} values, not {wanted}");
            return Err(Failure::invalid(message));
        }
        (0..wanted).map(|column| self.array(column, rows)).collect()
    }

    fn array<'a>(&'a self, column: usize, rows: &[&'a Row]) -> Result<Array<'a>> {
        macro_rules! gather {
            ($($pattern:pat => $value:expr),+) => {{
                let mut array = Vec::with_capacity(rows.len());
                for row in rows {
                    array.push(match &row.values()[column] {
                        Value::Null => None,
                        $($pattern => Some($value),)+
                        other => return Err(self.misfit(column, other)),
                    });
                }
                Box::new(array) as Array<'a>
            }};
        }
        Ok(match &self.kinds[column] {
            FieldType::Bool => gather!(Value::Bool(b) => *b),
            FieldType::Int => gather!(Value::Int(i) => *i),
            FieldType::Float => gather!(Value::Float(f) => *f),
            FieldType::Text => gather!(Value::Text(text) => &**text),
            FieldType::Date => gather!(Value::Date(day) => Day(*day)),
            FieldType::IntList => gather!(Value::Ints(list) => list_literal(list)),
            FieldType::Category(levels) => gather!(Value::Level(level) => {
                match levels.get(usize::from(*level)) {
                    Some(name) => name.as_str(),
                    None => return Err(self.misfit(column, &Value::Level(*level))),
                }
            }),
        })
    }

    fn misfit(&self, column: usize, value: &Value) -> Failure {
        let (name, kind) = (&self.names[column], self.kinds[column].name());
        Failure::invalid(format!("`{name}` is a `{kind}`, not `{value:?}`"))
    }

    /// Reads a row's values from the result columns from `first`, counted from 0.
    pub fn read(&self, from: &postgres::Row, first: usize) -> Result<Row> {
        let mut values = Vec::with_capacity(self.kinds.len());
        for (position, kind) in self.kinds.iter().enumerate() {
            let column = first + position;
            let value = match kind {
                FieldType::Bool => from.try_get::<_, Option<_>>(column)?.map(Value::Bool),
                FieldType::Int => from.try_get::<_, Option<_>>(column)?.map(Value::Int),
                FieldType::Float => from.try_get::<_, Option<_>>(column)?.map(Value::Float),
                FieldType::Text => {
                    let text: Option<&str> = from.try_get(column)?;
                    text.map(|text| Value::Text(text.into()))
                }
                FieldType::Date => {
                    let day: Option<Day> = from.try_get(column)?;
                    day.map(|day| Value::Date(day.0))
                }
                FieldType::IntList => from.try_get::<_, Option<_>>(column)?.map(Value::Ints),
                FieldType::Category(levels) => match from.try_get::<_, Option<&str>>(column)? {
                    None => None,
                    Some(text) => Some(self.level(position, levels, text)?),
                },
            };
            values.push(value.unwrap_or(Value::Null));
        }
        Ok(Row(values))
    }

    fn level(&self, position: usize, levels: &[String], text: &str) -> Result<Value> {
        let level = levels.iter().position(|level| level == text);
        let level = level.and_then(|level| u16::try_from(level).ok());
        let unknown = || Failure::Corrupt(format!("`{}` has level `{text}`", self.names[position]));
        level.map(Value::Level).ok_or_else(unknown)
    }
}

/// `{1,2}`.
fn list_literal(list: &[i64]) -> String {
    let numbers: Vec<String> = list.iter().map(i64::to_string).collect();
    format!("{{{}}}", numbers.join(","))
}
