//! Integration tests of the tools.
#![allow(clippy::unwrap_used)]

mod cli;
mod crash;
mod database;
mod faulty;
mod process;
mod traffic;
mod words;
