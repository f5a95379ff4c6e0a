//! How a thread does the tasks of a kind: one at a time, under a lease that is prolonged while it
//! works.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use mlp_store::{
    ClaimOptions, Lease, Outcome, Settled, Settlement, StoreError, TaskKind, TaskStatus,
};

use crate::worker::{Backoff, Shared, delay};

/// How much a thread that works for nobody who waits yields to those that serve, on the scale of
/// `nice`.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// Lets all other threads go first: training takes what serving leaves. On Linux a thread has a
/// priority of its own; elsewhere it would be the whole process's.
pub(crate) fn yield_to_others() {
    #[cfg(target_os = "linux")]
    if let Err(error) =
        rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICENESS)
    {
        tracing::warn!(%error, "a thread has the priority of serving");
    }
}

/// The tasks of a kind, and how each is done.
pub(crate) struct Job<'a> {
    pub kind: TaskKind,
    /// What comes of a lease.
    pub outcome: &'a dyn Fn(&Lease) -> Outcome,
    /// Told when a success is kept, with the model that it made.
    pub succeeded: &'a dyn Fn(&Lease, Option<i64>),
}

impl Job<'_> {
    /// Does tasks until the worker stops; `between` is called after each, and while there is none.
    pub fn run(&self, shared: &Shared, mut between: impl FnMut()) {
        let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(2));
        while !shared.stopping() {
            match self.run_one(shared) {
                Ok(()) => backoff.reset(),
                Err(error) => {
                    tracing::warn!(kind = self.kind.name(), %error, "no task could be taken");
                    std::thread::sleep(backoff.next());
                }
            }
            between();
        }
    }

    /// Does one task, if there is one or comes soon.
    fn run_one(&self, shared: &Shared) -> Result<(), StoreError> {
        let claim = ClaimOptions {
            kind: self.kind,
            max: 1,
            lease: shared.options.lease,
        };
        let leases = shared.transport.take(&claim, shared.options.poll)?;
        let Some(lease) = leases.first() else {
            return Ok(());
        };
        shared.hold(&leases);
        let outcome = with_heartbeat(shared, lease, || (self.outcome)(lease));
        let failure = match &outcome {
            Outcome::Retry { error, .. } | Outcome::Failed { error } => Some(error.clone()),
            _ => None,
        };
        let settled = shared.settle(&[Settlement {
            lease: lease.reference(),
            outcome,
        }]);
        shared.let_go(self.kind);
        let (task_id, kind) = (lease.task_id, self.kind.name());
        match (settled, failure) {
            (Ok(_), Some(error)) => tracing::warn!(%task_id, kind, error, "a task failed"),
            (Ok(settled), None) => {
                if let Some(Settled::Now(TaskStatus::Success, model_id)) = settled.first() {
                    (self.succeeded)(lease, *model_id);
                }
            }
            (Err(error), _) => {
                tracing::error!(%task_id, kind, %error, "a task's end could not be kept");
            }
        }
        Ok(())
    }
}

/// The wait before another attempt at a task that one worker does at a time.
pub(crate) fn retry_after(lease: &Lease) -> Duration {
    delay(
        Duration::from_secs(1),
        Duration::from_secs(60),
        lease.attempt,
    )
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
