//! `mlp db status`.

use mlp_store::Counts;
use mlp_store::postgres::{PostgresConfig, inspect};

use crate::mlp::context::Context;
use crate::mlp::error::Result;
use crate::mlp::settings::Database;

/// Prints where the data is, its version, size and counts. A PostgreSQL is only looked at.
pub fn print(context: &Context) -> Result<()> {
    say!("database        {}", context.database);
    match &context.database {
        Database::Sqlite(_) => sqlite(context),
        Database::Postgres(config) => postgres(context, config),
    }
}

fn sqlite(context: &Context) -> Result<()> {
    let store = context.open(false)?;
    let status = store.status()?;
    print_version(status.schema_version, status.program_version);
    print_size(status.bytes);
    print_counts(context, store.counts()?);
    Ok(())
}

fn postgres(context: &Context, config: &PostgresConfig) -> Result<()> {
    let found = inspect(config.clone(), &context.schema)?;
    print_version(found.schema_version, found.program_version);
    say!(
        "server          PostgreSQL {}, {} of {} connections are to this database",
        found.server,
        found.connections,
        found.max_connections
    );
    print_size(found.bytes);
    match found.counts {
        Some(counts) => print_counts(context, counts),
        None if found.schema_version == 0 => {
            say!("tables          none: `mlp db migrate` makes them");
        }
        None => say!("tables          to be changed: `mlp db migrate` does it"),
    }
    Ok(())
}

fn print_version(found: i64, program: i64) {
    say!("schema version  {found} (this program: {program})");
}

fn print_size(bytes: u64) {
    say!("size            {:.1} MB", bytes as f64 / 1e6);
}

fn print_counts(context: &Context, counts: Counts) {
    say!("{:<15} {}", context.schema.item.table, counts.items);
    say!("{:<15} {}", context.schema.user.table, counts.users);
}
