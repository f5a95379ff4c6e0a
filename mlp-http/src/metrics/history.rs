//! Traffic and latency of the last hour, in memory, for the dashboard.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What one bucket spans.
pub(crate) const SPAN: Duration = Duration::from_secs(10);

/// How many there are: an hour.
pub(crate) const BUCKETS: usize = 360;

/// Bounds of latencies double from 2⁻⁴ ms to 2¹⁵ ms in half steps; what is over the last counts there.
const CELLS: usize = 40;

/// The lowest bound, in seconds.
const LOWEST: f64 = 1.0 / 16_000.0;

/// What happened in one bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bucket {
    /// Which bucket since the start this is.
    number: u64,
    requests: u32,
    failures: u32,
    /// Requests by latency, shape `(CELLS,)`.
    cells: [u32; CELLS],
}

const EMPTY: Bucket = Bucket {
    number: u64::MAX,
    requests: 0,
    failures: 0,
    cells: [0; CELLS],
};

/// One span of time, as the dashboard draws it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Stretch {
    /// How long ago it ended, in seconds; the last one has not ended yet and says 0.
    pub ago_s: f64,
    /// How long it is, in seconds.
    pub span_s: f64,
    pub requests: u64,
    /// Those that failed by our fault.
    pub failures: u64,
    /// The median latency in seconds, to within a fifth; `None` without requests.
    pub p50_s: Option<f64>,
    pub p99_s: Option<f64>,
}

/// A ring of buckets.
#[derive(Debug)]
pub(crate) struct History {
    started: Instant,
    ring: Mutex<Box<[Bucket; BUCKETS]>>,
}

impl History {
    pub fn new() -> Self {
        Self {
            started: Instant::now(),
            ring: Mutex::new(Box::new([EMPTY; BUCKETS])),
        }
    }

    /// Counts a request that was answered just now.
    pub fn record(&self, took: Duration, failed: bool) {
        self.record_at(self.started.elapsed(), took, failed);
    }

    fn record_at(&self, since: Duration, took: Duration, failed: bool) {
        let number = number(since);
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = &mut ring[(number % BUCKETS as u64) as usize];
        if bucket.number != number {
            *bucket = Bucket { number, ..EMPTY };
        }
        bucket.requests += 1;
        bucket.failures += u32::from(failed);
        bucket.cells[cell(took)] += 1;
    }

    /// The past, the oldest first, in stretches of `each` buckets; as far back as the process goes,
    /// an hour at most.
    pub fn stretches(&self, each: usize) -> Vec<Stretch> {
        self.stretches_at(self.started.elapsed(), each)
    }

    fn stretches_at(&self, since: Duration, each: usize) -> Vec<Stretch> {
        let each = each.clamp(1, BUCKETS) as u64;
        let now = number(since);
        let first = (now + 1)
            .saturating_sub(BUCKETS as u64)
            .next_multiple_of(each);
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let mut out = Vec::new();
        let mut from = first.min(now - now % each);
        while from <= now {
            let numbers = from..(from + each).min(now + 1);
            let end = SPAN.as_secs_f64() * (from + each) as f64;
            out.push(stretch(&ring[..], numbers, since.as_secs_f64() - end));
            from += each;
        }
        out
    }
}

fn stretch(ring: &[Bucket], numbers: std::ops::Range<u64>, ago_s: f64) -> Stretch {
    let span_s = (numbers.end - numbers.start) as f64 * SPAN.as_secs_f64();
    let mut cells = [0_u64; CELLS];
    let (mut requests, mut failures) = (0, 0);
    for number in numbers {
        let bucket = &ring[(number % BUCKETS as u64) as usize];
        if bucket.number == number {
            requests += u64::from(bucket.requests);
            failures += u64::from(bucket.failures);
            for (all, one) in cells.iter_mut().zip(bucket.cells) {
                *all += u64::from(one);
            }
        }
    }
    Stretch {
        ago_s: ago_s.max(0.0),
        span_s,
        requests,
        failures,
        p50_s: quantile(&cells, requests, 0.5),
        p99_s: quantile(&cells, requests, 0.99),
    }
}

fn number(since: Duration) -> u64 {
    since.as_secs() / SPAN.as_secs()
}

fn cell(took: Duration) -> usize {
    let steps = (took.as_secs_f64() / LOWEST).log2() * 2.0;
    // A float beyond the range becomes the nearest that is in it.
    (steps.ceil().max(0.0) as usize).min(CELLS - 1)
}

/// The middle, by ratio, of the cell in which the quantile lies.
fn quantile(cells: &[u64; CELLS], requests: u64, q: f64) -> Option<f64> {
    if requests == 0 {
        return None;
    }
    let wanted = (q * requests as f64).ceil().max(1.0) as u64;
    let mut seen = 0;
    let cell = cells.iter().position(|n| {
        seen += n;
        seen >= wanted
    })?;
    Some(LOWEST * 2_f64.powf((cell as f64 - 0.5) / 2.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn quantiles_are_within_a_fifth() {
        let history = History::new();
        for ms in 1..=1000_u64 {
            history.record_at(at(5), Duration::from_millis(ms), ms > 990);
        }
        let [stretch] = history.stretches_at(at(8), 1)[..] else {
            panic!("one bucket so far");
        };
        assert_eq!((stretch.requests, stretch.failures), (1000, 10));
        let near = |found: Option<f64>, exact: f64| (found.unwrap() / exact).log2().abs() < 0.26;
        assert!(near(stretch.p50_s, 0.5), "{stretch:?}");
        assert!(near(stretch.p99_s, 0.99), "{stretch:?}");
    }

    #[test]
    fn an_hour_is_kept_and_gaps_are_empty() {
        let history = History::new();
        for second in (0..8000).filter(|s| !(5000..6000).contains(s)) {
            history.record_at(at(second), Duration::from_millis(1), false);
        }
        let minutes = history.stretches_at(at(7999), 6);
        assert!((59..=60).contains(&minutes.len()), "{}", minutes.len());
        assert!(minutes.iter().all(|m| m.requests <= 60));
        let gap = minutes.iter().filter(|m| m.requests == 0).count();
        assert_eq!(gap, 16);
        assert!(
            minutes
                .iter()
                .all(|m| m.p50_s.is_some() == (m.requests > 0))
        );
        // The last minute began 19 s ago.
        assert_eq!(minutes.last().unwrap().requests, 20);
        assert_eq!(minutes[0].requests, 60);
        assert!(minutes[0].ago_s > 3400.0 && minutes[0].ago_s < 3600.0);
    }

    #[test]
    fn the_extremes_have_cells() {
        assert_eq!(cell(Duration::ZERO), 0);
        assert_eq!(cell(Duration::from_nanos(1)), 0);
        assert_eq!(cell(Duration::MAX), CELLS - 1);
        assert!(cell(Duration::from_secs(30)) < CELLS - 1);
    }
}
