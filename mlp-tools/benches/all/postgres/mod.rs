//! The PostgreSQL backend, on servers that only this run uses.

mod cost;
mod held;
pub mod large;
mod pickup;
mod queue;
mod raw;
mod server;
mod sessions;
mod wal;

use crate::args::Wanted;
use crate::row::Row;

pub const NAMES: [&str; 11] = [
    sessions::NAME,
    queue::NAMES[0],
    queue::NAMES[1],
    pickup::NAME,
    cost::NAMES[0],
    cost::NAMES[1],
    cost::NAMES[2],
    cost::NAMES[3],
    cost::NAMES[4],
    held::NAMES[0],
    held::NAMES[1],
];

pub fn run(wanted: &Wanted) -> Vec<Row> {
    eprintln!("==> postgres");
    let any = |names: &[&str]| names.iter().any(|name| wanted.has(name));
    let mut rows = Vec::new();
    if wanted.has(sessions::NAME) {
        rows.push(sessions::run());
    }
    if any(&queue::NAMES) {
        rows.extend(queue::run(wanted));
    }
    if wanted.has(pickup::NAME) {
        rows.push(pickup::run());
    }
    if any(&cost::NAMES) {
        rows.extend(cost::run());
    }
    if any(&held::NAMES) {
        rows.extend(held::run());
    }
    rows
}
