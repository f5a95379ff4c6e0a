//! How work reaches those who do it.

mod announcing;
mod direct;

use std::time::Duration;

use mlp_core::Row;

use crate::traits::Result;
use crate::types::{ClaimOptions, Lease, Settled, Settlement, TaskId};

pub use announcing::Announcing;
pub use direct::DirectTransport;

/// Brings tasks from those who start them to those who do them. The store holds the truth: a
/// transport only says that there is work, may lose what it was told and tell it twice, and a task
/// still has one effect.
pub trait Transport: Send + Sync {
    /// Tells workers of inferences that the store has just taken in. Never waits for the network:
    /// what cannot be told now is told later.
    fn announce(&self, tasks: &[Announcement<'_>]);

    /// Takes up to `options.max` tasks under leases; waits up to `timeout` for the first. May be
    /// empty before that.
    fn take(&self, options: &ClaimOptions, timeout: Duration) -> Result<Vec<Lease>>;

    /// Ends attempts, as [`Queue::settle`](crate::Queue::settle), and tells who waits at the
    /// transport's other end. Same order.
    fn settle(&self, settlements: &[Settlement]) -> Result<Vec<Settled>>;

    /// What it did so far, and whether it is connected; `None` where there is nothing to connect to.
    /// Never waits for the network: it is asked at every look at the metrics.
    fn status(&self) -> Option<TransportStatus> {
        None
    }
}

/// An inference to tell of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Announcement<'a> {
    /// Its task.
    pub task_id: TaskId,
    /// The user's row.
    pub user: &'a Row,
    /// Only these items are to be ranked; `None`: all.
    pub candidates: Option<&'a [i64]>,
}

/// What a process does with a transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Roles {
    /// Whether it publishes tasks and collects the results of other programs.
    pub publishes: bool,
    /// Whether it takes tasks.
    pub works: bool,
}

/// What a transport over a broker says of itself. The numbers are since its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TransportStatus {
    /// Whether the broker is connected.
    pub broker: bool,
    /// Whether the place of results answered when it was last used, which while nothing is to be
    /// done is some seconds ago at most.
    pub results: bool,
    /// Messages that the broker has confirmed.
    pub published: u64,
    /// Tasks that were not told of at once, since too much waited; they are told of later.
    pub postponed: u64,
    /// Tasks that were told of again, since no result came of them.
    pub resent: u64,
    /// Messages received.
    pub received: u64,
    /// Results and states written.
    pub mirrored: u64,
    /// Results and states that could not be written.
    pub unmirrored: u64,
    /// Results of other programs that were kept.
    pub collected: u64,
}
