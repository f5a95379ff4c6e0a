//! One JSON value to one typed value, as leniently as the recorded clients need.

use serde_json::{Value as Json, json};

use super::date::date;
use super::fault::Fault;
use super::number::{Whole, bool, float, int};
use super::{Bound, out_of_bounds};
use crate::schema::{Field, FieldType, MAX_LIST, MAX_TEXT};
use crate::value::Value;

/// What is wrong with a scalar, before it is located.
pub(super) type Wrong = (&'static str, String, Option<Json>);

pub(super) fn wrong<T>(kind: &'static str, message: &str) -> Result<T, Wrong> {
    Err((kind, message.to_owned(), None))
}

/// The typed value; on a fault, pushes it and gives [`Value::Null`].
pub(super) fn value(field: &Field, json: &Json, faults: &mut Vec<Fault>) -> Value {
    if field.kind == FieldType::IntList {
        return list(field, json, faults);
    }
    scalar(field, json).unwrap_or_else(|(kind, message, context)| {
        faults.push(located(kind, &field.name, message, context, json));
        Value::Null
    })
}

fn located(
    kind: &'static str,
    field: &str,
    message: String,
    context: Option<Json>,
    input: &Json,
) -> Fault {
    let fault = Fault::at(kind, field, message).with_input(input);
    match context {
        Some(context) => fault.with_context(context),
        None => fault,
    }
}

fn scalar(field: &Field, json: &Json) -> Result<Value, Wrong> {
    match &field.kind {
        FieldType::Bool => bool(json).map(Value::Bool),
        FieldType::Int => whole(field, json).map(Value::Int),
        FieldType::Float => {
            let number = float(json)?;
            bounded(field, number)?;
            Ok(Value::Float(number))
        }
        FieldType::Text => text(field, json),
        FieldType::Date => date(json).map(Value::Date),
        FieldType::Category(levels) => level(levels, json),
        FieldType::IntList => wrong("list_type", "Input should be a valid list"),
    }
}

fn whole(field: &Field, json: &Json) -> Result<i64, Wrong> {
    let number = int(json)?;
    bounded(field, number.near())?;
    Whole::fits(number)
}

fn bounded(field: &Field, number: f64) -> Result<(), Wrong> {
    // Bounds of whole numbers are whole.
    let limit = |bound: f64| match field.kind {
        FieldType::Float => json!(bound),
        _ => json!(bound as i64),
    };
    match out_of_bounds(field, number) {
        None => Ok(()),
        Some((Bound::Min, min)) => Err((
            "greater_than_equal",
            format!("Input should be greater than or equal to {min}"),
            Some(json!({ "ge": limit(min) })),
        )),
        Some((Bound::Max, max)) => Err((
            "less_than_equal",
            format!("Input should be less than or equal to {max}"),
            Some(json!({ "le": limit(max) })),
        )),
    }
}

fn text(field: &Field, json: &Json) -> Result<Value, Wrong> {
    let Json::String(text) = json else {
        return wrong("string_type", "Input should be a valid string");
    };
    if text.contains('\0') {
        return wrong("string_nul", "String should not contain NUL");
    }
    let length = text.chars().count();
    let least = field.min.unwrap_or(0.0) as usize;
    let most = field.max.map_or(MAX_TEXT, |m| m as usize);
    let unit = |n: usize| if n == 1 { "character" } else { "characters" };
    if length < least {
        return Err((
            "string_too_short",
            format!("String should have at least {least} {}", unit(least)),
            Some(json!({ "min_length": least })),
        ));
    }
    if length > most {
        return Err((
            "string_too_long",
            format!("String should have at most {most} {}", unit(most)),
            Some(json!({ "max_length": most })),
        ));
    }
    Ok(Value::Text(text.as_str().into()))
}

fn level(levels: &[String], json: &Json) -> Result<Value, Wrong> {
    let found = json
        .as_str()
        .and_then(|text| levels.iter().position(|l| l == text))
        .and_then(|p| u16::try_from(p).ok());
    match found {
        Some(position) => Ok(Value::Level(position)),
        None => {
            let expected = expected(levels);
            Err((
                "literal_error",
                format!("Input should be {expected}"),
                Some(json!({ "expected": expected })),
            ))
        }
    }
}

/// `'a', 'b' or 'c'`, cut short where there are more than an answer should carry.
fn expected(levels: &[String]) -> String {
    const MOST: usize = 50;
    let shown = levels.iter().take(MOST);
    let quoted: Vec<String> = shown.map(|l| format!("'{l}'")).collect();
    match quoted.split_last() {
        Some(_) if levels.len() > MOST => {
            format!("{} or {} others", quoted.join(", "), levels.len() - MOST)
        }
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}

fn list(field: &Field, json: &Json, faults: &mut Vec<Fault>) -> Value {
    let Json::Array(elements) = json else {
        let fault = Fault::at("list_type", &field.name, "Input should be a valid list");
        faults.push(fault.with_input(json));
        return Value::Null;
    };
    let length = elements.len();
    // An empty list has no average, no least and no largest element.
    if length == 0 && field.summaries.is_some() {
        let message = "List should have at least 1 item after validation, not 0";
        let context = json!({ "field_type": "List", "min_length": 1, "actual_length": 0 });
        faults.push(Fault::at("too_short", &field.name, message).with_context(context));
        return Value::Null;
    }
    if length > MAX_LIST {
        let message =
            format!("List should have at most {MAX_LIST} items after validation, not {length}");
        let context =
            json!({ "field_type": "List", "max_length": MAX_LIST, "actual_length": length });
        faults.push(Fault::at("too_long", &field.name, message).with_context(context));
        return Value::Null;
    }
    let before = faults.len();
    let mut numbers = Vec::with_capacity(length);
    for (index, element) in elements.iter().enumerate() {
        match whole(field, element) {
            Ok(number) => numbers.push(number),
            Err((kind, message, context)) => {
                faults.push(located(kind, &field.name, message, context, element).under(index));
            }
        }
    }
    if faults.len() == before {
        Value::Ints(numbers)
    } else {
        Value::Null
    }
}
