//! From what PostgreSQL says to what a store says: the one place.

use postgres::error::SqlState;

use crate::codec::CodecError;
use crate::error::StoreError;

/// A failure inside this backend, before it is known where and at what.
#[derive(Debug)]
pub(super) enum Failure {
    Postgres(postgres::Error),
    Store(StoreError),
    /// A stored list that cannot be read.
    List(CodecError),
    /// A stored value that cannot be read.
    Corrupt(String),
    /// Another process was in the way; the operation is to begin anew.
    Conflict(&'static str),
}

pub(super) type Result<T> = std::result::Result<T, Failure>;

impl From<postgres::Error> for Failure {
    fn from(error: postgres::Error) -> Self {
        Self::Postgres(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<CodecError> for Failure {
    fn from(error: CodecError) -> Self {
        Self::List(error)
    }
}

impl Failure {
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::Store(StoreError::Invalid(message.into()))
    }

    /// Whether the operation may succeed when it begins anew: another one has just changed what it
    /// rests on.
    pub fn is_conflict(&self) -> bool {
        match self {
            Self::Conflict(_) => true,
            Self::Postgres(error) => error.code().is_some_and(|code| {
                [
                    SqlState::UNIQUE_VIOLATION,
                    SqlState::T_R_SERIALIZATION_FAILURE,
                    SqlState::T_R_DEADLOCK_DETECTED,
                ]
                .contains(code)
            }),
            _ => false,
        }
    }

    /// The public error.
    pub fn at(self, place: &str, context: &'static str) -> StoreError {
        match self {
            Self::Store(error) => error,
            Self::List(error) => corrupt(place, &error),
            Self::Corrupt(reason) => corrupt(place, &reason),
            Self::Conflict(reason) => StoreError::Unavailable {
                reason: reason.to_owned(),
            },
            Self::Postgres(error) => from_postgres(error, place, context),
        }
    }
}

fn corrupt(place: &str, reason: &dyn std::fmt::Display) -> StoreError {
    StoreError::Corrupt {
        place: place.to_owned(),
        reason: reason.to_string(),
    }
}

fn from_postgres(error: postgres::Error, place: &str, context: &'static str) -> StoreError {
    let place = place.to_owned();
    let Some(said) = error.as_db_error() else {
        return without_answer(error, place, context);
    };
    let message = said.message().to_owned();
    let open = |reason: String| StoreError::Open {
        place: place.clone(),
        reason,
    };
    let code = said.code();
    match code.code() {
        "53100" => StoreError::Full { place },
        "XX001" | "XX002" => corrupt(
            &place,
            &format!("{message}; restore a copy, or fail over to a replica"),
        ),
        "28P01" | "28000" => open(format!(
            "{message}: check the user and the password, and the server's pg_hba.conf"
        )),
        "3D000" => open(format!("{message}: create it with `createdb`")),
        "42501" => open(format!(
            "{message}: grant it, or run `mlp db migrate` as a user who may"
        )),
        "25006" => StoreError::Unavailable {
            reason: format!("`{place}` takes no writes ({message}): is it a replica?"),
        },
        "3F000" => open(format!(
            "{message}: create the schema, or set the user's search_path"
        )),
        // What a parameter holds is the caller's, and so is a number that exists already.
        class if class.starts_with("22") || class == "23505" => {
            StoreError::Invalid(format!("{context}: {message}"))
        }
        // Connections, resources, an operator's intervention, locks and timeouts: they pass.
        class
            if ["08", "53", "57", "40"]
                .iter()
                .any(|start| class.starts_with(start))
                || class == "55P03" =>
        {
            StoreError::Unavailable {
                reason: format!("`{place}`: {message}"),
            }
        }
        _ => StoreError::Backend {
            context,
            source: Box::new(error),
        },
    }
}

/// An error that the server did not send.
fn without_answer(error: postgres::Error, place: String, context: &'static str) -> StoreError {
    let mut reason = error.to_string();
    let mut cause = std::error::Error::source(&error);
    let mut network = error.is_closed();
    while let Some(error) = cause {
        network |= error.is::<std::io::Error>();
        reason.push_str(": ");
        reason.push_str(&error.to_string());
        cause = error.source();
    }
    if network || reason.contains("timeout") || reason.contains("timed out") {
        return StoreError::Unavailable {
            reason: format!("`{place}`: {reason}"),
        };
    }
    if reason.starts_with("error performing TLS handshake") || reason.contains("password missing") {
        return StoreError::Open { place, reason };
    }
    StoreError::Backend {
        context,
        source: Box::new(error),
    }
}
