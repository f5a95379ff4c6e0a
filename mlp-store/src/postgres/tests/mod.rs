//! What needs the crate's inside: see `tests/it` for the rest.
#![allow(clippy::unwrap_used)]

mod certificates;
mod config;
mod dial;
mod tls;
