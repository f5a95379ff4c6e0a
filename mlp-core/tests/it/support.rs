//! What the tests share: schemas, rows and numbers that look random.

#![allow(clippy::unwrap_used)]

use mlp_core::{Entity, Schema};
use serde_json::{Value as Json, json};

pub const TRAVEL: &str = include_str!("../../../config/travel.toml");
pub const READING: &str = include_str!("../../testdata/reading.toml");

pub fn travel() -> Schema {
    Schema::parse("travel.toml", TRAVEL).unwrap()
}

pub fn reading() -> Schema {
    Schema::parse("reading.toml", READING).unwrap()
}

/// A schema of one-line fields and features; `user` and `item` are lists of inline tables.
pub fn inline(user: &str, item: &str, features: &str) -> Schema {
    let text = inline_text(user, item, features);
    Schema::parse("inline.toml", &text).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

pub fn inline_text(user: &str, item: &str, features: &str) -> String {
    format!(
        "name = \"inline\"\nfeatures = [{features}]\n\
         [user]\nname = \"reader\"\ntable = \"readers\"\nfields = [{user}]\n\
         [item]\nname = \"book\"\ntable = \"books\"\nfields = [{item}]\n"
    )
}

/// The recorded body of `start_ok`.
pub fn family() -> Json {
    json!({
        "name": "Family", "people_num": 3, "people_age": [35, 33, 4], "children_num": 1,
        "budget": 420.75, "nights": 5, "time_arrival": "2026-01-15", "pool": true, "spa": false,
        "pet_friendly": false, "lake": true, "mountain": true, "sport": false,
    })
}

/// `body` with some fields replaced.
pub fn with(mut body: Json, fields: Json) -> Json {
    let Json::Object(fields) = fields else {
        panic!("not an object");
    };
    body.as_object_mut().unwrap().extend(fields);
    body
}

/// The numbers of a request.
pub fn numbers(entity: &Entity, body: &Json) -> Vec<f64> {
    let row = entity.row_from_json(body).unwrap();
    let mut numbers = Vec::new();
    entity.numbers(&row, &mut numbers);
    numbers
}

/// Numbers in [0, 1) that repeat; the generators of the golden values do the same.
pub fn noise(i: usize) -> f64 {
    ((i * 7919 + 104_729) % 1009) as f64 / 1009.0
}
