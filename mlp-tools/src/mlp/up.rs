//! `mlp up`, `mlp serve` and `mlp worker`: what runs until it is told to stop.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use mlp_store::{EXPLORATION_SETTING, Store};
use mlp_worker::WorkerOptions;

use super::context::Context;
use super::error::{Error, Result};
use super::seed::{self, Configs};
use super::server::{Parts, Server};
use super::settings::Serving;
use super::train;

/// API and worker in one process, on an embedded database or a PostgreSQL, which other processes may
/// use too. Where there are no items, it makes a data set of simulated users, puts it into the
/// database, and trains the first model on it.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  mlp up\n  mlp up --dataset dataset\n  \
    MLP_TOKEN=… mlp up --bind 0.0.0.0:4789")]
pub struct Up {
    #[command(flatten)]
    pub serving: Serving,

    #[command(flatten)]
    pub learning: Learning,

    /// Begin with this data set, made by dataset_generator, instead of a new one
    #[arg(long, value_name = "DIR", conflicts_with = "empty")]
    pub dataset: Option<PathBuf>,

    /// Begin with nothing: no items, no sessions, no model
    #[arg(long)]
    pub empty: bool,

    #[command(flatten)]
    pub configs: Configs,

    /// Sessions of the data set that is made
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u64).range(50..=1_000_000))]
    pub sessions: u64,

    /// The seed of the data set that is made
    #[arg(long, default_value_t = 42)]
    pub seed: u64,
}

/// Flags about learning.
#[derive(Args, Clone, Debug)]
pub struct Learning {
    /// How long a choice may change before models learn from it, in seconds
    #[arg(
        long,
        env = "MLP_SETTLE_S",
        default_value_t = 60.0,
        value_name = "SECONDS"
    )]
    pub settle: f64,

    /// The share of sessions that are shown random items, to learn and judge from; kept in the
    /// database. Default: 0.05
    #[arg(long, env = "MLP_EXPLORATION", value_name = "SHARE")]
    pub exploration: Option<f64>,
}

impl Learning {
    /// The worker's options, once the settings are kept.
    pub fn options(&self, store: &dyn Store) -> Result<WorkerOptions> {
        if !(0.0..=86_400.0 * 30.0).contains(&self.settle) {
            return Err(Error::usage(format!(
                "settle is `{}` seconds, must be from 0 to 30 days",
                self.settle
            )));
        }
        if let Some(share) = self.exploration {
            if !(0.0..=1.0).contains(&share) {
                return Err(Error::usage(format!(
                    "exploration is `{share}`, must be from 0 to 1"
                )));
            }
            let share = share.to_string();
            if store.setting(EXPLORATION_SETTING)?.as_deref() != Some(&share) {
                store.set_setting(EXPLORATION_SETTING, &share)?;
            }
        }
        Ok(WorkerOptions {
            settle: Duration::from_secs_f64(self.settle),
            ..WorkerOptions::default()
        })
    }
}

/// The API alone, beside workers on the same database.
#[derive(Args, Debug)]
pub struct Serve {
    #[command(flatten)]
    pub serving: Serving,
}

/// A worker alone: ranks and trains.
#[derive(Args, Debug)]
pub struct WorkerOnly {
    #[command(flatten)]
    pub learning: Learning,

    /// Seconds that tasks under way get to finish when the worker stops
    #[arg(
        long,
        env = "MLP_DRAIN_S",
        default_value_t = 10.0,
        value_name = "SECONDS"
    )]
    pub drain: f64,

    /// Seconds after which others take over the tasks of a worker that says nothing
    #[arg(
        long,
        env = "MLP_LEASE_S",
        default_value_t = 10.0,
        value_name = "SECONDS"
    )]
    pub lease: f64,
}

