//! Which session comes next, and when it should begin.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp1};
use tokio::time::Instant;

use super::plan::{Arrivals, Plan};

/// The stream that the arrivals are drawn from; no session has this number.
const ARRIVAL_STREAM: u64 = u64::MAX;

/// A session to run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ticket {
    pub(crate) session: u64,
    /// When it arrives; `None` in a closed loop, where it begins when its user is ready.
    pub(crate) arrival: Option<Instant>,
}

/// Hands out the sessions of a plan, each once.
pub(crate) struct Tickets {
    next: AtomicU64,
    sessions: u64,
    schedule: Option<Mutex<Schedule>>,
}

impl Tickets {
    pub(crate) fn new(plan: &Plan, start: Instant) -> Self {
        let schedule = plan.rate.map(|rate| {
            Mutex::new(Schedule {
                rng: plan.stream(ARRIVAL_STREAM),
                gap_s: 1.0 / rate,
                arrivals: plan.arrivals,
                next: start,
                given: 0,
                end: plan.duration.map(|duration| start + duration),
            })
        });
        Tickets {
            next: AtomicU64::new(0),
            sessions: plan.sessions.unwrap_or(ARRIVAL_STREAM),
            schedule,
        }
    }

    pub(crate) fn take(&self) -> Option<Ticket> {
        match &self.schedule {
            Some(schedule) => super::lock(schedule).take(self.sessions),
            None => {
                let session = self.next.fetch_add(1, Ordering::Relaxed);
                let ticket = Ticket {
                    session,
                    arrival: None,
                };
                (session < self.sessions).then_some(ticket)
            }
        }
    }

    /// The arrivals that were due by `now` and that nobody took: exactly for equal gaps, as the
    /// expected number for random ones.
    pub(crate) fn overdue(&self, now: Instant) -> u64 {
        let Some(schedule) = &self.schedule else {
            return 0;
        };
        let schedule = super::lock(schedule);
        let until = schedule.end.map_or(now, |end| end.min(now));
        let seconds = until.saturating_duration_since(schedule.next).as_secs_f64();
        let left = self.sessions.saturating_sub(schedule.given);
        ((seconds / schedule.gap_s) as u64).min(left)
    }
}

struct Schedule {
    rng: ChaCha8Rng,
    gap_s: f64,
    arrivals: Arrivals,
    next: Instant,
    given: u64,
    end: Option<Instant>,
}

impl Schedule {
    fn take(&mut self, sessions: u64) -> Option<Ticket> {
        let arrival = self.next;
        if self.given >= sessions || self.end.is_some_and(|end| arrival >= end) {
            return None;
        }
        let ticket = Ticket {
            session: self.given,
            arrival: Some(arrival),
        };
        self.given += 1;
        self.next = arrival + gap(self.arrivals, self.gap_s, &mut self.rng);
        Some(ticket)
    }
}

fn gap<R: Rng + ?Sized>(arrivals: Arrivals, mean_s: f64, rng: &mut R) -> Duration {
    let share: f64 = match arrivals {
        Arrivals::Poisson => Exp1.sample(rng),
        Arrivals::Even => 1.0,
    };
    Duration::from_secs_f64(share * mean_s)
}
