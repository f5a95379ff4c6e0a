//! The catalog: items in versions.

use mlp_core::{Entity, Row};
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::SqliteStore;
use super::columns::Columns;
use super::db::Durability;
use super::error::{Failure, Result};
use super::state::{meta, set_meta, sql_limit};
use crate::error::StoreError;
use crate::state::quoted;
use crate::transfer::Place;
use crate::types::{ItemChange, ItemVersion, Versions};

type Public<T> = std::result::Result<T, StoreError>;

/// The items' table and its statements, made from the schema.
pub(super) struct ItemTable {
    columns: Columns,
    insert: String,
    overwrite: String,
    close: String,
    remove: String,
    highest: String,
    /// `SELECT … FROM item_versions`, in the order that [`Self::read`] takes.
    select: String,
    id: String,
}

impl ItemTable {
    pub fn new(entity: &Entity) -> Self {
        let columns = Columns::new(entity);
        let id = quoted(&entity.id_name());
        Self {
            insert: format!(
                "INSERT INTO item_versions ({id}, from_version, creation_time{})
                 VALUES (?1, ?2, ?3{})",
                columns.list(""),
                columns.parameters(4)
            ),
            overwrite: format!(
                "UPDATE item_versions SET {} WHERE {id} = ?1 AND from_version = ?2",
                columns.assignments(3)
            ),
            close: format!(
                "UPDATE item_versions SET to_version = ?3 WHERE {id} = ?1 AND from_version = ?2"
            ),
            remove: format!("DELETE FROM item_versions WHERE {id} = ?1 AND from_version = ?2"),
            highest: format!("SELECT coalesce(max({id}), 0) FROM item_versions"),
            select: format!(
                "SELECT {id}, from_version, to_version, creation_time{} FROM item_versions",
                columns.list("")
            ),
            columns,
            id,
        }
    }

    fn read(&self, row: &rusqlite::Row<'_>) -> rusqlite::Result<ItemVersion> {
        Ok(ItemVersion {
            item_id: row.get(0)?,
            from_version: row.get(1)?,
            to_version: row.get(2)?,
            created_us: row.get(3)?,
            row: self.columns.read(row, 4)?,
        })
    }

    /// Item versions under a condition.
    fn many(
        &self,
        connection: &Connection,
        rest: &str,
        values: &[&dyn rusqlite::ToSql],
    ) -> Result<Vec<ItemVersion>> {
        let select = format!("{} {}", self.select, rest.replace("item_id", &self.id));
        let mut select = connection.prepare_cached(&select)?;
        let items = select.query_map(values, |row| self.read(row))?;
        Ok(items.collect::<rusqlite::Result<_>>()?)
    }

    fn current(&self, connection: &Connection, item_id: i64) -> Result<Option<ItemVersion>> {
        let rest = "WHERE item_id = ?1 AND to_version IS NULL";
        Ok(self.many(connection, rest, &[&item_id])?.pop())
    }
}

impl SqliteStore {
    pub(super) fn put_and_withdraw(&self, changes: &[ItemChange]) -> Public<(i64, Vec<i64>)> {
        self.db.write("change items", Durability::Synced, |tx| {
            let before = meta(tx, "catalog")?;
            let mut catalog = CatalogChange {
                table: &self.items,
                tx,
                now: self.now(),
                version: before + 1,
                changed: false,
            };
            let ids: Result<Vec<i64>> = changes.iter().map(|c| catalog.apply(c)).collect();
            let ids = ids?;
            if !catalog.changed {
                return Ok((before, ids));
            }
            set_meta(tx, "catalog", before + 1)?;
            Ok((before + 1, ids))
        })
    }

    pub(super) fn current_items(&self) -> Public<(i64, Vec<ItemVersion>)> {
        self.db.read_at_once("catalog", |connection| {
            let rest = "WHERE to_version IS NULL ORDER BY item_id";
            let version = meta(connection, "catalog")?;
            Ok((version, self.items.many(connection, rest, &[])?))
        })
    }

    pub(super) fn all_item_versions(&self) -> Public<Vec<ItemVersion>> {
        self.db.read("item versions", |connection| {
            let rest = "ORDER BY item_id, from_version";
            self.items.many(connection, rest, &[])
        })
    }

    pub(super) fn item_versions_after(
        &self,
        after: Place,
        limit: usize,
    ) -> Public<Vec<ItemVersion>> {
        self.db.read("item versions", |connection| {
            let rest = "WHERE (item_id, from_version) > (?1, ?2)
                ORDER BY item_id, from_version LIMIT ?3";
            let values: [&dyn rusqlite::ToSql; 3] = [&after.0, &after.1, &sql_limit(limit)];
            self.items.many(connection, rest, &values)
        })
    }

