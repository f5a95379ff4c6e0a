//! What a store can be told when it is opened.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, SystemClock};

/// How a store is opened. Every setter's doc states its default.
#[derive(Clone)]
pub struct StoreOptions {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) max_attempts: u32,
    pub(crate) max_pending: u64,
    pub(crate) abandon_after: Duration,
    pub(crate) max_bytes: Option<u64>,
    pub(crate) server: bool,
    pub(crate) connections: usize,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            max_attempts: 5,
            max_pending: 10_000,
            abandon_after: Duration::from_secs(600),
            max_bytes: None,
            server: false,
            connections: 8,
        }
    }
}

impl StoreOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Where time comes from. Default: the system's clock.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// How often a task is attempted before it has failed for good; 0 means 1. Default 5.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts.max(1);
        self
    }

    /// How many inferences may be unfinished before new ones are answered with
    /// [`SessionReply::Full`](crate::SessionReply::Full). Default 10,000.
    pub fn max_pending(mut self, pending: u64) -> Self {
        self.max_pending = pending;
        self
    }

    /// How long an inference may be due without anybody taking it before a sweep ends it in
    /// failure. Default 10 minutes.
    pub fn abandon_after(mut self, after: Duration) -> Self {
        self.abandon_after = after;
        self
    }

    /// How large the database file may get, in bytes; past that the store answers
    /// [`StoreError::Full`](crate::StoreError::Full). The write-ahead log comes on top. Default:
    /// as large as the disk lets it.
    pub fn max_bytes(mut self, bytes: Option<u64>) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Whether this is the file's server: a second one is refused with
    /// [`StoreError::Held`](crate::StoreError::Held). Other programs may use the file beside it.
    /// Default false.
    pub fn server(mut self, server: bool) -> Self {
        self.server = server;
        self
    }

    /// How many connections to the database server are used at most, beside one that listens; 0
    /// means 1. Default 8.
    pub fn connections(mut self, connections: usize) -> Self {
        self.connections = connections.max(1);
        self
    }
}

impl fmt::Debug for StoreOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreOptions")
            .field("max_attempts", &self.max_attempts)
            .field("max_pending", &self.max_pending)
            .field("abandon_after", &self.abandon_after)
            .field("max_bytes", &self.max_bytes)
            .field("server", &self.server)
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}
