//! Items and users.

use serde_json::{Value as Json, json};

use crate::support::{Domain, Setup, domains};

#[test]
fn items_are_put_changed_and_withdrawn() {
    for domain in domains() {
        let server = Setup::new(domain).start();
        let (domain, mut client) = (&server.domain, server.client());
        let path = domain.item_path(77);
        client.get(&path).expect(404);
        let body = domain.item(4);
        let put = client.json("PUT", &path, &body).expect(200);
        assert_eq!(put[&domain.item_id()], 77);
        for column in &domain.schema.item.columns {
            assert_eq!(put[&column.name], body[&column.name], "{}", column.name);
        }
        for name in &domain.schema.item.null_fields {
            assert_eq!(put[name], Json::Null);
        }
        assert_eq!(client.get(&path).expect(200), put);
        // It is ranked from now on.
        let mut request = domain.request(1);
        request["candidates"] = json!([77]);
        let before = client.json("POST", "/inference/rank", &request).expect(200);
        assert_eq!(before["results"].as_array().unwrap().len(), 1);
        let changed = client.json("PUT", &path, &domain.item(5)).expect(200);
        assert_ne!(changed, put);
        // What was shown stays as it was shown.
        let task = before["task_id"].as_str().unwrap();
        let shown = client
            .get(&format!("/inference/results/{task}"))
            .expect(200);
        assert_eq!(shown, before["results"]);
        assert_eq!(client.request("DELETE", &path, &[], None).status, 204);
        client.get(&path).expect(404);
        client.request("DELETE", &path, &[], None).expect(404);
        client.json("POST", "/inference/rank", &request).expect(422);
        let shown = client
            .get(&format!("/inference/results/{task}"))
            .expect(200);
        assert_eq!(shown, before["results"]);
    }
}

#[test]
fn bad_items_are_faults() {
    let server = Setup::new(Domain::travel()).start();
    let mut client = server.client();
    let mut body = server.domain.item(1);
    body["price"] = json!(-1);
    body["animals"] = json!("perhaps");
    let reply = client.json("PUT", "/content/location/1", &body).expect(422);
    assert_eq!(reply["detail"].as_array().unwrap().len(), 2);
    for id in ["0", "-4", "x", "1.5", "99999999999999999999"] {
        let path = format!("/content/location/{id}");
        let reply = client
            .json("PUT", &path, &server.domain.item(1))
            .expect(422);
        assert_eq!(reply["detail"][0]["loc"], json!(["path", "location_id"]));
    }
}

#[test]
fn pages_follow_each_other() {
    for domain in domains() {
        let server = Setup::new(domain).start();
        let (domain, mut client) = (&server.domain, server.client());
        for seed in 0..7 {
            client
                .json("POST", "/inference/start", &domain.request(seed))
                .expect(200);
        }
        let (item, user) = (&domain.schema.item, &domain.schema.user);
        for (entity, number) in [(item, 30), (user, 7)] {
            let mut seen = Vec::new();
            loop {
                let after = seen.last().copied().unwrap_or(0);
                let path = format!("/content/{}?limit=4&after={after}", entity.table);
                let page = client.get(&path).expect(200);
                let page = page.as_array().unwrap();
                if page.is_empty() {
                    break;
                }
                assert!(page.len() <= 4);
                seen.extend(page.iter().map(|r| r[&entity.id_name()].as_i64().unwrap()));
            }
            assert!(seen.is_sorted());
            assert_eq!(seen.len(), number);
            let whole = client.get(&format!("/content/{}?limit=99999999", entity.table));
            assert_eq!(whole.expect(200).as_array().unwrap().len(), number);
            let bad = client.get(&format!("/content/{}?limit=0&after=x", entity.table));
            bad.expect(422);
        }
    }
}

#[test]
fn a_person_is_erased_and_the_numbers_stay() {
    for domain in domains() {
        let server = Setup::new(domain).start();
        let (domain, mut client) = (&server.domain, server.client());
        let body = domain.request(9);
        client.json("POST", "/inference/start", &body).expect(200);
        let path = domain.user_path(1);
        let before = client.get(&path).expect(200);
        assert_eq!(client.request("DELETE", &path, &[], None).status, 204);
        let after = client.get(&path).expect(200);
        for column in &domain.schema.user.columns {
            let name = &column.name;
            let expected = match column.kind {
                mlp_core::FieldType::Text => &Json::Null,
                _ => &before[name],
            };
            assert_eq!(&after[name], expected, "{name}");
        }
        client
            .request("DELETE", &domain.user_path(5), &[], None)
            .expect(404);
        client.get(&domain.user_path(5)).expect(404);
    }
}

#[test]
fn what_is_not_there_is_not_found() {
    let server = Setup::new(Domain::travel()).start();
    let mut client = server.client();
    for path in [
        "/content/result/9",
        "/content/result/-1",
        "/content/location/999",
        "/models/3",
    ] {
        client.get(path).expect(404);
    }
    for path in ["/content/result/x", "/content/user/1e3", "/models/one"] {
        let reply = client.get(path).expect(422);
        assert_eq!(reply["detail"][0]["type"], "int_parsing");
        assert_eq!(reply["detail"][0]["loc"][0], "path");
    }
}
