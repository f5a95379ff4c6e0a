//! An answer before it is a response.

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{HeaderName, HeaderValue};

use crate::metrics::Format;

/// What a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    Json,
    Html,
    Metrics(Format),
    /// No body at all.
    Nothing,
}

impl Content {
    pub fn media_type(self) -> Option<HeaderValue> {
        match self {
            Self::Json => Some(HeaderValue::from_static("application/json")),
            Self::Html => Some(HeaderValue::from_static("text/html; charset=utf-8")),
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
    pub header: Option<(HeaderName, HeaderValue)>,
    /// Whether the connection cannot be used any more.
    pub close: bool,
}

impl Answer {
    pub fn new(status: StatusCode, content: Content, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            content,
            body: body.into(),
            header: None,
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

    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.header = Some((name, value));
        self
    }
}
