//! A row as a JSON object.

use mlp_core::{Entity, FieldType, Row, Value};
use serde::ser::{Serialize, SerializeMap, Serializer};

/// A row's columns by their names, as the API shows them.
pub(super) struct UserJson<'a> {
    pub entity: &'a Entity,
    pub row: &'a Row,
}

impl Serialize for UserJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let columns = self.entity.columns.iter().zip(self.row.values());
        let mut object = serializer.serialize_map(Some(self.entity.columns.len()))?;
        for (column, value) in columns {
            let kind = &column.kind;
            object.serialize_entry(&column.name, &Field { kind, value })?;
        }
        object.end()
    }
}

struct Field<'a> {
    kind: &'a FieldType,
    value: &'a Value,
}

impl Serialize for Field<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.value {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(b) => serializer.serialize_bool(*b),
            Value::Int(i) => serializer.serialize_i64(*i),
            Value::Float(f) => serializer.serialize_f64(*f),
            Value::Text(text) => serializer.serialize_str(text),
            Value::Date(date) => serializer.collect_str(date),
            Value::Level(level) => match self.kind {
                FieldType::Category(levels) => {
                    levels.get(usize::from(*level)).serialize(serializer)
                }
                _ => serializer.serialize_unit(),
            },
            Value::Ints(list) => list.serialize(serializer),
        }
    }
}
