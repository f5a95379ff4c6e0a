//! What existing clients rely on: statuses, keys, types, and the place and type of every fault.
//!
//! `contract.json` has the calls of such a client in order. An answer must have the same keys and
//! types as the one that stands there; texts and numbers may differ, but for `type` and `loc`.

use serde_json::Value as Json;

use crate::support::{Client, Domain, Setup};

fn kind(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "bool",
        Json::Number(_) => "number",
        Json::String(_) => "string",
        Json::Array(_) => "list",
        Json::Object(_) => "object",
    }
}

/// Compares keys and types; under `type` and `loc` also the values.
fn alike(name: &str, expected: &Json, found: &Json, path: &str) {
    assert_eq!(kind(expected), kind(found), "{name}: {path}: {found}");
    match (expected, found) {
        (Json::Object(expected), Json::Object(found)) => {
            let mut keys: Vec<&String> = expected.keys().collect();
            let mut there: Vec<&String> = found.keys().collect();
            keys.sort_unstable();
            there.sort_unstable();
            assert_eq!(keys, there, "{name}: {path}");
            for key in keys {
                if key == "type" || key == "loc" {
                    assert_eq!(expected[key], found[key], "{name}: {path}");
                    continue;
                }
                alike(name, &expected[key], &found[key], &format!("{path}.{key}"));
            }
        }
        (Json::Array(expected), Json::Array(found)) if path.ends_with("detail") => {
            assert_eq!(expected.len(), found.len(), "{name}: {found:?}");
            for (expected, found) in expected.iter().zip(found) {
                alike(name, expected, found, path);
            }
        }
        (Json::Array(expected), Json::Array(found)) => {
            for found in found {
                alike(name, &expected[0], found, path);
            }
        }
        _ => {}
    }
}

/// What later calls need of earlier answers.
#[derive(Default)]
struct Memory {
    task: String,
    items: Vec<i64>,
}

impl Memory {
    fn fill(&self, text: &str) -> String {
        let mut text = text.replace("{task}", &self.task);
        for (position, item) in self.items.iter().take(2).enumerate() {
            text = text.replace(&format!("\"{{item {position}}}\""), &item.to_string());
        }
        text
    }

    fn learn(&mut self, found: &Json) {
        if let (true, Some(task)) = (self.task.is_empty(), found["task_id"].as_str()) {
            self.task = task.to_owned();
        }
        if let (true, Some(list)) = (self.items.is_empty(), found.as_array()) {
            let ids = list.iter().filter_map(|r| r["location_id"].as_i64());
            self.items = ids.collect();
        }
    }
}

fn call(client: &mut Client, case: &Json, memory: &Memory) -> (u16, Json) {
    let method = case["method"].as_str().unwrap();
    let path = memory.fill(case["path"].as_str().unwrap());
    let headers = [("content-type", "application/json")];
    let body = match (&case["raw"], &case["body"]) {
        (Json::String(raw), _) => Some(raw.clone()),
        (_, Json::Null) => None,
        (_, body) => Some(memory.fill(&body.to_string())),
    };
    let body = body.as_ref().map(String::as_bytes);
    let headers = if body.is_some() { &headers[..] } else { &[] };
    let reply = client.request(method, &path, headers, body);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    (reply.status, reply.json())
}

#[test]
fn an_existing_client_works_unchanged() {
    let cases: Vec<Json> = serde_json::from_str(include_str!("contract.json")).unwrap();
    let server = Setup {
        model: true,
        ..Setup::new(Domain::travel())
    };
    let server = server.start();
    let mut client = server.client();
    let mut memory = Memory::default();
    for case in &cases {
        let name = case["name"].as_str().unwrap();
        let (mut status, mut found) = call(&mut client, case, &memory);
        // An old client asks again and again.
        for _ in 0..400 {
            if case["until"].is_null() || found["status"] == case["until"] {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
            (status, found) = call(&mut client, case, &memory);
        }
        assert_eq!(case["status"], status, "{name}: {found}");
        alike(name, &case["response"], &found, "");
        if let Some(length) = case["length"].as_u64() {
            assert_eq!(found.as_array().unwrap().len() as u64, length, "{name}");
        }
        memory.learn(&found);
    }
}

#[test]
fn bodies_are_not_echoed() {
    let server = Setup::new(Domain::travel()).start();
    let mut body = server.domain.request(3);
    body["name"] = "a-person's-name".into();
    body["budget"] = serde_json::json!(["a-secret"]);
    body["people_age"] = serde_json::json!([1, "a-secret-age"]);
    let reply = server.client().json("POST", "/inference/start", &body);
    assert_eq!(reply.status, 422);
    let text = reply.text();
    assert!(
        !text.contains("a-person") && !text.contains("a-secret\""),
        "{text}"
    );
}
