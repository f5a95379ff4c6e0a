//! `mlp health`, against servers that answer, that do not yet, and that are no servers of ours.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::process::{Server, free_port, mlp};

fn health(command: &mut Command) -> (i32, String) {
    let output = command.output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.code().unwrap(),
        String::from_utf8(text).unwrap(),
    )
}

/// A server that gives one answer to whatever it is asked.
fn answering(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 1024];
        assert!(stream.read(&mut request).unwrap() > 0);
        stream.write_all(answer.as_bytes()).unwrap();
    });
    address
}

#[test]
fn a_server_is_ready_by_its_own_variable_and_by_a_url() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Server::up(dir.path(), free_port(), &["--empty"]);
    server.wait_until_ready();
    let url = format!("http://127.0.0.1:{}", server.port);
    let ready = format!("{url} is ready: 0 items, 0 models\n");
    let everywhere = format!("0.0.0.0:{}", server.port);
    let elsewhere = tempfile::tempdir().unwrap();
    // It looks at no database: a wrong one stops other commands.
    let mut by_bind = mlp(elsewhere.path());
    by_bind.env("DATABASE_URL", "nonsense").arg("health");
    assert_eq!(
        health(by_bind.env("MLP_BIND", everywhere)),
        (0, ready.clone())
    );
    let mut by_url = mlp(elsewhere.path());
    by_url.env("MLP_BIND", "127.0.0.1:1");
    assert_eq!(health(by_url.args(["health", "--url", &url])), (0, ready));
    server.stop();
}

#[test]
fn what_is_not_ready_exits_with_1_and_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let body =
        r#"{"detail":"not ready","reasons":["the server stops","the store is not available"]}"#;
    let stopping = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    for (address, words) in [
        (
            answering(stopping.leak()),
            "is not ready: the server stops, the store is not available",
        ),
        (
            answering("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"),
            "answers 404 to /readyz",
        ),
        (answering("nonsense\r\n\r\n"), "does not answer"),
        (
            SocketAddr::from(([127, 0, 0, 1], free_port())),
            "Connection refused",
        ),
    ] {
        let url = format!("http://{address}");
        let (code, text) = health(mlp(dir.path()).args(["health", "--url", &url]));
        assert_eq!(code, 1, "{text}");
        assert!(text.contains(words) && text.contains(&url), "{text}");
    }
    for timeout in ["0", "61", "NaN"] {
        let (code, text) = health(mlp(dir.path()).args(["health", "--timeout", timeout]));
        assert_eq!(code, 2);
        assert!(text.contains("0.1 to 60"), "{text}");
    }
}

#[test]
fn a_server_that_hangs_costs_the_timeout_only() {
    let dir = tempfile::tempdir().unwrap();
    // Nobody accepts: the system does, and nothing is answered.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let bind = listener.local_addr().unwrap().to_string();
    let begun = Instant::now();
    let mut command = mlp(dir.path());
    command.args(["health", "--timeout", "0.3"]);
    let (code, text) = health(command.env("MLP_BIND", bind));
    assert_eq!(code, 1);
    assert!(text.contains("no answer within 300 ms"), "{text}");
    assert!(begun.elapsed() < Duration::from_secs(3));
}
