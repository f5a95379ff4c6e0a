//! Integration tests of the tools.
#![allow(clippy::unwrap_used)]

mod celery;
mod chaos;
mod cli;
mod closed_loop;
mod crash;
mod database;
mod deploy;
mod doctor;
mod drift;
mod faulty;
mod health;
mod log;
mod process;
mod schema;
mod together;
mod traffic;
mod watch;
mod webhook;
mod words;
