//! The id of a request, the client's or ours.

use std::sync::atomic::{AtomicU64, Ordering};

use hyper::header::{HeaderMap, HeaderValue};
use uuid::Uuid;

/// The header's name.
pub(crate) const X_REQUEST_ID: &str = "x-request-id";

/// Makes ids: one random UUID, counted on from there, since fresh randomness for each request
/// costs a system call.
#[derive(Debug)]
pub(crate) struct RequestIds {
    base: u128,
    count: AtomicU64,
}

impl RequestIds {
    pub fn new() -> Self {
        Self {
            base: Uuid::now_v7().as_u128(),
            count: AtomicU64::new(0),
        }
    }

    /// The client's id where it is sane, and a new one elsewhere.
    pub fn of(&self, headers: &HeaderMap) -> HeaderValue {
        match headers.get(X_REQUEST_ID) {
            Some(id) if is_sane(id.as_bytes()) => id.clone(),
            _ => self.next(),
        }
    }

    fn next(&self) -> HeaderValue {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let id = Uuid::from_u128(self.base.wrapping_add(u128::from(count)));
        let mut text = [0; 36];
        id.hyphenated().encode_lower(&mut text);
        HeaderValue::from_bytes(&text).unwrap_or(HeaderValue::from_static("-"))
    }
}

fn is_sane(id: &[u8]) -> bool {
    (1..=64).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic)
}
