//! `mlp demo`: the whole loop with simulated users, told as it happens, over the public HTTP API.

mod follow;
mod story;

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use self::story::Story;
use super::context::Context;
use super::error::{Error, Result};
use super::fitting::Fitting;
use super::seed::{self, Configs};
use super::server::{Parts, Server};
use super::settings::{Database, Serving};
use super::train;
use super::up::{Learning, Retraining};

/// The whole story with simulated users, told as it happens: data is made, a first model is
/// trained on little of it, users come and choose, a second model is trained on their choices,
/// compared, and promoted or not.
#[derive(Args, Debug)]
#[command(
    after_help = "The data is in `demo` under the data directory, made anew each time.\n\n\
    Examples:\n  mlp demo\n  mlp demo --seed 7 --exit --json demo.json"
)]
pub struct Demo {
    #[command(flatten)]
    pub serving: Serving,

    #[command(flatten)]
    pub configs: Configs,

    /// Another seed is another story
    #[arg(long, default_value_t = 42)]
    pub seed: u64,

    /// Sessions of the past that the first model is trained on, and judged by
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u64).range(100..=100_000))]
    pub past: u64,

    /// Sessions of simulated users
    #[arg(long, default_value_t = 6000, value_parser = clap::value_parser!(u64).range(50..=10_000_000))]
    pub sessions: u64,

    /// Users at a time
    #[arg(short, long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub parallel: u32,

    /// The probability that a user answers
    #[arg(short = 'd', long, default_value_t = 0.95)]
    pub answer: f64,

    /// The share of sessions that are shown random items, to learn and judge from
    #[arg(long, default_value_t = 0.2, value_name = "SHARE")]
    pub exploration: f64,

    /// Write the summary as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Stop at the end, instead of leaving the server up
    #[arg(long)]
    pub exit: bool,
}

/// How long a choice may change in the demo, in seconds: nobody changes it.
const SETTLE_S: f64 = 0.2;

/// Runs the command.
pub fn run(demo: &Demo, context: &Context) -> Result<()> {
    if context.schema.name != "travel" {
        return Err(Error::usage(format!(
            "the demo simulates the domain `travel`, the schema here is `{}`",
            context.schema.name
        )));
    }
    // Opened first: a summary that cannot be written is better known at once.
    let json = (demo.json.as_ref())
        .map(|path| std::fs::File::create(path).map_err(Error::file("write", path)))
        .transpose()?;
    let mut story = Story::begin();
    let (server, context) = start(demo, context, &mut story)?;
    let address = server
        .address()
        .ok_or_else(|| Error::run("the API does not listen"))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::run)?;
    let told = runtime.block_on(follow::tell(demo, &server, address, &mut story));
    drop(runtime);
    match told {
        Ok(true) => {}
        // Interrupted: a summary of half a story is still told.
        Ok(false) => story.tell("interrupted", "the story ends early"),
        Err(error) => {
            server.stop()?;
            return Err(error);
        }
    }
    let summary = story.summary();
    print!("{}", summary.text());
    if let (Some(file), Some(path)) = (json, &demo.json) {
        serde_json::to_writer_pretty(&file, &summary)
            .map_err(|e| Error::file("write", path)(e.into()))?;
    }
    if !demo.exit && matches!(told, Ok(true)) {
        say!(
            "\nThe server stays up at http://{address} with {}; Ctrl-C stops it.",
            context.database
        );
        server.wait_for_signal()?;
    }
    server.stop()?;
    match summary.healthy() {
        true => Ok(()),
        false => Err(Error::run(format!(
            "{} errors, {} sessions lost",
            summary.errors, summary.lost
        ))),
    }
}

/// Makes the data and starts API and worker on it.
fn start(demo: &Demo, context: &Context, story: &mut Story) -> Result<(Server, Context)> {
    let dir = context.common.data_dir.join("demo");
    let context = Context {
        database: Database::Sqlite(dir.join("mlp.db")),
        ..context.clone()
    };
    if dir.exists() {
        clear(&dir, &context)?;
    }
    std::fs::create_dir_all(&dir).map_err(Error::file("make", &dir))?;
    let data = dir.join("dataset");
    seed::generate(&demo.configs, &data, demo.past, demo.seed)?;
    let store = context.open(true)?;
    let seeded = seed::import(&*store, &context.schema, &data)?;
    story.tell(
        "data",
        format!(
            "{} items, and {} sessions of the past that were shown random items",
            seeded.items, seeded.sessions
        ),
    );
    let learning = Learning {
        family: None,
        fitting: Fitting::default(),
        webhook_ca: None,
        settle: SETTLE_S,
        exploration: Some(demo.exploration.to_string()),
        retraining: Retraining::default(),
        webhook: None,
    };
    let mut worker = learning.options(&*store)?;
    // The demo's few judging sessions are enough to see a verdict.
    worker.train.gate.min_sessions = 50;
    train::enqueue(&*store, "first model", Some(0.0))?;
    let parts = Parts {
        api: Some(&demo.serving),
        celery: None,
        worker: Some(worker),
        webhook: None,
        drain: demo.serving.drain()?,
    };
    let server = Server::start(&context, Arc::clone(&store), parts)?;
    Ok((server, context))
}

/// Removes what an earlier demo left, and nothing else, unless its server is still up.
fn clear(dir: &std::path::Path, context: &Context) -> Result<()> {
    // What cannot be opened for another reason can be removed.
    if let Err(error @ Error::Store(mlp_store::StoreError::Held { .. })) = context.open(true) {
        return Err(error);
    }
    for name in ["mlp.db", "mlp.db-wal", "mlp.db-shm", "mlp.db.lock"] {
        match std::fs::remove_file(dir.join(name)) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::file("remove", &dir.join(name))(e));
            }
            _ => {}
        }
    }
    Ok(())
}
