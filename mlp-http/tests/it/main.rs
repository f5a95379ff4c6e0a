//! The server from outside: over its socket, with the SQLite store, for two schemas.
#![allow(clippy::unwrap_used)]

mod access;
mod content;
mod contract;
mod drain;
mod failures;
mod handle;
mod idempotency;
mod learning;
mod limits;
mod malformed;
mod methods;
mod metrics;
mod models;
mod sessions;
mod support;
mod table;
mod waiting;
