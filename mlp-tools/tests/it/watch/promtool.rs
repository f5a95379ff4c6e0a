//! The configuration and the alerts, by Prometheus's own tool.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use super::{docker, document, read};

/// What `promtool` says; it must be content.
fn promtool(args: &[&str], file: &str) -> String {
    let output = Command::new("promtool")
        .args(args)
        .arg(docker(file))
        .output()
        .expect("`promtool` is a program: Debian's package prometheus");
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "promtool {args:?} {file}: {text}");
    text.into_owned()
}

/// An alert as it stands in the file.
struct Alert {
    name: String,
    text: String,
}

fn alerts() -> Vec<Alert> {
    let text = read("prometheus/alerts.yml");
    let parts = text.split("      - alert: ").skip(1);
    parts
        .map(|part| Alert {
            name: part.lines().next().unwrap().to_owned(),
            text: part.to_owned(),
        })
        .collect()
}

/// What it says against a server's metrics; nothing, where all is as it should be.
pub fn lint(metrics: &str) -> String {
    use std::io::Write;
    let mut child = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("`promtool` is a program: Debian's package prometheus");
    let input = child.stdin.take();
    input.unwrap().write_all(metrics.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    match output.status.success() {
        true => String::new(),
        false => format!("promtool check metrics: {said}"),
    }
}

#[test]
fn the_configuration_and_its_rules_are_valid() {
    let said = promtool(&["check", "config"], "prometheus/prometheus.yml");
    assert!(said.contains("1 rule files found"), "{said}");
    let said = promtool(&["check", "rules", "--lint-fatal"], "prometheus/alerts.yml");
    assert!(
        said.contains(&format!("{} rules found", alerts().len())),
        "{said}"
    );
}

#[test]
fn every_alert_fires_when_it_should_and_only_then() {
    let files = [
        "prometheus/alerts_test.yml",
        "prometheus/alerts_days_test.yml",
    ];
    let tests = files.map(|file| {
        promtool(&["test", "rules"], file);
        read(file)
    });
    let (mut fires, mut rests) = (BTreeSet::new(), BTreeSet::new());
    for part in tests.iter().flat_map(|t| t.split("alertname: ").skip(1)) {
        let (name, rest) = part.split_once('\n').unwrap();
        let is_empty = rest.trim_start().starts_with("exp_alerts: []");
        let set = if is_empty { &mut rests } else { &mut fires };
        set.insert(name.to_owned());
    }
    let all: BTreeSet<String> = alerts().into_iter().map(|a| a.name).collect();
    assert_eq!(fires, all);
    assert_eq!(rests, all);
}

#[test]
fn every_alert_says_what_to_do_about_it() {
    let runbook = read("prometheus/RUNBOOK.md");
    for Alert { name, text } in alerts() {
        for part in ["severity: ", "summary: ", "description: ", "expr: "] {
            assert!(text.contains(part), "{name} has no {part}");
        }
        assert!(text.contains("{severity: critical}") || text.contains("{severity: warning}"));
        let anchor = format!("runbook_url: RUNBOOK.md#{}\n", name.to_lowercase());
        assert!(text.contains(&anchor), "{name} does not point to {anchor}");
        let (_, section) = runbook.split_once(&format!("\n## {name}\n")).expect(&name);
        let section = section.split("\n## ").next().unwrap();
        assert!(section.len() > 100, "{name}: {section}");
        let expression = text.split("annotations:").next().unwrap();
        let unknown = document::unknown_names(expression);
        assert!(
            unknown.is_empty(),
            "{name}: {unknown:?} is no metric of ours"
        );
    }
    let sections = runbook.matches("\n## ").count();
    assert_eq!(sections, alerts().len(), "a section is about no alert");
    // What it tells to ask exists as well.
    assert_eq!(document::unknown_names(&runbook), Vec::<String>::new());
}
