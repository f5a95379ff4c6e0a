//! Bodies and connections beyond what is allowed.

use std::time::{Duration, Instant};

use mlp_http::Options;
use serde_json::json;

use crate::support::{Domain, Setup};

const START: &str = "/inference/start";

#[test]
fn long_bodies_are_refused() {
    let server = Setup::new(Domain::travel()).start();
    for size in [(64 << 10) + 1, 300_000, 3_000_000] {
        let body = vec![b' '; size];
        let mut client = server.client();
        let reply = client.request("POST", START, &[], Some(&body));
        reply.expect(413);
        assert!(client.is_closed());
        // The same without a length told before.
        let mut client = server.client();
        client
            .send(
                format!("POST {START} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
                    .as_bytes(),
            )
            .unwrap();
        client.send(format!("{size:x}\r\n").as_bytes()).unwrap();
        client.send(&body).unwrap();
        client.send(b"\r\n0\r\n\r\n").unwrap();
        client.receive("POST").unwrap().expect(413);
    }
    let mut body = server.domain.request(1);
    body["filler"] = json!("x".repeat(60 << 10));
    server.client().json("POST", START, &body).expect(200);
}

#[test]
fn a_chunked_body_is_read() {
    let server = Setup::new(Domain::travel()).start();
    let mut client = server.client();
    let body = server.domain.request(1).to_string();
    client
        .send(
            format!("POST {START} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
                .as_bytes(),
        )
        .unwrap();
    for piece in body.as_bytes().chunks(7) {
        client
            .send(format!("{:x}\r\n", piece.len()).as_bytes())
            .unwrap();
        client.send(piece).unwrap();
        client.send(b"\r\n").unwrap();
    }
    client.send(b"0\r\n\r\n").unwrap();
    client.receive("POST").unwrap().expect(200);
}

#[test]
fn other_media_types_are_refused() {
    let server = Setup::new(Domain::travel()).start();
    let mut client = server.client();
    let body = server.domain.request(1).to_string();
    for (given, status) in [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ("application/ld+json", 200),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
    ] {
        let headers = [("content-type", given)];
        let reply = client.request("POST", START, &headers, Some(body.as_bytes()));
        reply.expect(status);
    }
    client
        .request("POST", START, &[], Some(body.as_bytes()))
        .expect(200);
}

#[test]
fn slow_bodies_and_slow_heads_end() {
    let setup = Setup {
        options: Options {
            body_timeout: Duration::from_millis(200),
            header_timeout: Duration::from_millis(200),
            ..Options::default()
        },
        ..Setup::new(Domain::travel())
    };
    let server = setup.start();
    let mut client = server.client();
    client
        .send(b"POST /inference/start HTTP/1.1\r\nhost: x\r\ncontent-length: 50\r\n\r\n{")
        .unwrap();
    let started = Instant::now();
    client.receive("POST").unwrap().expect(408);
    assert!(client.is_closed());
    assert!(started.elapsed() < Duration::from_secs(3));
    let mut client = server.client();
    client.send(b"GET /healthz HTTP/1.1\r\nhost:").unwrap();
    assert!(client.receive("GET").is_none_or(|r| r.status == 408));
    assert!(started.elapsed() < Duration::from_secs(6));
}

#[test]
fn long_heads_are_refused() {
    let server = Setup::new(Domain::travel()).start();
    let mut client = server.client();
    let long = "x".repeat(40_000);
    let reply = client.request("GET", "/healthz", &[("x-long", &long)], None);
    assert_eq!(reply.status, 431);
    server.client().get("/healthz").expect(200);
}

#[test]
fn connections_beyond_the_limit_wait() {
    let setup = Setup {
        options: Options {
            max_connections: 2,
            ..Options::default()
        },
        worker: false,
        ..Setup::new(Domain::travel())
    };
    let server = setup.start();
    let mut first = server.client();
    let mut second = server.client();
    first.get("/healthz").expect(200);
    second.get("/healthz").expect(200);
    let mut third = server.client();
    third
        .send(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        .unwrap();
    std::thread::sleep(Duration::from_millis(100));
    drop(first);
    third.receive("GET").unwrap().expect(200);
}

#[test]
fn a_body_that_nobody_reads_does_not_end_the_connection() {
    let server = Setup::new(Domain::travel()).start();
    let mut client = server.client();
    for (method, path, status) in [
        ("POST", "/train/start", 200),
        ("POST", "/nothing", 404),
        ("PATCH", "/inference/start", 405),
        ("GET", "/content/info", 200),
    ] {
        let head = format!("{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n");
        client.send(head.as_bytes()).unwrap();
        std::thread::sleep(Duration::from_millis(50));
        client.send(b"{}").unwrap();
        assert_eq!(client.receive(method).unwrap().status, status, "{path}");
    }
    client.get("/healthz").expect(200);
}
