//! The SQLite store against the conformance suite, and what only a file can get wrong.
#![allow(clippy::unwrap_used)]

mod conformance;
mod domain;
mod live;
mod opening;
mod processes;
mod running;
mod support;
