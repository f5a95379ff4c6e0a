//! `mlp demo`: the whole loop with simulated users, told as it happens, over the public HTTP API.

mod follow;
mod memory;
mod story;
mod watching;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use mlp_data::{UserConfig, dataset};

use self::memory::Memory;
use self::story::Story;
use super::arguments::whole;
use super::context::Context;
use super::error::{Error, Result};
use super::fitting::Fitting;
use super::seed::{self, Configs};
use super::server::{Parts, Server};
use super::settings::{Database, Serving};
use super::train;
use super::up::{Learning, Retraining, Watching};

/// The whole story with simulated users, told as it happens: a first model is trained, users come and
/// choose, then other users mix in whom it has never seen. The drift is noticed, a model is trained on
/// what came since, compared, and promoted or not, and the traffic is well again. All of it goes over
/// the public API; only the summary asks the simulator how good the lists were.
#[derive(Args, Debug)]
#[command(
    after_help = "The data is in `demo` under the data directory, made anew each time: \
    `--database` is refused.\n\n\
    Examples:\n  mlp demo\n  mlp demo --seed 7 --exit --json demo.json\n  \
    mlp demo --noise 0.05 --sessions 40000    a drift that is harder to see"
)]
pub struct Demo {
    #[command(flatten)]
    pub serving: Serving,

    #[command(flatten)]
    pub configs: Configs,

    /// Profiles of the users who mix in when drift sets in. Default: those built in
    #[arg(long, value_name = "FILE")]
    pub noisy_configs: Option<PathBuf>,

    /// Another seed is another story
    #[arg(long, default_value_t = 42, value_parser = whole::<u64>(0, u64::MAX))]
    pub seed: u64,

    /// Sessions of the past that the first model is trained on, and judged by; traffic is held against
    /// their requests, of which there must be 1,000
    #[arg(long, default_value_t = 2000, value_parser = whole::<u64>(1000, 100_000))]
    pub past: u64,

    /// Sessions of simulated users, at the most: the story ends when the drift is dealt with
    #[arg(long, default_value_t = 16_000, value_parser = whole::<u64>(50, 10_000_000))]
    pub sessions: u64,

    /// Of them, those before drift sets in
    #[arg(long, default_value_t = 2000, value_name = "SESSIONS", value_parser = whole::<u64>(0, u64::MAX))]
    pub calm: u64,

    /// The share of noisy users from then on
    #[arg(long, default_value_t = 0.3, value_name = "SHARE")]
    pub noise: f64,

    /// Sessions that begin in a second
    #[arg(long, default_value_t = 200.0, value_name = "PER_SECOND")]
    pub rate: f64,

    /// The most sessions at a time
    #[arg(short, long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=10_000))]
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

/// How often the demo's worker looks at the traffic and at what waits for a verdict: a story of two
/// minutes stands for a day.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How long no training follows another.
const COOLDOWN: Duration = Duration::from_secs(15);

/// Explored sessions to learn from after the onset, with which a model is trained on these alone.
const ENOUGH_AFTER_ONSET: usize = 200;

impl Demo {
    /// The profiles of those who mix in; warnings go to the log.
    fn noisy_users(&self) -> Result<UserConfig> {
        let parsed = match &self.noisy_configs {
            Some(path) => UserConfig::from_path(path)?,
            None => {
                let shipped = mlp_data::shipped::NOISY_USERS.as_bytes();
                UserConfig::from_reader("user_noise.tsv", shipped)?
            }
        };
        for warning in &parsed.warnings {
            tracing::warn!("{warning}");
        }
        Ok(parsed.value)
    }

    fn check(&self) -> Result<()> {
        match (0.0..=1.0).contains(&self.noise) {
            true => Ok(()),
            false => Err(Error::usage(format!(
                "noise is `{}`, must be from 0 to 1",
                self.noise
            ))),
        }
    }
}

/// Runs the command.
pub fn run(demo: &Demo, context: &Context) -> Result<()> {
    if context.schema.name != "travel" {
        return Err(Error::usage(format!(
            "the demo simulates the domain `travel`, the schema here is `{}`",
            context.schema.name
        )));
    }
    demo.check()?;
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
    let memory = memory(demo, &context)?;
    let told = runtime.block_on(follow::tell(demo, memory, address, &mut story));
    drop(runtime);
    if let Err(error) = told {
        server.stop()?;
        return Err(error);
    }
    let summary = story.summary();
    print!("{}", summary.text());
    if let (Some(file), Some(path)) = (json, &demo.json) {
        serde_json::to_writer_pretty(&file, &summary)
            .map_err(|e| Error::file("write", path)(e.into()))?;
    }
    if !demo.exit && !summary.interrupted {
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

/// Where the demo's data is.
fn data(context: &Context) -> PathBuf {
    context.common.data_dir.join("demo").join("dataset")
}

fn memory(demo: &Demo, context: &Context) -> Result<Memory> {
    let locations = dataset::read_locations(&data(context).join(dataset::LOCATIONS))?;
    let noisy = demo.noisy_users()?;
    let names = noisy
        .profiles()
        .iter()
        .map(|profile| profile.name().to_owned());
    Ok(Memory::new(locations, names.collect()))
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
    let data = data(&context);
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
        watching: Watching::default(),
        webhook: None,
    };
    let mut worker = learning.options(&*store)?;
    worker.watch.every = LOOK_EVERY;
    worker.judging.every = LOOK_EVERY;
    worker.triggers.cooldown = COOLDOWN;
    worker.train.data.enough_after_onset = ENOUGH_AFTER_ONSET;
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
