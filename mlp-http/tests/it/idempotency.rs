//! A repeat under the same key is the same request.

use serde_json::{Value as Json, json};

use crate::support::{Client, Setup, domains};

fn post(client: &mut Client, path: &str, key: &str, body: &Json) -> crate::support::Reply {
    let headers = [
        ("content-type", "application/json"),
        ("Idempotency-Key", key),
    ];
    client.request("POST", path, &headers, Some(body.to_string().as_bytes()))
}

#[test]
fn a_repeat_answers_the_first_task() {
    for domain in domains() {
        let server = Setup::new(domain).start();
        let mut client = server.client();
        let body = server.domain.request(1);
        for path in ["/inference/start", "/inference/rank"] {
            let first = post(&mut client, path, &format!("key-{path}"), &body).expect(200);
            let again = post(&mut client, path, &format!("key-{path}"), &body).expect(200);
            assert_eq!(first["task_id"], again["task_id"]);
            assert_eq!(first["results"], again["results"]);
            let other = post(&mut client, path, "another", &body)
                .expect(if path.ends_with("start") { 200 } else { 422 });
            assert_ne!(first["task_id"], other["task_id"]);
        }
        let users = &server.domain.schema.user.table;
        let info = client.get("/content/info").expect(200);
        assert_eq!(info[users], 3);
    }
}

#[test]
fn white_space_and_order_make_no_other_request() {
    let server = Setup::new(crate::support::Domain::travel()).start();
    let mut client = server.client();
    let body = server.domain.request(2);
    let first = post(&mut client, "/inference/start", "k", &body).expect(200);
    let fields = body.as_object().unwrap().iter().rev();
    let turned: Vec<String> = fields.map(|(k, v)| format!(" \"{k}\" : {v}")).collect();
    let turned = format!("{{{} }}", turned.join(",\n"));
    let headers = [("idempotency-key", "k")];
    let again = client.request(
        "POST",
        "/inference/start/",
        &headers,
        Some(turned.as_bytes()),
    );
    assert_eq!(again.expect(200)["task_id"], first["task_id"]);
}

#[test]
fn a_key_stands_for_one_body() {
    let server = Setup::new(crate::support::Domain::travel()).start();
    let mut client = server.client();
    post(
        &mut client,
        "/inference/start",
        "k",
        &server.domain.request(1),
    )
    .expect(200);
    let reply = post(
        &mut client,
        "/inference/start",
        "k",
        &server.domain.request(2),
    )
    .expect(422);
    assert_eq!(
        reply["detail"][0]["loc"],
        json!(["header", "idempotency-key"])
    );
}

#[test]
fn bad_keys_are_faults() {
    let server = Setup::new(crate::support::Domain::travel()).start();
    let mut client = server.client();
    let body = server.domain.request(1);
    let long = "k".repeat(256);
    for key in ["", "a b", "ü", long.as_str()] {
        let reply = post(&mut client, "/inference/start", key, &body).expect(422);
        assert_eq!(
            reply["detail"][0]["loc"],
            json!(["header", "idempotency-key"])
        );
    }
    let longest = "k".repeat(255);
    post(&mut client, "/inference/start", &longest, &body).expect(200);
}
