//! Bad input of every kind: no panic, no 500, and the server goes on.

use std::cell::RefCell;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value as Json, json};

use crate::support::{Client, Domain, Server, Setup, domains};

/// Statuses that a bad request may get.
#[track_caller]
fn refused(status: u16, what: &str) {
    assert!((200..500).contains(&status), "{status} for {what}");
}

fn well(server: &Server) {
    let mut client = server.client();
    client
        .json("POST", "/inference/start", &server.domain.request(1))
        .expect(200);
    let text = client.get("/metrics").text().to_owned();
    assert!(
        text.contains("mlp_failures_total{reason=\"panic\"} 0\n"),
        "{text}"
    );
    assert!(!text.contains("status_code=\"500\""), "{text}");
}

/// Values that are wrong for most fields.
fn odd_values() -> Vec<Json> {
    let mut values = vec![
        json!(null),
        json!(true),
        json!(-1),
        json!(0),
        json!(1.5),
        json!(1e308),
        json!(-1e308),
        json!(i64::MAX),
        json!(i64::MIN),
        json!(u64::MAX),
        json!(""),
        json!(" "),
        json!("NaN"),
        json!("inf"),
        json!("-0"),
        json!("1e999"),
        json!("0x10"),
        json!("\u{0}"),
        json!("a\u{0}b"),
        json!("\u{202e}"),
        json!("💥".repeat(50)),
        json!("x".repeat(20_000)),
        json!([]),
        json!({}),
        json!([null]),
        json!([[1]]),
        json!([1, "x", 2.5, null, {}]),
        json!({ "a": { "b": [] } }),
        json!("2026-02-30"),
        json!("9999-99-99"),
        json!("0000-00-00"),
        json!("2026-01-15T25:00:00"),
        json!("-271821-04-20"),
        json!("'; DROP TABLE users; --"),
        json!("<script>alert(1)</script>"),
        json!(vec![1; 5000]),
    ];
    values.push(json!(f64::MIN_POSITIVE));
    values
}

#[test]
fn every_field_with_every_odd_value() {
    for domain in domains() {
        let server = Setup::new(domain).start();
        let mut client = server.client();
        let mut tried = 0;
        let (user, item) = (
            server.domain.schema.user.clone(),
            server.domain.schema.item.clone(),
        );
        for value in odd_values() {
            for field in &user.fields {
                let mut body = server.domain.request(1);
                body[&field.name] = value.clone();
                let reply = client.json("POST", "/inference/start", &body);
                refused(reply.status, &body.to_string());
                tried += 1;
            }
            for field in &item.fields {
                let mut body = server.domain.item(1);
                body[&field.name] = value.clone();
                let path = server.domain.item_path(1);
                refused(client.json("PUT", &path, &body).status, &body.to_string());
                tried += 1;
            }
            let id_name = server.domain.item_id();
            for body in [
                json!({ "task_id": value, &id_name: 1 }),
                json!({ "task_id": "0198c1f2-7a3b-7c4d-8e5f-60718293a4b5", &id_name: value }),
                value.clone(),
            ] {
                let reply = client.json("PUT", "/inference/select", &body);
                refused(reply.status, &body.to_string());
                assert!(reply.status >= 400);
                tried += 1;
            }
        }
        assert!(tried > 200, "{tried}");
        well(&server);
    }
}

/// Texts that are no JSON, or hardly.
const TEXTS: [&[u8]; 36] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b"{\"a\"",
    b"{\"a\":",
    b"{\"a\":1",
    b"{\"a\":1,}",
    b"[1,]",
    b"{,}",
    b"nul",
    b"truefalse",
    b"NaN",
    b"Infinity",
    b"-",
    b"+1",
    b"01",
    b"1.",
    b".5",
    b"1e",
    b"'a'",
    b"{a:1}",
    b"{\"a\":1}{\"b\":2}",
    b"\xff\xfe",
    b"\"\xc3\x28\"",
    b"\"\\ud800\"",
    b"\"\\x41\"",
    b"\"\n\"",
    b"\x00",
    b"\xef\xbb\xbf{}",
    b"// c\n{}",
    b"{\"a\":1 \"b\":2}",
    b"1e400",
    b"-1e400",
    b"{\"a\":00}",
];

