//! Reading the cells of a table back into users and locations.

use std::path::Path;

use super::format::{LOCATION_COLUMNS, USER_COLUMNS};
use super::{DatasetError, RowFault, ValueFault};
use crate::config::shown;
use crate::tsv::Cells;
use crate::{Location, User};

/// The places of some columns in a table.
#[derive(Debug)]
pub(super) struct Places<const N: usize> {
    names: [&'static str; N],
    places: [usize; N],
}

impl<const N: usize> Places<N> {
    /// Finds `names` in a header, in which other columns may stand too.
    pub(super) fn find(names: [&'static str; N], header: Cells<'_>) -> Result<Self, RowFault> {
        let mut places = [0; N];
        for (place, name) in places.iter_mut().zip(names) {
            let is_here = |&index: &usize| header.text(index).is_ok_and(|text| text == name);
            let mut found = (0..header.len()).filter(is_here);
            *place = found.next().ok_or(RowFault::MissingColumn(name))?;
            if found.next().is_some() {
                return Err(RowFault::DuplicateColumn(name));
            }
        }
        Ok(Places { names, places })
    }

    /// The raw cells of these columns, in their order.
    pub(super) fn raw<'a>(&'a self, cells: Cells<'a>) -> impl Iterator<Item = &'a [u8]> {
        self.places.iter().map(move |&place| cells.raw(place))
    }

    pub(super) fn name(&self, index: usize) -> &'static str {
        self.names[index]
    }
}

/// Where a line stands, for messages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot<'a> {
    pub(super) path: &'a Path,
    pub(super) line: u64,
}

impl Spot<'_> {
    pub(super) fn row(self, fault: RowFault) -> DatasetError {
        DatasetError::Line {
            path: self.path.to_owned(),
            line: self.line,
            fault,
        }
    }

    pub(super) fn cell(self, column: &'static str, fault: ValueFault) -> DatasetError {
        DatasetError::Cell {
            path: self.path.to_owned(),
            line: self.line,
            column,
            fault,
        }
    }
}

/// Takes the cells of one line one after the other.
struct Cursor<'a, const N: usize> {
    spot: Spot<'a>,
    cells: Cells<'a>,
    columns: &'a Places<N>,
    next: usize,
}

impl<'a, const N: usize> Cursor<'a, N> {
    fn take<T>(
        &mut self,
        expected: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, DatasetError> {
        let index = self.next;
        self.next += 1;
        let place = self.columns.places[index];
        let text = self.cells.text(place).ok();
        text.as_deref().and_then(parse).ok_or_else(|| {
            let value = shown(&String::from_utf8_lossy(self.cells.raw(place)));
            let fault = ValueFault::Unreadable { value, expected };
            self.spot.cell(self.columns.name(index), fault)
        })
    }

    fn bool(&mut self) -> Result<bool, DatasetError> {
        self.take("`True` or `False`", parse_bool)
    }

    fn whole(&mut self) -> Result<u32, DatasetError> {
        self.take("a whole number from 0 to 4294967295", |t| t.parse().ok())
    }

    fn real(&mut self) -> Result<f64, DatasetError> {
        self.take("a finite number", |text| {
            text.parse().ok().filter(|number: &f64| number.is_finite())
        })
    }
}

fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "True" => Some(true),
        "False" => Some(false),
        _ => None,
    }
}

fn parse_ages(text: &str) -> Option<Vec<u32>> {
    let inner = text.strip_prefix('[')?.strip_suffix(']')?;
    if inner.trim().is_empty() {
        return Some(Vec::new());
    }
    inner
        .split(',')
        .map(|age| age.trim().parse().ok())
        .collect()
}

/// Reads a label.
pub(super) fn label(
    spot: Spot<'_>,
    cells: Cells<'_>,
    column: &Places<1>,
) -> Result<bool, DatasetError> {
    let mut cursor = Cursor {
        spot,
        cells,
        columns: column,
        next: 0,
    };
    cursor.take("a label, `0` or `1`", |text| match text {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    })
}

/// Reads the columns of a user.
pub(super) fn user(
    spot: Spot<'_>,
    cells: Cells<'_>,
    columns: &Places<{ USER_COLUMNS.len() }>,
) -> Result<User, DatasetError> {
    let mut cursor = Cursor {
        spot,
        cells,
        columns,
        next: 0,
    };
    // Fields are evaluated in the order in which they stand here, which is that of the columns.
    let user = User {
        name: cursor.take("UTF-8 text", |text| Some(text.to_owned()))?,
        people_num: cursor.whole()?,
        people_age: cursor.take("a list of ages such as `[23, 45]`", parse_ages)?,
        children_num: cursor.whole()?,
        budget: cursor.real()?,
        nights: cursor.whole()?,
        time_arrival: cursor.take("a date, YYYY-MM-DD", |text| text.parse().ok())?,
        pool: cursor.bool()?,
        spa: cursor.bool()?,
        pet_friendly: cursor.bool()?,
        lake: cursor.bool()?,
        mountain: cursor.bool()?,
        sport: cursor.bool()?,
    };
    let (found, expected) = (user.people_age.len(), user.people_num);
    if found != expected as usize {
        return Err(spot.cell("people_age", ValueFault::AgeCount { found, expected }));
    }
    Ok(user)
}

/// Reads the columns of a location.
pub(super) fn location(
    spot: Spot<'_>,
    cells: Cells<'_>,
    columns: &Places<{ LOCATION_COLUMNS.len() }>,
) -> Result<Location, DatasetError> {
    let mut cursor = Cursor {
        spot,
        cells,
        columns,
        next: 0,
    };
    Ok(Location {
        children: cursor.bool()?,
        breakfast: cursor.bool()?,
        lunch: cursor.bool()?,
        dinner: cursor.bool()?,
        price: cursor.real()?,
        has_pool: cursor.bool()?,
        has_spa: cursor.bool()?,
        animals: cursor.bool()?,
        near_lake: cursor.bool()?,
        near_mountains: cursor.bool()?,
        has_sport: cursor.bool()?,
        family_rating: cursor.real()?,
        outdoor_rating: cursor.real()?,
        food_rating: cursor.real()?,
        leisure_rating: cursor.real()?,
        service_rating: cursor.real()?,
        user_score: cursor.real()?,
    })
}
