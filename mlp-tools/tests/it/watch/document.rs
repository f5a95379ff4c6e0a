//! METRICS.md, as the queries and a live server have to keep to it.

use std::collections::{BTreeMap, BTreeSet};

use super::read;

/// Where a row is told: all but the first are marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    Everywhere,
    /// Where tasks travel over a broker.
    OverBroker,
    /// Where a model serves.
    OfModel,
    /// Where the newest look at the live traffic has the number.
    OfLook,
}

const MARKS: [(&str, Told); 3] = [
    (" (broker)", Told::OverBroker),
    (" (model)", Told::OfModel),
    (" (look)", Told::OfLook),
];

/// One row of the table.
#[derive(Debug)]
pub struct Metric {
    kind: String,
    told: Told,
    /// The values of each label; none where they are told of in words.
    labels: BTreeMap<String, BTreeSet<String>>,
}

/// The table, by name.
pub fn metrics() -> BTreeMap<String, Metric> {
    let text = read("prometheus/METRICS.md");
    let rows = text.lines().filter(|l| l.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let labels = cells.get(5).copied().unwrap_or_default();
        let labels = labels
            .trim_end_matches('|')
            .split("; ")
            .filter(|l| !l.trim().is_empty());
        let mut marks = MARKS.iter();
        let marked = marks.find_map(|(mark, told)| Some((cells[0].strip_suffix(mark)?, *told)));
        let (name, told) = marked.unwrap_or((cells[0], Told::Everywhere));
        let metric = Metric {
            told,
            kind: cells[1].to_owned(),
            labels: labels.map(label).collect(),
        };
        (name.trim_matches('`').to_owned(), metric)
    })
    .collect()
}

fn label(text: &str) -> (String, BTreeSet<String>) {
    let (name, values) = text.trim().split_once(": ").unwrap();
    let words: Vec<&str> = values.split(' ').collect();
    let is_list = words.iter().all(|w| w.starts_with('`') && w.ends_with('`'));
    let words = words.into_iter().filter(|_| is_list);
    let values = words.map(|w| w.trim_matches('`').to_owned()).collect();
    (name.trim_matches('`').to_owned(), values)
}

/// The name of the family that a series belongs to.
fn family(series: &str, known: &BTreeMap<String, Metric>) -> Option<String> {
    let parts = ["", "_bucket", "_sum", "_count"].into_iter();
    let mut names = parts.filter_map(|part| series.strip_suffix(part));
    names.find(|n| known.contains_key(*n)).map(str::to_owned)
}

/// Whatever a live `/metrics`, in Prometheus's text format, has that no row of the table says of a
/// server that must tell some and may tell others, and rows of those it must tell that it has not.
pub fn differences(text: &str, must: &[Told], may: &[Told]) -> Vec<String> {
    let mut known = metrics();
    known.retain(|_, metric| must.contains(&metric.told) || may.contains(&metric.told));
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for line in text.lines() {
        if let Some(typed) = line.strip_prefix("# TYPE ") {
            let (name, kind) = typed.split_once(' ').unwrap();
            let told = known.get(name).map(|m| m.kind.replace("info", "gauge"));
            if told.as_deref() != Some(kind) {
                found.push(format!("{name} is a {kind}, the table says {told:?}"));
            }
            seen.insert(name.to_owned());
        } else if !line.starts_with('#') {
            let (series, _) = line.rsplit_once(' ').unwrap();
            sample(series, &known, &mut found);
        }
    }
    let missing = (known.iter())
        .filter(|(name, metric)| must.contains(&metric.told) && !seen.contains(*name));
    found.extend(missing.map(|(name, _)| format!("{name} is in the table alone")));
    found
}

/// Compares the labels of one sample. None of the values has a comma or a brace in it.
fn sample(series: &str, known: &BTreeMap<String, Metric>, found: &mut Vec<String>) {
    let (name, labels) = series.split_once('{').unwrap_or((series, ""));
    let Some(family) = family(name, known) else {
        found.push(format!("{name} is not in the table"));
        return;
    };
    let metric = &known[&family];
    let pairs = labels
        .trim_end_matches('}')
        .split(',')
        .filter(|l| !l.is_empty());
    let mut names = BTreeSet::new();
    for (label, value) in pairs.map(|pair| pair.split_once('=').unwrap()) {
        if label == "le" && metric.kind == "histogram" {
            continue;
        }
        names.insert(label.to_owned());
        let value = value.trim_matches('"');
        let fits = metric.labels.get(label);
        if !fits.is_some_and(|values| values.is_empty() || values.contains(value)) {
            found.push(format!("{series}: `{label}` is not told of"));
        }
    }
    if names.len() != metric.labels.len() {
        found.push(format!(
            "{series}: not the labels {:?}",
            metric.labels.keys()
        ));
    }
}

