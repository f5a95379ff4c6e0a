//! The threads of a worker: one that ranks, and those that train, judge and watch.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mlp_core::Schema;
use mlp_store::{
    Clock, DirectTransport, Lease, LeaseRef, Live, Outcome, Settlement, Store, StoreError,
    SystemClock, TaskKind, Transport,
};

use crate::inference;
use crate::judging::{self, JudgingOptions};
use crate::tasks;
use crate::training::TrainingOptions;
use crate::triggers::TriggerOptions;
use crate::watch::{self, WatchOptions};

/// How a worker works.
#[derive(Clone)]
pub struct WorkerOptions {
    /// Inferences taken at a time. Default 256.
    pub batch: usize,
    /// How long a lease lasts without a heartbeat. Default 10 s.
    pub lease: Duration,
    /// How long an idle worker waits before it looks for work that nobody told it of. Default
    /// 500 ms.
    pub poll: Duration,
    /// Whether it ranks. Default true.
    pub inference: bool,
    /// Whether it trains and judges. Default true.
    pub training: bool,
    /// Whether it looks at the traffic. Default true.
    pub watching: bool,
    /// How long an answer can change before models learn from it. Default 60 s.
    pub settle: Duration,
    /// How it trains.
    pub train: TrainingOptions,
    /// How it judges what waits for a verdict.
    pub judging: JudgingOptions,
    /// What starts a training without a hand.
    pub triggers: TriggerOptions,
    /// How it watches the traffic.
    pub watch: WatchOptions,
    /// The time of day, for the age of answers. Default the system's.
    pub clock: Arc<dyn Clock>,
}

impl Default for WorkerOptions {
    fn default() -> Self {
        Self {
            batch: 256,
            lease: Duration::from_secs(10),
            poll: Duration::from_millis(500),
            inference: true,
            training: true,
            watching: true,
            settle: Duration::from_secs(60),
            train: TrainingOptions::default(),
            judging: JudgingOptions::default(),
            triggers: TriggerOptions::default(),
            watch: WatchOptions::default(),
            clock: Arc::new(SystemClock),
        }
    }
}

/// What all threads of a worker share.
pub(crate) struct Shared {
    pub store: Arc<dyn Store>,
    pub transport: Arc<dyn Transport>,
    pub schema: Arc<Schema>,
    pub live: Arc<Live>,
    pub options: WorkerOptions,
    stopping: AtomicBool,
    /// What is under lease right now, to be given back when the deadline of a stop has come.
    held: Mutex<Vec<LeaseRef>>,
}

impl Shared {
    pub fn stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Vec<LeaseRef>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn hold(&self, leases: &[Lease]) {
        self.held().extend(leases.iter().map(Lease::reference));
    }

    /// Each kind has one thread, which holds one batch at a time.
    pub fn let_go(&self, kind: TaskKind) {
        self.held().retain(|held| held.kind != kind);
    }

    /// Settles, and tries again while the store is out of reach and the lease may still be ours.
    pub fn settle(
        &self,
        settlements: &[Settlement],
    ) -> Result<Vec<mlp_store::Settled>, StoreError> {
        let deadline = Instant::now() + self.options.lease;
        let mut wait = Duration::from_millis(50);
        loop {
            match self.transport.settle(settlements) {
                Err(error) if error.is_transient() && Instant::now() + wait < deadline => {
                    tracing::warn!(%error, "the store did not take a result: trying again");
                    std::thread::sleep(wait);
                    wait = (wait * 2).min(Duration::from_millis(500));
                }
                other => return other,
            }
        }
    }
}

/// A running worker. Dropping it stops it, without waiting for work that is under way.
pub struct Worker {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

/// What a stop left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StopReport {
    /// Tasks that were given back unfinished.
    pub released: usize,
}

impl Worker {
    /// Starts the threads, which take their work from the store itself.
    ///
    /// # Errors
    ///
    /// Where the system gives no thread.
    pub fn start(
        store: Arc<dyn Store>,
        schema: Arc<Schema>,
        live: Arc<Live>,
        options: WorkerOptions,
    ) -> std::io::Result<Self> {
        let transport = Arc::new(DirectTransport::new(Arc::clone(&store)));
        Self::start_over(transport, store, schema, live, options)
    }

