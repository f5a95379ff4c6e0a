//! What came of a run.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::error::Error;
use super::observe::{Ending, Step};

/// Distinct errors that are told apart; what comes after them is counted together.
const MOST_REASONS: usize = 20;

/// The longest latency that is told apart, in microseconds: an hour.
const LONGEST_US: u64 = 3_600_000_000;

/// The result of a run, and its JSON form.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// Completed sessions, answered or not.
    pub sessions: u64,
    /// Requests that failed, 503 apart, and inferences that ended in FAILURE.
    pub errors: u64,
    /// From the first session's begin to the last one's end.
    pub seconds: f64,
    /// Completed sessions per second.
    pub sessions_per_s: f64,
    /// Sessions in which an item was picked.
    pub picked: u64,
    /// Sessions in which the selection, a pick or "none of these", was acknowledged.
    pub answered: u64,
    /// Answers with 503.
    pub busy: u64,
    /// Sessions given up after an error.
    pub failed: u64,
    /// Sessions that were accepted and of which no final state was ever learned.
    pub lost: u64,
    /// Sessions under way when the run was stopped.
    pub unfinished: u64,
    /// Arrivals of an open loop that were due and for which no user was ever free. Where it is not
    /// 0, the latencies are too good: the server did not keep up, or `parallel` is too low.
    pub missed: u64,
    /// Errors by what they were, at most 20 kinds.
    pub reasons: BTreeMap<String, u64>,
    /// Latencies of what succeeded.
    pub latency_ms: Latencies,
}

/// Latencies in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Latencies {
    /// A whole session from its intended begin, the user's pause before selecting not counted.
    pub session: Quantiles,
    /// `POST /inference/start`; in an open loop from the scheduled arrival.
    pub start: Quantiles,
    /// From the first status request until the state is final.
    pub status: Quantiles,
    /// `GET /inference/results`.
    pub results: Quantiles,
    /// `PUT /inference/select`.
    pub select: Quantiles,
}

/// A distribution; all zero where nothing was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Quantiles {
    /// Number of measurements.
    pub count: u64,
    /// Median.
    pub p50: f64,
    /// 90th percentile.
    pub p90: f64,
    /// 99th percentile.
    pub p99: f64,
    /// Largest.
    pub max: f64,
}

/// The times of one session, written down at its end.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Times {
    pub(crate) steps: [Option<Duration>; 4],
    pub(crate) session: Duration,
}

/// Counts and histograms under way, one for all users: a histogram weighs some 100 kB, too much to
/// have five of them per user, and a lock taken once per session costs nothing.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) report: Report,
    session: Latency,
    steps: [Latency; 4],
}

impl Tally {
    pub(crate) fn end(&mut self, ending: Ending, times: &Times, lost: bool) {
        let report = &mut self.report;
        report.lost += u64::from(lost);
        match ending {
            Ending::Failed => report.failed += 1,
            Ending::Unfinished => report.unfinished += 1,
            Ending::Silent | Ending::None | Ending::Picked => {
                report.sessions += 1;
                report.answered += u64::from(ending != Ending::Silent);
                report.picked += u64::from(ending == Ending::Picked);
                self.session.record(times.session);
            }
        }
        for (latency, took) in self.steps.iter_mut().zip(times.steps) {
            if let Some(took) = took {
                latency.record(took);
            }
        }
    }

    pub(crate) fn trouble(&mut self, step: Step, error: &Error) {
        if error.is_busy() {
            self.report.busy += 1;
            return;
        }
        self.report.errors += 1;
        let reasons = &mut self.report.reasons;
        let mut key = format!("{}: {error}", step.name());
        if reasons.len() >= MOST_REASONS && !reasons.contains_key(&key) {
            key = "others".to_owned();
        }
        *reasons.entry(key).or_default() += 1;
    }

    pub(crate) fn finish(&mut self, seconds: f64) -> Report {
        let mut report = std::mem::take(&mut self.report);
        report.seconds = seconds;
        if seconds > 0.0 {
            report.sessions_per_s = report.sessions as f64 / seconds;
        }
        let [start, status, results, select] = &self.steps;
        report.latency_ms = Latencies {
            session: self.session.quantiles(),
            start: start.quantiles(),
            status: status.quantiles(),
            results: results.quantiles(),
            select: select.quantiles(),
        };
        report
    }
}

/// Latencies in microseconds, to three significant digits; `None` until the first.
#[derive(Default)]
struct Latency(Option<Histogram<u64>>);

impl Latency {
    fn record(&mut self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1);
        if self.0.is_none() {
            // Fixed bounds: `saturating_record` clamps even where a histogram may grow.
            self.0 = Histogram::new_with_max(LONGEST_US, 3).ok();
        }
        if let Some(histogram) = &mut self.0 {
            histogram.saturating_record(micros);
        }
    }

    fn quantiles(&self) -> Quantiles {
        let Some(histogram) = &self.0 else {
            return Quantiles::default();
        };
        let max = histogram.max();
        // A bucket's upper edge may lie above everything that fell into it.
        let at = |quantile| histogram.value_at_quantile(quantile).min(max) as f64 / 1000.0;
        Quantiles {
            count: histogram.len(),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            max: max as f64 / 1000.0,
        }
    }
}
