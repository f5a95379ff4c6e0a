//! Tab-separated tables: a header, comments, and one profile a line, checked cell by cell.

use std::io::Read;

use sha2::{Digest, Sha256};

use crate::tsv::TsvReader;

use super::error::{CellFault, ConfigError, FileFault, LineFault, Warning, shown};

/// The most that a configuration may hold, in bytes.
const MAX_BYTES: u64 = 16 << 20;
/// The most that a profile's name may hold, in characters.
const MAX_NAME: usize = 200;
/// The column of the profile's name.
const NAME: &str = "meta_comment";

/// What a numeric column may hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    /// A whole number from 0, 1 or more to a limit.
    Whole(u32, u32),
    /// A finite number within limits.
    Real(f64, f64),
}

impl Kind {
    /// The least and the most that is allowed.
    pub(super) fn limits(self) -> (f64, f64) {
        match self {
            Kind::Whole(min, max) => (f64::from(min), f64::from(max)),
            Kind::Real(min, max) => (min, max),
        }
    }
}

/// A probability or a share.
pub(super) const SHARE: Kind = Kind::Real(0.0, 1.0);

/// A numeric column: its name, what it may hold, and what it holds where it is missing.
pub(super) type Column = (&'static str, Kind, f64);

/// One profile: its name and the value of each of the `N` columns, in the table's order.
#[derive(Debug)]
pub(super) struct Row<const N: usize> {
    pub(super) name: String,
    pub(super) values: [f64; N],
}

/// A checked table.
#[derive(Debug)]
pub(super) struct Table<const N: usize> {
    pub(super) rows: Vec<Row<N>>,
    pub(super) warnings: Vec<Warning>,
    pub(super) sha256: String,
}

/// What kind of table is read: for messages, and to tell one kind from the other.
pub(super) struct Layout<const N: usize> {
    pub(super) kind: &'static str,
    pub(super) columns: &'static [Column; N],
}

impl<const N: usize> Layout<N> {
    /// Reads and checks a whole table; `file` is its name in messages.
    pub(super) fn read(&self, file: &str, reader: impl Read) -> Result<Table<N>, ConfigError> {
        let bytes = read_limited(file, reader)?;
        let mut lines = TsvReader::new(bytes.as_slice(), true);
        let Some((line, cells)) = next_line(file, &mut lines)? else {
            return Err(file_error(file, FileFault::Empty));
        };
        let header = Header::parse(self, file, line, &cells)?;
        let mut rows = Vec::new();
        while let Some((line, cells)) = next_line(file, &mut lines)? {
            rows.push(header.row(self, file, line, &cells)?);
        }
        if rows.is_empty() {
            return Err(file_error(file, FileFault::NoProfiles));
        }
        Ok(Table {
            rows,
            warnings: header.warnings,
            sha256: crate::hash::hex(&Sha256::digest(&bytes)),
        })
    }
}

type Line = (u64, Vec<String>);

fn next_line(file: &str, lines: &mut TsvReader<&[u8]>) -> Result<Option<Line>, ConfigError> {
    let read_error = |source| ConfigError::Read {
        file: file.to_owned(),
        source,
    };
    let Some((line, cells)) = lines.next_line().map_err(read_error)? else {
        return Ok(None);
    };
    match cells.texts() {
        Ok(texts) => Ok(Some((line, texts))),
        Err(_) => Err(line_error(file, line, LineFault::NotUtf8)),
    }
}

fn read_limited(file: &str, reader: impl Read) -> Result<Vec<u8>, ConfigError> {
    let mut bytes = Vec::new();
    let read = reader.take(MAX_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|source| ConfigError::Read {
        file: file.to_owned(),
        source,
    })?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(file_error(file, FileFault::TooLong { limit: MAX_BYTES }));
    }
    Ok(bytes)
}

pub(super) fn file_error(file: &str, fault: FileFault) -> ConfigError {
    ConfigError::File {
        file: file.to_owned(),
        fault,
    }
}

fn line_error(file: &str, line: u64, fault: LineFault) -> ConfigError {
    ConfigError::Line {
        file: file.to_owned(),
        line,
        fault,
    }
}

/// Where each column stands in this file.
struct Header<const N: usize> {
    width: usize,
    name: Option<usize>,
    places: [Option<usize>; N],
    warnings: Vec<Warning>,
}

