//! The SQLite store against the conformance suite, and what only a file can get wrong.

mod conformance;
mod file;
