//! One thread for all that is not hot, in turn.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Instant;

use mlp_store::Store;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use super::complaints::Complaints;
use crate::failure::{Busy, Failure};
use crate::options::Options;

type Call = Box<dyn FnOnce(&dyn Store) + Send>;

/// Where calls are handed in.
#[derive(Debug)]
pub(super) struct Calls {
    /// `None` once closed.
    jobs: Option<mpsc::Sender<Call>>,
    depth: Gauge,
    complaints: Arc<Complaints>,
}

impl Calls {
    pub fn start(
        store: Arc<dyn Store>,
        options: &Options,
        depth: Gauge,
        time: Histogram,
    ) -> std::io::Result<(Self, JoinHandle<()>)> {
        let (sender, mut receiver) = mpsc::channel::<Call>(options.queue.max(1));
        let gauge = depth.clone();
        let thread = Builder::new().name("mlp-read".to_owned()).spawn(move || {
            while let Some(call) = receiver.blocking_recv() {
                gauge.dec();
                let started = Instant::now();
                // The call's answer is dropped unsent, which its asker sees.
                if catch_unwind(AssertUnwindSafe(|| call(store.as_ref()))).is_err() {
                    tracing::error!(thread = "mlp-read", "the store panicked");
                }
                time.observe(started.elapsed().as_secs_f64());
            }
        })?;
        let jobs = Some(sender);
        let calls = Self {
            jobs,
            depth,
            complaints: Arc::default(),
        };
        Ok((calls, thread))
    }

    pub async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Store) -> mlp_store::Result<T> + Send + 'static,
    ) -> Result<T, Failure> {
        let (answer, answered) = oneshot::channel();
        let complaints = Arc::clone(&self.complaints);
        let call: Call = Box::new(move |store| {
            // A client that went away while this waited needs nothing done.
            if answer.is_closed() {
                return;
            }
            let result = work(store).map_err(|error| {
                let failure = Failure::from(&error);
                if !matches!(failure, Failure::Refused(_)) {
                    complaints.failed("mlp-read", 1, &error);
                }
                failure
            });
            let _ = answer.send(result);
        });
        let Some(jobs) = &self.jobs else {
            return Err(Failure::Busy(Busy::Stopping));
        };
        self.depth.inc();
        if let Err(error) = jobs.try_send(call) {
            self.depth.dec();
            return Err(match error {
                TrySendError::Full(_) => Failure::Busy(Busy::Requests),
                TrySendError::Closed(_) => Failure::Internal,
            });
        }
        answered.await.unwrap_or(Err(Failure::Internal))
    }

    /// Takes no more; what was handed in is still done.
    pub fn close(&mut self) {
        self.jobs = None;
    }
}
