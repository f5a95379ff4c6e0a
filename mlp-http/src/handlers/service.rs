//! What the server says of itself.

use std::sync::atomic::Ordering;
use std::time::Duration;

use hyper::StatusCode;
use hyper::header::{ACCEPT, HeaderValue, VARY};
use serde_json::json;

use super::Call;
use crate::answer::{Answer, Content};
use crate::failure::Failure;
use crate::metrics::{Format, Said};

/// How long the store may take before it counts as out of reach.
const PATIENCE: Duration = Duration::from_secs(2);

/// `GET /`: a page for browsers, a greeting for others.
pub(super) fn root(call: &Call<'_>) -> Answer {
    let accept = call.headers.get(ACCEPT).and_then(|v| v.to_str().ok());
    let answer = if accept.is_some_and(|a| a.contains("text/html")) {
        super::pages::front(call)
    } else {
        let greeting = format!("mlp serves {}; see /docs", call.shared.schema.name);
        Answer::value(&json!(greeting))
    };
    answer.with_header(VARY, HeaderValue::from_static("accept"))
}

/// `GET /healthz`.
pub(super) fn healthz() -> Answer {
    Answer::json(r#"{"status":"ok"}"#)
}

/// `GET /readyz`.
pub(super) async fn readyz(call: &Call<'_>) -> Result<Answer, Failure> {
    let mut reasons = Vec::new();
    if call.shared.draining.load(Ordering::Relaxed) {
        reasons.push("the server stops");
    }
    let ping = call.shared.desk.call(|store| store.ping());
    match tokio::time::timeout(PATIENCE, ping).await {
        Ok(Ok(())) => {}
        Ok(Err(_)) => reasons.push("the store is not available"),
        Err(_) => reasons.push("the store does not answer in time"),
    }
    let serving = call.shared.live.current();
    if reasons.is_empty() {
        return Ok(Answer::value(&json!({
            "status": "ready",
            "items": serving.catalog().items().len(),
            "models": serving.models().len(),
        })));
    }
    let body = json!({ "detail": "not ready", "reasons": reasons }).to_string();
    let answer = Answer::new(StatusCode::SERVICE_UNAVAILABLE, Content::Json, body);
    Ok(answer.with_header(hyper::header::RETRY_AFTER, HeaderValue::from_static("1")))
}

/// `GET /metrics`. What the store does not tell in time stays as it was.
pub(super) async fn metrics(call: &Call<'_>) -> Result<Answer, Failure> {
    let metrics = &call.shared.metrics;
    let ask = |seen| async move {
        let said = call.shared.desk.call(move |store| Said::by(store, seen));
        tokio::time::timeout(PATIENCE, said).await.ok()?.ok()
    };
    metrics.ask_store(ask).await;
    metrics.serving(&call.shared.live.current());
    let format = Format::wanted(call.headers);
    let text = metrics.encode(format);
    let answer = Answer::new(StatusCode::OK, Content::Metrics(format), text);
    Ok(answer.with_header(VARY, HeaderValue::from_static("accept")))
}
