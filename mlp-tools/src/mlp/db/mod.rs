//! `mlp db`: the database.

mod copy;
mod legacy;
mod status;

use clap::Subcommand;
use mlp_store::{Clock, Store, SystemClock};

use super::begin::Beginning;
use super::context::Context;
use super::error::{Error, Result};
use copy::Copy;
use legacy::ImportLegacy;

/// What to do with the database.
#[derive(Subcommand, Clone, Debug)]
pub enum Command {
    /// Make the tables, or bring them to this program's version
    #[command(
        after_help = "Every command makes the tables where they are missing and its user may; \
        this one does nothing else. It needs USAGE and CREATE on the schema, and to own the tables that it changes. \
        The users of `mlp up`, `serve` and `worker` need no more than\n\n  \
        GRANT USAGE ON SCHEMA public TO server;\n  \
        GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO server;\n  \
        GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO server;\n\n\
        Grant these anew after a migration that made tables, or use ALTER DEFAULT PRIVILEGES."
    )]
    Migrate,
    /// Make the tables, and fill an empty database with a simulated past, as `mlp up` does: items,
    /// sessions, and the task of training the first model
    #[command(after_help = "A database that has items is left as it is.\n\n\
        Examples:\n  mlp db seed\n  mlp db seed --dataset dataset")]
    Seed(Beginning),
    /// Print where it is, its version and its size; a PostgreSQL is left as it is
    Status,
    /// Remove sessions, with their users, and tasks that are older than a number of days
    #[command(
        override_usage = "mlp db prune --days <DAYS> [--explored]",
        after_help = "Explored sessions with an answer are what models learn from and are \
        judged by; they stay unless --explored is given. All others of that age go, answered or not. \
        Sessions that `import-legacy` brought were not explored: they go too, and with them what the \
        first model is trained on. Until enough explored ones are answered, prune no younger than the \
        oldest that you want to train on.\n\n\
        It may run beside servers: each transaction is short.\n\nExample:\n  mlp db prune --days 90"
    )]
    Prune {
        /// The age, in days, at least 1
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..=36_500))]
        days: u32,
        /// Remove explored sessions too
        #[arg(long)]
        explored: bool,
    },
    /// Erase a user's texts; the numbers stay
    Erase {
        /// The user's number
        user: i64,
    },
    /// Copy an SQLite file into an empty PostgreSQL, and compare both
    Copy(Copy),
    /// Bring users, items, results and answers over from the database of the Python stack
    ImportLegacy(ImportLegacy),
}

/// Rows removed in one transaction, so that serving never waits for long.
const BATCH: usize = 1_000;

const DAY_US: i64 = 86_400_000_000;

/// Runs the command.
pub fn run(command: &Command, context: &Context) -> Result<()> {
    match command {
        Command::Migrate => {
            // Opening migrates.
            context.open(false)?;
            status::print(context)
        }
        Command::Seed(beginning) => {
            let store = context.open_when_there(false)?;
            beginning.begin(context, &*store)?;
            print_filled(&*store)
        }
        Command::Status => status::print(context),
        Command::Prune { days, explored } => prune(&*context.open(false)?, *days, *explored),
        Command::Erase { user } => {
            if context.open(false)?.erase_user(*user)? {
                say!("user {user} is erased");
                Ok(())
            } else {
                Err(Error::run(format!("there is no user `{user}`")))
            }
        }
        Command::Copy(command) => copy::run(command, context),
        Command::ImportLegacy(command) => legacy::run(command, context),
    }
}

fn print_filled(store: &dyn Store) -> Result<()> {
    let counts = store.counts()?;
    say!(
        "the database has {} items and {} users",
        counts.items,
        counts.users
    );
    Ok(())
}

fn prune(store: &dyn Store, days: u32, explored: bool) -> Result<()> {
    let before = SystemClock.now_us() - i64::from(days) * DAY_US;
    let mut total = (0, 0, 0);
    loop {
        let pruned = store.prune(before, BATCH, !explored)?;
        total.0 += pruned.inferences;
        total.1 += pruned.tasks;
        total.2 += pruned.keys;
        if pruned.inferences + pruned.tasks + pruned.keys == 0 {
            break;
        }
    }
    say!(
        "removed {} sessions with their users, {} other tasks, {} idempotency keys",
        total.0,
        total.1,
        total.2
    );
    Ok(())
}
