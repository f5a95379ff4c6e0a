//! One cell of a tab-separated file to one typed value.

use serde_json::Value as Json;

use super::coerce;
use super::fault::shortened;
use crate::schema::{Field, FieldType};
use crate::value::Value;

/// Reads a cell under the rules of a JSON body, but for white space around numbers, booleans and
/// dates, which is no matter; a list is written `[23, 45]`. The message of an error names the value
/// and the limit.
pub(crate) fn cell(field: &Field, text: &str) -> Result<Value, String> {
    let json = match field.kind {
        FieldType::IntList => serde_json::from_str(text.trim())
            .map_err(|_| format!("`{}` is no list such as `[23, 45]`", shortened(text)))?,
        FieldType::Bool | FieldType::Int | FieldType::Float | FieldType::Date => {
            Json::String(text.trim().to_owned())
        }
        FieldType::Text | FieldType::Category(_) => Json::String(text.to_owned()),
    };
    let mut faults = Vec::new();
    let value = coerce::value(field, &json, &mut faults);
    match faults.first() {
        None => Ok(value),
        Some(fault) => Err(format!("`{}`: {}", shortened(text), fault.message())),
    }
}