#[test]
fn texts_that_are_no_json() {
    let server = Setup::new(Domain::travel()).start();
    let mut client = server.client();
    let deep = [vec![b'['; 20_000], vec![b']'; 20_000]].concat();
    for text in TEXTS.into_iter().chain([deep.as_slice()]) {
        for (method, path) in [
            ("POST", "/inference/start"),
            ("POST", "/inference/rank"),
            ("PUT", "/inference/select"),
            ("PUT", "/content/location/1"),
        ] {
            let reply = client.request(method, path, &[], Some(text));
            let shown = String::from_utf8_lossy(&text[..text.len().min(20)]);
            assert_eq!(reply.status, 422, "{method} {path} {shown}");
        }
    }
    let empty = client
        .request("POST", "/inference/start", &[], None)
        .expect(422);
    assert_eq!(empty["detail"][0]["type"], "missing");
    assert_eq!(empty["detail"][0]["loc"], json!(["body"]));
    well(&server);
}

const PATHS: [&str; 44] = [
    "//",
    "/.",
    "/..",
    "/../../etc/passwd",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/%",
    "/%zz",
    "/%00",
    "/%ff",
    "/inference",
    "/inference/",
    "/inference/start/extra",
    "/inference//start",
    "/INFERENCE/START",
    "/inference/status",
    "/inference/status/",
    "/inference/status/%20",
    "/inference/results/a/b",
    "/content",
    "/content/",
    "/content/location",
    "/content/location/",
    "/content/location/one",
    "/content/location/1/2",
    "/content/location/-1",
    "/content/location/1e5",
    "/content/location/0x1",
    "/content/location/9223372036854775808",
    "/content/location/-9223372036854775809",
    "/content/locations/1",
    "/content/users/1",
    "/content/user/%31",
    "/content/result/nan",
    "/content/results/1",
    "/content/table",
    "/content/sqlite_master",
    "/models/0",
    "/models/-1",
    "/models/x/promote",
    "/models//promote",
    "/train",
    "/train/status/x",
    "/{task_id}",
    "/*",
];

const QUERIES: [&str; 22] = [
    "limit",
    "limit=",
    "limit=0",
    "limit=-1",
    "limit=1e3",
    "limit=0x1",
    "limit=%00",
    "limit=%ff",
    "limit=9999999999999999999999",
    "limit=1&limit=x",
    "limit=;",
    "&&&",
    "=",
    "=1",
    "%3D",
    "limit=+",
    "wait=-1",
    "wait=nan",
    "wait=inf",
    "wait=1e400",
    "explain=2",
    "after=x",
];

#[test]
fn odd_paths_and_queries() {
    let server = Setup::new(Domain::travel()).start();
    let mut client = server.client();
    for path in PATHS {
        for method in ["GET", "POST", "PUT", "DELETE", "HEAD"] {
            let reply = client.request(method, path, &[], None);
            refused(reply.status, &format!("{method} {path}"));
        }
    }
    let task = server.inference(1);
    for query in QUERIES {
        for path in [
            format!("/inference/results/{task}"),
            format!("/inference/status/{task}"),
            "/content/locations".to_owned(),
            "/content/users".to_owned(),
        ] {
            let reply = client.get(&format!("{path}?{query}"));
            refused(reply.status, &format!("{path}?{query}"));
        }
    }
    let long = "a".repeat(9000);
    refused(client.get(&format!("/{long}")).status, "a long path");
    refused(
        client.get(&format!("/content/users?limit={long}")).status,
        "a long query",
    );
    well(&server);
}

#[test]
fn odd_headers() {
    let server = Setup::new(Domain::travel()).start();
    let body = server.domain.request(1).to_string();
    for (name, value) in [
        ("authorization", "Bearer"),
        ("authorization", "\u{e9}"),
        ("content-type", "\u{e9}"),
        ("content-type", ";;;"),
        ("accept", "\u{e9}"),
        ("idempotency-key", "\u{e9}"),
        ("x-request-id", "\u{e9}\u{e9}"),
        ("origin", "\u{e9}"),
        ("origin", "://"),
        ("host", ""),
        ("host", "\u{e9}"),
        ("expect", "100-continue"),
        ("expect", "nonsense"),
        ("connection", "close"),
        ("connection", "upgrade"),
        ("range", "bytes=0-"),
        ("cookie", "a=b; ; ="),
    ] {
        let mut client = server.client();
        client
            .send(format!("POST /inference/start HTTP/1.1\r\n{}{name}: {value}\r\ncontent-length: {}\r\n\r\n{body}", if name == "host" { "" } else { "host: x\r\n" }, body.len()).as_bytes())
            .unwrap();
        if let Some(reply) = client.receive("POST") {
            assert!(reply.status < 500, "{name}: {value}");
        }
    }
    well(&server);
}

