//! Threads that talk to the store, so that the reactor's never wait for a disk.
//!
//! Natural batching: a thread takes all that waits and does it as one batch. There is no timer: an
//! idle server answers at once, a loaded one shares the cost of a commit among all that came in
//! while the commit before was under way.

mod batcher;
mod calls;
mod complaints;

use std::sync::Arc;
use std::thread::JoinHandle;

use mlp_store::{SessionOp, SessionReply, Sessions, Store, TaskId, TaskView};

use crate::failure::Failure;
use crate::metrics::Metrics;
use crate::options::Options;
use batcher::{Batcher, Gauges};
use calls::Calls;

/// The store, as handlers reach it.
#[derive(Debug)]
pub(crate) struct Desk {
    writer: Batcher<SessionOp, SessionReply>,
    lookups: Batcher<TaskId, Option<TaskView>>,
    calls: Calls,
    threads: Vec<JoinHandle<()>>,
}

impl Desk {
    /// Starts the threads.
    ///
    /// # Errors
    ///
    /// Where the system gives none.
    pub fn open(
        sessions: &Arc<dyn Sessions>,
        store: &Arc<dyn Store>,
        metrics: &Metrics,
        options: &Options,
    ) -> std::io::Result<Self> {
        let stages = &metrics.stages;
        let gauges = Gauges {
            depth: metrics.write_queue.clone(),
            size: metrics.write_batch.clone(),
            wait: stages.queue_wait.clone(),
            work: stages.commit.clone(),
        };
        let hot = Arc::clone(sessions);
        let (writer, writing) =
            Batcher::start("mlp-write", options, gauges, move |ops| hot.apply(ops))?;
        let gauges = Gauges {
            depth: metrics.lookup_queue.clone(),
            size: metrics.lookup_batch.clone(),
            wait: stages.queue_wait.clone(),
            work: stages.lookup.clone(),
        };
        let hot = Arc::clone(sessions);
        let (lookups, looking) =
            Batcher::start("mlp-lookup", options, gauges, move |ids| hot.statuses(ids))?;
        let depth = metrics.read_queue.clone();
        let (calls, calling) =
            Calls::start(Arc::clone(store), options, depth, stages.read.clone())?;
        Ok(Self {
            writer,
            lookups,
            calls,
            threads: vec![writing, looking, calling],
        })
    }

    /// Does a hot operation, with all others that wait, in one transaction.
    pub async fn apply(&self, op: SessionOp) -> Result<SessionReply, Failure> {
        self.writer.ask(op).await
    }

    /// How far a task is.
    pub async fn status(&self, id: TaskId) -> Result<Option<TaskView>, Failure> {
        self.lookups.ask(id).await
    }

    /// Does anything else with the store.
    pub async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Store) -> mlp_store::Result<T> + Send + 'static,
    ) -> Result<T, Failure> {
        self.calls.call(work).await
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.writer.close();
        self.lookups.close();
        self.calls.close();
        for thread in self.threads.drain(..) {
            // A panic was logged where it happened.
            let _ = thread.join();
        }
    }
}
