//! Reading a body, JSON or a form, within its limits.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HeaderMap};
use mlp_core::Fault;
use serde_json::{Value as Json, json};

use crate::failure::Failure;
use crate::options::Options;

/// What a route's body is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Json,
    /// As browsers send forms.
    Form,
}

impl Encoding {
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Form => "application/x-www-form-urlencoded",
        }
    }
}

/// Reads the whole body.
pub(crate) async fn read<B>(
    body: &mut B,
    headers: &HeaderMap,
    encoding: Encoding,
    options: &Options,
) -> Result<Bytes, Failure>
where
    B: Body<Data = Bytes> + Unpin,
{
    if !is_of(encoding, headers) {
        return Err(Failure::MediaType(encoding.media_type()));
    }
    let limit = options.body_limit;
    if announced(headers).is_some_and(|length| length > limit as u64) {
        return Err(Failure::TooLarge { limit });
    }
    let all = collect(body, limit);
    let timed = tokio::time::timeout(options.body_timeout, all).await;
    timed.unwrap_or(Err(Failure::Slow))
}

async fn collect<B>(body: &mut B, limit: usize) -> Result<Bytes, Failure>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Failure::Cut)?.into_data() else {
            continue;
        };
        if first.len() + rest.len() + data.len() > limit {
            return Err(Failure::TooLarge { limit });
        }
        // Nearly every body is one chunk, which needs no copy.
        if first.is_empty() && rest.is_empty() {
            first = data;
        } else {
            if rest.is_empty() {
                rest.extend_from_slice(&std::mem::take(&mut first));
            }
            rest.extend_from_slice(&data);
        }
    }
    Ok(if rest.is_empty() {
        first
    } else {
        rest.freeze()
    })
}

/// Reads what nobody wanted, for a moment: a connection that closes with unread bytes is reset, and
/// the client would never see why.
pub(crate) async fn discard<B>(body: &mut B, headers: &HeaderMap)
where
    B: Body<Data = Bytes> + Unpin,
{
    const MOST: usize = 4 << 20;
    // Reading on would ask a client that waits for a go-ahead to send it all.
    if body.is_end_stream() || headers.contains_key(EXPECT) {
        return;
    }
    let reading = async {
        let mut read = 0;
        while let Some(Ok(frame)) = body.frame().await {
            read += frame.data_ref().map_or(0, Bytes::len);
            if read > MOST {
                return;
            }
        }
    };
    // Out of time or out of patience: the answer goes out either way.
    let _ = tokio::time::timeout(Duration::from_secs(1), reading).await;
}

fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Whether the content type is the encoding's, or not given.
fn is_of(encoding: Encoding, headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE) else {
        return true;
    };
    let text = value.to_str().unwrap_or_default();
    let essence = text.split(';').next().unwrap_or_default().trim();
    let essence = essence.to_ascii_lowercase();
    let is_json = || essence.starts_with("application/") && essence.ends_with("+json");
    essence == encoding.media_type() || (encoding == Encoding::Json && is_json())
}

/// Parses a body.
pub(crate) fn parse(body: &[u8]) -> Result<Json, Failure> {
    if body.iter().all(u8::is_ascii_whitespace) {
        let fault = Fault::new("missing", vec![json!("body")], "Field required");
        return Err(Failure::fault(fault));
    }
    serde_json::from_slice(body).map_err(|error| {
        let offset = offset(body, &error);
        let said = error.to_string();
        let said = said.split(" at line ").next().unwrap_or_default();
        let place = vec![json!("body"), json!(offset)];
        let fault = Fault::new("json_invalid", place, "JSON decode error");
        Failure::fault(fault.with_context(json!({ "error": said })))
    })
}

/// Where the first wrong byte is, counted from 0.
fn offset(body: &[u8], error: &serde_json::Error) -> usize {
    if error.is_eof() {
        return body.len();
    }
    let lines = body.split_inclusive(|b| *b == b'\n');
    let before: usize = lines
        .take(error.line().saturating_sub(1))
        .map(<[u8]>::len)
        .sum();
    (before + error.column().saturating_sub(1)).min(body.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detail(body: &[u8]) -> Json {
        let failure = parse(body).unwrap_err();
        let answer = failure.answer();
        let value: Json = serde_json::from_slice(&answer.body).unwrap();
        value["detail"][0].clone()
    }

    #[test]
    fn syntax_errors_say_where() {
        let body = br#"{"name": "x","#;
        assert_eq!(detail(body)["loc"], json!(["body", 13]));
        assert_eq!(detail(body)["type"], json!("json_invalid"));
        assert_eq!(
            detail(b"{\"a\": 1,\n \"b\": x}")["loc"],
            json!(["body", 15])
        );
        assert_eq!(detail(b"NaN")["type"], json!("json_invalid"));
        assert_eq!(detail(b" ")["type"], json!("missing"));
    }

    #[test]
    fn content_types() {
        let given = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, text.parse().unwrap());
            let all = [Encoding::Json, Encoding::Form];
            all.map(|encoding| is_of(encoding, &headers))
        };
        assert!(is_of(Encoding::Json, &HeaderMap::new()));
        assert!(is_of(Encoding::Form, &HeaderMap::new()));
        assert_eq!(given("application/json"), [true, false]);
        assert_eq!(given("Application/JSON; charset=utf-8"), [true, false]);
        assert_eq!(given("application/problem+json"), [true, false]);
        assert_eq!(given("text/plain"), [false, false]);
        assert_eq!(given("application/x-www-form-urlencoded"), [false, true]);
        assert_eq!(given("multipart/form-data; boundary=x"), [false, false]);
        assert_eq!(given(""), [false, false]);
    }
}
