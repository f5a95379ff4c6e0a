//! `mlp up`, `mlp serve` and `mlp worker`: what runs until it is told to stop.

use std::path::Path;
use std::time::Instant;

use clap::{Args, ValueEnum};
use mlp_core::Family;
use mlp_store::{EXPLORATION_SETTING, Store};
use mlp_worker::{FitRequest, TriggerOptions, WatchOptions, WorkerOptions};

use super::arguments::whole;
use super::begin::Beginning;
use super::celery::Celery;
use super::context::Context;
use super::error::{Error, Result};
use super::evaluate::FamilyName;
use super::fitting::Fitting;
use super::server::{Parts, Server};
use super::settings::{self, Serving};
use super::webhook::{self, Address};

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

    #[command(flatten)]
    pub celery: Celery,

    #[command(flatten)]
    pub beginning: Beginning,
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
    pub exploration: Option<String>,

    /// The kind of model that is trained. Default: choice
    #[arg(long, env = "MLP_FAMILY", value_enum)]
    pub family: Option<FamilyName>,

    #[command(flatten)]
    pub fitting: Fitting,

    #[command(flatten)]
    pub retraining: Retraining,

    #[command(flatten)]
    pub watching: Watching,

    /// Where promotions, rollbacks and alarms about the traffic are told, each as a POST of JSON:
    /// `https://HOST[:PORT]/PATH`, or `http://`
    #[arg(
        long,
        env = "MLP_WEBHOOK_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    pub webhook: Option<String>,

    /// A PEM file of the authorities that the webhook's `https://` host is verified by, instead of
    /// the system's; needs `--webhook`
    #[arg(long, env = "MLP_WEBHOOK_CA_FILE", value_name = "FILE")]
    pub webhook_ca: Option<String>,
}

/// Flags about when models are trained without a hand. While a challenger waits for its verdict, or
/// a canary is watched, none is. `mlp models set auto_retrain false` turns them all off.
#[derive(Args, Clone, Debug)]
pub struct Retraining {
    /// Train a model so many seconds after the newest was made; 0: never
    #[arg(
        long,
        env = "MLP_RETRAIN_EVERY_S",
        default_value_t = 0.0,
        value_name = "SECONDS"
    )]
    pub retrain_every: f64,

    /// Train a model after so many answers since the newest was made; 0: never. Nothing trains by
    /// itself while a challenger waits for its verdict or a canary is watched
    #[arg(
        long,
        env = "MLP_RETRAIN_ANSWERS",
        default_value_t = 0,
        value_parser = whole::<usize>(0, u64::MAX),
        value_name = "N"
    )]
    pub retrain_answers: usize,

    /// Train a model when the champion's log loss on explored sessions rises beyond noise
    #[arg(long, env = "MLP_RETRAIN_ON_LOSS")]
    pub retrain_on_loss: bool,

    /// Train a model when the requests are not those any more that the champion was trained on: while
    /// an alarm is on, on what was answered after the change, where that is enough
    #[arg(
        long,
        env = "MLP_RETRAIN_ON_DRIFT",
        action = clap::ArgAction::Set,
        num_args = 0..=1,
        default_missing_value = "true",
        default_value_t = true,
        value_name = "BOOL"
    )]
    pub retrain_on_drift: bool,

    /// The least time between two trainings that start by themselves, in seconds
    #[arg(
        long,
        env = "MLP_RETRAIN_COOLDOWN_S",
        default_value_t = COOLDOWN_S,
        value_name = "SECONDS"
    )]
    pub retrain_cooldown: f64,
}

/// The default of `--retrain-cooldown`.
const COOLDOWN_S: f64 = 600.0;

impl Default for Retraining {
    fn default() -> Self {
        Self {
            retrain_every: 0.0,
            retrain_answers: 0,
            retrain_on_loss: false,
            retrain_on_drift: true,
            retrain_cooldown: COOLDOWN_S,
        }
    }
}

impl Retraining {
    /// When models are trained, where every value is in range.
    pub fn options(&self) -> Result<TriggerOptions> {
        Ok(TriggerOptions {
            every: (self.retrain_every != 0.0)
                .then(|| settings::retraining("retrain-every", self.retrain_every))
                .map(|every| every.map_err(or_never))
                .transpose()?,
            answers: (self.retrain_answers > 0).then_some(self.retrain_answers),
            loss: self.retrain_on_loss,
            drift: self.retrain_on_drift,
            cooldown: settings::retraining("retrain-cooldown", self.retrain_cooldown)?,
        })
    }
}

