//! From one store to another, and the proof that it arrived.

use std::sync::mpsc::sync_channel;

use super::checksum::{Sum, sums};
use super::records::{Place, Records, Table};
use super::{Source, Target};
use crate::error::StoreError;
use crate::traits::Result;

/// Pages that are read ahead of the one that is being written.
const AHEAD: usize = 2;

/// What was copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// Both sides of each table.
    pub tables: Vec<Compared>,
}

impl Copied {
    /// The sums of both sides, table by table.
    pub fn new(from: Vec<Sum>, to: Vec<Sum>) -> Self {
        let both = from.into_iter().zip(to);
        let tables = both.map(|(from, to)| Compared { from, to }).collect();
        Self { tables }
    }

    /// Whether both sides hold the same.
    pub fn is_equal(&self) -> bool {
        self.tables.iter().all(Compared::is_equal)
    }
}

/// One table of both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// Where it came from.
    pub from: Sum,
    /// Where it went.
    pub to: Sum,
}

impl Compared {
    /// Whether both sides hold the same.
    pub fn is_equal(&self) -> bool {
        self.from == self.to
    }
}

/// Copies everything into a store on which [`Target::begin`] was called, reads both again and
/// compares. The target can be opened only where all is equal; until then it bears its mark.
/// `progress` hears of each page: its table, and how many of the table's rows are there.
///
/// # Errors
///
/// Where a side fails.
pub fn copy(
    from: &dyn Source,
    to: &dyn Target,
    progress: &mut dyn FnMut(Table, u64),
) -> Result<Copied> {
    for table in Table::ALL {
        copy_table(from, to, table, progress)?;
    }
    to.set_heads(&from.heads()?)?;
    let copied = compare(from, to)?;
    if copied.is_equal() {
        to.complete()?;
    }
    Ok(copied)
}

/// Reads ahead on a thread of its own: one side reads while the other writes.
fn copy_table(
    from: &dyn Source,
    to: &dyn Target,
    table: Table,
    progress: &mut dyn FnMut(Table, u64),
) -> Result<()> {
    let (send, pages) = sync_channel::<Result<Records>>(AHEAD);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut place = Place::START;
            loop {
                let page = from.records(table, place, table.page());
                let end = page.as_ref().ok().and_then(|page| page.end(place));
                let failed = page.is_err();
                // Who has stopped writing needs no more.
                if (end.is_some() || failed) && send.send(page).is_err() {
                    return;
                }
                match end {
                    Some(end) => place = end,
                    None => return,
                }
            }
        });
        let mut rows = 0;
        for page in pages {
            let page = page?;
            to.put(&page)?;
            rows += page.len() as u64;
            progress(table, rows);
        }
        Ok(())
    })
}

/// Reads both sides at once and compares them.
///
/// # Errors
///
/// Where a side cannot be read.
pub fn compare(from: &dyn Source, to: &dyn Source) -> Result<Copied> {
    let (from, to) = std::thread::scope(|scope| {
        let other = scope.spawn(|| sums(from));
        let to = sums(to);
        let panicked = |_| {
            let reason = "the thread that reads the source panicked".to_owned();
            Err(StoreError::Unavailable { reason })
        };
        (other.join().unwrap_or_else(panicked), to)
    });
    Ok(Copied::new(from?, to?))
}
