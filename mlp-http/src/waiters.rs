//! Requests that wait for a task's end.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use mlp_store::{Store, TaskId, TaskStatus};
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::oneshot;

/// How long one look at the feed may block: how long a stop may take.
const FEED: Duration = Duration::from_millis(100);

/// How often all waiters are looked up, whatever the feed says.
const SAFETY: Duration = Duration::from_secs(1);

/// How many are looked up at a time.
const CHUNK: usize = 1000;

#[derive(Debug, Default)]
struct Table {
    waiting: HashMap<TaskId, Vec<(u64, oneshot::Sender<TaskStatus>)>>,
    next: u64,
    /// No more waiting: the server drains.
    closed: bool,
    stopped: bool,
}

#[derive(Debug)]
struct Shared {
    table: Mutex<Table>,
    changed: Condvar,
    count: Gauge,
}

/// The waiters and the thread that follows the store's feed for them.
#[derive(Debug)]
pub(crate) struct Waiters {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// One waiter; it is forgotten when this is dropped.
#[derive(Debug)]
pub(crate) struct Waiting {
    shared: Arc<Shared>,
    task_id: TaskId,
    key: u64,
    settled: oneshot::Receiver<TaskStatus>,
}

impl Waiters {
    /// # Errors
    ///
    /// Where the system gives no thread.
    pub fn start(store: Arc<dyn Store>, count: Gauge) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            table: Mutex::default(),
            changed: Condvar::new(),
            count,
        });
        let thread = Builder::new().name("mlp-settled".to_owned()).spawn({
            let shared = Arc::clone(&shared);
            move || follow(store.as_ref(), &shared)
        })?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Registers a waiter. Whoever then reads the task's status misses nothing: it was final
    /// before the reading, or the feed will tell.
    pub fn register(&self, task_id: TaskId) -> Waiting {
        let (sender, settled) = oneshot::channel();
        let mut table = self.shared.lock();
        let key = table.next;
        table.next += 1;
        // Where no one may wait, the sender goes at once, and so does the waiter.
        if !table.closed {
            table
                .waiting
                .entry(task_id)
                .or_default()
                .push((key, sender));
            self.shared.count.inc();
            self.shared.changed.notify_one();
        }
        Waiting {
            shared: Arc::clone(&self.shared),
            task_id,
            key,
            settled,
        }
    }

    /// Lets all go, and nobody wait any more.
    pub fn close(&self) {
        let mut table = self.shared.lock();
        table.closed = true;
        let gone: usize = table.waiting.drain().map(|(_, w)| w.len()).sum();
        self.shared.count.dec_by(gone as i64);
    }
}

impl Drop for Waiters {
    fn drop(&mut self) {
        self.close();
        self.shared.lock().stopped = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic there was printed already.
            let _ = thread.join();
        }
    }
}

impl Waiting {
    /// The final status; `None` when time is up, or the server drains.
    pub async fn settled(mut self, timeout: Duration) -> Option<TaskStatus> {
        let result = tokio::time::timeout(timeout, &mut self.settled).await;
        result.ok()?.ok()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut table = self.shared.lock();
        let Some(waiters) = table.waiting.get_mut(&self.task_id) else {
            return;
        };
        let before = waiters.len();
        waiters.retain(|(key, _)| *key != self.key);
        let gone = before - waiters.len();
        if waiters.is_empty() {
            table.waiting.remove(&self.task_id);
        }
        self.shared.count.dec_by(gone as i64);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Table> {
        // The table is whole between two statements.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Blocks until someone waits; `false` when the thread is to end.
    fn someone_waits(&self) -> bool {
        let idle = |t: &mut Table| t.waiting.is_empty() && !t.stopped;
        let table = self.changed.wait_while(self.lock(), idle);
        !table.unwrap_or_else(PoisonError::into_inner).stopped
    }

    fn tell(&self, tasks: impl IntoIterator<Item = (TaskId, TaskStatus)>) {
        let mut table = self.lock();
        for (task_id, status) in tasks {
            for (_, waiter) in table.waiting.remove(&task_id).into_iter().flatten() {
                self.count.dec();
                // Where the waiter is gone, nobody needs to know.
                let _ = waiter.send(status);
            }
        }
    }
}

fn follow(store: &dyn Store, shared: &Shared) {
    let mut cursor = 0;
    let mut looked = Instant::now();
    while shared.someone_waits() {
        let feed = store.wait_for_settled(cursor, FEED);
        cursor = feed.cursor;
        shared.tell(
            feed.tasks
                .into_iter()
                .filter(|(_, status)| status.is_final()),
        );
        if feed.incomplete || looked.elapsed() >= SAFETY {
            look_up(store, shared);
            looked = Instant::now();
        }
    }
}

fn look_up(store: &dyn Store, shared: &Shared) {
    let ids: Vec<TaskId> = shared.lock().waiting.keys().copied().collect();
    for ids in ids.chunks(CHUNK) {
        match store.statuses(ids) {
            Ok(views) => {
                let views = views.into_iter().flatten();
                let settled = views.filter(|v| v.status.is_final());
                shared.tell(settled.map(|v| (v.task_id, v.status)));
            }
            Err(error) => {
                tracing::warn!(%error, "the waiting tasks cannot be looked up");
                return;
            }
        }
    }
}
