//! The clients against an API that is not what it should be: they must see it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::{Value, json};

use super::client::{LIMIT, Tally, User};

/// What is wrong with the API.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Wrong {
    Nothing,
    ForgetsTasks,
    Fails,
    NamesOtherTasks,
    ChangesResults,
    ShowsTwice,
    ShowsFew,
    ForgetsResults,
    KeepsOtherChoices,
    SaysNotWhen,
    SpeaksNoJson,
    StartsTwice,
}

const ALL: [Wrong; 11] = [
    Wrong::ForgetsTasks,
    Wrong::Fails,
    Wrong::NamesOtherTasks,
    Wrong::ChangesResults,
    Wrong::ShowsTwice,
    Wrong::ShowsFew,
    Wrong::ForgetsResults,
    Wrong::KeepsOtherChoices,
    Wrong::SaysNotWhen,
    Wrong::SpeaksNoJson,
    Wrong::StartsTwice,
];

/// What the next answers are made of.
static COUNT: AtomicU64 = AtomicU64::new(0);

fn results(wrong: Wrong) -> Value {
    let shift = match wrong {
        Wrong::ChangesResults => COUNT.fetch_add(1, Ordering::Relaxed),
        _ => 0,
    };
    let shown = LIMIT as u64 - u64::from(wrong == Wrong::ShowsFew);
    let id = |n: u64| match wrong {
        Wrong::ShowsTwice => 1,
        _ => n + 1 + shift,
    };
    (0..shown)
        .map(|n| json!({ "location_id": id(n), "score": -(n as f64) }))
        .collect()
}

/// A head's lines behind the status, and a body.
fn answer(wrong: Wrong, path: &str, key: &str, body: &Value) -> (u16, String) {
    let words: Vec<&str> = path.split(['/', '?']).collect();
    let unknown = (404, json!({ "detail": "no such inference" }).to_string());
    let good = |value: Value| (200, value.to_string());
    // One task for each key, as UUIDs are: the key's bytes behind zeros.
    let made = |text: &str| {
        let digest = text
            .bytes()
            .fold(7_u64, |h, b| h.wrapping_mul(31) ^ u64::from(b));
        uuid::Uuid::from_u64_pair(1, digest).to_string()
    };
    match words[2] {
        "start" if wrong == Wrong::SaysNotWhen => (503, "{}".to_owned()),
        "start" if wrong == Wrong::SpeaksNoJson => (200, "<html>".to_owned()),
        "start" if wrong == Wrong::StartsTwice => {
            let n = COUNT.fetch_add(1, Ordering::Relaxed);
            good(json!({ "task_id": made(&format!("{key}{n}")) }))
        }
        "start" => good(json!({ "task_id": made(key) })),
        "status" if wrong == Wrong::ForgetsTasks => unknown,
        "status" if wrong == Wrong::Fails => (
            500,
            json!({ "detail": "Internal Server Error" }).to_string(),
        ),
        "status" if wrong == Wrong::NamesOtherTasks => {
            good(json!({ "task_id": made("other"), "status": "SUCCESS" }))
        }
        "status" => good(json!({ "task_id": words[3], "status": "SUCCESS" })),
        "results" if wrong == Wrong::ForgetsResults => unknown,
        "results" => good(results(wrong)),
        "select" => {
            let item = body["location_id"].as_i64().unwrap();
            let other = i64::from(wrong == Wrong::KeepsOtherChoices);
            good(json!({ "task_id": body["task_id"], "location_id": item + other, "label": 1 }))
        }
        _ => unknown,
    }
}

fn serve_one(stream: &TcpStream, wrong: Wrong) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let (mut length, mut key) = (0, String::new());
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        match header.trim_end().split_once(": ") {
            None => break,
            Some(("content-length", n)) => length = n.parse().ok()?,
            Some(("idempotency-key", text)) => text.clone_into(&mut key),
            Some(_) => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = serde_json::from_slice(&body).unwrap_or_default();
    let (status, body) = answer(wrong, &path, &key, &body);
    let length = body.len();
    let head = format!("HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {length}");
    let mut stream = stream;
    write!(stream, "{head}\r\n\r\n{body}").ok()
}

/// Some sessions with an API that is wrong in this way.
fn sessions(wrong: Wrong) -> Tally {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    // Ends with the test's process.
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that went away needs no answer.
            let _ = serve_one(&stream, wrong);
        }
    });
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log");
    let stop = Arc::new(AtomicBool::new(false));
    // Not the first, which would ask for trainings.
    User::new(1, 1, [port, port], &log, stop).sessions(30)
}

#[test]
fn wrong_answers_are_seen() {
    let right = sessions(Wrong::Nothing);
    assert_eq!((right.wrong, right.sessions), (Vec::new(), 30));
    for wrong in ALL {
        let tally = sessions(wrong);
        assert!(!tally.wrong.is_empty(), "{wrong:?}");
    }
}
