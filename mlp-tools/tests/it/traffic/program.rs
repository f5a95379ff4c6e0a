use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use super::config_file;
use super::fake::Fake;

struct Place {
    directory: TempDir,
    fake: Fake,
}

impl Place {
    async fn new() -> Self {
        Place {
            directory: TempDir::new().unwrap(),
            fake: Fake::start().await,
        }
    }

    fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_traffic_generator"));
        command
            .current_dir(self.directory.path())
            .env_remove("URL")
            .env_remove("DOMAIN")
            .arg("--config")
            .arg(config_file(&self.directory))
            .args(arguments.split_whitespace())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    async fn run(&self, arguments: &str) -> Output {
        let url = self.fake.url();
        let mut command = self.command(arguments);
        command.env("URL", url).output().await.unwrap()
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[tokio::test]
async fn a_run_prints_a_summary_and_writes_its_report() {
    let place = Place::new().await;
    let path = place.directory.path().join("out.json");
    std::fs::write(&path, "x".repeat(100_000)).unwrap();
    let output = place
        .run("-p 2 -n 20 -tmin 0.001 -tmax=0.002 -d 1 --json out.json")
        .await;
    assert!(output.status.success(), "{output:?}");
    let summary = text(&output.stdout);
    assert!(summary.starts_with("sessions   20 in "), "{summary}");
    assert!(summary.contains("latency ms"), "{summary}");
    // No progress in a pipe.
    assert_eq!(text(&output.stderr), "");
    let report = json(&path);
    assert_eq!(
        (&report["sessions"], &report["errors"]),
        (&20.into(), &0.into())
    );
    assert!(report["latency_ms"]["session"]["p99"].is_f64());
}

#[tokio::test]
async fn json_to_standard_output_stands_alone() {
    let place = Place::new().await;
    let output = place.run("-n 3 --no-sleep --json -").await;
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["sessions"], 3);
    assert!(text(&output.stderr).contains("sessions   3 in"));
}

#[tokio::test]
async fn a_flag_beats_the_environment() {
    let place = Place::new().await;
    let url = place.fake.url();
    let mut command = place.command(&format!("-n 1 --no-sleep --url {url}"));
    let command = command.env("URL", "http://127.0.0.1:1");
    let output = command.env("DOMAIN", "nowhere.invalid").output().await;
    assert!(output.unwrap().status.success());
}

#[tokio::test]
async fn a_dotenv_file_names_the_server_unless_the_environment_does() {
    let place = Place::new().await;
    let dotenv = place.directory.path().join(".env");
    let url = place.fake.url();
    std::fs::write(&dotenv, format!("# the server\nURL={url}\nDOMAIN=h\n")).unwrap();
    let mut command = place.command("-n 1 --no-sleep");
    assert!(command.output().await.unwrap().status.success());
    std::fs::write(&dotenv, "URL=https://h").unwrap();
    assert!(place.run("-n 1 --no-sleep").await.status.success());
    std::fs::write(&dotenv, "a b").unwrap();
    let output = place.run("-n 1 --no-sleep").await;
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("`.env`"), "{output:?}");
}

#[tokio::test]
async fn failures_have_their_exit_status_and_say_why() {
    let place = Place::new().await;
    for (arguments, status, part) in [
        ("-d 2", 2, "`2` must be from 0 to 1"),
        ("--url https://h", 2, "TLS is not built in"),
        ("--nope", 2, "unexpected argument"),
        (
            "--json no/such/dir/f -n 1",
            1,
            "cannot write `no/such/dir/f`",
        ),
        ("--help", 0, ""),
        ("--version", 0, ""),
    ] {
        let output = place.run(arguments).await;
        let errors = text(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{arguments}: {errors}");
        assert!(errors.contains(part), "{arguments}: {errors}");
    }
    let bad_config = place.directory.path().join("bad.tsv");
    std::fs::write(&bad_config, "meta_comment\tpeople_min\nX\tmany\n").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_traffic_generator"));
    let output = command.arg("--config").arg(&bad_config).output().await;
    let output = output.unwrap();
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        errors.contains("people_min") && errors.contains("bad.tsv"),
        "{errors}"
    );
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_once() {
    let mut place = Place::new().await;
    place.fake.close().await;
    let output = place.run("-n 5 --no-sleep").await;
    assert_eq!(output.status.code(), Some(1));
    let errors = text(&output.stderr);
    assert!(
        errors.contains("cannot connect to http://127.0.0.1:"),
        "{errors}"
    );
    assert!(errors.contains("mlp up"), "{errors}");
    assert_eq!(errors.lines().count(), 1, "{errors}");
}

#[tokio::test]
async fn signals_end_a_run_with_its_summary() {
    for signal in ["-INT", "-TERM"] {
        let place = Place::new().await;
        let mut command = place.command("-p 2 --no-sleep --json out.json");
        command.env("URL", place.fake.url());
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let id = child.id().unwrap().to_string();
        while place.fake.state.selections.lock().unwrap().len() < 5 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let killed = Command::new("kill").args([signal, &id]).status().await;
        assert!(killed.unwrap().success());
        let output = child.wait_with_output().await.unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(text(&output.stdout).starts_with("sessions "));
        let report = json(&place.directory.path().join("out.json"));
        assert!(report["sessions"].as_u64().unwrap() >= 4, "{report}");
    }
}
