//! The ways of a session, for both schemas.

use serde_json::{Value as Json, json};

use crate::support::{Domain, Setup, domains};

fn scores(results: &Json) -> Vec<f64> {
    let list = results.as_array().unwrap();
    list.iter().map(|r| r["score"].as_f64().unwrap()).collect()
}

#[test]
fn a_session_from_start_to_selection() {
    for domain in domains() {
        let server = Setup {
            model: true,
            ..Setup::new(domain)
        };
        let server = server.start();
        let (domain, mut client) = (&server.domain, server.client());
        let task = server.inference(5);
        let results = client.get(&format!("/inference/results/{task}?limit=4"));
        let results = results.expect(200);
        let scores = scores(&results);
        assert_eq!(scores.len(), 4);
        assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
        assert!(scores.iter().all(|s| (0.0..=1.0).contains(s)));
        for column in &domain.schema.item.columns {
            assert!(results[0].get(&column.name).is_some(), "{}", column.name);
        }
        let id_name = domain.item_id();
        let picked = results[2][&id_name].as_i64().unwrap();
        let body = json!({ "task_id": task, &id_name: picked });
        let row = client.json("PUT", "/inference/select", &body).expect(200);
        assert_eq!(row[&id_name], picked);
        assert_eq!((&row["label"], &row["shown"]), (&json!(1), &json!(true)));
        let again = client.json("PUT", "/inference/select/", &body).expect(200);
        assert_eq!(again, row, "a repeat changes nothing");
        let number = row["result_id"].as_i64().unwrap();
        let stored = client.get(&format!("/content/result/{number}")).expect(200);
        assert_eq!(stored, row);
        let all = client.get(&format!("/content/results/{task}")).expect(200);
        let all = all.as_array().unwrap();
        assert_eq!(all.len(), domain.schema.max_shown.min(30));
        let shown = all.iter().filter(|r| r["shown"] == true).count();
        assert_eq!(shown, 4);
        let none = json!({ "task_id": task, &id_name: -1 });
        assert_eq!(
            client.json("PUT", "/inference/select", &none).expect(200),
            Json::Null
        );
        let unranked = json!({ "task_id": task, &id_name: 4711 });
        client
            .json("PUT", "/inference/select", &unranked)
            .expect(404);
    }
}

#[test]
fn ranking_in_one_call() {
    for domain in domains() {
        let server = Setup {
            model: true,
            worker: false,
            ..Setup::new(domain)
        };
        let server = server.start();
        let mut client = server.client();
        let body = server.domain.request(6);
        let path = "/inference/rank?limit=5&explain=1";
        let reply = client.json("POST", path, &body).expect(200);
        assert_eq!(reply["model_id"], 1);
        let results = &reply["results"];
        assert_eq!(results.as_array().unwrap().len(), 5);
        let task = reply["task_id"].as_str().unwrap();
        let status = client.get(&format!("/inference/status/{task}")).expect(200);
        assert_eq!(status["status"], "SUCCESS");
        // The same results, explained from what is stored.
        let again = client.get(&format!("/inference/results/{task}?limit=5&explain=true"));
        assert_eq!(&again.expect(200), results);
        for result in results.as_array().unwrap() {
            let parts = result["explain"].as_object().unwrap();
            let sum: f64 = parts.values().map(|v| v.as_f64().unwrap()).sum();
            let score = result["score"].as_f64().unwrap();
            let probability = 1.0 / (1.0 + (-sum).exp());
            assert!((probability - score).abs() < 1e-4, "{probability} {score}");
        }
        assert!(results[0].get("explain").is_some());
        let plain = client.get(&format!("/inference/results/{task}?explain=0"));
        assert!(plain.expect(200)[0].get("explain").is_none());
    }
}

#[test]
fn a_large_catalog_is_ranked_elsewhere_and_alike() {
    let body = Domain::travel().request(6);
    let results = [usize::MAX, 0].map(|rank_inline| {
        let setup = Setup {
            model: true,
            options: mlp_http::Options {
                rank_inline,
                ..Default::default()
            },
            ..Setup::new(Domain::travel())
        };
        let server = setup.start();
        let reply = server
            .client()
            .json("POST", "/inference/rank?limit=30", &body)
            .expect(200);
        reply["results"].clone()
    });
    assert_eq!(results[0].as_array().unwrap().len(), 30);
    assert_eq!(results[0], results[1]);
}

