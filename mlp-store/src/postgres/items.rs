//! The catalog: items in versions.

use std::collections::BTreeMap;

use mlp_core::{Entity, Row};

use super::PostgresStore;
use super::columns::Columns;
use super::db::{Mode, Session, Values};
use super::error::{Failure, Result};
use super::state::{locked_meta, meta, set_meta};
use super::values::{Moment, sql_limit};
use crate::error::StoreError;
use crate::state::quoted;
use crate::transfer::Place;
use crate::types::{ItemChange, ItemVersion, Versions};

type Public<T> = std::result::Result<T, StoreError>;

/// The items' table and its statements, made from the schema.
pub(super) struct ItemTable {
    columns: Columns,
    /// `SELECT … FROM item_versions`, in the order that [`Self::read`] takes.
    select: String,
    insert: String,
    close: String,
    highest: String,
    /// The key's quoted name.
    id: String,
}

impl ItemTable {
    pub fn new(entity: &Entity) -> Self {
        let columns = Columns::new(entity);
        let id = quoted(&entity.id_name());
        let list = columns.list("");
        Self {
            select: format!(
                "SELECT {id}, from_version, to_version, creation_time{list} FROM item_versions"
            ),
            insert: format!(
                "INSERT INTO item_versions ({id}, from_version, creation_time{list})
                 SELECT id, $1, now(){} FROM unnest($2::bigint[]{}) AS given (id{})",
                columns.taken(),
                columns.parameters(3),
                columns.aliases(),
            ),
            close: format!(
                "UPDATE item_versions SET to_version = $1
                 WHERE {id} = ANY($2) AND to_version IS NULL"
            ),
            highest: format!("SELECT coalesce(max({id}), 0) FROM item_versions"),
            columns,
            id,
        }
    }

    pub fn columns(&self) -> &Columns {
        &self.columns
    }

    /// The key's quoted name.
    pub fn id(&self) -> &str {
        &self.id
    }

    fn read(&self, row: &postgres::Row) -> Result<ItemVersion> {
        Ok(ItemVersion {
            item_id: row.try_get(0)?,
            from_version: row.try_get(1)?,
            to_version: row.try_get(2)?,
            created_us: row.try_get::<_, Moment>(3)?.0,
            row: self.columns.read(row, 4)?,
        })
    }

    /// Item versions under a condition.
    fn many(
        &self,
        session: &mut Session<'_>,
        rest: &str,
        values: Values<'_>,
    ) -> Result<Vec<ItemVersion>> {
        let rows = session.query(&format!("{} {rest}", self.select), values)?;
        rows.iter().map(|row| self.read(row)).collect()
    }

    /// What the items of `changes` are before these.
    fn batch<'a>(&self, session: &mut Session<'_>, changes: &[ItemChange]) -> Result<Batch<'a>> {
        let ids: Vec<i64> = changes.iter().filter_map(named_id).collect();
        let rest = format!("WHERE {} = ANY($1) AND to_version IS NULL", self.id);
        let current = self.many(session, &rest, &[&ids])?;
        let highest = match ids.len() == changes.len() {
            true => 0,
            false => session.query_one(&self.highest, &[])?.try_get(0)?,
        };
        let kept = |item: ItemVersion| {
            let fate = Fate {
                kept: Some(item.row),
                ..Fate::default()
            };
            (item.item_id, fate)
        };
        Ok(Batch {
            fates: current.into_iter().map(kept).collect(),
            highest,
            ..Batch::default()
        })
    }

    /// Writes what a batch decided as the version that it makes.
    fn write(&self, session: &mut Session<'_>, version: i64, batch: &Batch<'_>) -> Result<()> {
        let ended = batch.fates.iter().filter(|(_, fate)| fate.ended);
        let ended: Vec<i64> = ended.map(|(id, _)| *id).collect();
        if !ended.is_empty() {
            session.execute(&self.close, &[&version, &ended])?;
        }
        let made = batch.fates.iter();
        let made = made.filter_map(|(id, fate)| Some((*id, fate.made?)));
        let (ids, rows): (Vec<i64>, Vec<&Row>) = made.unzip();
        if ids.is_empty() {
            return Ok(());
        }
        let arrays = self.columns.arrays(&rows)?;
        let mut values: Vec<&(dyn postgres::types::ToSql + Sync)> = vec![&version, &ids];
        values.extend(arrays.iter().map(|array| &**array));
        session.execute(&self.insert, &values)?;
        Ok(())
    }
}

/// The id that a change comes with.
fn named_id(change: &ItemChange) -> Option<i64> {
    match change {
        ItemChange::Put { item_id, .. } => *item_id,
        ItemChange::Withdraw { item_id } => Some(*item_id),
    }
}

