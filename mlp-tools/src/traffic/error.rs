//! What can go wrong with one request.

use std::io;
use std::time::Duration;

use hyper::StatusCode;

/// Why a request brought no usable answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No connection to the server.
    #[error("cannot connect to {target}")]
    Connect {
        /// The server's URL.
        target: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The connection broke before the answer was complete.
    #[error("connection lost")]
    Lost(#[source] hyper::Error),
    /// No complete answer in time.
    #[error("no answer within {} ms", .0.as_millis())]
    TimedOut(Duration),
    /// The server is overloaded (503) and says when to come back.
    #[error("server is busy, retry after {} ms", .retry_after.as_millis())]
    Busy {
        /// The `Retry-After` header; one second without it.
        retry_after: Duration,
    },
    /// Any other status than 2xx.
    #[error("status {status}: {detail}")]
    Status {
        /// The status.
        status: StatusCode,
        /// The body's beginning.
        detail: String,
    },
    /// The answer is not what the contract says.
    #[error("unexpected answer")]
    Answer(#[source] serde_json::Error),
    /// The answer is larger than the limit.
    #[error("answer is larger than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// The request cannot be written: its path, its token or its body is not valid.
    #[error("cannot write the request: {0}")]
    Request(String),
    /// The server gave the inference up (FAILURE).
    #[error("task failed")]
    TaskFailed,
    /// The inference was not final when the client stopped waiting for it.
    #[error("task was not finished within {} ms", .0.as_millis())]
    NotFinished(Duration),
}

impl Error {
    /// True where the same request may well succeed a little later: the server is away or busy.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Error::Connect { .. } | Error::Lost(_) | Error::TimedOut(_) | Error::Busy { .. }
        )
    }

    /// True for a 503.
    pub fn is_busy(&self) -> bool {
        matches!(self, Error::Busy { .. })
    }

    /// The status of an answer that was not 2xx.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Error::Busy { .. } => Some(StatusCode::SERVICE_UNAVAILABLE),
            Error::Status { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// The message and those of its sources, joined by `: `.
    pub fn chain(&self) -> String {
        chain(self)
    }
}

pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
