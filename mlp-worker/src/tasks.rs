//! The thread that trains: one task at a time, under a lease that is prolonged while it works.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use mlp_store::{ClaimOptions, Lease, Outcome, Settled, Settlement, TaskKind};

use crate::repeated::Repeated;
use crate::request::TrainingRequest;
use crate::training::{TrainingError, train};
use crate::worker::{Backoff, Shared, delay};

/// How much this thread yields to those that serve, on the scale of `nice`.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

pub(crate) fn run(shared: &Shared) {
    yield_to_others();
    let fitting = Fitting::start();
    let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(2));
    while !shared.stopping() {
        match run_one(shared, &fitting) {
            Ok(()) => backoff.reset(),
            Err(error) => {
                tracing::warn!(%error, "no training could be taken");
                std::thread::sleep(backoff.next());
            }
        }
    }
}

/// Lets all other threads go first: training takes what serving leaves. On Linux a thread has a
/// priority of its own; elsewhere it would be the whole process's.
pub(crate) fn yield_to_others() {
    #[cfg(target_os = "linux")]
    if let Err(error) =
        rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICENESS)
    {
        tracing::warn!(%error, "training has the priority of serving");
    }
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

/// Runs one training, if there is one or comes soon.
fn run_one(shared: &Shared, fitting: &Fitting) -> Result<(), mlp_store::StoreError> {
    let claim = ClaimOptions {
        kind: TaskKind::Training,
        max: 1,
        lease: shared.options.lease,
    };
    let leases = shared.transport.take(&claim, shared.options.poll)?;
    let Some(lease) = leases.first() else {
        return Ok(());
    };
    shared.hold(&leases);
    let work = || fitting.run(|| outcome(shared, lease));
    let outcome = with_heartbeat(shared, lease, work);
    let failure = match &outcome {
        Outcome::Retry { error, .. } | Outcome::Failed { error } => Some(error.clone()),
        _ => None,
    };
    let settlement = Settlement {
        lease: lease.reference(),
        outcome,
    };
    let settled = shared.settle(&[settlement]);
    shared.let_go(TaskKind::Training);
    let task_id = lease.task_id;
    match (settled, failure) {
        (Ok(_), Some(error)) => tracing::warn!(%task_id, error, "training failed"),
        (Ok(settled), None) => {
            if let Some(Settled::Now(_, Some(model_id))) = settled.first() {
                tracing::info!(%task_id, model_id, "trained");
            }
            shared.live.refresh_now();
        }
        (Err(error), _) => {
            tracing::error!(%task_id, %error, "the training's end could not be kept")
        }
    }
    Ok(())
}

fn outcome(shared: &Shared, lease: &Lease) -> Outcome {
    let request = TrainingRequest::of(lease);
    let asked = request.and_then(|r| Ok((r.settle(shared.options.settle)?, r.fit)));
    let (settle, fit) = match asked {
        Ok(asked) => asked,
        Err(error) => return Outcome::Failed { error },
    };
    let mut options = shared.options.train.clone();
    fit.apply(&mut options.fit);
    let until = shared.options.clock.now_us() - micros(settle);
    let (store, schema) = (shared.store.as_ref(), &shared.schema);
    let trained = catch_unwind(AssertUnwindSafe(|| {
        let (model, decision) = train(store, schema, lease.task_id, until, &options)?;
        let repeated = Repeated::look(store, lease.task_id, &model)?;
        Ok((model, decision, repeated))
    }));
    match trained {
        Ok(Ok((_, _, Some(repeated)))) => {
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
        Ok(Ok((model, decision, None))) => Outcome::Trained { model, decision },
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
    if error.is_transient() {
        Outcome::Retry {
            error: message,
            after: delay(
                Duration::from_secs(1),
                Duration::from_secs(60),
                lease.attempt,
            ),
        }
    } else {
        Outcome::Failed { error: message }
    }
}

pub(crate) fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// Does `work` while another thread prolongs the lease, three times per its length.
fn with_heartbeat<T>(shared: &Shared, lease: &Lease, work: impl FnOnce() -> T) -> T {
    let (done, ended) = channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let every = shared.options.lease / 3;
            while ended.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                let beat = shared
                    .store
                    .heartbeat(&[lease.reference()], shared.options.lease);
                match beat.as_deref() {
                    Ok([false]) => {
                        // The settlement will be refused: another has the task.
                        tracing::warn!(task_id = %lease.task_id, "the lease was lost");
                        return;
                    }
                    Ok(_) => {}
                    Err(error) => tracing::warn!(%error, "no heartbeat"),
                }
            }
        });
        let result = work();
        drop(done);
        result
    })
}
