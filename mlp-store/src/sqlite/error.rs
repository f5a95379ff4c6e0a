//! From what SQLite says to what a store says: the one place.

use rusqlite::ErrorCode;
use rusqlite::ffi;

use crate::codec::CodecError;
use crate::error::StoreError;

/// A failure inside this backend, before it is known where and at what.
#[derive(Debug)]
pub(super) enum Failure {
    Sqlite(rusqlite::Error),
    Store(StoreError),
    /// A stored list that cannot be read.
    List(CodecError),
}

pub(super) type Result<T> = std::result::Result<T, Failure>;

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
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

    /// The public error.
    pub fn at(self, place: &str, context: &'static str) -> StoreError {
        match self {
            Self::Store(error) => error,
            Self::List(error) => corrupt(place, &error),
            Self::Sqlite(error) => from_sqlite(error, place, context),
        }
    }
}

fn corrupt(place: &str, reason: &dyn std::fmt::Display) -> StoreError {
    StoreError::Corrupt {
        place: place.to_owned(),
        reason: reason.to_string(),
    }
}

fn from_sqlite(error: rusqlite::Error, place: &str, context: &'static str) -> StoreError {
    let backend = |error: rusqlite::Error| StoreError::Backend {
        context,
        source: Box::new(error),
    };
    let place_of = || place.to_owned();
    match error {
        rusqlite::Error::ToSqlConversionFailure(error) => StoreError::Invalid(error.to_string()),
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::InvalidColumnType(..) => corrupt(place, &error),
        rusqlite::Error::SqliteFailure(code, ref message) => match code.code {
            ErrorCode::DiskFull => StoreError::Full { place: place_of() },
            // The shared-memory file beside the log is what did not fit.
            ErrorCode::SystemIoFailure if code.extended_code == ffi::SQLITE_IOERR_SHMSIZE => {
                StoreError::Full { place: place_of() }
            }
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => {
                let said = message.as_deref().unwrap_or("unreadable");
                let reason = format!("{said}; restore a copy, or move it away to begin anew");
                corrupt(place, &reason)
            }
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => StoreError::Unavailable {
                reason: format!("another process has been writing to `{place}` for too long"),
            },
            ErrorCode::ReadOnly => StoreError::Open {
                place: place_of(),
                reason: "it cannot be written: check the permissions of the file and its directory"
                    .to_owned(),
            },
            ErrorCode::CannotOpen => StoreError::Open {
                place: place_of(),
                reason: "it cannot be opened or made: check the directory and its permissions"
                    .to_owned(),
            },
            _ => backend(error),
        },
        error => backend(error),
    }
}
