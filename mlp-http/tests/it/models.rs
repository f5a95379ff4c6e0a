//! The registry and trainings.

use serde_json::{Value as Json, json};

use crate::support::{Domain, Setup, domains};

fn champion(models: &Json) -> i64 {
    let models = models.as_array().unwrap();
    let champions: Vec<&Json> = models
        .iter()
        .filter(|m| m["status"] == "champion")
        .collect();
    assert_eq!(champions.len(), 1);
    assert_eq!(champions[0]["use_percentage"], 1.0);
    champions[0]["model_id"].as_i64().unwrap()
}

#[test]
fn models_are_promoted_and_rolled_back() {
    for domain in domains() {
        let setup = Setup {
            model: true,
            ..Setup::new(domain)
        };
        let server = setup.start();
        let mut client = server.client();
        client
            .request("POST", "/models/rollback", &[], None)
            .expect(409);
        let artifact = server.domain.artifact(2);
        let model = mlp_store::NewModel {
            task_id: None,
            artifact,
        };
        let second = server.store.insert_model(&model).unwrap();
        assert_eq!(champion(&client.get("/models").expect(200)), 1);
        let path = format!("/models/{second}/promote");
        let promoted = client.request("POST", &path, &[], None).expect(200);
        assert_eq!(promoted["status"], "champion");
        assert_eq!(promoted["decision"], "promoted by hand, through the API");
        assert_eq!(champion(&client.get("/models").expect(200)), second);
        // It answers at once.
        let body = server.domain.request(1);
        let reply = client.json("POST", "/inference/rank", &body).expect(200);
        assert_eq!(reply["model_id"], second);
        let back = client
            .request("POST", "/models/rollback", &[], None)
            .expect(200);
        assert_eq!(back["model_id"], 1);
        assert_eq!(champion(&client.get("/models").expect(200)), 1);
        let one = client.get("/models/1").expect(200);
        assert_eq!(one["family"], "logistic");
        assert!(one["lineage"].is_object() && one["test"].is_object());
        client
            .request("POST", "/models/99/promote", &[], None)
            .expect(404);
        client
            .request("POST", "/models/x/promote", &[], None)
            .expect(422);
        let reasons = server.store.decisions(2).unwrap();
        assert!(
            reasons
                .iter()
                .all(|d| d.decision.reason.contains("by hand"))
        );
    }
}

/// Every list would be in random order from then on.
#[test]
fn what_cannot_serve_is_not_promoted() {
    let setup = Setup {
        model: true,
        ..Setup::new(Domain::travel())
    };
    let server = setup.start();
    let mut client = server.client();
    let artifact = server.domain.artifact(2);
    let hash = server.domain.schema.hash();
    let insert = |artifact: String| {
        let model = mlp_store::NewModel {
            task_id: None,
            artifact,
        };
        server.store.insert_model(&model).unwrap()
    };
    let other = insert(artifact.replace(hash, &"0".repeat(hash.len())));
    let junk = insert("{}".to_owned());
    for (id, why) in [(other, "retrain it"), (junk, "not a model artifact")] {
        let promote = format!("/models/{id}/promote");
        let refused = client.request("POST", &promote, &[], None).expect(409);
        let detail = refused["detail"].as_str().unwrap();
        assert!(
            detail.contains(&format!("model {id} cannot serve")),
            "{detail}"
        );
        assert!(detail.contains(why), "{detail}");
    }
    assert_eq!(champion(&client.get("/models").expect(200)), 1);
    let reply = client.get("/dashboard");
    let page = reply.text();
    assert_eq!(page.matches(", cannot serve").count(), 2, "{page}");
    assert!(!page.contains(&format!("/dashboard/promote/{other}")));
}

#[test]
fn one_training_at_a_time() {
    let server = Setup::new(Domain::travel()).start();
    let mut client = server.client();
    let first = client
        .request("POST", "/train/start", &[], None)
        .expect(200);
    assert_eq!(first["type"], "training");
    assert_eq!(first["status"], "PENDING");
    let again = client
        .request("POST", "/train/start/", &[], None)
        .expect(200);
    assert_eq!(first, again);
    let task = first["task_id"].as_str().unwrap();
    let status = client
        .get(&format!("/train/status/{task}?wait=0.05"))
        .expect(200);
    assert_eq!(status, first);
    client.get(&format!("/inference/status/{task}")).expect(404);
    let body = json!({ "task_id": task, "location_id": 1 });
    client.json("PUT", "/inference/select", &body).expect(404);
    client
        .get(&format!("/inference/results/{task}"))
        .expect(404);
}
