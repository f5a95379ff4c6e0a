//! Python's own worker on the same machine.

use std::path::{Path, PathBuf};
use std::process::Command;

use mlp_store::conformance::services::Space;
use serde::Deserialize;

use crate::row::note;

#[derive(Deserialize)]
struct Said {
    tasks_per_s: f64,
}

/// Tasks a second, of the better of its pools.
pub fn rate() -> f64 {
    let space = Space::shared();
    let rates = ["solo", "prefork"].map(|pool| of_pool(&space, pool));
    note(format_args!(
        "Python, solo and prefork: {rates:.0?} tasks/s"
    ));
    rates.into_iter().fold(0.0, f64::max)
}

fn of_pool(space: &Space, pool: &str) -> f64 {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/all/celery/python_worker.py");
    let mut command = Command::new(python());
    command
        .arg(script)
        .args(["--tasks", "3000", "--pool", pool]);
    command.env("CELERY_BROKER_URL", space.amqp());
    command.env("CELERY_BACKEND_URL", space.redis());
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let said = text
        .lines()
        .last()
        .and_then(|line| serde_json::from_str(line).ok());
    match said {
        Some(Said { tasks_per_s }) => tasks_per_s,
        None => panic!("{text}{}", String::from_utf8_lossy(&output.stderr)),
    }
}

/// That of the tests: scripts/lib.sh makes it and names it.
fn python() -> PathBuf {
    let python = std::env::var_os("MLP_TEST_PYTHON");
    PathBuf::from(
        python.expect("MLP_TEST_PYTHON names a Python with Celery: scripts/bench.sh does"),
    )
}
