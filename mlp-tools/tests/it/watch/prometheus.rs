//! A Prometheus of the test's own.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{docker, http, read};
use crate::process::free_port;

/// A running Prometheus with the shipped configuration; ended when dropped.
pub struct Prometheus {
    child: Child,
    /// `host:port`.
    pub authority: String,
}

/// The shipped configuration, with this API process in place of those of the name `api`, and scrapes
/// and rules that a test can wait for.
fn adapted(port: u16, own: &str) -> String {
    let shipped = read("prometheus/prometheus.yml");
    let (before, rest) = shipped.split_once("    dns_sd_configs:\n").unwrap();
    let (discovery, after) = rest.split_once("\n\n").unwrap();
    for line in ["names: [api]", "type: A", "port: 4789", "refresh_interval:"] {
        assert!(discovery.contains(line), "{line} is not in {discovery}");
    }
    let targets = format!("    static_configs:\n      - targets: ['127.0.0.1:{port}']\n\n");
    let mut text = format!("{before}{targets}{after}");
    let rules = docker("prometheus/alerts.yml");
    for (shipped, ours) in [
        ("scrape_interval: 15s", "scrape_interval: 500ms"),
        ("scrape_timeout: 10s", "scrape_timeout: 500ms"),
        ("evaluation_interval: 15s", "evaluation_interval: 500ms"),
        ("- alerts.yml", &format!("- {}", rules.display())),
        ("localhost:9090", own),
    ] {
        assert!(text.contains(shipped), "{shipped} is not in {text}");
        text = text.replace(shipped, ours);
    }
    text
}

impl Prometheus {
    /// Starts it on a free port, scraping the API at `port`.
    pub fn start(data: &Path, port: u16) -> Self {
        let authority = format!("127.0.0.1:{}", free_port());
        let config = data.join("prometheus.yml");
        std::fs::write(&config, adapted(port, &authority)).unwrap();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                data.join("tsdb").display()
            ))
            .arg(format!("--web.listen-address={authority}"))
            .arg("--log.level=warn")
            .stdout(Stdio::null())
            .spawn()
            .expect("`prometheus` is a program: Debian's package of that name");
        let mut server = Self { child, authority };
        let end = Instant::now() + Duration::from_secs(20);
        while http::get(&server.authority, "/-/ready").is_err() {
            if let Some(status) = server.child.try_wait().unwrap() {
                panic!("prometheus ended: {status}");
            }
            assert!(Instant::now() < end, "prometheus is not ready");
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
