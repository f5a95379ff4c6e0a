//! An answer before it is a response.

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{HeaderName, HeaderValue, LOCATION};

use crate::metrics::Format;

/// What a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    Json,
    Html,
    Css,
    Script,
    Metrics(Format),
    /// No body at all.
    Nothing,
}

impl Content {
    pub fn media_type(self) -> Option<HeaderValue> {
        match self {
            Self::Json => Some(HeaderValue::from_static("application/json")),
            Self::Html => Some(HeaderValue::from_static("text/html; charset=utf-8")),
            Self::Css => Some(HeaderValue::from_static("text/css; charset=utf-8")),
            Self::Script => Some(HeaderValue::from_static("text/javascript; charset=utf-8")),
            Self::Metrics(format) => Some(HeaderValue::from_static(format.media_type())),
            Self::Nothing => None,
        }
    }
}

/// A status, a body and what the headers say beyond the usual.
#[derive(Debug)]
pub(crate) struct Answer {
    pub status: StatusCode,
    pub content: Content,
    pub body: Bytes,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Whether the connection cannot be used any more.
    pub close: bool,
}

impl Answer {
    pub fn new(status: StatusCode, content: Content, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            content,
            body: body.into(),
            headers: Vec::new(),
            close: false,
        }
    }

    pub fn json(body: impl Into<Bytes>) -> Self {
        Self::new(StatusCode::OK, Content::Json, body)
    }

    pub fn html(body: impl Into<Bytes>) -> Self {
        Self::new(StatusCode::OK, Content::Html, body)
    }

    pub fn value(value: &serde_json::Value) -> Self {
        Self::json(value.to_string())
    }

    /// 204.
    pub fn nothing() -> Self {
        Self::new(StatusCode::NO_CONTENT, Content::Nothing, Bytes::new())
    }

    /// 303: what was asked for stands at another path, which is ASCII.
    pub fn see_other(path: &str) -> Self {
        let place = HeaderValue::from_str(path).unwrap_or(HeaderValue::from_static("/"));
        Self::new(StatusCode::SEE_OTHER, Content::Nothing, Bytes::new())
            .with_header(LOCATION, place)
    }

    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}
