//! `mlp db`: the database.

use clap::Subcommand;
use mlp_store::{Clock, SystemClock};

use super::context::Context;
use super::error::{Error, Result};

/// What to do with the database.
#[derive(Subcommand, Clone, Debug)]
pub enum Command {
    /// Make the tables, or bring them to this program's version
    Migrate,
    /// Print where it is, its version and its size
    Status,
    /// Remove sessions and tasks that are older than a number of days
    #[command(
        after_help = "Explored sessions with an answer are what models learn from and are \
        judged by; they stay unless --explored is given.\n\nExample:\n  mlp db prune --days 90"
    )]
    Prune {
        /// The age, in days
        #[arg(long, value_parser = clap::value_parser!(u32).range(0..=36_500))]
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
}

/// Rows removed in one transaction, so that serving never waits for long.
const BATCH: usize = 1_000;

const DAY_US: i64 = 86_400_000_000;

/// Runs the command.
pub fn run(command: &Command, context: &Context) -> Result<()> {
    // Opening migrates.
    let store = context.open(false)?;
    match command {
        Command::Migrate | Command::Status => {
            let status = store.status()?;
            println!("database        {}", context.database);
            println!(
                "schema version  {} (this program: {})",
                status.schema_version, status.program_version
            );
            println!("size            {:.1} MB", status.bytes as f64 / 1e6);
            let counts = store.counts()?;
            println!("{:<15} {}", context.schema.item.table, counts.items);
            println!("{:<15} {}", context.schema.user.table, counts.users);
            Ok(())
        }
        Command::Prune { days, explored } => {
            let before = SystemClock.now_us() - i64::from(*days) * DAY_US;
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
            println!(
                "removed {} inferences, {} other tasks, {} idempotency keys",
                total.0, total.1, total.2
            );
            Ok(())
        }
        Command::Erase { user } => {
            if store.erase_user(*user)? {
                println!("user {user} is erased");
                Ok(())
            } else {
                Err(Error::run(format!("there is no user `{user}`")))
            }
        }
    }
}
