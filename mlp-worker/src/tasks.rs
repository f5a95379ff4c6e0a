//! The thread that trains.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use mlp_store::{Lease, Outcome, TaskKind, Work};

use crate::jobs::{Job, micros, retry_after, yield_to_others};
use crate::training::{Moment, TrainingError, train_at};
use crate::worker::Shared;

pub(crate) fn run(shared: &Shared) {
    yield_to_others();
    let fitting = Fitting::start();
    let job = Job {
        kind: TaskKind::Training,
        outcome: &|lease| fitting.run(|| outcome(shared, lease)),
        succeeded: &|lease, model_id| {
            tracing::info!(task_id = %lease.task_id, model_id, "trained");
            shared.live.refresh_now();
        },
    };
    job.run(shared, || {});
}

/// The threads that a fit shares its arithmetic among: without them it would be done by threads of
/// the priority of those that serve.
struct Fitting(Option<rayon::ThreadPool>);

impl Fitting {
    fn start() -> Self {
        let threads = rayon::ThreadPoolBuilder::new()
            .thread_name(|number| format!("mlp-fit-{number}"))
            .start_handler(|_| yield_to_others());
        match threads.build() {
            Ok(threads) => Self(Some(threads)),
            Err(error) => {
                tracing::warn!(%error, "fits have the priority of serving");
                Self(None)
            }
        }
    }

    fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        match &self.0 {
            Some(threads) => threads.install(work),
            None => work(),
        }
    }
}

/// What the payload of a training may say.
#[derive(Debug, Clone, Default, PartialEq, serde::Deserialize, serde::Serialize)]
pub struct TrainingRequest {
    /// Why, for the log.
    #[serde(default)]
    pub reason: String,
    /// Instead of the worker's own setting: how old an answer must be, in seconds.
    #[serde(default)]
    pub settle_s: Option<f64>,
    /// The requests changed at this time, in microseconds since 1970: see
    /// [`DataOptions::since_us`](crate::DataOptions::since_us).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_us: Option<i64>,
}

impl TrainingRequest {
    fn of(lease: &Lease) -> Result<Self, String> {
        match &lease.work {
            Work::Task { payload } if payload.is_empty() => Ok(Self::default()),
            Work::Task { payload } => serde_json::from_str(payload)
                .map_err(|e| format!("the payload is no training request: {e}")),
            Work::Inference { .. } => Err("the task is no training".to_owned()),
        }
    }

    fn settle(&self, default: Duration) -> Result<Duration, String> {
        match self.settle_s {
            None => Ok(default),
            Some(seconds) => Duration::try_from_secs_f64(seconds)
                .map_err(|e| format!("settle_s is `{seconds}`: {e}")),
        }
    }
}

fn outcome(shared: &Shared, lease: &Lease) -> Outcome {
    let asked = TrainingRequest::of(lease)
        .and_then(|asked| Ok((asked.settle(shared.options.settle)?, asked.since_us)));
    let (settle, since_us) = match asked {
        Ok(asked) => asked,
        Err(error) => return Outcome::Failed { error },
    };
    let now_us = shared.options.clock.now_us();
    let until_us = now_us - micros(settle);
    let moment = Moment { now_us, until_us };
    let mut options = shared.options.train.clone();
    options.data.since_us = since_us.or(options.data.since_us);
    let (store, schema) = (shared.store.as_ref(), &shared.schema);
    let trained = catch_unwind(AssertUnwindSafe(|| {
        train_at(store, schema, lease.task_id, moment, &options)
    }));
    match trained {
        Ok(Ok((model, decision))) => Outcome::Trained { model, decision },
        Ok(Err(error)) => failed(&error, settle, lease),
        Err(_) => Outcome::Failed {
            error: "training panicked".to_owned(),
        },
    }
}

fn failed(error: &TrainingError, settle: Duration, lease: &Lease) -> Outcome {
    let mut message = error.to_string();
    if error.is_too_few() && !settle.is_zero() {
        message += &format!(
            "; answers of the last {} s were left out: they may change",
            settle.as_secs()
        );
    }
    match error.is_transient() {
        true => Outcome::Retry {
            error: message,
            after: retry_after(lease),
        },
        false => Outcome::Failed { error: message },
    }
}
