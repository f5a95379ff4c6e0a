//! What Prometheus and Grafana are given: scraped, asked and checked by the programs themselves, and
//! where there is none, as the program does it.

mod dashboards;
mod document;
mod http;
mod live;
mod look;
mod macros;
mod prometheus;
mod promtool;

use std::path::PathBuf;

/// What stands in `docker/`.
fn docker(path: &str) -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.parent().unwrap().join("docker").join(path)
}

fn read(path: &str) -> String {
    let path = docker(path);
    match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => panic!("{}: {error}", path.display()),
    }
}
