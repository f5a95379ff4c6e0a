//! An API server that answers at once, unless a test tells it otherwise.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

/// What the server was asked, and how it should answer.
#[derive(Default)]
pub struct State {
    /// The body of each accepted start; its index is the task's id.
    pub starts: Mutex<Vec<Value>>,
    pub selections: Mutex<Vec<Value>>,
    pub connections: AtomicU64,
    pub requests: AtomicU64,
    /// Status requests that are answered PENDING before each SUCCESS.
    pub pending: AtomicU32,
    pub asked: AtomicU32,
    /// Requests still to be refused with 503.
    pub busy: AtomicU32,
    /// The next answers to start; then as usual.
    pub garbage: Mutex<Vec<(u16, String)>>,
    /// Inferences end in FAILURE.
    pub failing: AtomicU32,
    /// Every answer waits so long.
    pub delay_ms: AtomicU64,
}

pub struct Fake {
    pub state: Arc<State>,
    address: SocketAddr,
    server: Option<JoinHandle<()>>,
}

impl Fake {
    pub async fn start() -> Self {
        let mut fake = Fake {
            state: Arc::default(),
            address: ([127, 0, 0, 1], 0).into(),
            server: None,
        };
        fake.open().await;
        fake
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Begins to listen, after a [`Fake::close`] on the same port as before.
    pub async fn open(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.address = listener.local_addr().unwrap();
        self.server = Some(tokio::spawn(serve(listener, self.state.clone())));
    }

    /// Cuts every connection and stops listening.
    pub async fn close(&mut self) {
        if let Some(server) = self.server.take() {
            server.abort();
            let _ = server.await;
        }
    }
}

async fn serve(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        state.connections.fetch_add(1, Ordering::Relaxed);
        let state = state.clone();
        connections.spawn(async move {
            let service = service_fn(|request| handle(request, &state));
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            let _ = connection.await;
        });
    }
}

async fn handle(
    request: Request<Incoming>,
    state: &State,
) -> Result<Response<Full<Bytes>>, Infallible> {
    state.requests.fetch_add(1, Ordering::Relaxed);
    match state.delay_ms.load(Ordering::Relaxed) {
        0 => {}
        delay => tokio::time::sleep(Duration::from_millis(delay)).await,
    }
    if take_one(&state.busy) {
        let mut response = answer(503, json!({"detail": "busy"}));
        response
            .headers_mut()
            .insert("retry-after", "0".parse().unwrap());
        return Ok(response);
    }
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let (method, path) = (head.method, head.uri.path());
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    Ok(match (method, parts.as_slice()) {
        (Method::POST, ["inference", "start"]) => start(state, &body),
        (Method::GET, ["inference", "status", id]) => status(state, id),
        (Method::GET, ["inference", "results", _]) => answer(200, results()),
        (Method::PUT, ["inference", "select"]) => select(state, &body),
        (Method::POST, ["echo"]) => answer(200, serde_json::from_slice(&body).unwrap()),
        (Method::GET, ["headers"]) => {
            let header = |name: &str| head.headers.get(name).map(|v| v.to_str().unwrap());
            answer(
                200,
                json!({"authorization": header("authorization"), "host": header("host")}),
            )
        }
        _ => answer(404, json!({"detail": "Not Found"})),
    })
}

fn start(state: &State, body: &[u8]) -> Response<Full<Bytes>> {
    if let Some((status, text)) = state.garbage.lock().unwrap().pop() {
        return raw(status, text);
    }
    let mut starts = state.starts.lock().unwrap();
    let id = starts.len();
    starts.push(serde_json::from_slice(body).unwrap());
    answer(
        200,
        json!({"task_id": format!("{id}"), "status": "PENDING", "type": "inference"}),
    )
}

fn status(state: &State, id: &str) -> Response<Full<Bytes>> {
    if state.failing.load(Ordering::Relaxed) > 0 {
        return answer(500, json!({"detail": "Task failed"}));
    }
    let asked = state.asked.fetch_add(1, Ordering::Relaxed);
    let pending = state.pending.load(Ordering::Relaxed);
    let word = match asked % (pending + 1) == pending {
        true => "SUCCESS",
        false => "PENDING",
    };
    answer(
        200,
        json!({"task_id": id, "status": word, "type": "inference"}),
    )
}

fn select(state: &State, body: &[u8]) -> Response<Full<Bytes>> {
    let selection: Value = serde_json::from_slice(body).unwrap();
    let none = selection["location_id"] == -1;
    let row = json!({"result_id": 1, "location_id": selection["location_id"], "label": 1});
    state.selections.lock().unwrap().push(selection);
    answer(200, if none { Value::Null } else { row })
}

/// Ten items, ids 100 to 109, with fields that clients do not know.
pub fn results() -> Value {
    let row = |index: u32| {
        json!({
            "score": 1.0 - f64::from(index) / 10.0, "location_id": 100 + index,
            "children": true, "breakfast": true, "lunch": index.is_multiple_of(2), "dinner": false,
            "price": 50.0 + f64::from(index), "has_pool": index.is_multiple_of(3), "has_spa": true,
            "animals": true, "near_lake": index % 2 == 1, "near_mountains": true,
            "has_sport": false, "family_rating": 3.0, "outdoor_rating": f64::from(index) / 2.0,
            "food_rating": 2.0, "leisure_rating": 1.0, "service_rating": 2.5,
            "user_score": 4.0, "lat": null, "new field": {"deep": [1, 2, 3]},
        })
    };
    (0..10).map(row).collect()
}

fn answer(status: u16, body: Value) -> Response<Full<Bytes>> {
    raw(status, body.to_string())
}

fn raw(status: u16, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status.try_into().unwrap();
    response
}

fn take_one(counter: &AtomicU32) -> bool {
    let less = |count: u32| count.checked_sub(1);
    counter
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less)
        .is_ok()
}