const GARBAGE: [&[u8]; 26] = [
    b"\r\n\r\n", b"\0\0\0\0\r\n\r\n", b"GET\r\n\r\n", b"GET /\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
    b"GET / HTTP/1.1\r\nhost\r\n\r\n", b"GET / HTTP/1.1\r\n: x\r\n\r\n", b"GET  / HTTP/1.1\r\n\r\n",
    b"get / http/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"POST /inference/start HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
    b"POST /inference/start HTTP/1.1\r\nhost: x\r\ncontent-length: x\r\n\r\n",
    b"POST /inference/start HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999999999999\r\n\r\n",
    b"POST /inference/start HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}",
    b"POST /inference/start HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}",
    b"POST /inference/start HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    b"POST /inference/start HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip\r\n\r\n",
    b"POST /inference/start HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{\"a\":",
    b"CONNECT example.com:80 HTTP/1.1\r\nhost: x\r\n\r\n", b"OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n",
    b"GET http://example.com/ HTTP/1.1\r\nhost: x\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n",
    b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", b"GET /\xff HTTP/1.1\r\nhost: x\r\n\r\n",
    b"GET /?\x01 HTTP/1.1\r\nhost: x\r\n\r\n",
];

/// Sends bytes and no more; gives the status of the answer, if any.
fn raw(server: &Server, bytes: &[u8]) -> Option<u16> {
    let mut client = Client::connect(server.address);
    // The server may have closed before all was sent.
    client.send(bytes).ok();
    client.end();
    client.receive("GET").map(|reply| reply.status)
}

#[test]
fn bytes_that_are_no_request() {
    let server = Setup::new(Domain::travel()).start();
    for bytes in GARBAGE {
        let status = raw(&server, bytes);
        let shown = String::from_utf8_lossy(bytes);
        assert!(
            status.is_none_or(|s| s < 500 || s == 505),
            "{status:?} for {shown}"
        );
    }
    well(&server);
}

fn json_value() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(|f| json!(f)),
        ".{0,20}".prop_map(Json::from),
    ];
    leaf.prop_recursive(3, 20, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Json::from),
            prop::collection::btree_map(".{0,6}", inner, 0..5)
                .prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

#[test]
fn generated_bodies() {
    for domain in domains() {
        let server = Setup::new(domain).start();
        let names: Vec<String> = {
            let user = &server.domain.schema.user.fields;
            user.iter()
                .map(|f| f.name.clone())
                .chain(["candidates".to_owned()])
                .collect()
        };
        let changes = prop::collection::vec((prop::sample::select(names), json_value()), 1..4);
        let client = RefCell::new(server.client());
        let mut runner = TestRunner::new(Config::with_cases(150));
        let outcome = runner.run(&(changes, any::<bool>()), |(changes, rank)| {
            let mut body = server.domain.request(2);
            for (name, value) in changes {
                body[name] = value;
            }
            let path = if rank {
                "/inference/rank"
            } else {
                "/inference/start"
            };
            let status = client.borrow_mut().json("POST", path, &body).status;
            prop_assert!(status == 200 || status == 422, "{status} for {body}");
            Ok(())
        });
        outcome.unwrap();
        well(&server);
    }
}

#[test]
fn generated_bytes() {
    let server = Setup::new(Domain::travel()).start();
    let client = RefCell::new(server.client());
    let body = server.domain.request(3).to_string().into_bytes();
    let mut runner = TestRunner::new(Config::with_cases(200));
    // A valid body with some bytes changed: closer to JSON than any random text.
    let flips = prop::collection::vec((0..body.len(), any::<u8>()), 1..6);
    let outcome = runner.run(&flips, |flips| {
        let mut body = body.clone();
        for (at, byte) in flips {
            body[at] = byte;
        }
        let status = client
            .borrow_mut()
            .request("POST", "/inference/start", &[], Some(&body))
            .status;
        prop_assert!(status == 200 || status == 422, "{status}");
        Ok(())
    });
    outcome.unwrap();
    let head = b"POST /inference/start?limit=3 HTTP/1.1\r\nhost: x\r\nx-request-id: abc\r\ncontent-length: 2\r\n\r\n{}";
    let flips = prop::collection::vec((0..head.len(), any::<u8>()), 1..4);
    let mut runner = TestRunner::new(Config::with_cases(150));
    let outcome = runner.run(&flips, |flips| {
        let mut head = head.to_vec();
        for (at, byte) in flips {
            head[at] = byte;
        }
        let status = raw(&server, &head);
        prop_assert!(status.is_none_or(|s| s < 500 || s == 505), "{status:?}");
        Ok(())
    });
    outcome.unwrap();
    well(&server);
}
