//! The dashboards that ship, and the rules that make a panel one that can be read.

use serde_json::Value;

use super::{docker, document, read};

/// The data sources' uids, as `datasources/mlp.yaml` has them.
const PROMETHEUS: &str = "mlp-prometheus";
const POSTGRES: &str = "mlp-postgres";

/// One query, and where it stands.
#[derive(Debug, Clone)]
pub struct Query {
    /// The panel's title.
    pub place: String,
    /// Without macros and variables put in.
    pub text: String,
    /// Whether the answer is a table, and not a course over time.
    pub is_table: bool,
    /// Whether it may answer nothing: an annotation marks what did not happen yet.
    pub may_be_empty: bool,
}

/// Every query of every dashboard.
#[derive(Debug, Default)]
pub struct Queries {
    pub prometheus: Vec<Query>,
    pub postgres: Vec<Query>,
}

fn dashboards() -> Vec<Value> {
    let files = std::fs::read_dir(docker("grafana/dashboards")).unwrap();
    let texts = files.map(|f| std::fs::read_to_string(f.unwrap().path()).unwrap());
    texts.map(|t| serde_json::from_str(&t).unwrap()).collect()
}

/// Reads them.
pub fn queries() -> Queries {
    let mut found = Queries::default();
    for dashboard in dashboards() {
        for panel in dashboard["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().unwrap() {
                found.add(&panel["title"], target, false);
            }
        }
        for annotation in dashboard["annotations"]["list"].as_array().unwrap() {
            found.add(&annotation["name"], &annotation["target"], true);
        }
    }
    found
}

impl Queries {
    fn add(&mut self, title: &Value, target: &Value, may_be_empty: bool) {
        let (list, text) = match target["datasource"]["uid"].as_str() {
            Some(PROMETHEUS) => (&mut self.prometheus, &target["expr"]),
            Some(POSTGRES) => (&mut self.postgres, &target["rawSql"]),
            other => panic!("{title} asks {other:?}, which is not provisioned"),
        };
        list.push(Query {
            place: title.as_str().unwrap().to_owned(),
            text: text.as_str().unwrap().to_owned(),
            is_table: target["format"] == "table",
            may_be_empty,
        });
    }
}

fn named(uid: &str) -> Value {
    let mut all = dashboards().into_iter();
    all.find(|d| d["uid"] == uid).expect(uid)
}

fn titles(dashboard: &Value) -> Vec<&str> {
    let panels = dashboard["panels"].as_array().unwrap().iter();
    panels.map(|p| p["title"].as_str().unwrap()).collect()
}

#[test]
fn there_are_two_dashboards_with_their_panels() {
    assert_eq!(dashboards().len(), 2);
    let expected = [
        "Active inferences",
        "Accuracy (pick rate)",
        "Processing time by route",
        "Users: people",
        "Users: budget",
        "Users: age",
        "Users: wishes",
    ];
    assert_eq!(titles(&named("mlp-overview")), expected);
    let expected = [
        "Drift alarm",
        "Champion",
        "Last look",
        "Answered",
        "Explored",
        "Pick rate, realised and expected",
        "Explored sessions: log loss",
        "Explored sessions: precision at 1",
        "Drift: PSI by feature",
        "Drift: p-value by feature",
        "Features that changed",
        "Decisions",
        "Models",
        "Answers: delay",
        "Answers: coverage and exploration",
        "Trainings",
        "Queue: tasks by kind",
        "Queue: age by kind",
    ];
    assert_eq!(titles(&named("mlp-learning")), expected);
}

#[test]
fn dashboards_lead_to_each_other() {
    let all = dashboards();
    for dashboard in &all {
        let uid = &dashboard["uid"];
        // A list of all with the tag, at the time that is looked at.
        let link = &dashboard["links"][0];
        assert_eq!(link["type"], "dashboards", "{uid}");
        assert_eq!(link["keepTime"], true, "{uid}");
        let tagged = all.iter().all(|d| d["tags"] == link["tags"]);
        assert!(tagged, "{uid}: {link}");
    }
    let mut links = 0;
    for panel in all.iter().flat_map(|d| d["panels"].as_array().unwrap()) {
        for link in panel["links"].as_array().into_iter().flatten() {
            let (path, time) = link["url"].as_str().unwrap().split_once('?').unwrap();
            assert_eq!(time, "${__url_time_range}");
            named(path.strip_prefix("/d/").unwrap());
            links += 1;
        }
    }
    assert!(links > 0);
}

#[test]
fn panels_do_not_lie_on_each_other() {
    for dashboard in dashboards() {
        let mut taken = std::collections::BTreeSet::new();
        for panel in dashboard["panels"].as_array().unwrap() {
            let side = |name: &str| panel["gridPos"][name].as_u64().unwrap();
            assert!(side("x") + side("w") <= 24, "{}", panel["title"]);
            for x in side("x")..side("x") + side("w") {
                for y in side("y")..side("y") + side("h") {
                    assert!(taken.insert((x, y)), "{} at {x} {y}", panel["title"]);
                }
            }
        }
    }
}

#[test]
fn every_panel_can_be_read() {
    for dashboard in dashboards() {
        let mut taken = std::collections::BTreeSet::new();
        for panel in dashboard["panels"].as_array().unwrap() {
            let title = &panel["title"];
            assert!(taken.insert(panel["id"].as_u64().unwrap()), "{title}: id");
            let defaults = &panel["fieldConfig"]["defaults"];
            assert_eq!(defaults["noValue"], "no data yet", "{title}");
            assert!(defaults["unit"].is_string(), "{title}: no unit");
            let text = panel["description"].as_str().unwrap_or_default();
            assert!(text.len() > 40 && text.ends_with('.'), "{title}: {text}");
            for target in panel["targets"].as_array().unwrap() {
                let legend = target["legendFormat"].as_str();
                let is_sql = target["rawSql"].is_string();
                // SQL names its columns.
                assert!(is_sql || legend.is_some_and(|l| l != "__auto"), "{title}");
                assert_eq!(target["datasource"], panel["datasource"], "{title}");
            }
        }
    }
}

#[test]
fn what_dashboards_ask_is_provisioned() {
    let sources = read("grafana/provisioning/datasources/mlp.yaml");
    for uid in [PROMETHEUS, POSTGRES] {
        assert!(sources.contains(&format!("uid: {uid}\n")), "{uid}");
    }
    for part in [
        "url: http://prometheus:9090\n",
        "url: $DATABASE_HOST\n",
        "user: $DATABASE_USER\n",
        "database: $DATABASE_SCHEMA\n",
        "password: $__file{/run/secrets/database_pass}\n",
    ] {
        assert!(sources.contains(part), "{part}");
    }
    // Rates look back over at least four scrapes, by the interval that Grafana is told.
    let scrapes = read("prometheus/prometheus.yml");
    assert!(scrapes.contains("scrape_interval: 15s\n"));
    assert!(sources.contains("timeInterval: 15s\n"));
}

#[test]
fn panels_ask_for_metrics_that_exist() {
    for query in queries().prometheus {
        let unknown = document::unknown_names(&query.text);
        assert!(unknown.is_empty(), "{}: {unknown:?}", query.place);
    }
}
