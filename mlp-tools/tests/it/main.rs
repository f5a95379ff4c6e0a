//! Integration tests of the tools.
#![allow(clippy::unwrap_used)]

mod chaos;
mod cli;
mod crash;
mod database;
mod faulty;
mod log;
mod process;
mod together;
mod traffic;
mod words;
