//! What can go wrong with a request, and the one place where that becomes a status.

use std::borrow::Cow;

use hyper::StatusCode;
use hyper::header::{ALLOW, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use mlp_core::Fault;
use mlp_store::StoreError;
use serde_json::{Value as Json, json};

use crate::answer::{Answer, Content};
use crate::pages::{Shell, broken};

/// Why a request is not answered as it hoped.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Failure {
    /// Nothing is at that path.
    NoRoute,
    /// What the path or the body names does not exist.
    NotFound(&'static str),
    /// The path knows other methods.
    Method { allow: HeaderValue },
    /// The token is missing or wrong.
    Token,
    /// A page of another site sent it.
    CrossSite,
    /// The body is longer than allowed.
    TooLarge { limit: usize },
    /// The body is not of the media type that the route reads, by its own account.
    MediaType(&'static str),
    /// The body did not arrive in time.
    Slow,
    /// The body broke off.
    Cut,
    /// Fields are wrong: all of them at once.
    Faults(Vec<Fault>),
    /// It cannot be done in the state that things are in.
    Conflict(Cow<'static, str>),
    /// The task was given up.
    TaskFailed,
    /// Too much waits already, or the store is out of reach for the moment.
    Busy(Busy),
    /// The store says that it cannot be.
    Refused(String),
    /// It took too long.
    Deadline,
    /// A fault of ours, which was logged where it was found.
    Internal,
}

/// What there is no room for, or no store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Busy {
    /// The store is out of reach for the moment.
    Store,
    /// Requests wait for the store's threads, as many as may.
    Requests,
    /// Tasks wait for workers, as many as may.
    Tasks,
    /// The server stops.
    Stopping,
}

impl Busy {
    fn text(self) -> &'static str {
        match self {
            Self::Store => "the store is not available",
            Self::Requests => "too many requests wait already",
            Self::Tasks => "too many tasks wait already",
            Self::Stopping => "the server stops",
        }
    }
}

impl Failure {
    /// The reason as metrics name it; `None` where the request itself is at fault.
    pub fn reason(&self) -> Option<&'static str> {
        match self {
            Self::TaskFailed => Some("task_failed"),
            Self::Busy(Busy::Store) => Some("store"),
            Self::Busy(Busy::Requests) => Some("requests_full"),
            Self::Busy(Busy::Tasks) => Some("tasks_full"),
            Self::Busy(Busy::Stopping) => Some("stopping"),
            Self::Deadline => Some("deadline"),
            Self::Internal => Some("internal"),
            _ => None,
        }
    }

    /// One wrong field.
    pub fn fault(fault: Fault) -> Self {
        Self::Faults(vec![fault])
    }

    /// The answer that tells of it.
    pub fn answer(self) -> Answer {
        let status = self.status();
        let answer = |detail: &str| {
            let body = json!({ "detail": detail }).to_string();
            Answer::new(status, Content::Json, body)
        };
        match self {
            Self::NoRoute => answer("Not Found"),
            Self::NotFound(what) => answer(what),
            Self::Conflict(what) => answer(&what),
            Self::Method { allow } => answer("Method Not Allowed").with_header(ALLOW, allow),
            Self::Token => answer("Not authenticated")
                .with_header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")),
            Self::CrossSite => answer("requests from pages of other sites are refused"),
            Self::TooLarge { limit } => closing(answer(&format!("the body is over {limit} bytes"))),
            Self::MediaType(wanted) => answer(&format!("the content type must be {wanted}")),
            Self::Slow => closing(answer("the body did not arrive in time")),
            Self::Cut => closing(answer("the body is not complete")),
            Self::Faults(faults) => Answer::new(
                status,
                Content::Json,
                json!({ "detail": faults }).to_string(),
            ),
            Self::TaskFailed => answer("Task failed"),
            Self::Busy(why) => {
                answer(why.text()).with_header(RETRY_AFTER, HeaderValue::from_static("1"))
            }
            Self::Refused(why) => answer(&why),
            Self::Deadline => answer("the request took too long"),
            Self::Internal => answer("Internal Server Error"),
        }
    }

    /// The page that tells a person of it.
    pub fn page(self, shell: Shell<'_>) -> Answer {
        let mut answer = self.answer();
        let body = serde_json::from_slice::<Json>(&answer.body).unwrap_or_default();
        let detail = match &body["detail"] {
            Json::String(detail) => detail.clone(),
            Json::Array(faults) => {
                let said = faults.iter().filter_map(|fault| fault["msg"].as_str());
                said.collect::<Vec<_>>().join("; ")
            }
            _ => String::new(),
        };
        answer.body = broken(shell, answer.status, &detail).into();
        answer.content = Content::Html;
        answer
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::NoRoute | Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Method { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::Token => StatusCode::UNAUTHORIZED,
            Self::CrossSite => StatusCode::FORBIDDEN,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::MediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::Cut | Self::Refused(_) => StatusCode::BAD_REQUEST,
            Self::Faults(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::TaskFailed | Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Busy(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Deadline => StatusCode::GATEWAY_TIMEOUT,
        }
    }
}

fn closing(mut answer: Answer) -> Answer {
    answer.close = true;
    answer
}

impl From<&StoreError> for Failure {
    fn from(error: &StoreError) -> Self {
        match error {
            error if error.is_transient() => Self::Busy(Busy::Store),
            StoreError::Invalid(why) => Self::Refused(why.clone()),
            _ => Self::Internal,
        }
    }
}