/// What a PromQL expression names that the table does not have: metrics, and values of labels.
pub fn unknown_names(expression: &str) -> Vec<String> {
    let known = metrics();
    let mut found = Vec::new();
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    for word in expression.split(|c| !is_word(c)) {
        let is_ours = word.starts_with("api_") || word.starts_with("mlp_");
        if is_ours && family(word, &known).is_none() {
            found.push(word.to_owned());
        }
    }
    let mut told: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (label, values) in known.values().flat_map(|m| &m.labels) {
        let values = values.iter().map(String::as_str);
        told.entry(label).or_default().extend(values);
    }
    for (label, values) in told.iter().filter(|(_, values)| !values.is_empty()) {
        for mark in ["=\"", "=~\""] {
            for rest in expression.split(&format!("{label}{mark}")).skip(1) {
                let asked = rest.split('"').next().unwrap().split('|');
                let asked = asked.filter(|value| !values.contains(value));
                found.extend(asked.map(|value| format!("{label}={value}")));
            }
        }
    }
    found
}

#[test]
fn the_table_is_read_whole() {
    let metrics = metrics();
    assert!(metrics.len() > 20);
    let failures = &metrics["mlp_failures_total"];
    assert_eq!(failures.kind, "counter");
    assert!(failures.labels["reason"].contains("panic"));
    assert!(metrics["api_request_total"].labels["path"].is_empty());
    assert!(metrics["api_active_inferences"].labels.is_empty());
    assert_eq!(metrics["api_active_inferences"].told, Told::Everywhere);
    let connected = &metrics["mlp_transport_connected"];
    assert_eq!(connected.told, Told::OverBroker);
    assert!(connected.labels["to"].contains("results"));
    assert_eq!(metrics["mlp_model_info"].told, Told::OfModel);
    assert_eq!(metrics["mlp_drift_psi"].told, Told::OfLook);
    assert!(metrics["mlp_drift_psi"].labels["feature"].is_empty());
}

#[test]
fn what_is_not_in_the_table_is_found() {
    let text = "# TYPE api_request_total counter\napi_request_total{method=\"BREW\",path=\"/\",status_code=\"200\",app_name=\"x\"} 1\n\
        # TYPE mlp_waiters counter\nmlp_waiters 1\nmlp_shown_total{who=\"me\"} 1\nother 1\n";
    let found = differences(text, &[Told::Everywhere], &[]).join("\n");
    assert!(!found.contains("mlp_transport"), "{found}");
    for part in [
        "`method` is not told of",
        "mlp_waiters is a counter",
        "`who` is not told of",
        "other is not in the table",
        "mlp_build_info is in the table alone",
    ] {
        assert!(found.contains(part), "{part} is not in {found}");
    }
    let over_broker = "# TYPE mlp_transport_resent_total counter\nmlp_transport_resent_total 0\n";
    let found = differences(over_broker, &[Told::Everywhere], &[]).join("\n");
    assert!(found.contains("mlp_transport_resent_total is not in the table"));
    let found = differences(over_broker, &[Told::Everywhere, Told::OverBroker], &[]).join("\n");
    assert!(!found.contains("mlp_transport_resent_total"), "{found}");
    assert!(found.contains("mlp_transport_connected is in the table alone"));
    // What may be told need not be, and is compared where it is.
    let look = "# TYPE mlp_drift_alarm gauge\nmlp_drift_alarm{feature=\"x\"} 1\n";
    let found = differences(look, &[], &[Told::OfLook]).join("\n");
    assert!(found.contains("`feature` is not told of"), "{found}");
    assert!(!found.contains("alone"), "{found}");
    let wrong = "rate(mlp_panics_total[5m]) / mlp_stage_seconds_bucket{stage=~\"rank|fly\"}";
    assert_eq!(unknown_names(wrong), ["mlp_panics_total", "stage=fly"]);
}
