//! Requests without a connection: `App::handle`.

use std::io::Write;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::{Body, Frame};
use mlp_http::{App, Secret};

use crate::support::{Domain, Server, Setup};

fn app(server: &Server) -> App {
    let schema = Arc::clone(&server.domain.schema);
    let builder = App::builder(schema, server.store.clone(), server.live.clone());
    builder
        .token(Secret::new("open-sesame").unwrap())
        .build()
        .unwrap()
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(work)
}

/// A body that fails in the worst way.
struct Bomb;

impl Body for Bomb {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        panic!("planted")
    }
}

#[test]
fn a_panic_is_answered_and_counted() {
    let server = Setup::new(Domain::travel()).start();
    let app = app(&server);
    block_on(async {
        let request = Request::post("/inference/start").body(Bomb).unwrap();
        let response = app.handle(request).await;
        assert_eq!(response.status(), 500);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(&body[..], br#"{"detail":"Internal Server Error"}"#);
        let request = Request::get("/metrics")
            .body(Full::new(Bytes::new()))
            .unwrap();
        let body = app
            .handle(request)
            .await
            .into_body()
            .collect()
            .await
            .unwrap();
        let text = String::from_utf8(body.to_bytes().to_vec()).unwrap();
        assert!(
            text.contains("mlp_failures_total{reason=\"panic\"} 1\n"),
            "{text}"
        );
        let exception = "api_exception_total{method=\"POST\",path=\"/inference/start\",status_code=\"500\",app_name=\"mlp\"} 1\n";
        assert!(text.contains(exception), "{text}");
    });
}

/// A log in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn the_access_log_has_no_bodies_queries_or_tokens() {
    let server = Setup::new(Domain::travel()).start();
    let app = app(&server);
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(move || writer.clone())
        .with_ansi(false)
        .finish();
    // For all tests of this process: one for this thread alone would race with the others' first
    // use of the same events.
    tracing::subscriber::set_global_default(subscriber).unwrap();
    tracing::callsite::rebuild_interest_cache();
    let mut body = server.domain.request(1);
    body["name"] = "a-person".into();
    block_on(async {
        let request = Request::post("/inference/rank?limit=3&secret-query=1")
            .header("authorization", "Bearer open-sesame")
            .header("x-request-id", "the-id")
            .body(Full::new(Bytes::from(body.to_string())))
            .unwrap();
        assert_eq!(app.handle(request).await.status(), 200);
    });
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let line = text.lines().find(|l| l.contains("the-id")).unwrap();
    for part in [
        " access: ",
        "method=POST",
        "path=\"/inference/rank\"",
        "status=200",
        "duration_ms=",
        "request_id=\"the-id\"",
        "bytes=",
    ] {
        assert!(line.contains(part), "{part} is not in {line}");
    }
    for secret in ["a-person", "secret-query", "sesame"] {
        assert!(!text.contains(secret), "{text}");
    }
}