#[test]
fn only_candidates_are_ranked() {
    for domain in domains() {
        let server = Setup {
            model: true,
            ..Setup::new(domain)
        };
        let server = server.start();
        let mut client = server.client();
        let id_name = server.domain.item_id();
        let mut body = server.domain.request(7);
        body["candidates"] = json!([3, "9", 4_000_000, 17]);
        let reply = client.json("POST", "/inference/rank", &body).expect(200);
        let results = reply["results"].as_array().unwrap();
        let mut ids: Vec<i64> = results
            .iter()
            .map(|r| r[&id_name].as_i64().unwrap())
            .collect();
        ids.sort_unstable();
        assert_eq!(ids, [3, 9, 17]);
        for (bad, kind) in [
            (json!([4_000_000]), "value_error"),
            (json!([]), "too_short"),
            (json!((0..10_001).collect::<Vec<_>>()), "too_long"),
            (json!("3"), "list_type"),
            (json!([1, "x"]), "int_parsing"),
        ] {
            body["candidates"] = bad;
            let reply = client.json("POST", "/inference/start", &body).expect(422);
            assert_eq!(reply["detail"][0]["type"], kind);
            assert_eq!(reply["detail"][0]["loc"][1], "candidates");
        }
    }
}

#[test]
fn limits_of_results_are_capped() {
    let server = Setup::new(Domain::reading()).start();
    let mut client = server.client();
    let task = server.inference(1);
    for (query, length) in [
        ("", 10),
        ("?limit=1", 1),
        ("?limit=12", 12),
        ("?limit=5000", 12),
    ] {
        let reply = client.get(&format!("/inference/results/{task}{query}"));
        assert_eq!(
            reply.expect(200).as_array().unwrap().len(),
            length,
            "{query}"
        );
    }
    for query in [
        "limit=0",
        "limit=-3",
        "limit=1.5",
        "limit=",
        "explain=maybe",
    ] {
        let reply = client.get(&format!("/inference/results/{task}?{query}"));
        let name = query.split('=').next().unwrap();
        assert_eq!(
            reply.expect(422)["detail"][0]["loc"],
            json!(["query", name])
        );
    }
}

#[test]
fn without_a_worker_nothing_is_finished() {
    let server = Setup {
        worker: false,
        ..Setup::new(Domain::travel())
    };
    let server = server.start();
    let mut client = server.client();
    let body = server.domain.request(1);
    let task = client.json("POST", "/inference/start", &body).expect(200);
    let task = task["task_id"].as_str().unwrap();
    client
        .get(&format!("/inference/results/{task}"))
        .expect(409);
    let body = json!({ "task_id": task, "location_id": 1 });
    client.json("PUT", "/inference/select", &body).expect(409);
    let all = client.get(&format!("/content/results/{task}")).expect(200);
    assert_eq!(all, json!([]));
    client.get(&format!("/train/status/{task}")).expect(404);
}

#[test]
fn a_failed_inference_says_so() {
    let server = Setup {
        worker: false,
        store: mlp_store::StoreOptions::new().max_attempts(1),
        ..Setup::new(Domain::travel())
    };
    let server = server.start();
    let mut client = server.client();
    let body = server.domain.request(1);
    let task = client.json("POST", "/inference/start", &body).expect(200);
    let task = task["task_id"].as_str().unwrap();
    let options = mlp_store::ClaimOptions {
        kind: mlp_store::TaskKind::Inference,
        max: 1,
        lease: std::time::Duration::from_secs(9),
    };
    let leases = server.store.claim(&options).unwrap();
    let error = "planted".to_owned();
    let outcome = mlp_store::Outcome::Failed { error };
    let lease = leases[0].reference();
    let settlement = mlp_store::Settlement { lease, outcome };
    server.store.settle(&[settlement]).unwrap();
    for path in ["status", "results"] {
        let reply = client.get(&format!("/inference/{path}/{task}")).expect(500);
        assert_eq!(reply, json!({ "detail": "Task failed" }));
    }
    let body = json!({ "task_id": task, "location_id": 1 });
    client.json("PUT", "/inference/select", &body).expect(404);
}

#[test]
fn unknown_tasks_are_not_found() {
    let server = Setup::new(Domain::travel()).start();
    let mut client = server.client();
    for id in [
        "0198c1f2-7a3b-7c4d-8e5f-60718293a4b5",
        "7",
        "not-a-uuid",
        "%00",
    ] {
        for path in [
            "inference/status",
            "inference/results",
            "train/status",
            "content/results",
        ] {
            client.get(&format!("/{path}/{id}")).expect(404);
        }
        let body = json!({ "task_id": id, "location_id": 1 });
        client.json("PUT", "/inference/select", &body).expect(404);
    }
}

#[test]
fn many_clients_at_once() {
    let server = Setup::new(Domain::travel()).start();
    std::thread::scope(|scope| {
        for client in 0..16 {
            let server = &server;
            scope.spawn(move || {
                for session in 0..10 {
                    let task = server.inference(client * 100 + session);
                    let path = format!("/inference/results/{task}");
                    let results = server.client().get(&path).expect(200);
                    let body = json!({ "task_id": task, "location_id": results[0]["location_id"] });
                    server
                        .client()
                        .json("PUT", "/inference/select", &body)
                        .expect(200);
                }
            });
        }
    });
    let info = server.client().get("/content/info").expect(200);
    assert_eq!(info, json!({ "locations": 30, "users": 160 }));
}
