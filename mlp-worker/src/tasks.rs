//! The thread that trains.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use mlp_store::{Lease, Outcome, TaskKind};

use crate::jobs::{Job, micros, retry_after, yield_to_others};
use crate::repeated::Repeated;
use crate::request::TrainingRequest;
use crate::training::{Made, Moment, TrainingError, train_at};
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

fn outcome(shared: &Shared, lease: &Lease) -> Outcome {
    let asked = TrainingRequest::of(lease)
        .and_then(|asked| Ok((asked.settle(shared.options.settle)?, asked)));
    let (settle, asked) = match asked {
        Ok(asked) => asked,
        Err(error) => return Outcome::Failed { error },
    };
    let now_us = shared.options.clock.now_us();
    let until_us = now_us - micros(settle);
    let moment = Moment { now_us, until_us };
    let mut options = shared.options.train.clone();
    asked.fit.apply(&mut options.fit);
    options.data.since_us = asked.since_us.or(options.data.since_us);
    let (store, schema) = (shared.store.as_ref(), &shared.schema);
    let trained = catch_unwind(AssertUnwindSafe(|| {
        let made = train_at(store, schema, lease.task_id, moment, &options)?;
        let repeated = match made.compared_with {
            Some(_) => Repeated::look(store, lease.task_id, &made.model)?,
            // A model that once served may be what is wanted again: whoever was champion since
            // cannot serve, as after a change of the schema and back.
            None => None,
        };
        Ok((made, repeated))
    }));
    match trained {
        Ok(Ok((_, Some(repeated)))) => {
            tracing::info!(task_id = %lease.task_id, reason = repeated.reason, "no model was made");
            Outcome::Done {
                result: serde_json::json!({
                    "model_id": repeated.model_id,
                    "decision": "none",
                    "reason": repeated.reason,
                })
                .to_string(),
            }
        }
        Ok(Ok((
            Made {
                model, decision, ..
            },
            None,
        ))) => Outcome::Trained { model, decision },
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
