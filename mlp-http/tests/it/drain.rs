//! The end of a server.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use mlp_http::Options;

use crate::support::{Domain, Setup};

#[test]
fn an_idle_server_ends_at_once() {
    let server = Setup::new(Domain::travel()).start();
    let address = server.address;
    let mut idle = server.client();
    idle.get("/healthz").expect(200);
    let silent = server.client();
    std::thread::sleep(Duration::from_millis(50));
    let report = server.stop();
    assert_eq!((report.open, report.cut), (2, 0), "{report:?}");
    assert!(report.took < Duration::from_secs(2), "{report:?}");
    assert!(idle.is_closed());
    drop(silent);
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a_request_under_way_finishes() {
    let mut server = Setup::new(Domain::travel()).start();
    let body = server.domain.request(1).to_string();
    let (first, rest) = body.as_bytes().split_at(20);
    let mut client = server.client();
    let head = format!(
        "POST /inference/start HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    client.send(head.as_bytes()).unwrap();
    client.send(first).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    server.begin_stop();
    std::thread::sleep(Duration::from_millis(200));
    client.send(rest).unwrap();
    let reply = client.receive("POST").unwrap();
    assert_eq!(reply.expect(200)["status"], "PENDING");
    assert!(client.is_closed());
    let report = server.stop();
    assert_eq!(report.cut, 0);
}

#[test]
fn waiters_are_answered_with_what_is_known() {
    let setup = Setup {
        worker: false,
        ..Setup::new(Domain::travel())
    };
    let mut server = setup.start();
    let body = server.domain.request(1);
    let task = server
        .client()
        .json("POST", "/inference/start", &body)
        .expect(200);
    let task = task["task_id"].as_str().unwrap().to_owned();
    let mut client = server.client();
    let head = format!("GET /inference/status/{task}?wait=30 HTTP/1.1\r\nhost: x\r\n\r\n");
    client.send(head.as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    let started = Instant::now();
    server.begin_stop();
    let reply = client.receive("GET").unwrap();
    assert_eq!(reply.expect(200)["status"], "PENDING");
    assert!(started.elapsed() < Duration::from_secs(3));
    assert_eq!(server.stop().cut, 0);
}

#[test]
fn the_deadline_cuts_what_does_not_end() {
    let setup = Setup {
        options: Options {
            drain: Duration::from_millis(300),
            ..Options::default()
        },
        ..Setup::new(Domain::travel())
    };
    let server = setup.start();
    let mut client = server.client();
    client
        .send(b"POST /inference/start HTTP/1.1\r\nhost: x\r\ncontent-length: 50\r\n\r\n{")
        .unwrap();
    std::thread::sleep(Duration::from_millis(100));
    let started = Instant::now();
    let report = server.stop();
    assert_eq!(report.cut, 1, "{report:?}");
    assert!(started.elapsed() < Duration::from_secs(3));
    assert!(client.is_closed());
}
