//! What can go wrong with a data set.

use std::io;
use std::path::{Path, PathBuf};

/// A data set that cannot be made or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// An option is out of range.
    #[error("`{option}` is `{value}`, expected {limit}")]
    Option {
        /// Name of the field of [`Options`](super::Options).
        option: &'static str,
        /// The value.
        value: String,
        /// What is allowed.
        limit: String,
    },
    /// The system refused something.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Someone else is writing to the same directory.
    #[error("`{}` is being written by another process", dir.display())]
    Busy {
        /// The directory.
        dir: PathBuf,
    },
    /// There is no complete data set.
    #[error("`{}` holds no complete data set: it has no {}", dir.display(), super::MANIFEST)]
    NoManifest {
        /// The directory.
        dir: PathBuf,
    },
    /// The manifest does not say what it should.
    #[error("`{}` is not a manifest that can be used", path.display())]
    Manifest {
        /// The manifest's file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: ManifestFault,
    },
    /// A line of a table is at fault.
    #[error("{}, line {line}: {fault}", path.display())]
    Line {
        /// The table's file.
        path: PathBuf,
        /// Line number, from 1.
        line: u64,
        /// What is wrong.
        fault: RowFault,
    },
    /// A value of a table is at fault.
    #[error("{}, line {line}, column `{column}`: {fault}", path.display())]
    Cell {
        /// The table's file.
        path: PathBuf,
        /// Line number, from 1.
        line: u64,
        /// Name of the column.
        column: &'static str,
        /// What is wrong.
        fault: ValueFault,
    },
}

impl DatasetError {
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DatasetError {
        let path = path.to_owned();
        move |source| DatasetError::Io {
            action,
            path,
            source,
        }
    }
}

/// What is wrong with a manifest.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestFault {
    /// Not the JSON of a manifest.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// Of another version.
    #[error("`version` is `{found}`, expected {expected}")]
    Version {
        /// The version in the file.
        found: u32,
        /// The version that can be read.
        expected: u32,
    },
    /// Sessions cannot be told apart.
    #[error("`rows_per_session` is `0`, expected at least 1")]
    NoRows,
}

/// What is wrong with a line of a table.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RowFault {
    /// No header.
    #[error("expected a header line, the file is empty")]
    NoHeader,
    /// A column is not there.
    #[error("column `{0}` is missing")]
    MissingColumn(&'static str),
    /// The same name twice in the header.
    #[error("column `{0}` is there twice")]
    DuplicateColumn(&'static str),
    /// Not as many cells as the header has columns.
    #[error("has `{found}` cells, the header has {expected} columns")]
    Ragged {
        /// Cells of this line.
        found: usize,
        /// Columns of the header.
        expected: usize,
    },
    /// The file ends within a session.
    #[error("the file ends after `{found}` rows of a session, expected {expected}")]
    PartialSession {
        /// Rows that are there.
        found: usize,
        /// Rows of every session.
        expected: usize,
    },
    /// The file ends after another number of rows than the manifest states.
    #[error("the file ends after `{found}` rows, the manifest states {expected}")]
    RowCount {
        /// Rows that are there.
        found: u64,
        /// Rows that the manifest states.
        expected: u64,
    },
}

/// What is wrong with a value of a table.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ValueFault {
    /// It does not read as what the column holds.
    #[error("`{value}` is not {expected}")]
    Unreadable {
        /// The value, shortened.
        value: String,
        /// What the column holds.
        expected: &'static str,
    },
    /// The list of ages does not fit the size of the group.
    #[error("has `{found}` ages, `people_num` is {expected}")]
    AgeCount {
        /// Ages in the list.
        found: usize,
        /// Size of the group.
        expected: u32,
    },
    /// Another user within the same session.
    #[error("`{value}` differs from the first row of the session, line {first_line}")]
    OtherUser {
        /// The value, shortened.
        value: String,
        /// Line number of the session's first row, from 1.
        first_line: u64,
    },
    /// A second choice in a session.
    #[error("`1` is there a second time in the session that begins at line {first_line}")]
    SecondChoice {
        /// Line number of the session's first row, from 1.
        first_line: u64,
    },
}
