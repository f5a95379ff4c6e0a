//! A row as a JSON object.

use mlp_core::{Entity, FieldType, Row, Value};
use serde_json::{Map, Value as Json};

/// A row's columns by their names, as the API shows them.
pub(super) fn row_to_json(entity: &Entity, row: &Row) -> Json {
    let columns = entity.columns.iter().zip(row.values());
    let object: Map<String, Json> = columns
        .map(|(column, value)| (column.name.clone(), to_json(&column.kind, value)))
        .collect();
    Json::Object(object)
}

fn to_json(kind: &FieldType, value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(b) => Json::from(*b),
        Value::Int(i) => Json::from(*i),
        Value::Float(f) => Json::from(*f),
        Value::Text(text) => Json::from(&**text),
        Value::Date(date) => Json::from(date.to_string()),
        Value::Level(level) => match kind {
            FieldType::Category(levels) => levels
                .get(usize::from(*level))
                .map_or(Json::Null, |level| Json::from(level.as_str())),
            _ => Json::Null,
        },
        Value::Ints(list) => Json::from(list.clone()),
    }
}
