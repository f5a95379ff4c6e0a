//! One JSON value to one typed value, as leniently as the recorded clients need.

use serde_json::{Value as Json, json};

use super::cell::parse_bool;
use super::fault::Fault;
use super::{Bound, out_of_bounds};
use crate::schema::{Field, FieldType, MAX_LIST, MAX_TEXT};
use crate::value::{Date, Value};

/// What is wrong with a scalar, before it is located.
type Wrong = (&'static str, String, Option<Json>);

fn wrong<T>(kind: &'static str, message: &str) -> Result<T, Wrong> {
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
        FieldType::Int => {
            let number = int(json)?;
            bounded(field, number as f64)?;
            Ok(Value::Int(number))
        }
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

fn bounded(field: &Field, number: f64) -> Result<(), Wrong> {
    match out_of_bounds(field, number) {
        None => Ok(()),
        Some((Bound::Min, min)) => Err((
            "greater_than_equal",
            format!("Input should be greater than or equal to {min}"),
            Some(json!({ "ge": min })),
        )),
        Some((Bound::Max, max)) => Err((
            "less_than_equal",
            format!("Input should be less than or equal to {max}"),
            Some(json!({ "le": max })),
        )),
    }
}

fn bool(json: &Json) -> Result<bool, Wrong> {
    let parsed = match json {
        Json::Bool(b) => Some(*b),
        Json::Number(n) => match n.as_f64() {
            Some(0.0) => Some(false),
            Some(1.0) => Some(true),
            _ => None,
        },
        Json::String(s) => parse_bool(s),
        _ => return wrong("bool_type", "Input should be a valid boolean"),
    };
    match parsed {
        Some(b) => Ok(b),
        None => wrong(
            "bool_parsing",
            "Input should be a valid boolean, unable to interpret input",
        ),
    }
}

const TOO_LARGE: &str = "Unable to parse input string as an integer, exceeded maximum size";

fn int(json: &Json) -> Result<i64, Wrong> {
    match json {
        Json::Bool(b) => Ok(i64::from(*b)),
        Json::Number(n) => match (n.as_i64(), n.as_f64()) {
            (Some(i), _) => Ok(i),
            (None, Some(f)) => int_from_float(f),
            (None, None) => wrong("int_parsing_size", TOO_LARGE),
        },
        Json::String(s) => int_from_text(s.trim()),
        _ => wrong("int_type", "Input should be a valid integer"),
    }
}

fn int_from_float(f: f64) -> Result<i64, Wrong> {
    // The largest i64 is no f64: 2^63 itself must stay out.
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if f.fract() != 0.0 {
        return wrong(
            "int_from_float",
            "Input should be a valid integer, got a number with a fractional part",
        );
    }
    if (-LIMIT..LIMIT).contains(&f) {
        Ok(f as i64)
    } else {
        wrong("int_parsing_size", TOO_LARGE)
    }
}

fn int_from_text(text: &str) -> Result<i64, Wrong> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    // `3.0` is a whole number too.
    let (digits, zeros) = digits.split_once('.').unwrap_or((digits, "0"));
    let all = |s: &str, f: fn(u8) -> bool| !s.is_empty() && s.bytes().all(f);
    if !all(digits, |b| b.is_ascii_digit()) || !all(zeros, |b| b == b'0') {
        return wrong(
            "int_parsing",
            "Input should be a valid integer, unable to parse string as an integer",
        );
    }
    let sign = if text.starts_with('-') { "-" } else { "" };
    match format!("{sign}{digits}").parse() {
        Ok(i) => Ok(i),
        Err(_) => wrong("int_parsing_size", TOO_LARGE),
    }
}

fn float(json: &Json) -> Result<f64, Wrong> {
    let number = match json {
        Json::Bool(b) => f64::from(u8::from(*b)),
        Json::Number(n) => n.as_f64().unwrap_or(f64::INFINITY),
        Json::String(s) => match s.trim().parse() {
            Ok(f) => f,
            Err(_) => {
                return wrong(
                    "float_parsing",
                    "Input should be a valid number, unable to parse string as a number",
                );
            }
        },
        _ => return wrong("float_type", "Input should be a valid number"),
    };
    if number.is_finite() {
        Ok(number)
    } else {
        wrong("finite_number", "Input should be a finite number")
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

fn date(json: &Json) -> Result<Date, Wrong> {
    let Json::String(text) = json else {
        return wrong("date_type", "Input should be a valid date");
    };
    let text = text.trim();
    if let Ok(date) = text.parse() {
        return Ok(date);
    }
    if text.len() < 10 {
        return Err((
            "date_from_datetime_parsing",
            "Input should be a valid date or datetime, input is too short".to_owned(),
            Some(json!({ "error": "input is too short" })),
        ));
    }
    let invalid = || {
        (
            "date_from_datetime_parsing",
            "Input should be a valid date or datetime, invalid date or time".to_owned(),
            Some(json!({ "error": "invalid date or time" })),
        )
    };
    let local = text.trim_end_matches(['Z', 'z']).trim_end_matches("+00:00");
    let moment: jiff::civil::DateTime = local.parse().map_err(|_| invalid())?;
    if moment.time() != jiff::civil::Time::midnight() {
        return wrong(
            "date_from_datetime_inexact",
            "Datetimes provided to dates should have zero time - e.g. be exact dates",
        );
    }
    Ok(Date::from(moment.date()))
}

fn level(levels: &[String], json: &Json) -> Result<Value, Wrong> {
    let found = json
        .as_str()
        .and_then(|text| levels.iter().position(|l| l == text))
        .and_then(|p| u16::try_from(p).ok());
    match found {
        Some(position) => Ok(Value::Level(position)),
        None => {
            let quoted: Vec<String> = levels.iter().map(|l| format!("'{l}'")).collect();
            let expected = match quoted.split_last() {
                Some((last, [])) => last.clone(),
                Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
                None => String::new(),
            };
            Err((
                "literal_error",
                format!("Input should be {expected}"),
                Some(json!({ "expected": expected })),
            ))
        }
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
        let number = int(element).and_then(|n| bounded(field, n as f64).map(|()| n));
        match number {
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