impl PostgresStore {
    pub(super) fn put_and_withdraw(&self, changes: &[ItemChange]) -> Public<(i64, Vec<i64>)> {
        // A second run finds items with ids as the first left them, but would number others anew.
        let mode = match changes.iter().all(|change| named_id(change).is_some()) {
            true => Mode::Transaction,
            false => Mode::Once,
        };
        self.db.run("change items", mode, |session| {
            let before = locked_meta(session, "catalog")?;
            let mut batch = self.items.batch(session, changes)?;
            let ids: Result<Vec<i64>> = changes.iter().map(|c| batch.apply(c)).collect();
            let ids = ids?;
            // What cannot be stored is refused, even where a later change took its place.
            self.items.columns.arrays(&batch.replaced)?;
            if !batch.changed {
                return Ok((before, ids));
            }
            self.items.write(session, before + 1, &batch)?;
            set_meta(session, "catalog", before + 1)?;
            Ok((before + 1, ids))
        })
    }

    pub(super) fn current_items(&self) -> Public<(i64, Vec<ItemVersion>)> {
        self.db.run("catalog", Mode::Snapshot, |session| {
            let rest = format!("WHERE to_version IS NULL ORDER BY {}", self.items.id);
            let version = meta(session, "catalog")?;
            Ok((version, self.items.many(session, &rest, &[])?))
        })
    }

    pub(super) fn all_item_versions(&self) -> Public<Vec<ItemVersion>> {
        let rest = format!("ORDER BY {}, from_version", self.items.id);
        self.versions_where("item versions", &rest, &[])
    }

    pub(super) fn item_versions_after(
        &self,
        after: Place,
        limit: usize,
    ) -> Public<Vec<ItemVersion>> {
        let id = &self.items.id;
        let rest =
            format!("WHERE ({id}, from_version) > ($1, $2) ORDER BY {id}, from_version LIMIT $3");
        let limit = sql_limit(limit);
        self.versions_where("item versions", &rest, &[&after.0, &after.1, &limit])
    }

    pub(super) fn item_as_of(&self, item_id: i64, version: i64) -> Public<Option<ItemVersion>> {
        let rest = format!(
            "WHERE {} = $1 AND from_version <= $2 AND (to_version IS NULL OR to_version > $2)",
            self.items.id
        );
        let found = self.versions_where("item", &rest, &[&item_id, &version]);
        Ok(found?.pop())
    }

    pub(super) fn page_of_items(&self, after: i64, limit: usize) -> Public<Vec<ItemVersion>> {
        let id = &self.items.id;
        let rest = format!("WHERE {id} > $1 AND to_version IS NULL ORDER BY {id} LIMIT $2");
        self.versions_where("items", &rest, &[&after, &sql_limit(limit)])
    }

    fn versions_where(
        &self,
        context: &'static str,
        rest: &str,
        values: Values<'_>,
    ) -> Public<Vec<ItemVersion>> {
        self.db.run(context, Mode::Single, |session| {
            self.items.many(session, rest, values)
        })
    }

    pub(super) fn latest_versions(&self) -> Public<Versions> {
        self.db.run("versions", Mode::Single, |session| {
            // One statement sees one state of the database.
            let select = "SELECT (SELECT value FROM meta WHERE name = 'catalog'),
                (SELECT value FROM meta WHERE name = 'registry')";
            let row = session.query_one(select, &[])?;
            Ok(Versions {
                catalog: row.try_get(0)?,
                registry: row.try_get(1)?,
            })
        })
    }
}

/// One transaction's changes, which make one catalog version: decided here, so that thousands take
/// as many statements as one.
#[derive(Default)]
struct Batch<'a> {
    fates: BTreeMap<i64, Fate<'a>>,
    /// The highest id that any version has, or that this batch gave.
    highest: i64,
    changed: bool,
    /// Rows in whose place later changes of this batch put others, or none.
    replaced: Vec<&'a Row>,
}

/// What becomes of an item. It has `kept` or `made`, or it is not there.
#[derive(Default)]
struct Fate<'a> {
    /// The row from before the batch, while it stands.
    kept: Option<Row>,
    /// Whether the version from before the batch ends.
    ended: bool,
    /// The row that the batch gives it.
    made: Option<&'a Row>,
}

impl<'a> Batch<'a> {
    fn apply(&mut self, change: &'a ItemChange) -> Result<i64> {
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
                self.withdraw(*item_id);
                Ok(*item_id)
            }
        }
    }

    fn next_id(&self) -> Result<i64> {
        let next = self.highest.checked_add(1);
        next.ok_or_else(|| Failure::invalid("no item number is left"))
    }

    fn put(&mut self, item_id: i64, row: &'a Row) -> Result<()> {
        if item_id < 1 {
            let message = format!("item id `{item_id}` is under 1");
            return Err(Failure::invalid(message));
        }
        self.highest = self.highest.max(item_id);
        let fate = self.fates.entry(item_id).or_default();
        if fate.made.or(fate.kept.as_ref()) == Some(row) {
            return Ok(());
        }
        fate.ended |= fate.kept.take().is_some();
        self.replaced.extend(fate.made.replace(row));
        self.changed = true;
        Ok(())
    }

    fn withdraw(&mut self, item_id: i64) {
        let Some(fate) = self.fates.get_mut(&item_id) else {
            return;
        };
        let (made, kept) = (fate.made.take(), fate.kept.take());
        fate.ended |= kept.is_some();
        self.changed |= made.is_some() || kept.is_some();
        self.replaced.extend(made);
    }
}
