//! A connection within a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use postgres::{Client, Config, Error};
use tokio_postgres_rustls::MakeRustlsConnect;

/// How many attempts may hang at once. Each holds a thread and a socket.
const HANGING_AT_MOST: usize = 8;

/// Connects with an end in sight. The driver's `connect_timeout` ends when the socket is open: a
/// server that is stopped, or a proxy with nothing behind it, would hold the caller for ever in the
/// handshake after it.
#[derive(Clone, Default)]
pub(super) struct Dialer {
    hanging: Arc<AtomicUsize>,
}

impl Dialer {
    /// Gives each of the hosts twice the `connect_timeout`, once for the socket and once for the
    /// handshake; without a `connect_timeout` there is no end.
    pub fn connect(&self, config: &Config, tls: MakeRustlsConnect) -> Result<Client, Error> {
        let hosts = u32::try_from(config.get_hosts().len()).unwrap_or(u32::MAX);
        match config.get_connect_timeout() {
            Some(timeout) => {
                self.within(timeout.saturating_mul(2).saturating_mul(hosts), config, tls)
            }
            None => config.connect(tls),
        }
    }

    fn within(
        &self,
        limit: Duration,
        config: &Config,
        tls: MakeRustlsConnect,
    ) -> Result<Client, Error> {
        if self.hanging.load(Ordering::Relaxed) >= HANGING_AT_MOST {
            return Err(timeout());
        }
        // Without a buffer: what is sent was received, or there is nobody who waits for it.
        let (sender, receiver) = sync_channel(0);
        let (attempt, with, hanging) = (config.clone(), tls.clone(), Arc::clone(&self.hanging));
        let dial = move || {
            if sender.send(attempt.connect(with)).is_err() {
                hanging.fetch_sub(1, Ordering::Relaxed);
            }
        };
        let spawned = thread::Builder::new()
            .name("mlp-connect".to_owned())
            .spawn(dial);
        if spawned.is_err() {
            return config.connect(tls);
        }
        receiver.recv_timeout(limit).unwrap_or_else(|_| {
            // Before the receiver is dropped, so that it never falls below zero.
            self.hanging.fetch_add(1, Ordering::Relaxed);
            Err(timeout())
        })
    }
}

/// The one way to make this error, "timeout waiting for server"; `postgres` makes its own so, and
/// any version of `tokio-postgres` that it works with has it.
fn timeout() -> Error {
    Error::__private_api_timeout()
}
