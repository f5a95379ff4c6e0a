//! A connection to Redis that is made when it is needed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use redis::{Client, Connection, RedisResult};

/// How long anything may take: a server that hangs is as one that is away.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long nothing need be heard of Redis, and how long while it is away.
const QUIET: Duration = Duration::from_secs(5);
const QUIET_AWAY: Duration = Duration::from_secs(1);

/// How the last use of a connection ended, as other threads see it.
#[derive(Debug, Default)]
pub(super) struct Contact(AtomicU8);

impl Contact {
    const WELL: u8 = 1;
    const AWAY: u8 = 2;

    /// Not before the first use.
    pub fn is_well(&self) -> bool {
        self.0.load(Ordering::Relaxed) == Self::WELL
    }

    /// Not before the first use either.
    pub fn is_away(&self) -> bool {
        self.0.load(Ordering::Relaxed) == Self::AWAY
    }

    /// Whether that is news.
    fn note(&self, is_well: bool) -> bool {
        let state = if is_well { Self::WELL } else { Self::AWAY };
        self.0.swap(state, Ordering::Relaxed) != state
    }
}

/// Where results are, connected or not.
pub(super) struct Results {
    client: Client,
    connection: Option<Connection>,
    contact: Arc<Contact>,
    /// What the connection is for, in logs.
    purpose: &'static str,
    used: Option<Instant>,
}

impl Results {
    pub fn new(client: Client, contact: Arc<Contact>, purpose: &'static str) -> Self {
        Self {
            client,
            connection: None,
            contact,
            purpose,
            used: None,
        }
    }

    /// Whether the last use failed.
    pub fn is_away(&self) -> bool {
        self.contact.is_away()
    }

    /// Does something over the connection; after a failure the next call makes a new one. Says in
    /// the log when Redis goes and comes.
    pub fn with<T>(
        &mut self,
        work: impl FnOnce(&mut Connection) -> RedisResult<T>,
    ) -> RedisResult<T> {
        let done = self.attempt(work);
        self.used = Some(Instant::now());
        let purpose = self.purpose;
        match (self.contact.note(done.is_ok()), &done) {
            (true, Ok(_)) => tracing::info!(purpose, "Redis answers"),
            (true, Err(error)) => {
                tracing::warn!(purpose, %error, "Redis is away: trying again");
            }
            (false, _) => {}
        }
        done
    }

    /// Asks for a sign of life where nothing was heard for a while. Without it who has nothing to
    /// write would call a Redis connected that is long gone, or away that is back.
    pub fn keep_in_touch(&mut self) {
        let quiet = if self.is_away() { QUIET_AWAY } else { QUIET };
        if self.used.is_some_and(|at| at.elapsed() < quiet) {
            return;
        }
        // `with` has noted and told how it ended.
        let _ = self.with(|connection| redis::cmd("PING").query::<()>(connection));
    }

    fn attempt<T>(
        &mut self,
        work: impl FnOnce(&mut Connection) -> RedisResult<T>,
    ) -> RedisResult<T> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                let connection = self.client.get_connection_with_timeout(PATIENCE)?;
                connection.set_read_timeout(Some(PATIENCE))?;
                connection.set_write_timeout(Some(PATIENCE))?;
                connection
            }
        };
        let done = work(&mut connection)?;
        self.connection = Some(connection);
        Ok(done)
    }
}
