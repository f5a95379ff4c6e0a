//! The program `mlp`.

#[macro_use]
mod output;

mod arguments;
mod begin;
mod celery;
mod closed_loop;
mod context;
mod db;
mod demo;
mod doctor;
mod domain;
mod drift;
mod error;
mod evaluate;
mod fitting;
mod health;
mod items;
mod models;
mod seed;
mod server;
mod settings;
mod simulate;
mod train;
mod up;
mod webhook;

use std::ffi::OsString;
use std::io::IsTerminal;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use context::Context;
use error::Result;
use settings::Common;

/// Machine learning in production, the whole loop: serve, collect choices, train, compare, promote.
#[derive(Parser, Debug)]
#[command(
    name = "mlp",
    version,
    arg_required_else_help = true,
    after_help = "Examples:\n  mlp up                      the whole loop in one process, on 127.0.0.1:4789\n  \
        mlp demo                    see it work with simulated users\n  \
        mlp train                   train a model on the answers so far\n  \
        mlp models list             which models there are, and which one answers\n  \
        mlp doctor                  what is wrong, and what to do about it\n\n\
        Flags win over the environment, which wins over the file `.env`."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    common: Common,

    /// What to log: a level (error, warn, info, debug) or `target=level` pairs; requests are
    /// logged under `access`, as in `info,access=info`. Default: `info,access=warn`, for the demo
    /// and for simulations `warn`
    #[arg(long, env = "MLP_LOG", global = true, value_name = "FILTER")]
    log: Option<String>,

    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// API and worker in one process; makes items, data and a first model where there are none
    Up(up::Up),
    /// The API alone
    Serve(up::Serve),
    /// A worker alone
    Worker(up::WorkerOnly),
    /// Train a model on the answered sessions, compare it with the champion, and decide
    Train(train::Train),
    /// Say how good a model is
    Evaluate(evaluate::Evaluate),
    /// Play the closed loop with simulated users, round after round, once for each way to retrain
    Simulate(closed_loop::Simulate),
    /// Say whether the requests of now are those that the champion was trained on
    Drift(drift::Drift),
    /// The models: list, show, promote, roll back, export, import, log of decisions
    #[command(subcommand)]
    Models(models::Command),
    /// The items: import, list
    #[command(subcommand)]
    Items(items::Command),
    /// The database: migrate, seed, status, prune, erase a user, copy, import
    #[command(subcommand)]
    Db(db::Command),
    /// Say whether the server beside this command can answer
    Health(health::Health),
    /// The whole story with simulated users, told as it happens
    Demo(demo::Demo),
    /// Look for what is wrong, and say what to do about it; changes nothing
    Doctor(doctor::Doctor),
}

/// Runs the program; gives the exit code: 0, 1 for what went wrong, 2 for what was asked wrongly, 3 for
/// requests that drifted.
/// `dotenv` is what [`load_dotenv`] said: only the doctor goes on after a fault.
pub fn main(
    argv: impl IntoIterator<Item = OsString>,
    dotenv: std::result::Result<(), String>,
) -> ExitCode {
    let cli = match arguments::parse(argv) {
        Ok(cli) => cli,
        Err(error) => {
            // Nothing is left to be done where even this cannot be written.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    if let Command::Doctor(doctor) = &cli.command {
        return doctor.run(doctor::Told {
            common: &cli.common,
            log: cli.log.as_deref(),
            dotenv,
        });
    }
    let default = match cli.command {
        Command::Demo(_) | Command::Simulate(_) => "warn",
        _ => "info,access=warn",
    };
    let filter = cli.log.as_deref().unwrap_or(default);
    let dotenv = dotenv.map_err(error::Error::usage);
    match dotenv
        .and_then(|()| log_to_stderr(filter))
        .and_then(|()| run(&cli))
    {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(error.code())
        }
    }
}

fn run(cli: &Cli) -> Result<ExitCode> {
    // Made by those who need it: `health` must work where no database is named.
    let context = || Context::new(&cli.common);
    let done = match &cli.command {
        Command::Up(up) => up::up(up, &context()?),
        Command::Serve(serve) => up::serve(serve, &context()?),
        Command::Worker(worker) => up::worker(worker, &context()?),
        Command::Train(train) => train::run(train, &context()?),
        Command::Evaluate(evaluate) => evaluate::run(evaluate, &context()?),
        Command::Simulate(simulate) => closed_loop::run(simulate, &context()?),
        // It alone has more to say than that it went well.
        Command::Drift(drift) => return drift::run(drift, &context()?),
        Command::Models(command) => models::run(command, &context()?),
        Command::Items(command) => items::run(command, &context()?),
        Command::Db(command) => db::run(command, &context()?),
        Command::Health(health) => health::run(health),
        Command::Demo(demo) => demo::run(demo, &context()?),
        // It was run before: it needs no context.
        Command::Doctor(_) => Ok(()),
    };
    done.map(|()| ExitCode::SUCCESS)
}

/// Of lapin's own lines only what is asked for by name: it calls an error what is looked for and not
/// there, and ours tell of what matters, once.
fn log_filter(filter: &str) -> Result<EnvFilter> {
    let whole = match filter.contains("lapin") || filter.is_empty() {
        true => filter.to_owned(),
        false => format!("{filter},lapin=off"),
    };
    EnvFilter::try_new(whole)
        .map_err(|e| error::Error::usage(format!("log filter `{filter}`: {e}")))
}

fn log_to_stderr(filter: &str) -> Result<()> {
    let filter = log_filter(filter)?;
    // A second subscriber can only come from a test that runs the program twice.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .try_init();
    Ok(())
}

/// Variables that say the same thing: where the environment sets one, `.env` does not say another.
const SAME: [&[&str]; 3] = [
    &["DATABASE_URL", "DATABASE_URL_FILE", "DATABASE_HOST"],
    &["DATABASE_PASS", "DATABASE_PASS_FILE"],
    &[settings::TOKEN_VARIABLE, "MLP_TOKEN_FILE"],
];

/// Reads `.env` in the current directory into the environment, where variables are not set yet.
/// To be called first, while there is one thread.
pub fn load_dotenv() -> std::result::Result<(), String> {
    let text = match std::fs::read_to_string(".env") {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(format!("cannot read `.env`: {e}")),
    };
    let is_set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let overruled: Vec<&str> = (SAME.iter())
        .filter(|names| names.iter().any(is_set))
        .flat_map(|names| names.iter().copied())
        .collect();
    let kept = text.lines().filter(|line| {
        let line = line.trim_start();
        let line = line.strip_prefix("export ").unwrap_or(line);
        let name = line.split('=').next().unwrap_or_default().trim();
        !overruled.contains(&name)
    });
    let kept: String = kept.flat_map(|line| [line, "\n"]).collect();
    match dotenvy::from_read(kept.as_bytes()) {
        Ok(()) => Ok(()),
        // Its message quotes the line, which may hold a secret.
        Err(dotenvy::Error::LineParse(bad, at)) => {
            let begins = |line: &str| bad.lines().next().is_some_and(|bad| bad == line);
            let number = text.lines().position(begins).map(|n| n + 1);
            let line = number.map_or("a line".to_owned(), |n| format!("line {n}"));
            Err(format!(
                "`.env`: {line} cannot be read, at its character {at}"
            ))
        }
        Err(e) => Err(format!("`.env`: {e}")),
    }
}
