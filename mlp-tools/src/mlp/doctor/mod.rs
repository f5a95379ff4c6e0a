//! `mlp doctor`: looks for what is wrong, and says what to do about it. It changes nothing.

mod access;
mod broker;
mod check;
mod clock;
mod configuration;
mod contents;
mod database;
mod disk;
mod http;
mod limits;
mod listener;
mod permissions;
mod report;
mod server;
mod subject;
mod variables;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::error::Error;
use super::settings::Common;
use crate::traffic::Target;
use check::Check;
use subject::{Said, Subject};

/// Looks at configuration, database, broker, clock, disk, versions and permissions as the other commands
/// would find them, and says what to do about what is wrong. It changes nothing, and each check has
/// 5 seconds.
#[derive(Args, Debug)]
#[command(
    after_help = "Each check is a line: `ok`; `warn`, for what works and should not stay so; `FAIL`, for what \
    stops a command or breaks a promise; `skip`, where something before it failed. What to do stands below. The exit code is 0 \
    where nothing failed, 1 otherwise.\n\nExamples:\n  mlp doctor\n  \
    mlp doctor --url http://10.0.0.7:4789 --json doctor.json"
)]
pub struct Doctor {
    /// Also write the checks to this file, as a JSON list of `name`, `status`, `found`, `advice`
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// A running server to look at. Default: the one that answers at `--bind`, if any
    #[arg(long, value_name = "URL")]
    url: Option<Target>,

    #[command(flatten)]
    said: Said,
}

/// What the program knows before the doctor is called.
pub struct Told<'a> {
    /// The flags that every command takes.
    pub common: &'a Common,
    /// The log filter, where one is set.
    pub log: Option<&'a str>,
    /// What reading `.env` gave.
    pub dotenv: Result<(), String>,
}

/// Every check, by area, in the order of the report: one that another needs stands before it.
const AREAS: [&[Check]; 11] = [
    &variables::CHECKS,
    &configuration::CHECKS,
    &access::CHECKS,
    &permissions::CHECKS,
    &database::CHECKS,
    &broker::CHECKS,
    &clock::CHECKS,
    &contents::CHECKS,
    &disk::CHECKS,
    &limits::CHECKS,
    &server::CHECKS,
];

impl Doctor {
    /// Runs every check, prints and writes what they found.
    pub fn run(&self, told: Told<'_>) -> ExitCode {
        let subject = Arc::new(Subject::new(&told, self.said.clone(), self.url.clone()));
        let rows = check::run_all(&subject, AREAS.iter().copied().flatten());
        report::print(&rows);
        let written = match &self.json {
            Some(path) => report::write(path, &rows).map_err(Error::file("write", path)),
            None => Ok(()),
        };
        if let Err(error) = &written {
            eprintln!("error: {error}");
        }
        match written.is_ok() && !rows.iter().any(check::Row::failed) {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_stands_after_what_it_needs_and_has_a_name_of_its_own() {
        let mut names: Vec<&str> = Vec::new();
        for check in AREAS.iter().copied().flatten() {
            assert!(!names.contains(&check.name), "{}", check.name);
            for need in check.needs {
                assert!(names.contains(need), "{} needs {need}", check.name);
            }
            names.push(check.name);
        }
    }
}
