//! Rows as JSON, written straight into an answer's bytes.

use mlp_core::{Entity, FieldType, Row, Value};
use mlp_store::{ItemVersion, ResultRow, TaskId, UserRow};
use serde::Serialize;

/// Appends a value's JSON.
pub(crate) fn put<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    // Writing to a vector cannot fail, and nothing here has keys that are no text.
    let _ = serde_json::to_writer(out, value);
}

/// A moment in microseconds since 1970, as `2026-01-15T08:00:00.000000+00:00`.
pub(crate) fn time(microseconds: i64) -> String {
    let moment = jiff::Timestamp::from_microsecond(microseconds).unwrap_or(jiff::Timestamp::MIN);
    moment.strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string()
}

/// How rows of an entity are written.
#[derive(Debug)]
pub(crate) struct RowShape {
    /// `book_id`.
    pub id_name: String,
    /// `"book_id":`.
    id_key: Vec<u8>,
    /// Each column's `,"name":` with a category's levels.
    columns: Vec<(Vec<u8>, Vec<String>)>,
    /// `,"cover":null,"creation_time":"`.
    tail: Vec<u8>,
}

impl RowShape {
    pub fn new(entity: &Entity) -> Self {
        let key = |name: &str| format!(",\"{name}\":").into_bytes();
        let column = |c: &mlp_core::Column| {
            let levels = match &c.kind {
                FieldType::Category(levels) => levels.clone(),
                _ => Vec::new(),
            };
            (key(&c.name), levels)
        };
        let nulls = entity.null_fields.iter().map(|n| format!(",\"{n}\":null"));
        let tail = nulls.collect::<String>() + ",\"creation_time\":\"";
        Self {
            id_name: entity.id_name(),
            id_key: format!("\"{}\":", entity.id_name()).into_bytes(),
            columns: entity.columns.iter().map(column).collect(),
            tail: tail.into_bytes(),
        }
    }

    /// `"book_id":7,"title":"…",…`, without braces.
    pub fn fields(&self, out: &mut Vec<u8>, id: i64, row: &Row) {
        out.extend_from_slice(&self.id_key);
        put(out, &id);
        for ((key, levels), value) in self.columns.iter().zip(row.values()) {
            out.extend_from_slice(key);
            put_value(out, value, levels);
        }
    }

    fn content(&self, out: &mut Vec<u8>, id: i64, row: &Row, created_us: i64) {
        out.push(b'{');
        self.fields(out, id, row);
        out.extend_from_slice(&self.tail);
        out.extend_from_slice(time(created_us).as_bytes());
        out.extend_from_slice(b"\"}");
    }

    /// An item as `/content` shows it.
    pub fn item(&self, out: &mut Vec<u8>, item: &ItemVersion) {
        self.content(out, item.item_id, &item.row, item.created_us);
    }

    /// A user as `/content` shows it.
    pub fn user(&self, out: &mut Vec<u8>, user: &UserRow) {
        self.content(out, user.user_id, &user.row, user.created_us);
    }
}

fn put_value(out: &mut Vec<u8>, value: &Value, levels: &[String]) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(b) => put(out, b),
        Value::Int(i) => put(out, i),
        Value::Float(f) => put(out, f),
        Value::Text(text) => put(out, &**text),
        Value::Date(date) => put(out, &date.to_string()),
        Value::Level(level) => put(out, &levels.get(usize::from(*level))),
        Value::Ints(list) => put(out, list),
    }
}

/// `[a,b,c]`.
pub(crate) fn list<T>(
    out: &mut Vec<u8>,
    rows: impl IntoIterator<Item = T>,
    mut one: impl FnMut(&mut Vec<u8>, T),
) {
    out.push(b'[');
    for (position, row) in rows.into_iter().enumerate() {
        if position > 0 {
            out.push(b',');
        }
        one(out, row);
    }
    out.push(b']');
}

/// A task's state.
pub(crate) fn task(id: TaskId, status: &str, kind: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(112);
    out.extend_from_slice(b"{\"task_id\":");
    put(&mut out, &id);
    for (key, value) in [("status", status), ("type", kind)] {
        out.extend_from_slice(b",\"");
        out.extend_from_slice(key.as_bytes());
        out.extend_from_slice(b"\":\"");
        out.extend_from_slice(value.as_bytes());
        out.push(b'"');
    }
    out.push(b'}');
    out
}

/// One result; `id_name` is the item's.
pub(crate) fn result(out: &mut Vec<u8>, id_name: &str, row: &ResultRow) {
    out.extend_from_slice(b"{\"result_id\":");
    put(out, &row.result_id);
    out.extend_from_slice(b",\"task_id\":");
    put(out, &row.task_id);
    out.extend_from_slice(b",\"user_id\":");
    put(out, &row.user_id);
    out.extend_from_slice(b",\"");
    out.extend_from_slice(id_name.as_bytes());
    out.extend_from_slice(b"\":");
    put(out, &row.item_id);
    out.extend_from_slice(b",\"score\":");
    put(out, &row.score);
    out.extend_from_slice(b",\"label\":");
    put(out, &u8::from(row.label));
    out.extend_from_slice(b",\"shown\":");
    put(out, &row.shown);
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_microseconds_and_an_offset() {
        assert_eq!(time(0), "1970-01-01T00:00:00.000000+00:00");
        assert_eq!(
            time(1_768_464_000_000_005),
            "2026-01-15T08:00:00.000005+00:00"
        );
    }

    #[test]
    fn tasks() {
        let id = "ee69b0f3-8314-4b09-b68d-989ad64ff416".parse().unwrap();
        assert_eq!(
            String::from_utf8(task(id, "PENDING", "inference")).unwrap(),
            r#"{"task_id":"ee69b0f3-8314-4b09-b68d-989ad64ff416","status":"PENDING","type":"inference"}"#
        );
    }
}
