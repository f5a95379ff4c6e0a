//! Reading a data set, session by session.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use super::format::{LABEL_COLUMN, LOCATION_COLUMNS, USER_COLUMNS};
use super::parse::{self, Places, Spot};
use super::{DatasetError, LABELLED, Manifest, RowFault, ValueFault};
use crate::config::shown;
use crate::tsv::{Cells, TsvReader};
use crate::{Location, User};

/// One session: who asked, what was shown, and what was chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    /// The user.
    pub user: User,
    /// What was shown, in order, shape `(rows_per_session,)`.
    pub locations: Vec<Location>,
    /// Index of the choice in `locations`, or `None` for none of them.
    pub chosen: Option<usize>,
}

/// Iterates over the sessions of a data set; ends after the first error.
pub struct SessionReader {
    manifest: Manifest,
    table: LabelledTable<BufReader<File>>,
    finished: bool,
}

impl SessionReader {
    /// Opens the data set in `dir`.
    pub fn open(dir: &Path) -> Result<SessionReader, DatasetError> {
        let manifest = Manifest::read(dir)?;
        let path = dir.join(LABELLED);
        let file = File::open(&path).map_err(DatasetError::io("read", &path))?;
        let table = LabelledTable::new(path, BufReader::with_capacity(1 << 16, file))?;
        Ok(SessionReader {
            manifest,
            table,
            finished: false,
        })
    }

    /// What the data set says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn session(&mut self) -> Result<Option<Session>, DatasetError> {
        let rows = self.manifest.rows_per_session as usize;
        let session = self.table.session(rows)?;
        let (found, expected) = (self.table.rows, self.manifest.labelled_rows);
        if session.is_none() && found != expected {
            let fault = RowFault::RowCount { found, expected };
            return Err(self.table.spot().row(fault));
        }
        Ok(session)
    }
}

impl Iterator for SessionReader {
    type Item = Result<Session, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.finished {
            return None;
        }
        let session = self.session().transpose();
        self.finished = !matches!(session, Some(Ok(_)));
        session
    }
}

/// Reads all locations of a table of them, such as [`LOCATIONS`](super::LOCATIONS).
pub fn read_locations(path: &Path) -> Result<Vec<Location>, DatasetError> {
    let file = File::open(path).map_err(DatasetError::io("read", path))?;
    let mut table = Table::new(path.to_owned(), BufReader::new(file));
    let columns = table.header(|header| Places::find(LOCATION_COLUMNS, header))?;
    let mut locations = Vec::new();
    while let Some((spot, cells)) = table.next_row()? {
        locations.push(parse::location(spot, cells, &columns)?);
    }
    Ok(locations)
}

/// A table with a header: checks that all lines have as many cells.
struct Table<R> {
    path: PathBuf,
    reader: TsvReader<R>,
    width: usize,
    /// Number of the line read last, from 1.
    line: u64,
}

impl<R: Read> Table<R> {
    fn new(path: PathBuf, input: R) -> Table<R> {
        Table {
            path,
            reader: TsvReader::new(input, false),
            width: 0,
            line: 1,
        }
    }

    fn header<T>(
        &mut self,
        parse: impl FnOnce(Cells<'_>) -> Result<T, RowFault>,
    ) -> Result<T, DatasetError> {
        let path = &self.path;
        let header = self
            .reader
            .next_line()
            .map_err(DatasetError::io("read", path))?;
        let Some((line, cells)) = header else {
            return Err(Spot { path, line: 1 }.row(RowFault::NoHeader));
        };
        (self.width, self.line) = (cells.len(), line);
        parse(cells).map_err(|fault| Spot { path, line }.row(fault))
    }

    fn next_row(&mut self) -> Result<Option<(Spot<'_>, Cells<'_>)>, DatasetError> {
        let path = &self.path;
        let row = self
            .reader
            .next_line()
            .map_err(DatasetError::io("read", path))?;
        let Some((line, cells)) = row else {
            return Ok(None);
        };
        self.line = line;
        let spot = Spot { path, line };
        if cells.len() != self.width {
            let (found, expected) = (cells.len(), self.width);
            return Err(spot.row(RowFault::Ragged { found, expected }));
        }
        Ok(Some((spot, cells)))
    }
}

/// The labelled table.
struct LabelledTable<R> {
    table: Table<R>,
    user: Places<{ USER_COLUMNS.len() }>,
    location: Places<{ LOCATION_COLUMNS.len() }>,
    label: Places<1>,
    /// Data rows read.
    rows: u64,
    /// The raw user columns of the session's first row.
    first_user: Vec<Vec<u8>>,
}

impl<R: Read> LabelledTable<R> {
    fn new(path: PathBuf, input: R) -> Result<LabelledTable<R>, DatasetError> {
        let mut table = Table::new(path, input);
        let (user, location, label) = table.header(|header| {
            Ok((
                Places::find(USER_COLUMNS, header)?,
                Places::find(LOCATION_COLUMNS, header)?,
                Places::find([LABEL_COLUMN], header)?,
            ))
        })?;
        Ok(LabelledTable {
            table,
            user,
            location,
            label,
            rows: 0,
            first_user: Vec::new(),
        })
    }

    fn spot(&self) -> Spot<'_> {
        Spot {
            path: &self.table.path,
            line: self.table.line,
        }
    }

    /// The next session, or `None` at the end of the file.
    fn session(&mut self, rows: usize) -> Result<Option<Session>, DatasetError> {
        let Some((spot, cells)) = self.table.next_row()? else {
            return Ok(None);
        };
        let first_line = spot.line;
        let mut session = Session {
            user: parse::user(spot, cells, &self.user)?,
            locations: vec![parse::location(spot, cells, &self.location)?],
            chosen: parse::label(spot, cells, &self.label)?.then_some(0),
        };
        self.first_user = self.user.raw(cells).map(<[u8]>::to_vec).collect();
        while session.locations.len() < rows {
            let Some((spot, cells)) = self.table.next_row()? else {
                let (found, expected) = (session.locations.len(), rows);
                return Err(self
                    .spot()
                    .row(RowFault::PartialSession { found, expected }));
            };
            same_user(spot, cells, &self.user, &self.first_user, first_line)?;
            if parse::label(spot, cells, &self.label)? {
                if session.chosen.is_some() {
                    return Err(spot.cell(LABEL_COLUMN, ValueFault::SecondChoice { first_line }));
                }
                session.chosen = Some(session.locations.len());
            }
            let location = parse::location(spot, cells, &self.location)?;
            session.locations.push(location);
        }
        self.rows += session.locations.len() as u64;
        Ok(Some(session))
    }
}

fn same_user(
    spot: Spot<'_>,
    cells: Cells<'_>,
    columns: &Places<{ USER_COLUMNS.len() }>,
    first: &[Vec<u8>],
    first_line: u64,
) -> Result<(), DatasetError> {
    let mut pairs = columns.raw(cells).zip(first).enumerate();
    let Some((index, (value, _))) = pairs.find(|(_, (value, first))| value != first) else {
        return Ok(());
    };
    let value = shown(&String::from_utf8_lossy(value));
    let fault = ValueFault::OtherUser { value, first_line };
    Err(spot.cell(columns.name(index), fault))
}
