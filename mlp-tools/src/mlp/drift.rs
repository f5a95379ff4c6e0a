//! `mlp drift`: whether the requests of now are those that the champion was trained on, or whether two
//! files tell of the same users.

mod files;
mod print;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use mlp_core::drift::{DriftReport, DriftVerdict, PolicyKind};
use mlp_core::watch::WatchReport;
use mlp_store::{Live, LiveOptions, Store, TaskId, TaskKind};
use mlp_worker::{WatchRequest, Worker, WorkerOptions};
use serde::Serialize;

use super::context::Context;
use super::error::{Error, Result};
use super::train::wait;

/// Look at the newest requests now, and say whether they are those that the champion was trained on,
/// and how well models do; or compare two files of users.
#[derive(Args, Debug)]
#[command(
    after_help = "Beside a running server the look may be taken by that server's worker; the outcome \
    is the same. It sets no alarm off: the looks of `--watch-every` do.\n\n\
    Of two files every row is a request, and repeated requests count once: the reference needs 1,000 \
    distinct ones. A data set of dataset_generator has them with `--fresh-users`, which makes a user \
    anew for each session.\n\n\
    Exit code: 0 calm, 3 drift, 1 where there is no verdict or something went wrong, 2 for what was \
    asked wrongly.\n\n\
    Examples:\n  mlp drift\n  mlp drift --history\n  \
    mlp drift --reference before.csv --current after.csv --json drift.json"
)]
pub struct Drift {
    /// Instead of the database: a file with the users that others are held against, tab- or
    /// comma-separated, with a header line of the schema's fields
    #[arg(long, value_name = "FILE", requires = "current")]
    reference: Option<PathBuf>,

    /// The file with the users of now
    #[arg(long, value_name = "FILE", requires = "reference")]
    current: Option<PathBuf>,

    /// Write the report, with all statistics and histograms, to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Only tell what the last looks found, the newest first: so many
    #[arg(
        long,
        value_name = "N",
        num_args = 0..=1,
        default_missing_value = "20",
        value_parser = clap::value_parser!(u32).range(1..=10_000),
        conflicts_with_all = ["reference", "current"]
    )]
    history: Option<u32>,
}

/// How long a look may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// The exit code where the requests drifted.
const DRIFTED: u8 = 3;

/// Runs the command.
pub fn run(drift: &Drift, context: &Context) -> Result<ExitCode> {
    if let (Some(reference), Some(current)) = (&drift.reference, &drift.current) {
        let (report, hint) = files::compare(&context.schema.user, reference, current)?;
        keep(drift.json.as_deref(), &report)?;
        print::drift(&report, hint.as_deref());
        return Ok(code(Some(&report)));
    }
    let store = context.open(false)?;
    if let Some(limit) = drift.history {
        let reports = history(&*store, limit as usize)?;
        keep(drift.json.as_deref(), &reports)?;
        print::history(&reports);
        return Ok(ExitCode::SUCCESS);
    }
    let report = look(&store, context)?;
    keep(drift.json.as_deref(), &report)?;
    print::watch(&report);
    Ok(code(report.drift.as_ref()))
}

/// The exit code that a report means; why there is no verdict was printed with it.
fn code(report: Option<&DriftReport>) -> ExitCode {
    match report.map(|report| report.verdict) {
        Some(DriftVerdict::Calm) => ExitCode::SUCCESS,
        Some(DriftVerdict::Drift) => ExitCode::from(DRIFTED),
        Some(DriftVerdict::TooFew) | None => ExitCode::FAILURE,
    }
}

fn keep(path: Option<&Path>, report: &impl Serialize) -> Result<()> {
    let Some(path) = path else { return Ok(()) };
    let mut text = serde_json::to_string_pretty(report).map_err(Error::run)?;
    text.push('\n');
    std::fs::write(path, text).map_err(Error::file("write", path))
}

/// What the last looks found, the newest first.
fn history(store: &dyn Store, limit: usize) -> Result<Vec<WatchReport>> {
    let results = store.task_results(TaskKind::Monitoring, limit)?;
    let read = |text: &str| serde_json::from_str(text).map_err(Error::run);
    results.iter().map(|found| read(&found.result)).collect()
}

/// Takes a look, here or in a running server's worker.
fn look(store: &std::sync::Arc<dyn Store>, context: &Context) -> Result<WatchReport> {
    let schema = std::sync::Arc::clone(&context.schema);
    let live = Live::start(store.clone(), schema.clone(), LiveOptions::default())?;
    let mut options = WorkerOptions {
        inference: false,
        training: false,
        ..WorkerOptions::default()
    };
    options.watch.every = Duration::ZERO;
    let worker = Worker::start(store.clone(), schema, live, options).map_err(Error::run)?;
    let found = one_look(&**store);
    worker.stop(Duration::from_secs(5));
    found
}

/// A look of the schedule that is pending is no answer: it is more sure of itself than one look has to
/// be. There is one at a time, so that the next is ours.
fn one_look(store: &dyn Store) -> Result<WatchReport> {
    const TRIES: usize = 5;
    let mut report = None;
    for _ in 0..TRIES {
        let task_id = WatchRequest::ONE_LOOK.enqueue(store)?;
        wait(store, task_id, PATIENCE)?;
        let found = result(store, task_id)?;
        let ours = (found.drift.as_ref()).is_none_or(|drift| drift.policy == PolicyKind::OneLook);
        report = Some(found);
        if ours {
            break;
        }
    }
    report.ok_or_else(|| Error::run("the look left no report"))
}

fn result(store: &dyn Store, task_id: TaskId) -> Result<WatchReport> {
    let results = store.task_results(TaskKind::Monitoring, 20)?;
    let found = results.iter().find(|found| found.task_id == task_id);
    let found = found.ok_or_else(|| Error::run("the look left no report"))?;
    serde_json::from_str(&found.result).map_err(Error::run)
}
