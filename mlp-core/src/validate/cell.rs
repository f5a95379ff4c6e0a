//! One cell of a tab-separated file to one typed value.

use serde_json::Value as Json;

use super::coerce;
use crate::schema::{Field, FieldType};
use crate::value::Value;

/// The spellings of a boolean, in lower case.
const TRUE: [&str; 6] = ["true", "t", "yes", "y", "on", "1"];
const FALSE: [&str; 6] = ["false", "f", "no", "n", "off", "0"];

pub(super) fn parse_bool(text: &str) -> Option<bool> {
    let text = text.trim();
    let is = |word: &&&str| text.eq_ignore_ascii_case(word);
    if TRUE.iter().any(|w| is(&w)) {
        Some(true)
    } else if FALSE.iter().any(|w| is(&w)) {
        Some(false)
    } else {
        None
    }
}

/// Reads a cell under the rules of a JSON body; a list is written `[23, 45]`. The message of an
/// error names the value and the limit.
pub(crate) fn cell(field: &Field, text: &str) -> Result<Value, String> {
    let json = match field.kind {
        FieldType::IntList => serde_json::from_str(text.trim())
            .map_err(|_| format!("`{text}` is no list such as `[23, 45]`"))?,
        FieldType::Bool | FieldType::Int | FieldType::Float | FieldType::Date => {
            Json::String(text.trim().to_owned())
        }
        FieldType::Text | FieldType::Category(_) => Json::String(text.to_owned()),
    };
    let mut faults = Vec::new();
    let value = coerce::value(field, &json, &mut faults);
    match faults.first() {
        None => Ok(value),
        Some(fault) => Err(format!("`{text}`: {}", fault.message())),
    }
}
