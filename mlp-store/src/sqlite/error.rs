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
    pub fn at(self, location: &str, context: &'static str) -> StoreError {
        match self {
            Self::Store(error) => error,
            Self::List(error) => corrupt(location, &error),
            Self::Sqlite(error) => from_sqlite(error, location, context),
        }
    }
}

fn corrupt(location: &str, reason: &dyn std::fmt::Display) -> StoreError {
    StoreError::Corrupt {
        location: location.to_owned(),
        reason: reason.to_string(),
    }
}

fn from_sqlite(error: rusqlite::Error, location: &str, context: &'static str) -> StoreError {
    let backend = |error: rusqlite::Error| StoreError::Backend {
        context,
        source: Box::new(error),
    };
    let location_of = || location.to_owned();
    match error {
        rusqlite::Error::ToSqlConversionFailure(error) => StoreError::Invalid(error.to_string()),
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::InvalidColumnType(..) => corrupt(location, &error),
        rusqlite::Error::SqliteFailure(code, ref message) => match code.code {
            ErrorCode::DiskFull => StoreError::Full {
                location: location_of(),
            },
            // The shared-memory file beside the log is what did not fit.
            ErrorCode::SystemIoFailure if code.extended_code == ffi::SQLITE_IOERR_SHMSIZE => {
                StoreError::Full {
                    location: location_of(),
                }
            }
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => {
                let said = message.as_deref().unwrap_or("unreadable");
                let reason = format!("{said}; restore a copy, or move it away to begin anew");
                corrupt(location, &reason)
            }
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => StoreError::Unavailable {
                reason: format!("another process has been writing to `{location}` for too long"),
            },
            ErrorCode::ReadOnly => StoreError::Open {
                location: location_of(),
                reason: "it cannot be written: check the permissions of the file and its directory"
                    .to_owned(),
            },
            ErrorCode::CannotOpen => StoreError::Open {
                location: location_of(),
                reason: "it cannot be opened or made: check the directory and its permissions"
                    .to_owned(),
            },
            _ => backend(error),
        },
        error => backend(error),
    }
}
