//! The server from outside: over its socket, with the SQLite store, for two schemas.
#![allow(clippy::unwrap_used)]

mod access;
mod browser;
mod content;
mod contract;
mod dashboard;
mod drain;
mod drift;
mod failures;
mod handle;
mod idempotency;
mod learning;
mod limits;
mod malformed;
mod methods;
mod metrics;
mod models;
mod pages;
mod sessions;
mod support;
mod table;
mod waiting;
