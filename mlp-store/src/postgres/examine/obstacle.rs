//! What stands between this machine and a database.

use std::error::Error;
use std::fmt;

/// Where an attempt to connect ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Obstacle {
    /// The host's name leads to no address.
    Name,
    /// Nobody listens there.
    Refused,
    /// Something on the way, or there, says nothing.
    Silent,
    /// No agreement about TLS, or a certificate that is not trusted.
    Tls,
    /// The user, the password, or the server's `pg_hba.conf`.
    Login,
    /// There is no such database.
    Database,
    /// The server takes no more connections.
    Crowded,
    /// The server starts, stops or recovers.
    Starting,
    /// The server is older than this backend can use.
    TooOld,
    /// Anything else.
    Other,
}

/// Why no connection was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreached {
    /// What was in the way.
    pub obstacle: Obstacle,
    /// What the server or the system said; without secrets.
    pub reason: String,
}

impl fmt::Display for Unreached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl From<postgres::Error> for Unreached {
    fn from(error: postgres::Error) -> Self {
        if let Some(said) = error.as_db_error() {
            return Self {
                obstacle: of_code(said.code().code()),
                reason: said.message().to_owned(),
            };
        }
        let (mut reason, mut kind) = (error.to_string(), None);
        let mut cause = error.source();
        while let Some(error) = cause {
            let io = error.downcast_ref::<std::io::Error>();
            kind = kind.or(io.map(std::io::Error::kind));
            reason.push_str(": ");
            reason.push_str(&error.to_string());
            cause = error.source();
        }
        Self {
            obstacle: of_words(&reason, kind),
            reason,
        }
    }
}

fn of_code(code: &str) -> Obstacle {
    match code {
        "28P01" | "28000" | "42501" => Obstacle::Login,
        "3D000" => Obstacle::Database,
        "53300" => Obstacle::Crowded,
        "57P01" | "57P02" | "57P03" => Obstacle::Starting,
        _ => Obstacle::Other,
    }
}

/// The driver tells some of these apart by their words alone.
fn of_words(reason: &str, kind: Option<std::io::ErrorKind>) -> Obstacle {
    use std::io::ErrorKind::{
        ConnectionRefused, ConnectionReset, HostUnreachable, NetworkUnreachable, NotFound, TimedOut,
    };
    let has = |words: &str| reason.contains(words);
    match kind {
        _ if has("failed to lookup address") => Obstacle::Name,
        _ if has("TLS") || has("certificate") => Obstacle::Tls,
        _ if has("password missing") || has("authentication") => Obstacle::Login,
        Some(ConnectionRefused | NotFound) => Obstacle::Refused,
        Some(ConnectionReset | HostUnreachable | NetworkUnreachable | TimedOut) => Obstacle::Silent,
        _ if has("timeout") || has("timed out") => Obstacle::Silent,
        _ => Obstacle::Other,
    }
}
