//! What was found, for people and for programs.

use std::path::Path;

use super::check::{Row, Status};

/// Where what was found begins: the status and two spaces stand before the name.
const STATUS_WIDTH: usize = 6;

/// Prints a line for each, what to do below it, and a summary.
pub fn print(rows: &[Row]) {
    let width = rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
    for row in rows {
        let finding = &row.finding;
        let status = word(finding.status);
        say!(
            "{status:<STATUS_WIDTH$}{:<width$}  {}",
            row.name,
            finding.found
        );
        if let Some(advice) = &finding.advice {
            say!("{:STATUS_WIDTH$}  {advice}", "");
        }
    }
    say!("{}", summary(rows));
}

fn word(status: Status) -> &'static str {
    match status {
        Status::Ok => "ok",
        Status::Warn => "warn",
        Status::Fail => "FAIL",
        Status::Skip => "skip",
    }
}

fn summary(rows: &[Row]) -> String {
    let count = |status| rows.iter().filter(|r| r.finding.status == status).count();
    let (fine, skipped) = (count(Status::Ok), count(Status::Skip));
    let mut words = format!("{fine} ok");
    for (n, one, more) in [
        (count(Status::Warn), "warning", "warnings"),
        (count(Status::Fail), "failure", "failures"),
    ] {
        words += &format!(", {n} {}", if n == 1 { one } else { more });
    }
    match skipped {
        0 => words,
        n => format!("{words}, {n} skipped"),
    }
}

/// Writes the rows as a JSON list.
pub fn write(path: &Path, rows: &[Row]) -> std::io::Result<()> {
    let text = serde_json::to_string_pretty(rows)?;
    std::fs::write(path, text + "\n")
}
