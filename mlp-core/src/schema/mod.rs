//! A domain as data: what a user and an item are, and which features are made of them.

mod error;
mod names;
mod parse;
mod raw;

pub use error::SchemaError;

use crate::feature::FeatureSet;
use crate::value::{Row, Value};

/// A domain: the two entities, the features of a pair of them, and how many items are shown at most.
#[derive(Debug, Clone)]
pub struct Schema {
    /// The domain's name.
    pub name: String,
    /// How many ranked items are kept of one inference, 1 to 1024.
    pub max_shown: usize,
    /// Who asks.
    pub user: Entity,
    /// What is ranked.
    pub item: Entity,
    /// The features of a user–item pair.
    pub features: FeatureSet,
    hash: String,
}

impl Schema {
    /// Reads a schema; `source` is the file's name, for messages.
    ///
    /// # Errors
    ///
    /// The first fault, with the file, the line and the field.
    pub fn parse(source: &str, text: &str) -> Result<Self, SchemaError> {
        parse::schema(source, text)
    }

    /// SHA-256, in hexadecimal, of all that gives a stored row or a model its meaning.
    pub fn hash(&self) -> &str {
        &self.hash
    }
}

/// A user or an item: its names and its fields.
#[derive(Debug, Clone)]
pub struct Entity {
    /// Singular name, as in `/content/{name}/{id}` and `{name}_id`.
    pub name: String,
    /// Table name, as in `/content/{table}`.
    pub table: String,
    /// What a request carries, in order.
    pub fields: Vec<Field>,
    /// What is stored, in order; a field gives one column, or four where only summaries are kept.
    pub columns: Vec<Column>,
    /// Names that clients expect in the answers and that are always null.
    pub null_fields: Vec<String>,
}

impl Entity {
    /// The name of the key, `{name}_id`.
    pub fn id_name(&self) -> String {
        format!("{}_id", self.name)
    }

    /// Writes the row's numbers, one per column, into `out`: shape `(n_columns,)`. A missing value
    /// becomes its field's default, or 0 where there is none; text becomes 0. A row from before the
    /// schema gained columns is as if they were missing.
    pub fn numbers(&self, row: &Row, out: &mut Vec<f64>) {
        out.clear();
        out.extend(self.columns.iter().enumerate().map(|(position, column)| {
            let value = row.values().get(position).and_then(Value::number);
            value.unwrap_or(column.missing)
        }));
    }

    /// The position of the column of that name.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|c| c.name == name)
    }
}

/// What a request or an item file carries under one name.
#[derive(Debug, Clone)]
pub struct Field {
    /// The name in JSON and in TSV headers.
    pub name: String,
    /// The type.
    pub kind: FieldType,
    /// Smallest value allowed; for lists, of each element; for texts, the shortest length in
    /// characters.
    pub min: Option<f64>,
    /// Largest value allowed; for lists, of each element; for texts, the longest length in
    /// characters.
    pub max: Option<f64>,
    /// What stands in a feature for a value that was not given; a field without it is required.
    pub default: Option<Value>,
    /// Whether models see it.
    pub feature: bool,
    /// For lists: only the average, population standard deviation, minimum and maximum are kept,
    /// as `{summaries}_avg`, `_std`, `_min` and `_max`.
    pub summaries: Option<String>,
    /// For lists: the position of the `int` field that must equal the list's length.
    pub count: Option<usize>,
}

/// The type of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldType {
    /// True or false.
    Bool,
    /// A whole number of 64 bits.
    Int,
    /// A finite number.
    Float,
    /// Text without NUL.
    Text,
    /// A calendar day.
    Date,
    /// One of the named levels.
    Category(Vec<String>),
    /// A list of whole numbers, of at most [`MAX_LIST`] elements.
    IntList,
}

/// The most elements of an `int_list`.
pub const MAX_LIST: usize = 1000;

/// The longest text, in characters, where the field does not say.
pub const MAX_TEXT: usize = 10_000;

impl FieldType {
    /// The name in a schema file.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Float => "float",
            Self::Text => "text",
            Self::Date => "date",
            Self::Category(_) => "category",
            Self::IntList => "int_list",
        }
    }
}

/// One stored column.
#[derive(Debug, Clone)]
pub struct Column {
    /// The name in the table and in answers.
    pub name: String,
    /// The position of the field that it comes from.
    pub field: usize,
    /// Which part of the field it is.
    pub part: Part,
    /// The type of its values; a summary is a [`FieldType::Float`].
    pub kind: FieldType,
    /// The number that stands for a missing value.
    pub missing: f64,
}

/// Which part of a field a column keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The value itself.
    Whole,
    /// A list's arithmetic mean.
    Avg,
    /// A list's population standard deviation.
    Std,
    /// A list's smallest element.
    Min,
    /// A list's largest element.
    Max,
}

impl Part {
    /// The four summaries, with the end of their column's name.
    pub const SUMMARIES: [(Self, &'static str); 4] = [
        (Self::Avg, "avg"),
        (Self::Std, "std"),
        (Self::Min, "min"),
        (Self::Max, "max"),
    ];
}
