//! `mlp db copy`: from one file to many machines.

use std::path::Path;
use std::sync::Arc;

use clap::Args;
use mlp_store::postgres::PostgresStore;
use mlp_store::sqlite::SqliteStore;
use mlp_store::transfer::{self, Copied, Source, Target};
use mlp_store::{StoreError, StoreOptions};

use crate::mlp::context::Context;
use crate::mlp::error::{Error, Result};
use crate::mlp::settings::Database;

/// Copies everything an SQLite file holds into an empty PostgreSQL: sessions with their numbers,
/// times and answers, items in all versions, models, decisions, settings, tasks. Both sides are then
/// read again and compared.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Copy before any server or worker is started on the PostgreSQL, and with the server of \
    the file stopped: what is written meanwhile makes the sides differ. The PostgreSQL must be empty, \
    and its user allowed to make tables; until all is there and equal, no program opens it. A copy \
    that broke off is begun again in a new database. Exit code 1 where the sides differ.\n\nExample:\n  \
    createdb mlp\n  mlp db copy --from sqlite:.mlp/mlp.db --to postgres://mlp@db.example/mlp"
)]
pub struct Copy {
    /// What is copied: `sqlite:PATH`
    #[arg(long, value_name = "URL")]
    pub from: String,

    /// Where to: `postgres://USER@HOST/DATABASE`. Default: the database of --database and its
    /// variables
    #[arg(long, value_name = "URL")]
    pub to: Option<String>,
}

/// Rows between two lines of progress.
const STEP: u64 = 100_000;

/// Runs the command.
pub fn run(command: &Copy, context: &Context) -> Result<()> {
    let path = match Database::parse(&command.from)? {
        Database::Sqlite(path) => path,
        other => {
            return Err(Error::usage(format!(
                "--from is `{other}`, must be `sqlite:PATH`: a PostgreSQL is copied with pg_dump"
            )));
        }
    };
    let target = target(command.to.as_deref(), context)?;
    let from = source(&path, context)?;
    let to = open_target(&target, context)?;
    to.begin()?;
    let copied = move_all(&*from, &*to)
        .map_err(|error| Error::run(format!("{error}; {}", unfinished(&target))))?;
    report(&copied, &target)
}

/// Prints both sides; an error where they differ.
pub fn report(copied: &Copied, target: &Database) -> Result<()> {
    print_sides(copied);
    match copied.is_equal() {
        true => Ok(()),
        false => Err(Error::run(format!(
            "the sides differ: something wrote meanwhile; {}",
            unfinished(target)
        ))),
    }
}

/// What is to be done with a target after a fault.
pub fn unfinished(target: &Database) -> String {
    format!("`{target}` is unfinished: drop it and begin again")
}

/// The target that a flag names, or the program's own database.
pub fn target(flag: Option<&str>, context: &Context) -> Result<Database> {
    let target = match flag {
        Some(url) => Database::parse(url)?,
        None => context.database.clone(),
    };
    match target {
        Database::Postgres(_) => Ok(target),
        Database::Sqlite(_) => Err(Error::usage(format!(
            "--to is `{target}`, must be `postgres://USER@HOST/DATABASE`"
        ))),
    }
}

/// Opens a target, and makes its tables.
pub fn open_target(target: &Database, context: &Context) -> Result<Arc<PostgresStore>> {
    let Database::Postgres(config) = target else {
        return Err(Error::usage(format!("`{target}` is no PostgreSQL")));
    };
    let schema = Arc::clone(&context.schema);
    Ok(PostgresStore::open(
        config.as_ref().clone(),
        schema,
        StoreOptions::new(),
    )?)
}

/// Opens the file as its server: one that is being written would be copied in part.
fn source(path: &Path, context: &Context) -> Result<Arc<SqliteStore>> {
    // Opening would make it.
    std::fs::metadata(path).map_err(Error::file("read", path))?;
    let options = StoreOptions::new().server(true);
    SqliteStore::open(path, Arc::clone(&context.schema), options).map_err(|error| match error {
        held @ StoreError::Held { .. } => Error::run(format!(
            "{held}: stop it first, or what it writes meanwhile would be missing"
        )),
        other => other.into(),
    })
}

fn move_all(from: &dyn Source, to: &dyn Target) -> Result<Copied> {
    let mut next = STEP;
    let mut progress = |table: transfer::Table, rows| {
        if rows < next {
            // Another table has begun.
            next = next.min((rows / STEP + 1) * STEP);
            return;
        }
        tracing::info!(rows, "copying {}", table.name());
        next = (rows / STEP + 1) * STEP;
    };
    Ok(transfer::copy(from, to, &mut progress)?)
}

fn print_sides(copied: &Copied) {
    say!(
        "{:<17} {:>10} {:>10}  {:<16}  {:<16}",
        "what",
        "from",
        "to",
        "checksum",
        ""
    );
    for table in &copied.tables {
        let (from, to) = (&table.from, &table.to);
        let short = |checksum: &str| checksum.chars().take(16).collect::<String>();
        say!(
            "{:<17} {:>10} {:>10}  {}  {}  {}",
            from.what,
            from.rows,
            to.rows,
            short(&from.checksum),
            short(&to.checksum),
            if table.is_equal() {
                "equal"
            } else {
                "DIFFERENT"
            }
        );
    }
}
