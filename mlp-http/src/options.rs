//! Limits and deadlines.

use std::time::Duration;

/// What a server allows. Every field's document states its default.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// The longest body, in bytes. Default 64 KiB.
    pub body_limit: usize,
    /// How long a body may take to arrive. Default 10 s.
    pub body_timeout: Duration,
    /// How long a request may take in all, a long-poll included. Default 35 s.
    pub request_deadline: Duration,
    /// How long a connection may take to send a request's head, idle time between two requests
    /// included. Default 30 s.
    pub header_timeout: Duration,
    /// The longest head of a request, in bytes. Default 16 KiB.
    pub header_limit: usize,
    /// Connections at one time; more wait to be accepted. Default 4096.
    pub max_connections: usize,
    /// How long requests under way may take after the shutdown began. Default 10 s.
    pub drain: Duration,
    /// Operations that wait for the store, of each kind; more are refused with 503. Default 4096.
    pub queue: usize,
    /// Operations in one transaction at most. Default 1024.
    pub batch: usize,
    /// From so many items on, ranking leaves the reactor's threads. Default 10,000.
    pub rank_inline: usize,
    /// How often the queue is swept of tasks that nobody took. Default 5 s.
    pub sweep: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            body_limit: 64 << 10,
            body_timeout: Duration::from_secs(10),
            request_deadline: Duration::from_secs(35),
            header_timeout: Duration::from_secs(30),
            header_limit: 16 << 10,
            max_connections: 4096,
            drain: Duration::from_secs(10),
            queue: 4096,
            batch: 1024,
            rank_inline: 10_000,
            sweep: Duration::from_secs(5),
        }
    }
}
