//! Users and items.

use std::collections::HashSet;

use mlp_core::{Column, Entity, FieldType, Value};
use postgres::Row;

use super::convert;
use super::tables::Tables;
use crate::postgres::error::Result;
use crate::state::quoted;

/// How a table of users or of items is read.
pub(super) struct EntityPlan {
    pub select: String,
    /// `TABLE ID`, for messages.
    name: String,
    /// Where in the result each column of the schema is.
    places: Vec<Option<usize>>,
}

/// A user or an item.
pub(super) struct EntityRow {
    pub id: i64,
    pub created_us: i64,
    pub row: mlp_core::Row,
}

/// Columns of the result before the schema's: the key, the time of creation.
const FIRST: usize = 2;

impl EntityPlan {
    /// A column may be missing where models do not see it, or its field has a default.
    pub fn new(
        tables: &Tables,
        entity: &Entity,
        notes: &mut Vec<String>,
    ) -> std::result::Result<Self, String> {
        let id = entity.id_name();
        let columns = tables.table(&entity.table)?;
        let required = entity
            .columns
            .iter()
            .filter(|column| !may_be_missing(entity, column));
        let mut names: Vec<&str> = vec![&id];
        names.extend(required.map(|column| column.name.as_str()));
        columns.require(&names)?;
        columns.require_number(&id)?;
        let created = columns.created("")?;
        let created = created.unwrap_or_else(|| {
            notes.push(format!(
                "`{}` has no time of creation: now is taken",
                entity.table
            ));
            "(extract(epoch FROM now()) * 1000000)::bigint::text".to_owned()
        });
        let mut list = format!("{}::text, {created}", quoted(&id));
        let mut places = Vec::with_capacity(entity.columns.len());
        let mut next = FIRST;
        for column in &entity.columns {
            if !columns.has(&column.name) {
                notes.push(format!(
                    "`{}` has no `{}`: none is known",
                    entity.table, column.name
                ));
                places.push(None);
                continue;
            }
            list += &format!(", {}::text", quoted(&column.name));
            places.push(Some(next));
            next += 1;
        }
        let known: HashSet<&str> = (entity.columns.iter().map(|c| c.name.as_str()))
            .chain(entity.null_fields.iter().map(String::as_str))
            .chain([id.as_str(), "creation_time", "time_creation"])
            .collect();
        let other: Vec<&str> = columns
            .names()
            .filter(|name| !known.contains(name))
            .collect();
        if !other.is_empty() {
            let other = other.join(", ");
            notes.push(format!(
                "`{}` has columns that are left out: {other}",
                entity.table
            ));
        }
        Ok(Self {
            select: format!(
                // Qualified, or it would be the text of the result that is sorted.
                "SELECT {list} FROM {table} ORDER BY {table}.{}",
                quoted(&id),
                table = quoted(&entity.table),
            ),
            name: format!("{} {id}", entity.table),
            places,
        })
    }

    /// Reads a row; the inner error is its fault.
    pub fn read(
        &self,
        entity: &Entity,
        row: &Row,
    ) -> Result<std::result::Result<EntityRow, String>> {
        let id: Option<&str> = row.try_get(0)?;
        let created: Option<&str> = row.try_get(1)?;
        let texts: Vec<Option<&str>> = (self.places.iter())
            .map(|place| place.map_or(Ok(None), |place| row.try_get(place)))
            .collect::<std::result::Result<_, _>>()?;
        let named = |fault: String| format!("{} {}: {fault}", self.name, id.unwrap_or("NULL"));
        Ok(self.convert(entity, id, created, &texts).map_err(named))
    }

    fn convert(
        &self,
        entity: &Entity,
        id: Option<&str>,
        created: Option<&str>,
        texts: &[Option<&str>],
    ) -> std::result::Result<EntityRow, String> {
        let id = id.and_then(convert::whole).filter(|id| *id >= 1);
        let id = id.ok_or("the number must be 1 or more")?;
        let created_us = created.and_then(|text| text.parse().ok());
        let created_us = created_us.ok_or("the time of creation is missing")?;
        let mut values = Vec::with_capacity(texts.len());
        for (column, text) in entity.columns.iter().zip(texts) {
            values.push(match text {
                Some(text) => convert::value(column, text)?,
                None if may_be_missing(entity, column) => Value::Null,
                None => return Err(format!("`{}` is missing", column.name)),
            });
        }
        Ok(EntityRow {
            id,
            created_us,
            row: mlp_core::Row(values),
        })
    }
}

fn may_be_missing(entity: &Entity, column: &Column) -> bool {
    // Not `feature`: a number that is none by itself may be read by derived ones.
    let unread = matches!(column.kind, FieldType::Text | FieldType::Date);
    unread || entity.fields[column.field].default.is_some()
}
