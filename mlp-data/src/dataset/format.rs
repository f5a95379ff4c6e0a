//! The text of users and locations in the tables.

use std::io::Write;

use crate::tsv::push_text;
use crate::{Location, User};

/// Columns of a user, in order.
pub const USER_COLUMNS: [&str; 13] = [
    "name",
    "people_num",
    "people_age",
    "children_num",
    "budget",
    "nights",
    "time_arrival",
    "pool",
    "spa",
    "pet_friendly",
    "lake",
    "mountain",
    "sport",
];

/// Columns of a location, in order.
pub const LOCATION_COLUMNS: [&str; 17] = [
    "children",
    "breakfast",
    "lunch",
    "dinner",
    "price",
    "has_pool",
    "has_spa",
    "animals",
    "near_lake",
    "near_mountains",
    "has_sport",
    "family_rating",
    "outdoor_rating",
    "food_rating",
    "leisure_rating",
    "service_rating",
    "user_score",
];

/// The last column of the labelled table: 1 for the choice, else 0.
pub const LABEL_COLUMN: &str = "label";

pub(super) fn header<'a>(columns: impl Iterator<Item = &'a str>) -> String {
    let mut line = columns.collect::<Vec<_>>().join("\t");
    line.push('\n');
    line
}

/// Appends the columns of a user, without a tab or break after them.
pub(super) fn push_user(out: &mut Vec<u8>, user: &User) {
    push_text(out, &user.name);
    push(out, format_args!("\t{}\t[", user.people_num));
    for (index, age) in user.people_age.iter().enumerate() {
        out.extend_from_slice(if index == 0 { b"" } else { b", " });
        push(out, format_args!("{age}"));
    }
    push(
        out,
        format_args!(
            "]\t{}\t{:?}\t{}\t{}",
            user.children_num, user.budget, user.nights, user.time_arrival
        ),
    );
    let wishes = [
        user.pool,
        user.spa,
        user.pet_friendly,
        user.lake,
        user.mountain,
        user.sport,
    ];
    push_bools(out, &wishes);
}

/// Appends the columns of a location with a tab before each.
pub(super) fn push_location(out: &mut Vec<u8>, location: &Location) {
    let l = location;
    push_bools(out, &[l.children, l.breakfast, l.lunch, l.dinner]);
    push(out, format_args!("\t{:?}", l.price));
    push_bools(out, &[l.has_pool, l.has_spa, l.animals]);
    push_bools(out, &[l.near_lake, l.near_mountains, l.has_sport]);
    let ratings = [
        l.family_rating,
        l.outdoor_rating,
        l.food_rating,
        l.leisure_rating,
        l.service_rating,
        l.user_score,
    ];
    for rating in ratings {
        push(out, format_args!("\t{rating:?}"));
    }
}

fn push_bools(out: &mut Vec<u8>, values: &[bool]) {
    for &value in values {
        out.extend_from_slice(if value { b"\tTrue" } else { b"\tFalse" });
    }
}

fn push(out: &mut Vec<u8>, arguments: std::fmt::Arguments<'_>) {
    // Writing to a vector cannot fail.
    let _ = out.write_fmt(arguments);
}

/// Many pieces of text in one allocation.
#[derive(Debug, Default)]
pub(super) struct Arena {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Arena {
    /// Adds the piece that `write` appends.
    pub(super) fn add(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.bytes);
        self.ends.push(self.bytes.len());
    }

    /// Piece number `index`, from 0.
    pub(super) fn get(&self, index: usize) -> &[u8] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.bytes[start..self.ends[index]]
    }
}
