//! The database: whether it is there, ours, whole, and keeps its promises.

mod postgres;
mod sqlite;

use std::time::Duration;

use mlp_store::{StoreError, TablesState};

use super::check::{Check, Finding, Look, On};
use super::subject::{Examined, Subject};

/// How long the pages of an SQLite file are read.
pub const READING: Duration = Duration::from_secs(2);

pub const CHECKS: [Check; 12] = [
    check(
        "database.connection",
        On::All,
        &["config.database"],
        connection,
    ),
    check("database.tables", On::All, REACHED, tables),
    on_postgres("database.rights", |s| postgres::look(s, postgres::rights)),
    on_postgres("database.durability", |s| {
        postgres::look(s, postgres::durability)
    }),
    on_postgres("database.connections", |s| {
        postgres::look(s, postgres::connections)
    }),
    on_postgres("database.transactions", |s| {
        postgres::look(s, postgres::transactions)
    }),
    on_postgres("database.encoding", |s| {
        postgres::look(s, postgres::encoding)
    }),
    on_postgres("database.tls", |s| postgres::look(s, postgres::tls)),
    on_postgres("database.pooler", |s| postgres::look(s, postgres::pooler)),
    check("database.integrity", On::Sqlite, REACHED, sqlite::integrity),
    check("database.file", On::Sqlite, REACHED, sqlite::file),
    check("database.server", On::Sqlite, &[], sqlite::server),
];

const REACHED: &[&str] = &["database.connection"];

const fn on_postgres(name: &'static str, look: Look) -> Check {
    check(name, On::Postgres, REACHED, look)
}

const fn check(name: &'static str, on: On, needs: &'static [&'static str], look: Look) -> Check {
    Check {
        name,
        on,
        needs,
        look,
    }
}

fn connection(subject: &Subject) -> Vec<Finding> {
    match subject.examined() {
        Some(Examined::Sqlite(found)) => sqlite::connection(subject, found),
        Some(Examined::Postgres(found)) => postgres::connection(found),
        None => Vec::new(),
    }
}

fn tables(subject: &Subject) -> Vec<Finding> {
    let tables = match subject.examined() {
        Some(Examined::Sqlite(Ok(Some(found)))) => &found.tables,
        Some(Examined::Postgres(found)) => match found.as_ref() {
            Ok(found) => &found.tables,
            Err(_) => return Vec::new(),
        },
        _ => return Vec::new(),
    };
    match tables {
        Ok(tables) => state(*tables).into(),
        Err(error) => {
            let rights = subject
                .postgres()
                .and_then(|found| found.rights.as_ref().ok());
            let lacks = rights.is_some_and(|rights| !rights.missing.is_empty());
            misfit(error, lacks).into()
        }
    }
}

fn state(tables: TablesState) -> Finding {
    let (found, wanted) = (tables.version, tables.program_version);
    match tables.up_to_date {
        true => Finding::ok(format!(
            "version {found} (this program: {wanted}), and they fit the schema"
        )),
        false if found == 0 => Finding::warn(
            "there are no tables yet",
            "`mlp db migrate` makes them; so does the first `mlp up` or `mlp serve`, where its user may",
        ),
        false if found < wanted => Finding::warn(
            format!("version {found}, and this program wants {wanted}"),
            "make a backup, then `mlp db migrate`; older programs refuse the tables from then on",
        ),
        false => Finding::warn(
            "the schema has gained columns or levels that the tables do not have",
            "`mlp db migrate` adds them, as the owner of the tables",
        ),
    }
}

/// What an error says is followed by what to do about it. `lacks`: tables of mlp's names are there,
/// and the user lacks a right to them.
fn misfit(error: &StoreError, lacks: bool) -> Finding {
    let advice = match error {
        StoreError::Open { reason, .. } if reason.contains("import-legacy") => {
            "these are the old stack's tables: `createdb` another, let DATABASE_URL name that, and \
             bring the data over with `mlp db import-legacy`, as step 2 of the README's \"You have the old \
             stack\" says"
        }
        StoreError::Open { .. } if lacks => postgres::GRANT,
        StoreError::Newer { .. } => {
            "install the newer mlp on this machine too; an older one does not touch newer tables"
        }
        StoreError::Domain { .. } => {
            "put the schema back as it was, or give the other domain a database of its own"
        }
        StoreError::Open { .. } => {
            "let DATABASE_URL name an empty database of its own, or the one that is mlp's"
        }
        StoreError::Corrupt { .. } => "restore the last backup",
        _ => "look at the database's own log",
    };
    Finding::fail(error.to_string(), advice)
}
