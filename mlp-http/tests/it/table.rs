//! The whole table of routes: each is described, answers, and is measured.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use crate::support::{Domain, Setup, domains};

/// The routes of the wire contract, with the names of a domain in place.
fn contract(domain: &Domain) -> BTreeSet<String> {
    let (item, user) = (&domain.schema.item, &domain.schema.user);
    let text = "GET / POST /inference/start GET /inference/status/{task_id} \
        GET /inference/results/{task_id} POST /inference/rank PUT /inference/select \
        POST /train/start GET /train/status/{task_id} GET /content/info \
        GET /content/ITEM/{ITEM_id} PUT /content/ITEM/{ITEM_id} DELETE /content/ITEM/{ITEM_id} \
        GET /content/ALL_I GET /content/USER/{USER_id} DELETE /content/USER/{USER_id} \
        GET /content/ALL_U GET /content/result/{result_id} GET /content/results/{task_id} \
        GET /models GET /models/{model_id} POST /models/{model_id}/promote POST /models/rollback \
        POST /try GET /try/{task_id} POST /try/{task_id} GET /assets/{file} GET /dashboard \
        POST /dashboard/login POST /dashboard/logout GET /dashboard/promote/{model_id} \
        POST /dashboard/promote/{model_id} GET /dashboard/rollback POST /dashboard/rollback \
        GET /drift GET /drift/history POST /drift/run GET /drift/status/{task_id} \
        GET /metrics GET /openapi.json GET /docs GET /healthz GET /readyz";
    let text = (text
        .replace("ITEM", &item.name)
        .replace("ALL_I", &item.table))
    .replace("USER", &user.name)
    .replace("ALL_U", &user.table);
    let words: Vec<&str> = text.split_whitespace().collect();
    words.chunks(2).map(|pair| pair.join(" ")).collect()
}

fn label(path: &str) -> String {
    let segments: Vec<&str> = path.split('/').skip(1).take(2).collect();
    format!("/{}", segments.join("/"))
}

/// Every `$ref` in a document.
fn references<'a>(value: &'a Json, found: &mut Vec<&'a str>) {
    match value {
        Json::Object(map) => {
            for (key, value) in map {
                match value {
                    Json::String(text) if key == "$ref" => found.push(text),
                    value => references(value, found),
                }
            }
        }
        Json::Array(list) => list.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[test]
fn every_route_is_described_answers_and_is_measured() {
    for domain in domains() {
        let server = Setup::new(domain).start();
        let mut client = server.client();
        let document = client.get("/openapi.json").expect(200);
        assert_eq!(document["openapi"], "3.1.0");
        let mut described = BTreeSet::new();
        for (path, place) in document["paths"].as_object().unwrap() {
            for (method, operation) in place.as_object().unwrap() {
                let method = method.to_uppercase();
                described.insert(format!("{method} {path}"));
                assert!(operation["summary"].as_str().unwrap().len() > 5);
                let reply = client.request(&method, &path.replace(['{', '}'], ""), &[], None);
                // Of tasks and such files there are none, and no look yet.
                let missing =
                    path.contains("task_id") || path.contains("{file}") || path == "/drift";
                assert!(![404, 405, 500].contains(&reply.status) || missing);
                let known = operation["responses"].as_object().unwrap();
                let status = reply.status.to_string();
                assert!(
                    known.contains_key(&status),
                    "{method} {path}: {status} is not described"
                );
            }
        }
        assert_eq!(described, contract(&server.domain));
        let metrics = client.get("/metrics");
        let metrics = metrics.text();
        for route in &described {
            let (method, path) = route.split_once(' ').unwrap();
            if path == "/metrics" {
                continue;
            }
            let path = label(path);
            for name in [
                "api_request_total",
                "api_exception_total",
                "api_processing_time_count",
            ] {
                let line = format!("{name}{{method=\"{method}\",path=\"{path}\",status_code=\"");
                assert!(metrics.contains(&line), "{line}");
            }
        }
    }
}

#[test]
fn the_description_is_whole() {
    for domain in domains() {
        let server = Setup::new(domain).start();
        let document = server.client().get("/openapi.json").expect(200);
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > 20);
        for reference in found {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
        let mut ids = BTreeSet::new();
        for place in document["paths"].as_object().unwrap().values() {
            for operation in place.as_object().unwrap().values() {
                assert!(ids.insert(operation["operationId"].as_str().unwrap()));
            }
        }
        let request = &document["components"]["schemas"]["Request"];
        for field in &server.domain.schema.user.fields {
            assert!(
                request["properties"].get(&field.name).is_some(),
                "{}",
                field.name
            );
        }
    }
}

#[test]
fn health_and_readiness() {
    let server = Setup::new(Domain::travel()).start();
    let mut client = server.client();
    assert_eq!(client.get("/healthz").expect(200)["status"], "ok");
    let ready = client.get("/readyz").expect(200);
    assert_eq!(
        (&ready["status"], &ready["items"]),
        (&"ready".into(), &30.into())
    );
}