    /// Starts the threads, which take their work from a transport.
    ///
    /// # Errors
    ///
    /// Where the system gives no thread.
    pub fn start_over(
        transport: Arc<dyn Transport>,
        store: Arc<dyn Store>,
        schema: Arc<Schema>,
        live: Arc<Live>,
        options: WorkerOptions,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            store,
            transport,
            schema,
            live,
            options,
            stopping: AtomicBool::new(false),
            held: Mutex::new(Vec::new()),
        });
        let mut worker = Self {
            shared,
            threads: Vec::new(),
        };
        if worker.shared.options.inference {
            worker.spawn("mlp-rank", inference::run)?;
        }
        if worker.shared.options.training {
            worker.spawn("mlp-train", tasks::run)?;
            worker.spawn("mlp-judge", judging::run)?;
        }
        if worker.shared.options.watching {
            worker.spawn("mlp-watch", watch::run)?;
        }
        Ok(worker)
    }

    fn spawn(&mut self, name: &str, run: fn(&Shared)) -> std::io::Result<()> {
        let shared = Arc::clone(&self.shared);
        let thread = std::thread::Builder::new().name(name.to_owned());
        self.threads.push(thread.spawn(move || run(&shared))?);
        Ok(())
    }

    /// Stops claiming, lets what is under way finish until `deadline` has passed, and gives back
    /// the rest, for others to take at once.
    pub fn stop(mut self, deadline: Duration) -> StopReport {
        self.shared.stopping.store(true, Ordering::Release);
        let end = Instant::now() + deadline;
        while self.threads.iter().any(|t| !t.is_finished()) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(5));
        }
        for thread in std::mem::take(&mut self.threads) {
            if thread.is_finished() {
                // A panic there has been printed already; its leases are given back below.
                let _ = thread.join();
            }
        }
        let left: Vec<Settlement> = (self.shared.held().drain(..))
            .map(|lease| Settlement {
                lease,
                outcome: Outcome::Released,
            })
            .collect();
        if left.is_empty() {
            return StopReport::default();
        }
        match self.shared.transport.settle(&left) {
            Ok(_) => StopReport {
                released: left.len(),
            },
            Err(error) => {
                tracing::warn!(%error, "leases could not be given back: they will expire");
                StopReport::default()
            }
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::Release);
    }
}

/// Waits between failures: longer each time, and not in step with other workers.
pub(crate) struct Backoff {
    base: Duration,
    most: Duration,
    failures: u32,
}

impl Backoff {
    pub fn new(base: Duration, most: Duration) -> Self {
        Self {
            base,
            most,
            failures: 0,
        }
    }

    pub fn reset(&mut self) {
        self.failures = 0;
    }

    pub fn next(&mut self) -> Duration {
        self.failures = self.failures.saturating_add(1);
        delay(self.base, self.most, self.failures)
    }
}

/// The wait before attempt `failures + 1`: doubling, with jitter of half to full.
pub(crate) fn delay(base: Duration, most: Duration, failures: u32) -> Duration {
    let full = base
        .saturating_mul(1 << failures.saturating_sub(1).min(20))
        .min(most);
    // The low bits of a random UUID: jitter needs no better randomness.
    let random = f64::from(u32::from_le_bytes(std::array::from_fn(|i| {
        uuid::Uuid::now_v7().as_bytes()[12 + i]
    })));
    full.mul_f64(0.5 + 0.5 * random / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_limit_with_jitter() {
        let (base, most) = (Duration::from_millis(100), Duration::from_secs(10));
        for (failures, full) in [
            (1, 100),
            (2, 200),
            (5, 1600),
            (8, 10_000),
            (u32::MAX, 10_000),
        ] {
            let full = Duration::from_millis(full);
            for _ in 0..100 {
                let wait = delay(base, most, failures);
                assert!(wait >= full / 2 && wait <= full, "{wait:?} {full:?}");
            }
        }
    }
}