    pub(super) fn item_as_of(&self, item_id: i64, version: i64) -> Public<Option<ItemVersion>> {
        self.db.read("item", |connection| {
            let rest = "WHERE item_id = ?1 AND from_version <= ?2
                AND (to_version IS NULL OR to_version > ?2)";
            let found = self.items.many(connection, rest, &[&item_id, &version]);
            Ok(found?.pop())
        })
    }

    pub(super) fn page_of_items(&self, after: i64, limit: usize) -> Public<Vec<ItemVersion>> {
        self.db.read("items", |connection| {
            let rest = "WHERE item_id > ?1 AND to_version IS NULL ORDER BY item_id LIMIT ?2";
            let limit = sql_limit(limit);
            self.items.many(connection, rest, &[&after, &limit])
        })
    }

    pub(super) fn latest_versions(&self) -> Public<Versions> {
        self.db.read_at_once("versions", |connection| {
            Ok(Versions {
                catalog: meta(connection, "catalog")?,
                registry: meta(connection, "registry")?,
            })
        })
    }
}

/// One transaction's changes, which make one catalog version.
struct CatalogChange<'a> {
    table: &'a ItemTable,
    tx: &'a Transaction<'a>,
    now: i64,
    /// The version that the changes make.
    version: i64,
    changed: bool,
}

impl CatalogChange<'_> {
    fn apply(&mut self, change: &ItemChange) -> Result<i64> {
        match change {
            ItemChange::Put { item_id, row } => {
                let item_id = match item_id {
                    Some(item_id) => *item_id,
                    None => self.next_id()?,
                };
                self.put(item_id, row)?;
                Ok(item_id)
            }
            ItemChange::Withdraw { item_id } => {
                if let Some(current) = self.table.current(self.tx, *item_id)? {
                    self.end(&current)?;
                }
                Ok(*item_id)
            }
        }
    }

    fn next_id(&self) -> Result<i64> {
        let mut highest = self.tx.prepare_cached(&self.table.highest)?;
        let highest: i64 = highest.query_row([], |row| row.get(0))?;
        let next = highest.checked_add(1);
        next.ok_or_else(|| Failure::invalid("no item number is left"))
    }

    fn put(&mut self, item_id: i64, row: &Row) -> Result<()> {
        if item_id < 1 {
            let message = format!("item id `{item_id}` is under 1");
            return Err(Failure::invalid(message));
        }
        match self.table.current(self.tx, item_id)? {
            Some(current) if current.row == *row => return Ok(()),
            Some(current) if current.from_version == self.version => {
                return self.overwrite(item_id, row);
            }
            Some(current) => self.end(&current)?,
            None => {}
        }
        let mut insert = self.tx.prepare_cached(&self.table.insert)?;
        insert.raw_bind_parameter(1, item_id)?;
        insert.raw_bind_parameter(2, self.version)?;
        insert.raw_bind_parameter(3, self.now)?;
        self.table.columns.bind(&mut insert, 4, row)?;
        insert.raw_execute()?;
        self.changed = true;
        Ok(())
    }

    /// Puts an item for the second time in one version: the last row stands.
    fn overwrite(&self, item_id: i64, row: &Row) -> Result<()> {
        let mut update = self.tx.prepare_cached(&self.table.overwrite)?;
        update.raw_bind_parameter(1, item_id)?;
        update.raw_bind_parameter(2, self.version)?;
        self.table.columns.bind(&mut update, 3, row)?;
        update.raw_execute()?;
        Ok(())
    }

    /// Ends a version of an item. One that this very transaction made was never there.
    fn end(&mut self, current: &ItemVersion) -> Result<()> {
        let (id, from) = (current.item_id, current.from_version);
        if from == self.version {
            let mut remove = self.tx.prepare_cached(&self.table.remove)?;
            remove.execute([id, from])?;
        } else {
            let mut close = self.tx.prepare_cached(&self.table.close)?;
            close.execute(params![id, from, self.version])?;
        }
        self.changed = true;
        Ok(())
    }
}

/// The number of current items.
pub(super) fn count(connection: &Connection) -> Result<i64> {
    let count = "SELECT count(*) FROM item_versions WHERE to_version IS NULL";
    let count = connection
        .prepare_cached(count)?
        .query_row([], |row| row.get(0));
    Ok(count.optional()?.unwrap_or(0))
}
