//! The thread that watches: looks at the newest requests, by schedule and where somebody asks.

mod alarm;
mod look;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use mlp_core::drift::{Policy, PolicyKind};
use mlp_core::watch::WatchReport;
use mlp_store::{Lease, NewTask, Outcome, RequestQuery, Store, StoreError, TaskId, TaskKind, Work};
use serde::{Deserialize, Serialize};

use crate::jobs::{Job, micros, retry_after, yield_to_others};
use crate::worker::Shared;

pub(crate) use alarm::{Alarm, alarm_on};
pub use look::{WatchError, Watcher};

/// How the traffic is watched.
#[derive(Debug, Clone, PartialEq)]
pub struct WatchOptions {
    /// The least time between two looks of the schedule, of all workers together. Zero: there is no
    /// schedule, and a look is taken only where somebody asks. Default 60 s.
    pub every: Duration,
    /// Requests that a look is at, the newest ones. Default [`Policy::WINDOW`].
    pub window: usize,
    /// With fewer requests since the reference there is no verdict. Default 100.
    pub min_requests: usize,
    /// New requests without which the schedule takes no look: one at the same requests again says
    /// nothing, and each costs its share of the false alarms. Default 50.
    pub least_new: u64,
    /// The explored judging sessions that the champion's quality is told by, the newest ones. Default
    /// 1,000.
    pub judging: usize,
}

impl Default for WatchOptions {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(60),
            window: Policy::WINDOW,
            min_requests: 100,
            least_new: 50,
            judging: 1000,
        }
    }
}

/// What the payload of a look says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WatchRequest {
    /// How often one looks. What is found by one look of somebody's is told; only what is found by
    /// looking again and again sets an alarm off, or ends one.
    pub policy: PolicyKind,
}

impl WatchRequest {
    /// Somebody's.
    pub const ONE_LOOK: Self = Self {
        policy: PolicyKind::OneLook,
    };

    /// The schedule's.
    pub const CONTINUOUS: Self = Self {
        policy: PolicyKind::Continuous,
    };

    /// Asks for a look; gives the id of the task, or of the one that is pending.
    ///
    /// # Errors
    ///
    /// Where the store does not take it.
    pub fn enqueue(self, store: &dyn Store) -> Result<TaskId, StoreError> {
        store.enqueue(&NewTask {
            task_id: TaskId::new_v7(),
            kind: TaskKind::Monitoring,
            // A name: it cannot fail to be written.
            payload: serde_json::to_string(&self).unwrap_or_default(),
        })
    }

    fn of(lease: &Lease) -> Result<Self, String> {
        match &lease.work {
            Work::Task { payload } if payload.is_empty() => Ok(Self::ONE_LOOK),
            Work::Task { payload } => serde_json::from_str(payload)
                .map_err(|e| format!("the payload is no request for a look: {e}")),
            Work::Inference { .. } => Err("the task is no look".to_owned()),
        }
    }
}

pub(crate) fn run(shared: &Shared) {
    yield_to_others();
    let watcher = Mutex::new(Watcher::default());
    let mut schedule = Schedule::default();
    let job = Job {
        kind: TaskKind::Monitoring,
        outcome: &|lease| outcome(shared, lease, &watcher),
        succeeded: &|_, _| {},
    };
    job.run(shared, || {
        if let Err(error) = schedule.turn(shared) {
            tracing::warn!(%error, "no look could be asked for");
        }
    });
}

fn outcome(shared: &Shared, lease: &Lease, watcher: &Mutex<Watcher>) -> Outcome {
    let asked = match WatchRequest::of(lease) {
        Ok(asked) => asked,
        Err(error) => return Outcome::Failed { error },
    };
    let now_us = shared.options.clock.now_us();
    let (store, schema) = (shared.store.as_ref(), &shared.schema);
    let looked = catch_unwind(AssertUnwindSafe(|| {
        // One thread alone takes it; a panic there leaves nothing half made but a cache.
        let mut watcher = watcher.lock().unwrap_or_else(PoisonError::into_inner);
        let settled_us = now_us - micros(shared.options.settle);
        let times = (now_us, settled_us);
        watcher.look(store, schema, times, asked.policy, &shared.options.watch)
    }));
    match looked {
        Ok(Ok((report, decision))) => {
            if let Some((model_id, decision)) = &decision {
                let (kind, reason) = (decision.kind.name(), &decision.reason);
                tracing::warn!(model_id, kind, reason, "the traffic");
            }
            // Numbers, texts and lists alone: nothing that JSON cannot hold.
            let report = serde_json::to_string(&report).unwrap_or_default();
            Outcome::Watched { report, decision }
        }
        Ok(Err(error)) if error.is_transient() => Outcome::Retry {
            error: error.to_string(),
            after: retry_after(lease),
        },
        Ok(Err(error)) => Outcome::Failed {
            error: error.to_string(),
        },
        Err(_) => Outcome::Failed {
            error: "the look panicked".to_owned(),
        },
    }
}

/// The duty of asking for looks, of which one of all workers has a turn at a time.
const DUTY: &str = "watch";

/// How often the schedule counts what is new, at most.
const COUNT: Duration = Duration::from_secs(1);

/// When the next look is due.
#[derive(Default)]
struct Schedule {
    counted: Option<Instant>,
}

impl Schedule {
    fn turn(&mut self, shared: &Shared) -> Result<(), StoreError> {
        let options = &shared.options.watch;
        let pause = COUNT.min(options.every);
        let early = self.counted.is_some_and(|at| at.elapsed() < pause);
        if options.every.is_zero() || early {
            return Ok(());
        }
        self.counted = Some(Instant::now());
        let store = shared.store.as_ref();
        let new = newest_request(store)?.saturating_sub(seen(store)?).max(0) as u64;
        // However many are new: looks in a hurry would use up a month's false alarms in an hour. A bit
        // less than the time, since a timer that wakes early would lose its turn.
        if new >= options.least_new.max(1) && store.turn(DUTY, options.every.mul_f64(0.9))? {
            WatchRequest::CONTINUOUS.enqueue(store)?;
        }
        Ok(())
    }
}

/// The newest request's number; 0 without any.
fn newest_request(store: &dyn Store) -> Result<i64, StoreError> {
    let newest = store.requests(&RequestQuery {
        after_us: i64::MIN,
        until_us: i64::MAX,
        before: i64::MAX,
        limit: 1,
    })?;
    Ok(newest.first().map_or(0, |request| request.inference_id))
}

/// The newest request that a look has seen; 0 before the first look.
fn seen(store: &dyn Store) -> Result<i64, StoreError> {
    let last = store.task_results(TaskKind::Monitoring, 1)?;
    let report =
        (last.first()).and_then(|last| serde_json::from_str::<WatchReport>(&last.result).ok());
    Ok(report.and_then(|report| report.window.newest).unwrap_or(0))
}
