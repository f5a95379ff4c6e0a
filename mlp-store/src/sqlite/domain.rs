//! The tables that the schema shapes: users and items.

use mlp_core::{Entity, Schema};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::columns::sql_type;
use super::error::{Failure, Result};
use crate::domain::Domain;
use crate::error::StoreError;
use crate::state::quoted;

/// Makes the schema's tables, or fits them to a schema that gained columns or levels.
///
/// # Errors
///
/// Where stored rows would lose their meaning.
pub(super) fn fit(connection: &mut Connection, schema: &Schema, place: &str) -> Result<()> {
    let wanted = Domain::new(schema);
    if stored(connection)?.as_ref() == Some(&wanted) {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have done it meanwhile.
    match stored(&transaction)? {
        None => create(&transaction, schema)?,
        Some(before) => {
            refuse_difference(&before, &wanted, place)?;
            widen(&transaction, schema, &before)?;
        }
    }
    let text = serde_json::to_string(&wanted).map_err(|e| Failure::invalid(e.to_string()))?;
    let keep = "INSERT INTO meta VALUES ('domain', ?1)
                ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    transaction.execute(keep, [text])?;
    transaction.commit()?;
    Ok(())
}

/// Whether the tables are the schema's.
///
/// # Errors
///
/// Where they cannot become so.
pub(super) fn is_up_to_date(connection: &Connection, schema: &Schema, place: &str) -> Result<bool> {
    let wanted = Domain::new(schema);
    let Some(before) = stored(connection)? else {
        return Ok(false);
    };
    refuse_difference(&before, &wanted, place)?;
    Ok(before == wanted)
}

fn refuse_difference(before: &Domain, wanted: &Domain, place: &str) -> Result<()> {
    let Some(difference) = before.difference(wanted) else {
        return Ok(());
    };
    let place = place.to_owned();
    Err(Failure::Store(StoreError::Domain { place, difference }))
}

fn stored(connection: &Connection) -> Result<Option<Domain>> {
    let text: Option<String> = connection
        .query_row("SELECT value FROM meta WHERE name = 'domain'", [], |row| {
            row.get(0)
        })
        .optional()?;
    let unreadable = |error: serde_json::Error| {
        let error = Box::new(error);
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, error).into()
    };
    text.map(|text| serde_json::from_str(&text).map_err(unreadable))
        .transpose()
}

fn create(connection: &Connection, schema: &Schema) -> Result<()> {
    let (user, item) = (&schema.user, &schema.item);
    connection.execute_batch(&format!(
        "CREATE TABLE {users} (
             {user_id} INTEGER PRIMARY KEY AUTOINCREMENT,
             creation_time INTEGER NOT NULL{user_columns}
         ) STRICT;
         CREATE TABLE item_versions (
             {item_id} INTEGER NOT NULL,
             from_version INTEGER NOT NULL,
             to_version INTEGER,
             creation_time INTEGER NOT NULL{item_columns},
             PRIMARY KEY ({item_id}, from_version)
         ) STRICT, WITHOUT ROWID;
         CREATE UNIQUE INDEX item_versions_current ON item_versions ({item_id})
             WHERE to_version IS NULL;",
        users = quoted(&user.table),
        user_id = quoted(&user.id_name()),
        item_id = quoted(&item.id_name()),
        user_columns = definitions(user),
        item_columns = definitions(item),
    ))?;
    create_view(connection, item)
}

/// Current items, under the name that the schema gives their table.
fn create_view(connection: &Connection, item: &Entity) -> Result<()> {
    let columns: String = (item.columns.iter())
        .map(|column| format!(", {}", quoted(&column.name)))
        .collect();
    connection.execute_batch(&format!(
        "CREATE VIEW {table} AS SELECT {id}, creation_time{columns}
         FROM item_versions WHERE to_version IS NULL",
        table = quoted(&item.table),
        id = quoted(&item.id_name()),
    ))?;
    Ok(())
}

fn definitions(entity: &Entity) -> String {
    let define = |c: &mlp_core::Column| format!(", {} {}", quoted(&c.name), sql_type(&c.kind));
    entity.columns.iter().map(define).collect()
}

fn widen(connection: &Connection, schema: &Schema, before: &Domain) -> Result<()> {
    let tables = [
        (&schema.user, &before.user, quoted(&schema.user.table)),
        (&schema.item, &before.item, "item_versions".to_owned()),
    ];
    for (entity, shape, table) in tables {
        for column in &entity.columns {
            if shape.has(&column.name) {
                continue;
            }
            let (name, kind) = (quoted(&column.name), sql_type(&column.kind));
            let add = format!("ALTER TABLE {table} ADD COLUMN {name} {kind}");
            connection.execute_batch(&add)?;
        }
    }
    connection.execute_batch(&format!("DROP VIEW {}", quoted(&schema.item.table)))?;
    create_view(connection, &schema.item)
}
