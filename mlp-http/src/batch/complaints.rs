//! What is logged of a store's failures.

use std::error::Error;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use mlp_store::StoreError;

/// While the store is away every request fails for one reason: it is said so often.
const EVERY: Duration = Duration::from_secs(1);

/// Logs failures of the store: each that is a fault, and now and then that it is away.
#[derive(Debug, Default)]
pub(super) struct Complaints(Mutex<Silence>);

#[derive(Debug, Default)]
struct Silence {
    until: Option<Instant>,
    /// Failures that were not logged since.
    unsaid: u64,
}

impl Complaints {
    pub fn failed(&self, thread: &str, operations: usize, error: &StoreError) {
        if !error.is_transient() {
            tracing::error!(thread, operations, error = %chain(error), "the store failed");
            return;
        }
        if let Some(unsaid) = self.may_speak(Instant::now()) {
            tracing::warn!(thread, unsaid, error = %chain(error), "the store is away");
        }
    }

    /// How many failures were not logged since the last that was; `None`: this is not, either.
    fn may_speak(&self, now: Instant) -> Option<u64> {
        let mut silence = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if silence.until.is_some_and(|until| now < until) {
            silence.unsaid += 1;
            return None;
        }
        silence.until = Some(now + EVERY);
        Some(std::mem::take(&mut silence.unsaid))
    }
}

/// An error with all its causes.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // Writing to a string cannot fail.
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_a_second_is_said_and_the_others_are_counted() {
        let complaints = Complaints::default();
        let now = Instant::now();
        assert_eq!(complaints.may_speak(now), Some(0));
        for ms in [1, 500, 999] {
            let later = now + Duration::from_millis(ms);
            assert_eq!(complaints.may_speak(later), None);
        }
        assert_eq!(complaints.may_speak(now + EVERY), Some(3));
        assert_eq!(complaints.may_speak(now + EVERY * 3), Some(0));
    }
}
