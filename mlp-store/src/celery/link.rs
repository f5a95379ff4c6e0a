//! What the threads of a transport share.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{Sender, UnboundedSender};

use super::inbox::Inbox;
use super::message::Sendable;
use super::records::Records;
use super::redis_link::Contact;
use crate::transport::TransportStatus;

/// How many revoked tasks are remembered, and for how long: as a Python worker does.
const REVOKED: usize = 50_000;
const REVOKED_FOR: Duration = Duration::from_secs(10_800);

/// What the thread of the broker's connection is told.
#[derive(Debug)]
pub(super) enum Command {
    /// Messages are done with.
    Acks(Vec<Tag>),
    /// A message goes back to the queue.
    Requeue(Tag),
    /// So many messages are held until their time has come.
    Held(usize),
    /// How is the queue?
    Depth(std::sync::mpsc::SyncSender<Option<Depth>>),
}

/// A queue, as the broker sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Depth {
    /// Messages that wait; those that a worker holds are not among them.
    pub messages: u32,
    /// Workers that listen.
    pub consumers: u32,
}

/// Which delivery is meant. One of an earlier connection is gone by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tag {
    pub epoch: u64,
    pub number: u64,
}

/// Counted since the start.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub published: AtomicU64,
    pub postponed: AtomicU64,
    pub resent: AtomicU64,
    pub received: AtomicU64,
    pub mirrored: AtomicU64,
    pub unmirrored: AtomicU64,
    pub collected: AtomicU64,
}

impl Counters {
    pub fn add(counter: &AtomicU64, n: usize) {
        counter.fetch_add(n as u64, Ordering::Relaxed);
    }
}

/// The state of both connections, and the ways to their threads.
pub(super) struct Link {
    /// The name as a worker: `mlp-123-4e5f@host`.
    pub node: String,
    pub began: Instant,
    pub counters: Counters,
    pub inbox: Inbox,
    pub records: Records,
    pub commands: UnboundedSender<Command>,
    pub outgoing: Sender<Sendable>,
    broker: AtomicBool,
    /// Since when the broker has been away.
    away: Mutex<Option<Instant>>,
    /// With Redis: of the thread that writes, and of the one that reads where there is one.
    pub writing: Arc<Contact>,
    pub reading: Arc<Contact>,
    pub stopping: AtomicBool,
    revoked: Mutex<Revoked>,
}

#[derive(Default)]
struct Revoked {
    since: HashMap<String, Instant>,
    order: VecDeque<String>,
}

impl Link {
    pub fn new(commands: UnboundedSender<Command>, outgoing: Sender<Sendable>) -> Self {
        let host = rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned();
        Self {
            node: format!("mlp-{}-{}@{host}", std::process::id(), unlike_others()),
            began: Instant::now(),
            counters: Counters::default(),
            inbox: Inbox::default(),
            records: Records::default(),
            commands,
            outgoing,
            broker: AtomicBool::new(false),
            away: Mutex::new(Some(Instant::now())),
            writing: Arc::default(),
            reading: Arc::default(),
            stopping: AtomicBool::new(false),
            revoked: Mutex::default(),
        }
    }

    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    pub fn is_connected(&self) -> bool {
        self.broker.load(Ordering::Acquire)
    }

    pub fn connected(&self, now: bool) {
        self.broker.store(now, Ordering::Release);
        let mut away = lock(&self.away);
        *away = match (now, *away) {
            (true, _) => None,
            (false, None) => Some(Instant::now()),
            (false, since) => since,
        };
    }

    /// Whether the broker has been away for so long.
    pub fn is_away_for(&self, duration: Duration) -> bool {
        lock(&self.away).is_some_and(|since| since.elapsed() >= duration)
    }

    /// Tells the broker's thread; where it has ended there is nothing left to tell.
    pub fn command(&self, command: Command) {
        let _ = self.commands.send(command);
    }

    /// Messages are done with.
    pub fn ack(&self, tags: Vec<Tag>) {
        if !tags.is_empty() {
            self.command(Command::Acks(tags));
        }
    }

    /// Hands a message to the broker's thread; `false` where too many wait.
    pub fn send(&self, message: Sendable) -> bool {
        self.outgoing.try_send(message).is_ok()
    }

    /// How the queue is; `None` where the broker does not say so soon.
    pub fn depth(&self) -> Option<Depth> {
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        self.command(Command::Depth(sender));
        receiver.recv_timeout(Duration::from_secs(2)).ok().flatten()
    }

    pub fn revoke(&self, id: String) {
        let mut revoked = lock(&self.revoked);
        if revoked.since.insert(id.clone(), Instant::now()).is_none() {
            revoked.order.push_back(id);
        }
        while revoked.order.len() > REVOKED
            && let Some(oldest) = revoked.order.pop_front()
        {
            revoked.since.remove(&oldest);
        }
    }

    pub fn is_revoked(&self, id: &str) -> bool {
        let revoked = lock(&self.revoked);
        (revoked.since.get(id)).is_some_and(|since| since.elapsed() < REVOKED_FOR)
    }

    pub fn revoked(&self) -> Vec<String> {
        let revoked = lock(&self.revoked);
        let is_new = |id: &&String| revoked.since[*id].elapsed() < REVOKED_FOR;
        revoked.order.iter().filter(is_new).cloned().collect()
    }

    pub fn status(&self) -> TransportStatus {
        let number = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.counters;
        TransportStatus {
            broker: self.is_connected(),
            results: self.writing.is_well() && !self.reading.is_away(),
            published: number(&counters.published),
            postponed: number(&counters.postponed),
            resent: number(&counters.resent),
            received: number(&counters.received),
            mirrored: number(&counters.mirrored),
            unmirrored: number(&counters.unmirrored),
            collected: number(&counters.collected),
        }
    }
}

/// A process id and a host may be another's too: of a container with the same host name, or of the
/// process before a restart, while the broker still holds its mailbox. That name would be refused.
fn unlike_others() -> String {
    let random = uuid::Uuid::now_v7().simple().to_string();
    random[random.len() - 4..].to_owned()
}

/// Every value behind a lock of this module is whole between two statements.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
