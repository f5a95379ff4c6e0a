//! The users' table.

use mlp_core::Entity;

use super::columns::Columns;
use crate::state::quoted;

/// The users' table, as the schema names it.
pub(super) struct UserTable {
    pub columns: Columns,
    /// The table's quoted name.
    pub table: String,
    /// The key's quoted name.
    pub id: String,
}

impl UserTable {
    pub fn new(entity: &Entity) -> Self {
        Self {
            columns: Columns::new(entity),
            table: quoted(&entity.table),
            id: quoted(&entity.id_name()),
        }
    }
}
