//! What upkeep finds and does.

use serde::Serialize;

/// What pruning removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Pruned {
    /// Inferences, with their users.
    pub inferences: u64,
    /// Other final tasks.
    pub tasks: u64,
    /// Idempotency keys.
    pub keys: u64,
}

/// What a store says of itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StoreStatus {
    /// `sqlite` or `postgres`.
    pub backend: &'static str,
    /// The version of the tables that the store has.
    pub schema_version: i64,
    /// The version that this program writes.
    pub program_version: i64,
    /// Where it is, without secrets.
    pub place: String,
    /// Its size on disk.
    pub bytes: u64,
}

/// How far a store's tables are those of this program and of a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct TablesState {
    /// Their version; 0 where there are none.
    pub version: i64,
    /// The version that this program writes.
    pub program_version: i64,
    /// Whether nothing is to be made or changed.
    pub up_to_date: bool,
}
