//! All that a store holds, out of one and into another, number by number.
//!
//! [`Source`] reads a store's records in pages, [`Target`] writes them into an empty one, and
//! [`copy`] does both and then compares: each side is read again, and must have the same rows with
//! the same checksum. Until that is so the target bears a mark that no [`open`] passes, so that half
//! a copy is never taken for a whole one.
//!
//! [`open`]: crate::postgres::PostgresStore::open

mod checksum;
mod copy;
mod records;

use crate::traits::Result;

pub use checksum::{Checksums, Sum, sums};
pub use copy::{Compared, Copied, compare, copy};
pub use records::{
    Heads, InferenceRecord, KeyRecord, ModelRecord, Place, Records, Table, TaskRecord,
};

/// A store whose records can be read.
pub trait Source: Send + Sync {
    /// Up to `limit` records of a table that come after a place, in order.
    ///
    /// # Errors
    ///
    /// Where the store cannot be read.
    fn records(&self, table: Table, after: Place, limit: usize) -> Result<Records>;

    /// The versions, and the last numbers that were given.
    ///
    /// # Errors
    ///
    /// Where the store cannot be read.
    fn heads(&self) -> Result<Heads>;
}

/// An empty store that can be filled with another's records.
pub trait Target: Source {
    /// Marks the store as unfinished.
    ///
    /// # Errors
    ///
    /// Where it holds anything: what, and what to do.
    fn begin(&self) -> Result<()>;

    /// Writes records as they are, in one transaction.
    ///
    /// # Errors
    ///
    /// Where the store refuses them.
    fn put(&self, records: &Records) -> Result<()>;

    /// Sets the versions and the last numbers, after which new ones go on.
    ///
    /// # Errors
    ///
    /// Where the store cannot be written.
    fn set_heads(&self, heads: &Heads) -> Result<()>;

    /// Takes the mark away; all that was put is on the disk when this returns.
    ///
    /// # Errors
    ///
    /// Where the store cannot be written.
    fn complete(&self) -> Result<()>;
}
