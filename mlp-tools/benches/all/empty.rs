//! The peer of the server: hyper with a handler that does nothing but answer a session's four
//! requests, in a process of its own.

use std::convert::Infallible;
use std::io::Read;
use std::process::ExitCode;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpListener;

use crate::fixture;

const TASK: &str = "01900000-0000-7000-8000-000000000001";

/// The answers, made once.
#[derive(Clone)]
struct Canned {
    started: Bytes,
    finished: Bytes,
    results: Bytes,
    selected: Bytes,
}

impl Canned {
    fn new() -> Self {
        let task = |status| json!({"task_id": TASK, "status": status, "type": "inference"});
        let result = |(rank, location): (usize, &mlp_data::Location)| {
            let mut row = json!(location);
            row["score"] = json!(0.9 - rank as f64 / 100.0 + 1.0 / 3000.0);
            row["location_id"] = json!(rank + 100);
            row
        };
        let results: Vec<_> = (fixture::locations().iter().take(10).enumerate())
            .map(result)
            .collect();
        let selected = json!({
            "result_id": 102_400, "task_id": TASK, "user_id": 1000, "location_id": 100,
            "score": 0.9, "label": true, "shown": true,
        });
        let bytes = |value: serde_json::Value| Bytes::from(value.to_string());
        Self {
            started: bytes(task("PENDING")),
            finished: bytes(task("SUCCESS")),
            results: bytes(json!(results)),
            selected: bytes(selected),
        }
    }

    fn answer(&self, method: &Method, path: &str) -> Bytes {
        let body = match *method {
            Method::POST => &self.started,
            Method::PUT => &self.selected,
            _ if path.starts_with("/inference/results") => &self.results,
            _ => &self.finished,
        };
        body.clone()
    }
}

/// Serves until standard input ends.
pub fn serve(port: u16) -> ExitCode {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(listen(port))
}

async fn listen(port: u16) -> ExitCode {
    let canned = Canned::new();
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let _ = stream.set_nodelay(true);
        let canned = canned.clone();
        tokio::spawn(async move {
            let handler = service_fn(|request| handle(&canned, request));
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), handler);
            // A client that hangs up is no news.
            let _ = connection.await;
        });
    }
}

async fn handle(
    canned: &Canned,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = canned.answer(request.method(), request.uri().path());
    if request.method() != Method::GET && request.into_body().collect().await.is_err() {
        let mut refused = Response::new(Full::default());
        *refused.status_mut() = StatusCode::BAD_REQUEST;
        return Ok(refused);
    }
    let mut response = Response::new(Full::new(body));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    Ok(response)
}
