//! One request's way from its head to its answer.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Body;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    HeaderName, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode};
use prometheus_client::metrics::counter::Counter;

use crate::answer::{Answer, Content};
use crate::app::Shared;
use crate::body;
use crate::failure::Failure;
use crate::handlers::{self, Call};
use crate::query::Query;
use crate::request_id::X_REQUEST_ID;
use crate::router::Target;
use crate::routes::Scope;

/// The target of the access log.
const ACCESS: &str = "access";

/// Answers a request.
pub(crate) async fn handle<B>(shared: &Shared, request: Request<B>) -> Response<Full<Bytes>>
where
    B: Body<Data = Bytes> + Unpin,
{
    let started = Instant::now();
    let (head, body) = request.into_parts();
    let id = shared.ids.of(&head.headers);
    let (target, label) = shared.router.find(&head.method, head.uri.path());
    let work = whole(shared, &head, &target, body);
    let mut unanswered = Unanswered(Some(&shared.metrics.abandoned));
    let page = matches!(&target, Target::Route { index, .. } if shared.routes[*index].is_page());
    let failed = |failure: Failure| {
        if let Some(reason) = failure.reason() {
            shared.metrics.failed(reason);
        }
        match page {
            true => failure.page(shared.shell()),
            false => failure.answer(),
        }
    };
    let answer = match within(shared.options.request_deadline, caught(work)).await {
        Some(Some(answer)) => answer.unwrap_or_else(failed),
        Some(None) => {
            shared.metrics.failed("panic");
            tracing::error!(method = %head.method, path = head.uri.path(), "a handler panicked");
            match page {
                true => Failure::Internal.page(shared.shell()),
                false => Failure::Internal.answer(),
            }
        }
        None => failed(Failure::Deadline),
    };
    unanswered.0 = None;
    let took = started.elapsed();
    shared
        .metrics
        .record(label, &head.method, answer.status, took);
    if let Target::Route { index, .. } = &target
        && shared.routes[*index].is_session()
    {
        let failed = answer.status.is_server_error();
        shared.metrics.history.record(took, failed);
    }
    log(&head, &answer, &id, took);
    respond(&head.method, answer, id)
}

/// Counts a request that is dropped, as its connection is, before there is an answer.
struct Unanswered<'a>(Option<&'a Counter>);

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        if let Some(abandoned) = self.0 {
            abandoned.inc();
        }
    }
}

/// Answers, and reads what the answer did not need of the body.
async fn whole<B>(
    shared: &Shared,
    head: &Parts,
    target: &Target<'_>,
    mut body: B,
) -> Result<Answer, Failure>
where
    B: Body<Data = Bytes> + Unpin,
{
    let result = answer(shared, head, target, &mut body).await;
    if !matches!(result, Err(Failure::Slow | Failure::Cut)) {
        body::discard(&mut body, &head.headers).await;
    }
    result
}

async fn answer<B>(
    shared: &Shared,
    head: &Parts,
    target: &Target<'_>,
    incoming: &mut B,
) -> Result<Answer, Failure>
where
    B: Body<Data = Bytes> + Unpin,
{
    let (index, parameter) = match target {
        Target::Route { index, parameter } => (*index, *parameter),
        Target::Options { allow } => {
            return Ok(Answer::nothing().with_header(ALLOW, allow.clone()));
        }
        Target::WrongMethod { allow } => {
            let allow = allow.clone();
            return Err(Failure::Method { allow });
        }
        Target::Unknown => return Err(Failure::NoRoute),
    };
    let route = &shared.routes[index];
    let path = head.uri.path();
    match (shared.guard).admit(route.scope, &head.method, path, &head.headers) {
        Err(Failure::Token) if route.scope == Scope::Dashboard => {
            return Ok(handlers::ask_for_token(shared, false));
        }
        admitted => admitted?,
    }
    let bytes = match route.body {
        Some(shape) => {
            let encoding = shape.encoding();
            body::read(incoming, &head.headers, encoding, &shared.options).await?
        }
        None => Bytes::new(),
    };
    let call = Call {
        shared,
        route,
        parameter,
        query: Query(head.uri.query().unwrap_or_default()),
        headers: &head.headers,
        body: bytes,
    };
    handlers::run(&call).await
}

/// `None` when time is up.
async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(limit, work).await.ok()
}

/// `None` when the work panics.
async fn caught<T>(work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    poll_fn(|cx| {
        // What the work held is dropped with it and never seen again.
        match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Some(output)),
            Err(_) => Poll::Ready(None),
        }
    })
    .await
}

fn log(head: &Parts, answer: &Answer, id: &HeaderValue, took: Duration) {
    if !tracing::enabled!(target: ACCESS, tracing::Level::INFO) {
        return;
    }
    let path = head.uri.path();
    // A path is ASCII: any cut is between two characters.
    let path = path.get(..path.len().min(200)).unwrap_or_default();
    tracing::info!(
        target: ACCESS,
        method = %head.method,
        path,
        status = answer.status.as_u16(),
        duration_ms = took.as_secs_f64() * 1e3,
        request_id = id.to_str().unwrap_or_default(),
        bytes = answer.body.len(),
    );
}

const PAGE_HEADERS: [(HeaderName, &str); 6] = [
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; form-action 'self'; \
         connect-src 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    // With `no-referrer`, browsers send `Origin: null` with forms, as they do for other sites.
    (REFERRER_POLICY, "same-origin"),
    (CROSS_ORIGIN_OPENER_POLICY, "same-origin"),
    (CACHE_CONTROL, "no-store"),
];

const CROSS_ORIGIN_OPENER_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-opener-policy");

fn respond(method: &Method, answer: Answer, id: HeaderValue) -> Response<Full<Bytes>> {
    let length = answer.body.len();
    let body = if method == Method::HEAD {
        Bytes::new()
    } else {
        answer.body
    };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = answer.status;
    let headers = response.headers_mut();
    headers.reserve(4);
    if let Some(media_type) = answer.content.media_type() {
        headers.insert(CONTENT_TYPE, media_type);
    }
    if answer.status != StatusCode::NO_CONTENT {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    if answer.content == Content::Html {
        for (name, value) in PAGE_HEADERS {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    if matches!(answer.content, Content::Css | Content::Script) {
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    }
    for (name, value) in answer.headers {
        headers.insert(name, value);
    }
    if answer.close {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    headers.insert(HeaderName::from_static(X_REQUEST_ID), id);
    response
}
