//! Where a store gets its time from.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Tells the time. A store asks nobody else.
pub trait Clock: Send + Sync {
    /// Microseconds since 1970, UTC.
    fn now_us(&self) -> i64;
}

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_us(&self) -> i64 {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => micros(since),
            Err(before) => -micros(before.duration()),
        }
    }
}

/// A clock that stands still until it is moved: for tests.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows this time, in microseconds since 1970.
    pub fn new(now_us: i64) -> Self {
        Self(AtomicI64::new(now_us))
    }

    /// Moves it on.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(micros(by), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_us(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// A duration in microseconds; one that is too long becomes 100,000 years, which leaves room for a
/// sum with any time.
pub(crate) fn micros(duration: Duration) -> i64 {
    const LONGEST: i64 = 100_000 * 366 * 86_400 * 1_000_000;
    i64::try_from(duration.as_micros()).map_or(LONGEST, |us| us.min(LONGEST))
}
