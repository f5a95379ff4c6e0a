//! Two schemas, and rows for any schema.

use std::sync::Arc;

use mlp_core::{Column, Date, Entity, FieldType, Part, Row, Schema, Value};

/// The shipped domain.
pub fn travel() -> Arc<Schema> {
    parse("travel.toml", include_str!("../../../config/travel.toml"))
}

/// A domain as unlike it as can be.
pub fn reading() -> Arc<Schema> {
    parse(
        "reading.toml",
        include_str!("../../../mlp-core/testdata/reading.toml"),
    )
}

fn parse(name: &str, text: &str) -> Arc<Schema> {
    match Schema::parse(name, text) {
        Ok(schema) => Arc::new(schema),
        Err(error) => panic!("{error}"),
    }
}

/// A row that fits the entity: the same for the same seed, most likely another for another. A value
/// that may be missing is missing in a quarter of the rows.
pub fn sample_row(entity: &Entity, seed: u64) -> Row {
    let values = entity.columns.iter().enumerate().map(|(position, column)| {
        let random = mix(seed.wrapping_mul(1021).wrapping_add(position as u64));
        let optional = entity.fields[column.field].default.is_some();
        if optional && random.is_multiple_of(4) {
            return Value::Null;
        }
        sample_value(entity, column, random >> 8)
    });
    Row(values.collect())
}

fn sample_value(entity: &Entity, column: &Column, random: u64) -> Value {
    let field = &entity.fields[column.field];
    let low = field.min.unwrap_or(0.0);
    let high = field.max.unwrap_or(low + 1000.0);
    match &column.kind {
        FieldType::Bool => Value::Bool(random % 2 == 1),
        FieldType::Int => Value::Int(whole(low, high, random)),
        FieldType::Float if column.part == Part::Std => {
            Value::Float((random % 1000) as f64 / 100.0)
        }
        FieldType::Float => {
            let share = (random % (1 << 20)) as f64 / (1 << 20) as f64;
            Value::Float(low + (high - low) * share)
        }
        FieldType::Text => Value::Text(format!("Zoë {random} 🙂").into()),
        FieldType::Date => {
            let day = Date::from_days((random % 40_000) as i32 - 10_000);
            day.map_or(Value::Null, Value::Date)
        }
        FieldType::Category(levels) => Value::Level((random % levels.len() as u64) as u16),
        FieldType::IntList => {
            let numbers = (0..random % 5).map(|i| whole(low, high, mix(random + i)));
            Value::Ints(numbers.collect())
        }
    }
}

fn whole(low: f64, high: f64, random: u64) -> i64 {
    let (low, high) = (low as i64, high as i64);
    low + (random % (high - low + 1) as u64) as i64
}

/// SplitMix64's finisher (Steele, Lea and Flood 2014).
fn mix(seed: u64) -> u64 {
    let z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_repeat_and_differ() {
        for schema in [travel(), reading()] {
            for entity in [&schema.user, &schema.item] {
                assert_eq!(sample_row(entity, 1), sample_row(entity, 1));
                assert_ne!(sample_row(entity, 1), sample_row(entity, 2));
            }
        }
    }
}