impl WorkerOnly {
    /// The lease. A heartbeat comes three times in it, and a batch has to be ranked and kept in it.
    fn lease(&self) -> Result<Duration> {
        match self.lease {
            seconds if (0.5..=3600.0).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
            seconds => Err(Error::usage(format!(
                "lease is `{seconds}` seconds, must be from 0.5 to 3600"
            ))),
        }
    }
}

/// Runs `mlp up`.
pub fn up(up: &Up, context: &Context) -> Result<()> {
    let begun = Instant::now();
    let store = context.open_when_there(true)?;
    let learning = up.learning.options(&*store)?;
    begin(up, context, &store)?;
    let parts = Parts {
        api: Some(&up.serving),
        worker: Some(learning),
        drain: up.serving.drain()?,
    };
    let items = store.counts()?.items;
    let server = Server::start(context, store, parts)?;
    announce(&server, context, begun, items);
    server.wait_for_signal()?;
    server.stop()
}

/// Runs `mlp serve`.
pub fn serve(serve: &Serve, context: &Context) -> Result<()> {
    let begun = Instant::now();
    let store = context.open_when_there(true)?;
    let parts = Parts {
        api: Some(&serve.serving),
        worker: None,
        drain: serve.serving.drain()?,
    };
    let items = store.counts()?.items;
    let server = Server::start(context, store, parts)?;
    announce(&server, context, begun, items);
    server.wait_for_signal()?;
    server.stop()
}

/// Runs `mlp worker`.
pub fn worker(worker: &WorkerOnly, context: &Context) -> Result<()> {
    if !(0.0..=3600.0).contains(&worker.drain) {
        return Err(Error::usage(format!(
            "drain is `{}` seconds, must be from 0 to 3600",
            worker.drain
        )));
    }
    let lease = worker.lease()?;
    let store = context.open_when_there(false)?;
    let options = WorkerOptions {
        lease,
        ..worker.learning.options(&*store)?
    };
    let parts = Parts {
        api: None,
        worker: Some(options),
        drain: Duration::from_secs_f64(worker.drain),
    };
    let server = Server::start(context, store, parts)?;
    tracing::info!(database = %context.database, "working");
    server.wait_for_signal()?;
    server.stop()
}

fn announce(server: &Server, context: &Context, begun: Instant, items: i64) {
    if items == 0 {
        tracing::warn!("there are no items, so nothing can be shown: `mlp items import FILE`");
    }
    if let Some(address) = server.address() {
        tracing::info!(
            url = %format!("http://{address}"),
            database = %context.database,
            started_ms = begun.elapsed().as_millis(),
            "serving"
        );
    }
}

/// Fills an empty store, and asks for a first model where there is none.
fn begin(up: &Up, context: &Context, store: &Arc<dyn Store>) -> Result<()> {
    let schema = &context.schema;
    if store.counts()?.items == 0 && !up.empty {
        if let Some(dir) = dataset(up, context)? {
            let seeded = seed::import(&**store, schema, &dir)?;
            tracing::info!(
                items = seeded.items,
                sessions = seeded.sessions,
                dataset = %dir.display(),
                "the store was empty: a data set was put into it"
            );
        } else {
            tracing::warn!("there are no items yet: `mlp items import FILE` brings some");
        }
    }
    let counts = store.counts()?;
    if !up.empty && store.models(1)?.is_empty() && counts.items > 0 && counts.users > 0 {
        // What was put in as the past will not change any more.
        train::enqueue(&**store, "first model", Some(0.0))?;
    }
    Ok(())
}

/// The data set to begin with: the one named, or a new one where the domain can be simulated.
fn dataset(up: &Up, context: &Context) -> Result<Option<PathBuf>> {
    if let Some(dir) = &up.dataset {
        return Ok(Some(dir.clone()));
    }
    if context.schema.name != "travel" {
        return Ok(None);
    }
    let dir = context.common.data_dir.join("dataset");
    seed::generate(&up.configs, &dir, up.sessions, up.seed)?;
    Ok(Some(dir))
}
