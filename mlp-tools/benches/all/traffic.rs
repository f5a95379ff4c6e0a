//! The real `traffic_generator`, against a server.

use std::process::{Command, Stdio};

use serde::Deserialize;

use crate::fixture;
use crate::process::{Process, Server, scratch};

const GENERATOR: &str = env!("CARGO_BIN_EXE_traffic_generator");

/// What is read of the generator's report.
#[derive(Debug, Deserialize)]
pub struct Report {
    pub sessions: u64,
    pub sessions_per_s: f64,
    pub errors: u64,
    pub busy: u64,
    pub failed: u64,
    pub lost: u64,
    pub missed: u64,
    pub latency_ms: Latencies,
}

#[derive(Debug, Deserialize)]
pub struct Latencies {
    pub start: Quantiles,
}

#[derive(Debug, Deserialize)]
pub struct Quantiles {
    pub p50: f64,
    pub p99: f64,
}

impl Report {
    /// Whether every request was answered well, in time.
    pub fn is_clean(&self) -> bool {
        self.errors + self.busy + self.failed + self.lost + self.missed == 0
    }
}

/// Sends traffic that never waits, for so many seconds.
pub fn send(server: &Server, seconds: f64, flags: &[&str]) -> Report {
    let dir = scratch("traffic");
    let report = dir.join("report.json");
    let mut command = Command::new(GENERATOR);
    command
        .args(["--no-sleep", "--url"])
        .arg(format!("http://127.0.0.1:{}", server.port))
        .arg("--config")
        .arg(fixture::config("user.tsv"))
        .args(["--duration", &seconds.to_string()])
        .arg("--json")
        .arg(&report)
        .args(flags)
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(dir.join("stderr")).unwrap());
    let status = Process::spawn(command).wait();
    if !status.success() {
        server.check();
        let stderr = std::fs::read_to_string(dir.join("stderr")).unwrap();
        panic!("traffic_generator {flags:?} ended: {status}\n{stderr}");
    }
    serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap()
}
