//! Items, in versions.

use mlp_core::Row;

/// A change of the catalog.
#[derive(Debug, Clone, PartialEq)]
pub enum ItemChange {
    /// The item is so from now on; an unchanged row is no new version.
    Put {
        /// The item's id, at least 1; `None`: the next free one.
        item_id: Option<i64>,
        /// Its row.
        row: Row,
    },
    /// The item is not ranked any more.
    Withdraw {
        /// The item's id.
        item_id: i64,
    },
}

/// An item as it was from one catalog version to another.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemVersion {
    /// The item's id.
    pub item_id: i64,
    /// The first catalog version that has it so.
    pub from_version: i64,
    /// The first catalog version that has it no more so; `None`: it is current.
    pub to_version: Option<i64>,
    /// When this version was made, in microseconds since 1970.
    pub created_us: i64,
    /// Its row.
    pub row: Row,
}

/// Numbers that rise with every change of what serving rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Versions {
    /// Of the items.
    pub catalog: i64,
    /// Of the models, their shares and the settings.
    pub registry: i64,
}
