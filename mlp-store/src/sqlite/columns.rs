//! A row of an entity as columns of a table.

use crate::state::quoted;
use mlp_core::{Date, Entity, FieldType, Row, Value};
use rusqlite::types::{FromSqlError, ToSqlOutput, Type, ValueRef};
use rusqlite::{Statement, ToSql};

/// An entity's columns, ready to be named, bound and read.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    names: Vec<String>,
    kinds: Vec<FieldType>,
}

/// The type that a column of this kind has in a table.
pub(super) fn sql_type(kind: &FieldType) -> &'static str {
    match kind {
        FieldType::Bool | FieldType::Int => "INTEGER",
        FieldType::Float => "REAL",
        FieldType::Text | FieldType::Date | FieldType::Category(_) | FieldType::IntList => "TEXT",
    }
}

impl Columns {
    pub fn new(entity: &Entity) -> Self {
        Self {
            names: entity.columns.iter().map(|c| c.name.clone()).collect(),
            kinds: entity.columns.iter().map(|c| c.kind.clone()).collect(),
        }
    }

    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// `, "a", "b"`, each after `prefix`.
    pub fn list(&self, prefix: &str) -> String {
        let name = |name: &String| format!(", {prefix}{}", quoted(name));
        self.names.iter().map(name).collect()
    }

    /// `, ?3, ?4`, one per column, from `first`.
    pub fn parameters(&self, first: usize) -> String {
        (first..first + self.len())
            .map(|i| format!(", ?{i}"))
            .collect()
    }

    /// `"a" = ?3, "b" = ?4`, one per column, from `first`.
    pub fn assignments(&self, first: usize) -> String {
        let names = self.names.iter().zip(first..);
        let set: Vec<String> = names
            .map(|(name, i)| format!("{} = ?{i}", quoted(name)))
            .collect();
        set.join(", ")
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

    /// Binds a row's values to the parameters from `first`, counted from 1.
    pub fn bind(
        &self,
        statement: &mut Statement<'_>,
        first: usize,
        row: &Row,
    ) -> rusqlite::Result<()> {
        let values = row.values();
        if values.len() != self.len() {
            let (found, wanted) = (values.len(), self.len());
            return Err(misfit(format!("the row has {found} values, not {wanted}")));
        }
        for (position, value) in values.iter().enumerate() {
            let cell = Cell {
                columns: self,
                position,
                value,
            };
            statement.raw_bind_parameter(first + position, cell)?;
        }
        Ok(())
    }

    /// Reads a row's values from the result columns from `first`, counted from 0.
    pub fn read(&self, from: &rusqlite::Row<'_>, first: usize) -> rusqlite::Result<Row> {
        let mut values = Vec::with_capacity(self.len());
        for (position, kind) in self.kinds.iter().enumerate() {
            let stored = from.get_ref(first + position)?;
            let value = from_stored(kind, stored).map_err(|error| {
                let error = FromSqlError::Other(Box::new(Misfit(format!(
                    "column `{}`: {error}",
                    self.names[position]
                ))));
                rusqlite::Error::FromSqlConversionFailure(
                    first + position,
                    stored.data_type(),
                    Box::new(error),
                )
            })?;
            values.push(value);
        }
        Ok(Row(values))
    }
}

/// A value on its way into a column.
struct Cell<'a> {
    columns: &'a Columns,
    position: usize,
    value: &'a Value,
}

impl ToSql for Cell<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        use FieldType as Kind;
        let text = |text: String| Ok(ToSqlOutput::from(text));
        match (self.value, &self.columns.kinds[self.position]) {
            (Value::Null, _) => Ok(ToSqlOutput::from(rusqlite::types::Null)),
            (Value::Bool(b), Kind::Bool) => Ok(ToSqlOutput::from(*b)),
            (Value::Int(i), Kind::Int) => Ok(ToSqlOutput::from(*i)),
            (Value::Float(f), Kind::Float) => Ok(ToSqlOutput::from(*f)),
            (Value::Text(t), Kind::Text) => Ok(ToSqlOutput::from(&**t)),
            (Value::Date(d), Kind::Date) => text(d.to_string()),
            (Value::Ints(list), Kind::IntList) => text(list_to_json(list)),
            (Value::Level(level), Kind::Category(levels)) => {
                match levels.get(usize::from(*level)) {
                    Some(name) => Ok(ToSqlOutput::from(name.as_str())),
                    None => Err(self.misfit()),
                }
            }
            _ => Err(self.misfit()),
        }
    }
}

impl Cell<'_> {
    fn misfit(&self) -> rusqlite::Error {
        let kind = self.columns.kinds[self.position].name();
        let (name, value) = (&self.columns.names[self.position], self.value);
        misfit(format!("`{name}` is a `{kind}`, not `{value:?}`"))
    }
}

/// A value that is none of its column.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Misfit(String);

fn misfit(message: String) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(Box::new(Misfit(message)))
}

fn from_stored(kind: &FieldType, stored: ValueRef<'_>) -> Result<Value, FromSqlError> {
    if stored.data_type() == Type::Null {
        return Ok(Value::Null);
    }
    let unknown = |text: &str| FromSqlError::Other(Box::new(Misfit(format!("`{text}`"))));
    Ok(match kind {
        FieldType::Bool => Value::Bool(stored.as_i64()? != 0),
        FieldType::Int => Value::Int(stored.as_i64()?),
        FieldType::Float => Value::Float(stored.as_f64()?),
        FieldType::Text => Value::Text(stored.as_str()?.into()),
        FieldType::Date => {
            let text = stored.as_str()?;
            // Not `Date::from_str`, which takes years of four digits only.
            let date: jiff::civil::Date = text.parse().map_err(|_| unknown(text))?;
            Value::Date(Date::from(date))
        }
        FieldType::Category(levels) => {
            let text = stored.as_str()?;
            let level = levels.iter().position(|level| level == text);
            let level = level.and_then(|level| u16::try_from(level).ok());
            Value::Level(level.ok_or_else(|| unknown(text))?)
        }
        FieldType::IntList => {
            let text = stored.as_str()?;
            Value::Ints(serde_json::from_str(text).map_err(|_| unknown(text))?)
        }
    })
}

fn list_to_json(list: &[i64]) -> String {
    let numbers: Vec<String> = list.iter().map(i64::to_string).collect();
    format!("[{}]", numbers.join(","))
}
