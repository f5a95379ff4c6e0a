//! A database for one test.

use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

use postgres::Client;
use uuid::Uuid;

use super::leftovers;
use crate::postgres::PostgresConfig;

/// Names the server on which the tests make their databases, by the URL of a user who may.
pub const SERVER_VARIABLE: &str = "MLP_TEST_POSTGRES";

const SERVER: &str = "postgres://postgres@127.0.0.1:5432/postgres";

/// An empty database with a name of its own, gone when this is dropped, whoever is connected.
#[derive(Debug)]
pub struct TestDatabase {
    server: PostgresConfig,
    config: PostgresConfig,
    url: String,
}

impl TestDatabase {
    /// Makes one on the server that [`SERVER_VARIABLE`] names, on this machine's by default.
    ///
    /// # Panics
    ///
    /// Where there is no server, or it refuses.
    pub fn create() -> Self {
        let url = std::env::var(SERVER_VARIABLE).unwrap_or_default();
        Self::create_on(if url.is_empty() { SERVER } else { &url })
    }

    /// Makes one on this server, for instance a [`Cluster`](super::Cluster)'s.
    ///
    /// # Panics
    ///
    /// Where there is no server, or it refuses.
    pub fn create_on(server_url: &str) -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        static LOOKED: Once = Once::new();
        let server = PostgresConfig::parse(server_url)
            .unwrap_or_else(|error| panic!("{SERVER_VARIABLE}: {error}"))
            .with_database("postgres");
        let (pid, n) = (std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        // Its last part is random, and says when it was made: see `leftovers`.
        let name = format!("mlp_test_{pid}_{n}_{}", Uuid::now_v7().simple());
        let made = on_server(&server, |client| {
            LOOKED.call_once(|| leftovers::remove(client));
            // `template1` cannot be copied while somebody looks into it. The strategy is the
            // server's default: from version 15 on a copy through the log, in 27 ms here, where
            // `file_copy` took 43 ms and two checkpoints.
            client.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE template0"))
        });
        if let Err(error) = made {
            panic!(
                "no test database at `{}`: {error}; start a PostgreSQL there (scripts/test.sh \
                 does), or let {SERVER_VARIABLE} be the URL of one where the user may make \
                 databases",
                server.place()
            );
        }
        Self {
            config: server.with_database(&name),
            url: with_database(server_url, &name),
            server,
        }
    }

    /// Its URL, with the password if the server's has one.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.config.database()
    }

    /// How to reach it.
    pub fn config(&self) -> &PostgresConfig {
        &self.config
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let name = self.name();
        let dropped = on_server(&self.server, |client| {
            client.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        });
        // No panic: a test may have stopped the server, or be panicking itself.
        if let Err(error) = dropped {
            eprintln!(
                "test database `{name}` stays at `{}`: {error}",
                self.server.place()
            );
        }
    }
}

/// Not on the caller's thread, which may run a tokio runtime, where this client would panic.
fn on_server(
    server: &PostgresConfig,
    work: impl FnOnce(&mut Client) -> Result<(), postgres::Error> + Send,
) -> Result<(), String> {
    let work = || {
        let done = server.connect().and_then(|mut client| work(&mut client));
        done.map_err(|error| with_causes(&error))
    };
    std::thread::scope(|scope| scope.spawn(work).join())
        .unwrap_or_else(|_| Err("the client panicked".to_owned()))
}

/// The driver's error says little, its cause what happened.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

/// The URL with another database; that it is a URL was seen by parsing it.
pub(super) fn with_database(url: &str, name: &str) -> String {
    let (head, query) = match url.split_once('?') {
        Some((head, query)) => (head, format!("?{query}")),
        None => (url, String::new()),
    };
    let authority = head.find("://").map_or(0, |i| i + 3);
    let end = head[authority..]
        .find('/')
        .map_or(head.len(), |i| authority + i);
    format!("{}/{name}{query}", &head[..end])
}
