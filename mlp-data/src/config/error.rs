//! What can be wrong with a configuration, and how it is said.

use std::fmt;
use std::io;

/// A configuration that cannot be used. Names the file, and where they are known the line and
/// the column.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be opened or read.
    #[error("cannot read `{file}`")]
    Read {
        /// The file as the caller named it.
        file: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file as a whole is at fault.
    #[error("{file}: {fault}")]
    File {
        /// The file as the caller named it.
        file: String,
        /// What is wrong.
        fault: FileFault,
    },
    /// A line is at fault.
    #[error("{file}, line {line}: {fault}")]
    Line {
        /// The file as the caller named it.
        file: String,
        /// Line number, from 1.
        line: u64,
        /// What is wrong.
        fault: LineFault,
    },
    /// One value is at fault.
    #[error("{file}, line {line}, column `{column}`: {fault}")]
    Cell {
        /// The file as the caller named it.
        file: String,
        /// Line number, from 1.
        line: u64,
        /// Name of the column.
        column: String,
        /// What is wrong.
        fault: CellFault,
    },
}

/// What is wrong with a file as a whole.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FileFault {
    /// No header line.
    #[error("is empty, expected a header line and at least one profile")]
    Empty,
    /// A header and nothing below it.
    #[error("has no profiles, expected at least one line below the header")]
    NoProfiles,
    /// Only columns of something else, such as the other kind of configuration.
    #[error("has none of the columns of a {kind} configuration, such as `{example}`")]
    OtherKind {
        /// `user` or `location`.
        kind: &'static str,
        /// A column that is expected.
        example: &'static str,
    },
    /// Every profile has `meta_n` 0.
    #[error("`meta_n` is `0` in every profile, expected at least one of 1 or more")]
    NothingToSample,
    /// `meta_n` of all profiles together is too much.
    #[error("the profiles make `{total}` {what} together, the limit is {limit}")]
    TooMany {
        /// What is counted.
        what: &'static str,
        /// How many there are.
        total: u64,
        /// How many there may be.
        limit: u64,
    },
    /// The file is longer than any configuration.
    #[error("is longer than {limit} bytes, the limit of a configuration")]
    TooLong {
        /// How long it may be, in bytes.
        limit: u64,
    },
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LineFault {
    /// The same name twice in the header.
    #[error("column `{0}` is there twice")]
    DuplicateColumn(String),
    /// A name in the header is empty.
    #[error("column number {0} has no name")]
    UnnamedColumn(usize),
    /// Not as many cells as the header has columns.
    #[error("has `{found}` cells, the header has {expected} columns")]
    Ragged {
        /// Cells of this line.
        found: usize,
        /// Columns of the header.
        expected: usize,
    },
    /// Bytes that are not text.
    #[error("is not UTF-8 text")]
    NotUtf8,
}

/// What is wrong with a value.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CellFault {
    /// Nothing there.
    #[error("is empty; leave the whole column out to use its default, {default}")]
    Empty {
        /// The value that a missing column takes.
        default: String,
    },
    /// Not a number at all, or not a finite one.
    #[error("`{value}` is not a number, expected one from {min} to {max}")]
    NotANumber {
        /// The value, shortened.
        value: String,
        /// The least that is allowed.
        min: f64,
        /// The most that is allowed.
        max: f64,
    },
    /// A number with a fraction where none is possible.
    #[error("`{value}` is not a whole number, expected one from {min} to {max}")]
    NotWhole {
        /// The value, shortened.
        value: String,
        /// The least that is allowed.
        min: f64,
        /// The most that is allowed.
        max: f64,
    },
    /// A number beyond the limits.
    #[error("`{value}` is out of range, expected {min} to {max}")]
    OutOfRange {
        /// The value, shortened.
        value: String,
        /// The least that is allowed.
        min: f64,
        /// The most that is allowed.
        max: f64,
    },
    /// A minimum above its maximum.
    #[error("`{min}` is more than `{max_column}`, which is `{max}`")]
    MinOverMax {
        /// The value of this column.
        min: f64,
        /// The column of the maximum.
        max_column: &'static str,
        /// The value of that column, given or default.
        max: f64,
    },
    /// A name that is too long for one.
    #[error("`{value}` is too long, the limit is {limit} characters")]
    TooLong {
        /// The value, shortened.
        value: String,
        /// Characters that are allowed.
        limit: usize,
    },
    /// A tab, line break, NUL or the like in a name.
    #[error("`{0}` has a control character, which a name may not have")]
    ControlCharacter(String),
}

/// Something odd that does not make a configuration unusable.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Warning {
    /// A column that no profile has.
    UnknownColumn {
        /// The file as the caller named it.
        file: String,
        /// Line number of the header, from 1.
        line: u64,
        /// Name of the column.
        column: String,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warning::UnknownColumn { file, line, column } => {
                write!(
                    f,
                    "{file}, line {line}: unknown column `{column}` is ignored"
                )
            }
        }
    }
}

/// A value as an error shows it: short, and without what would spoil a terminal.
pub(crate) fn shown(value: &str) -> String {
    const LIMIT: usize = 40;
    let mut text: String = value.chars().take(LIMIT).flat_map(printable).collect();
    if value.chars().nth(LIMIT).is_some() {
        text.push('…');
    }
    text
}

fn printable(c: char) -> impl Iterator<Item = char> {
    let (plain, escaped) = if c.is_control() {
        (None, Some(c.escape_default()))
    } else {
        (Some(c), None)
    };
    plain.into_iter().chain(escaped.into_iter().flatten())
}
