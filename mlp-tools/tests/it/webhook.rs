//! `--webhook`: decisions as another program hears of them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use crate::process::{Server, free_port, mlp};

/// Takes one request, answers it, and gives its path and body.
fn hear(listener: &TcpListener, status: &str) -> (String, Json) {
    let end = Instant::now() + Duration::from_secs(30);
    listener.set_nonblocking(true).unwrap();
    let (mut stream, _) = loop {
        match listener.accept() {
            Ok(accepted) => break accepted,
            Err(_) => assert!(Instant::now() < end, "nobody called"),
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    stream.set_nonblocking(false).unwrap();
    let mut lines = BufReader::new(stream.try_clone().unwrap());
    let (mut first, mut length) = (String::new(), 0);
    lines.read_line(&mut first).unwrap();
    loop {
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        if let Some(n) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = n.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    lines.read_exact(&mut body).unwrap();
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let path = first.split(' ').nth(1).unwrap().to_owned();
    (path, serde_json::from_slice(&body).unwrap())
}

#[test]
fn promotions_and_rollbacks_are_told_in_order_and_again_where_they_failed() {
    let dir = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook?key=1", listener.local_addr().unwrap());
    let port = free_port();
    let mut command = mlp(dir.path());
    command.args([
        "up",
        "--webhook",
        &url,
        "--bind",
        &format!("127.0.0.1:{port}"),
    ]);
    let mut server = Server::start(command, port);
    server.wait_until_ready();
    // The first model is trained and promoted; who listens is not well yet.
    let (path, failed) = hear(&listener, "500 Internal Server Error");
    assert_eq!(path, "/hook?key=1");
    assert_eq!(
        (&failed["kind"], &failed["model_id"]),
        (&"promote".into(), &1.into())
    );
    let (_, told) = hear(&listener, "204 No Content");
    assert_eq!(told, failed);
    assert!(
        told["reason"].as_str().unwrap().contains("no champion"),
        "{told}"
    );
    assert!(
        told["evidence"].is_object() && told["created_us"].is_i64(),
        "{told}"
    );
    let run = |args: &[&str]| {
        assert!(
            mlp(dir.path())
                .args(args)
                .output()
                .unwrap()
                .status
                .success()
        )
    };
    let file = dir.path().join("model.json");
    let file = file.to_str().unwrap();
    run(&["models", "export", "1", file]);
    run(&["models", "import", file]);
    run(&["models", "promote", "2", "--reason", "a test"]);
    run(&["models", "rollback"]);
    let kinds = [(); 2].map(|()| hear(&listener, "200 OK").1["kind"].clone());
    assert_eq!(kinds, ["promote", "rollback"]);
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_wrong_url_is_told_before_anything_starts() {
    let dir = tempfile::tempdir().unwrap();
    let said = mlp(dir.path())
        .args(["up", "--webhook", "ftp://a.example"])
        .output()
        .unwrap();
    let text = String::from_utf8(said.stderr).unwrap();
    assert_eq!(said.status.code(), Some(2), "{text}");
    assert!(
        text.contains("the webhook's URL must begin with `https://` or `http://`"),
        "{text}"
    );
}
