//! `mlp db import-legacy`: from the Python stack.

use std::sync::Arc;

use clap::Args;
use mlp_store::postgres::{Legacy, LegacyReport, PostgresStore, Tally};
use mlp_store::transfer::{Checksums, Copied, Records, Target, sums};

use super::copy::{open_target, report, target, unfinished};
use crate::mlp::context::Context;
use crate::mlp::error::{Error, Result};
use crate::mlp::settings::Database;

/// Brings users, items, results and answers over from the database of the Python stack into an
/// empty one of our own. The old one is only read.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Each old task with results becomes a finished inference, its results in the \
    order of their scores after those that were shown, and at most max_shown of the schema kept \
    beside those that were shown or picked. It is answered where one result has label 1; where \
    none has, it counts as unanswered. Users and items keep their numbers. Models, data sets and \
    events stay behind.\n\nEverything is read and checked first: with rows that cannot be taken, \
    nothing is written, unless --skip-bad leaves them out.\n\nExample:\n  createdb mlp\n  \
    mlp db import-legacy --from postgres://postgres@db.example/mle --to postgres://mlp@db.example/mlp"
)]
pub struct ImportLegacy {
    /// The old database: `postgres://USER@HOST/DATABASE`
    #[arg(
        long,
        env = "MLP_LEGACY_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub from: String,

    /// The new one: `postgres://USER@HOST/DATABASE`. Default: the database of --database and its
    /// variables
    #[arg(long, value_name = "URL")]
    pub to: Option<String>,

    /// Leave out rows that cannot be taken, and go on
    #[arg(long)]
    pub skip_bad: bool,
}

/// Runs the command.
pub fn run(command: &ImportLegacy, context: &Context) -> Result<()> {
    let from = match Database::parse(&command.from)? {
        Database::Postgres(config) => config,
        Database::Sqlite(_) => {
            let message = "--from must be `postgres://USER@HOST/DATABASE`, the old database";
            return Err(Error::usage(message));
        }
    };
    let target = target(command.to.as_deref(), context)?;
    let mut old = Legacy::open(&from, Arc::clone(&context.schema))?;
    for note in old.notes() {
        say!("note: {note}");
    }
    let new = open_target(&target, context)?;
    new.begin()?;
    let checked = old.read(&mut |_| Ok(()));
    let refused = match checked {
        Ok(checked) if checked.left_out() > 0 && !command.skip_bad => {
            print_report(context, &checked);
            let left_out = checked.left_out();
            Some(Error::run(format!(
                "`{left_out}` rows cannot be taken, nothing was written: mend them in `{}`, or \
                 leave them out with --skip-bad",
                old.place()
            )))
        }
        Ok(_) => None,
        Err(error) => Some(error.into()),
    };
    if let Some(error) = refused {
        // Nothing was put yet: it is empty, and may be used.
        new.complete()?;
        return Err(error);
    }
    import(&mut old, &new, &target, context, command.skip_bad)
}

fn import(
    old: &mut Legacy,
    new: &PostgresStore,
    target: &Database,
    context: &Context,
    skip_bad: bool,
) -> Result<()> {
    let broken = |error| Error::run(format!("{error}; {}", unfinished(target)));
    let (found, copied) = put(old, new).map_err(broken)?;
    print_report(context, &found);
    if found.left_out() > 0 && !skip_bad {
        // The check found none: the old stack is still at work.
        return Err(Error::run(format!(
            "`{}` has changed meanwhile: stop the old stack; {}",
            old.place(),
            unfinished(target)
        )));
    }
    if copied.is_equal() {
        new.complete()?;
    }
    report(&copied, target)
}

/// Puts everything into the new store, and compares what it then holds.
fn put(old: &mut Legacy, new: &PostgresStore) -> mlp_store::Result<(LegacyReport, Copied)> {
    let mut given = Checksums::default();
    let found = old.read(&mut |records: Records| {
        new.put(&records)?;
        given.add(&records);
        Ok(())
    })?;
    new.set_heads(&found.heads)?;
    let copied = Copied::new(given.end(&found.heads), sums(new)?);
    Ok((found, copied))
}

fn print_report(context: &Context, found: &LegacyReport) {
    let (item, user) = (&context.schema.item.table, &context.schema.user.table);
    say!("{:<17} {:>10} {:>10}", "what", "taken", "left out");
    let print = |what: &str, tally: &Tally| {
        say!("{what:<17} {:>10} {:>10}", tally.taken, tally.left_out);
        for fault in &tally.faults {
            say!("  {fault}");
        }
        let named = tally.faults.len() as u64;
        if tally.left_out > named {
            say!("  and {} more", tally.left_out - named);
        }
    };
    print(item, &found.items);
    print(user, &found.users);
    print("inferences", &found.inferences);
    say!("{:<17} {:>10}", "  answered", found.answered);
    say!(
        "{:<17} {:>10}",
        "  unanswered",
        found.inferences.taken - found.answered
    );
    if found.cut > 0 {
        say!(
            "{} results beyond the best of their task are not kept",
            found.cut
        );
    }
}