impl<const N: usize> Header<N> {
    fn parse(
        layout: &Layout<N>,
        file: &str,
        line: u64,
        cells: &[String],
    ) -> Result<Header<N>, ConfigError> {
        let mut seen = std::collections::HashSet::new();
        for (index, cell) in cells.iter().enumerate() {
            if cell.is_empty() {
                return Err(line_error(file, line, LineFault::UnnamedColumn(index + 1)));
            }
            if !seen.insert(cell) {
                return Err(line_error(
                    file,
                    line,
                    LineFault::DuplicateColumn(shown(cell)),
                ));
            }
        }
        let place = |name: &str| cells.iter().position(|cell| cell == name);
        let places = layout.columns.map(|(name, ..)| place(name));
        let is_known = |cell: &str| cell == NAME || layout.columns.iter().any(|c| c.0 == cell);
        let warnings: Vec<_> = cells
            .iter()
            .filter(|cell| !is_known(cell))
            .map(|cell| Warning::UnknownColumn {
                file: file.to_owned(),
                line,
                column: shown(cell),
            })
            .collect();
        // The first column, `meta_n`, is common to all kinds of configuration.
        if !warnings.is_empty() && places.iter().skip(1).all(Option::is_none) {
            let (kind, example) = (layout.kind, layout.columns[N - 1].0);
            return Err(file_error(file, FileFault::OtherKind { kind, example }));
        }
        Ok(Header {
            width: cells.len(),
            name: place(NAME),
            places,
            warnings,
        })
    }

    fn row(
        &self,
        layout: &Layout<N>,
        file: &str,
        line: u64,
        cells: &[String],
    ) -> Result<Row<N>, ConfigError> {
        if cells.len() != self.width {
            let (found, expected) = (cells.len(), self.width);
            return Err(line_error(
                file,
                line,
                LineFault::Ragged { found, expected },
            ));
        }
        let at = |column: &str, fault| ConfigError::Cell {
            file: file.to_owned(),
            line,
            column: column.to_owned(),
            fault,
        };
        let name = match self.name {
            Some(place) => parse_name(&cells[place]).map_err(|fault| at(NAME, fault))?,
            None => format!("line {line}"),
        };
        let mut values = layout.columns.map(|(_, _, default)| default);
        for ((value, place), column) in values.iter_mut().zip(self.places).zip(layout.columns) {
            if let Some(place) = place {
                *value = parse_number(&cells[place], column).map_err(|f| at(column.0, f))?;
            }
        }
        check_order(layout.columns, &values).map_err(|(column, fault)| at(column, fault))?;
        Ok(Row { name, values })
    }
}

fn parse_name(cell: &str) -> Result<String, CellFault> {
    if cell.is_empty() {
        let default = "the line's number".to_owned();
        Err(CellFault::Empty { default })
    } else if cell.chars().nth(MAX_NAME).is_some() {
        let (value, limit) = (shown(cell), MAX_NAME);
        Err(CellFault::TooLong { value, limit })
    } else if cell.chars().any(char::is_control) {
        Err(CellFault::ControlCharacter(shown(cell)))
    } else {
        Ok(cell.to_owned())
    }
}

fn parse_number(cell: &str, &(_, kind, default): &Column) -> Result<f64, CellFault> {
    let (min, max) = kind.limits();
    if cell.is_empty() {
        let default = format!("`{default}`");
        return Err(CellFault::Empty { default });
    }
    let value = shown(cell);
    let number = match cell.parse::<f64>() {
        Ok(number) if number.is_finite() => number,
        _ => return Err(CellFault::NotANumber { value, min, max }),
    };
    if matches!(kind, Kind::Whole(..)) && number.fract() != 0.0 {
        Err(CellFault::NotWhole { value, min, max })
    } else if !(min..=max).contains(&number) {
        Err(CellFault::OutOfRange { value, min, max })
    } else {
        Ok(number)
    }
}

/// Checks that no `*_min` is above its `*_max`, defaults included.
fn check_order<const N: usize>(
    columns: &'static [Column; N],
    values: &[f64; N],
) -> Result<(), (&'static str, CellFault)> {
    for (&(name, ..), &min) in columns.iter().zip(values) {
        let Some(stem) = name.strip_suffix("_min") else {
            continue;
        };
        let is_pair = |column: &&Column| column.0.strip_suffix("_max") == Some(stem);
        let pair = columns
            .iter()
            .zip(values)
            .find(|(column, _)| is_pair(column));
        if let Some((&(max_column, ..), &max)) = pair
            && min > max
        {
            return Err((
                name,
                CellFault::MinOverMax {
                    min,
                    max_column,
                    max,
                },
            ));
        }
    }
    Ok(())
}
