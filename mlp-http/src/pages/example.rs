//! A form that is filled in already, so that one click shows something.

use mlp_core::{Date, Field, FieldType, Schema, Value};

/// A value of each field as a form would carry it, in the schema's order. `today` is in days since
/// 1970; a required date lies a month after it.
pub(crate) fn example(schema: &Schema, today: i32) -> Vec<(String, String)> {
    let fields = &schema.user.fields;
    let mut ticked = 0;
    let mut values: Vec<(String, String)> = Vec::with_capacity(fields.len());
    for field in fields {
        if field.kind == FieldType::Bool {
            // An unticked box is not sent.
            ticked += 1;
            if ticked <= 2 {
                values.push((field.name.clone(), "true".to_owned()));
            }
            continue;
        }
        let value = match &field.default {
            Some(default) => written(field, default),
            None => made(field, today),
        };
        values.push((field.name.clone(), value));
    }
    for field in fields {
        if let Some(counted) = field.count
            && let Some((_, list)) = values.iter().find(|(name, _)| *name == field.name)
        {
            let length = list.split(',').filter(|part| !part.is_empty()).count();
            let counted = &fields[counted].name;
            if let Some((_, value)) = values.iter_mut().find(|(name, _)| name == counted) {
                *value = length.to_string();
            }
        }
    }
    values
}

fn written(field: &Field, value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(b) => b.to_string(),
        Value::Int(i) => i.to_string(),
        Value::Float(x) => x.to_string(),
        Value::Text(text) => text.to_string(),
        Value::Date(date) => date.to_string(),
        Value::Level(level) => match &field.kind {
            FieldType::Category(levels) => {
                levels.get(usize::from(*level)).cloned().unwrap_or_default()
            }
            _ => String::new(),
        },
        Value::Ints(list) => joined(list.iter().copied()),
    }
}

fn made(field: &Field, today: i32) -> String {
    let within = |x: f64| {
        let low = field.min.unwrap_or(f64::NEG_INFINITY);
        x.clamp(low, field.max.unwrap_or(f64::INFINITY).max(low))
    };
    match &field.kind {
        FieldType::Bool => String::new(),
        FieldType::Int => (within(1.0) as i64).to_string(),
        FieldType::Float => within(500.0).to_string(),
        FieldType::Text => {
            let name = "Robin";
            let least = field.min.unwrap_or(0.0) as usize;
            let most = field.max.map_or(usize::MAX, |m| m as usize);
            let repeated = name.chars().cycle().take(least.max(name.len()).min(most));
            repeated.collect()
        }
        FieldType::Date => Date::from_days(today.saturating_add(30))
            .map(|date| date.to_string())
            .unwrap_or_default(),
        FieldType::Category(levels) => levels.first().cloned().unwrap_or_default(),
        FieldType::IntList => joined([34.0, 31.0, 8.0].map(|x| within(x) as i64)),
    }
}

fn joined(numbers: impl IntoIterator<Item = i64>) -> String {
    let numbers: Vec<String> = numbers.into_iter().map(|n| n.to_string()).collect();
    numbers.join(", ")
}
