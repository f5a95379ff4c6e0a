//! `mlp train`: one training, here or in a running server's worker.

use std::time::{Duration, Instant};

use clap::Args;
use mlp_core::Family;
use mlp_store::{Live, LiveOptions, NewTask, Queue, Sessions, Store, TaskId, TaskKind, TaskStatus};
use mlp_worker::{FitRequest, Repeated, TrainingRequest, Worker, WorkerOptions};

use super::context::Context;
use super::error::{Error, Result};
use super::evaluate::FamilyName;
use super::fitting::Fitting;
use super::settings;

/// Train a model on the answered sessions, compare it with the champion, and decide.
#[derive(Args, Debug)]
#[command(
    after_help = "Beside a running server the training may be done by that server's worker; \
    the outcome is the same. \
    Where the same sessions and settings have made a model before, none is made: its verdict is told.\n\n\
    Examples:\n  mlp train --settle 0\n  mlp train --l2 3 --scaling min-max --k-best 12"
)]
pub struct Train {
    /// Only answers that are older than this can be learned from, in seconds: until then a
    /// choice may change. Default: 60
    #[arg(long, env = "MLP_SETTLE_S", value_name = "SECONDS")]
    settle: Option<f64>,

    /// The kind of model. Default: choice
    #[arg(long, env = "MLP_FAMILY", value_enum)]
    family: Option<FamilyName>,

    #[command(flatten)]
    fitting: Fitting,
}

/// How long a training may take.
const PATIENCE: Duration = Duration::from_secs(3600);

/// Runs the command.
pub fn run(train: &Train, context: &Context) -> Result<()> {
    train.settle.map(settings::settle).transpose()?;
    let store = context.open(false)?;
    let request = TrainingRequest {
        reason: "by hand".to_owned(),
        settle_s: train.settle,
        fit: FitRequest {
            family: train.family.map(Family::from),
            ..train.fitting.request()
        },
        ..TrainingRequest::default()
    };
    let task_id = ask(&*store, &request)?;
    let schema = std::sync::Arc::clone(&context.schema);
    let live = Live::start(store.clone(), schema.clone(), LiveOptions::default())?;
    let options = WorkerOptions {
        inference: false,
        watching: false,
        ..WorkerOptions::default()
    };
    let worker = Worker::start(store.clone(), schema, live, options).map_err(Error::run)?;
    let outcome = wait(&*store, task_id, PATIENCE);
    worker.stop(Duration::from_secs(5));
    outcome?;
    let model = (store.models(100)?.into_iter()).find(|m| m.task_id == Some(task_id));
    let Some(model) = model else {
        let repeated = Repeated::of(&*store, task_id)?;
        let repeated = repeated.ok_or_else(|| Error::run("the training left no model"))?;
        say!("{}", repeated.reason);
        return Ok(());
    };
    say!("model {} is {}", model.model_id, model.status.name());
    let decision = (store.decisions(100)?.into_iter()).find(|d| d.model_id == model.model_id);
    if let Some(decision) = decision {
        say!("{}", decision.decision.reason);
    }
    Ok(())
}

/// Asks for a training; gives its task, or the one that is pending already.
pub fn enqueue(store: &dyn Store, reason: &str, settle_s: Option<f64>) -> Result<TaskId> {
    let request = TrainingRequest {
        reason: reason.to_owned(),
        settle_s,
        ..TrainingRequest::default()
    };
    ask(store, &request)
}

fn ask(store: &dyn Store, request: &TrainingRequest) -> Result<TaskId> {
    Ok(Queue::enqueue(
        store,
        &NewTask {
            task_id: TaskId::new_v7(),
            kind: TaskKind::Training,
            payload: serde_json::to_string(request).map_err(Error::run)?,
        },
    )?)
}

/// Waits until a task is final; an error where it failed.
pub fn wait(store: &dyn Store, task_id: TaskId, patience: Duration) -> Result<()> {
    let end = Instant::now() + patience;
    loop {
        let view = Sessions::statuses(store, &[task_id])?.pop().flatten();
        match view {
            None => return Err(Error::run(format!("there is no task `{task_id}`"))),
            Some(view) if view.status == TaskStatus::Success => return Ok(()),
            Some(view) if view.status == TaskStatus::Failure => {
                return Err(Error::run(
                    view.error.unwrap_or_else(|| "it failed".to_owned()),
                ));
            }
            Some(_) if Instant::now() >= end => {
                return Err(Error::run(format!("task `{task_id}` is still not done")));
            }
            Some(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}