/// Flags about watching the traffic.
#[derive(Args, Clone, Debug)]
pub struct Watching {
    /// Look at the newest requests every so many seconds, where at least 50 are new; 0: never
    #[arg(
        long,
        env = "MLP_WATCH_EVERY_S",
        default_value_t = WATCH_EVERY_S,
        value_name = "SECONDS"
    )]
    pub watch_every: f64,

    /// How many of the newest requests are looked at
    #[arg(
        long,
        env = "MLP_WATCH_WINDOW",
        default_value_t = WATCH_WINDOW,
        value_parser = clap::value_parser!(u32).range(100..=100_000),
        value_name = "N"
    )]
    pub watch_window: u32,
}

/// A range's fault, where 0 is in it too.
fn or_never(error: Error) -> Error {
    Error::usage(format!("{error}, or 0 for never"))
}

/// The defaults of `--watch-every` and `--watch-window`.
const WATCH_EVERY_S: f64 = 60.0;
const WATCH_WINDOW: u32 = 1000;

impl Default for Watching {
    fn default() -> Self {
        Self {
            watch_every: WATCH_EVERY_S,
            watch_window: WATCH_WINDOW,
        }
    }
}

impl Watching {
    fn options(&self) -> Result<WatchOptions> {
        let every = match self.watch_every {
            0.0 => std::time::Duration::ZERO,
            seconds => settings::watching("watch-every", seconds).map_err(or_never)?,
        };
        Ok(WatchOptions {
            every,
            window: self.watch_window as usize,
            ..WatchOptions::default()
        })
    }
}

impl Learning {
    /// Where decisions are told.
    fn webhook(&self) -> Result<Option<Address>> {
        let authority = self.webhook_ca.as_deref().filter(|path| !path.is_empty());
        let url = self.webhook.as_deref().unwrap_or_default();
        webhook::address(url, authority.map(Path::new))
    }

    /// The worker's options, once the settings are kept.
    pub fn options(&self, store: &dyn Store) -> Result<WorkerOptions> {
        let settle = settings::settle(self.settle)?;
        let triggers = self.retraining.options()?;
        let watch = self.watching.options()?;
        // Empty, as Compose hands on what is not set: as it is.
        if let Some(text) = self.exploration.as_deref().filter(|text| !text.is_empty()) {
            let share = settings::exploration_of(text)?.to_string();
            if store.setting(EXPLORATION_SETTING)?.as_deref() != Some(&share) {
                store.set_setting(EXPLORATION_SETTING, &share)?;
            }
        }
        let mut options = WorkerOptions {
            settle,
            triggers,
            watch,
            ..WorkerOptions::default()
        };
        let family = self.family.map(Family::from);
        let request = FitRequest {
            family,
            ..self.fitting.request()
        };
        request.apply(&mut options.train.fit);
        Ok(options)
    }
}

/// The API alone, beside workers on the same database.
#[derive(Args, Debug)]
pub struct Serve {
    #[command(flatten)]
    pub serving: Serving,

    #[command(flatten)]
    pub celery: Celery,
}

/// What a worker does.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Only {
    /// Ranks and trains
    All,
    /// Ranks; others train
    Inference,
    /// Trains, and takes no inference, neither from the database nor from a broker's queue
    Training,
}

/// A worker alone: ranks and trains.
#[derive(Args, Debug)]
pub struct WorkerOnly {
    /// What it does: beside workers of another program that rank, one of ours that only trains
    #[arg(
        long,
        env = "MLP_WORKER_ONLY",
        value_enum,
        default_value = "all",
        value_name = "WHAT"
    )]
    pub only: Only,

    #[command(flatten)]
    pub learning: Learning,

    #[command(flatten)]
    pub celery: Celery,

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

/// Runs `mlp up`.
pub fn up(up: &Up, context: &Context) -> Result<()> {
    let begun = Instant::now();
    up.serving.check_exposure()?;
    let webhook = up.learning.webhook()?;
    let store = context.open_when_there(true)?;
    let learning = up.learning.options(&*store)?;
    up.beginning.begin(context, &*store)?;
    let parts = Parts {
        api: Some(&up.serving),
        worker: Some(learning),
        webhook,
        celery: Some(&up.celery),
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
    serve.serving.check_exposure()?;
    let store = context.open_when_there(true)?;
    let parts = Parts {
        api: Some(&serve.serving),
        worker: None,
        webhook: None,
        celery: Some(&serve.celery),
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
    let drain = settings::drain(worker.drain)?;
    let lease = settings::lease(worker.lease)?;
    let webhook = worker.learning.webhook()?;
    let store = context.open_when_there(false)?;
    let options = WorkerOptions {
        lease,
        inference: worker.only != Only::Training,
        training: worker.only != Only::Inference,
        watching: worker.only != Only::Inference,
        ..worker.learning.options(&*store)?
    };
    let parts = Parts {
        api: None,
        worker: Some(options),
        webhook,
        celery: Some(&worker.celery),
        drain,
    };
    let server = Server::start(context, store, parts)?;
    tracing::info!(database = %context.database, only = ?worker.only, "working");
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
