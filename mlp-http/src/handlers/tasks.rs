//! How far tasks are, and the start of those that are no inferences.

use std::time::{Duration, Instant};

use mlp_store::{NewTask, TaskId, TaskKind, TaskStatus, TaskView};

use super::Call;
use crate::answer::Answer;
use crate::failure::Failure;
use crate::wire;

/// The longest wait for a task's end, in seconds.
const MAX_WAIT: f64 = 30.0;

const NOT_FOUND: Failure = Failure::NotFound("no such task");

/// `GET /inference/status/{task_id}`, and the same of trainings and looks at the traffic.
pub(super) async fn status(call: &Call<'_>, kind: TaskKind) -> Result<Answer, Failure> {
    // A wait that outlives the request would end in an error.
    let left = call.shared.options.request_deadline.as_secs_f64() - 1.0;
    let wait = call.query.seconds("wait", MAX_WAIT.min(left.max(0.0)))?;
    let Ok(task_id) = call.parameter.parse::<TaskId>() else {
        return Err(NOT_FOUND);
    };
    let status = match wait {
        Duration::ZERO => read(call, task_id, kind).await?,
        _ => wait_for(call, task_id, kind, wait).await?,
    };
    if status == TaskStatus::Failure {
        return Err(Failure::TaskFailed);
    }
    Ok(Answer::json(wire::task(
        task_id,
        status.name(),
        kind.name(),
    )))
}

async fn read(call: &Call<'_>, task_id: TaskId, kind: TaskKind) -> Result<TaskStatus, Failure> {
    match call.shared.desk.status(task_id).await? {
        Some(TaskView {
            kind: of, status, ..
        }) if of == kind => Ok(status),
        _ => Err(NOT_FOUND),
    }
}

async fn wait_for(
    call: &Call<'_>,
    task_id: TaskId,
    kind: TaskKind,
    wait: Duration,
) -> Result<TaskStatus, Failure> {
    // Registered before the reading, so that no end falls between the two.
    let waiting = call.shared.waiters.register(task_id);
    let status = read(call, task_id, kind).await?;
    if status.is_final() {
        return Ok(status);
    }
    let started = Instant::now();
    let settled = waiting.settled(wait).await;
    let time = &call.shared.metrics.stages.wait;
    time.observe(started.elapsed().as_secs_f64());
    match settled {
        Some(status) => Ok(status),
        // It may have been started meanwhile.
        None => read(call, task_id, kind).await,
    }
}

/// `POST /train/start`.
pub(super) async fn train(call: &Call<'_>) -> Result<Answer, Failure> {
    enqueue(call, TaskKind::Training, "{}").await
}

/// Adds a task of a kind that is unique while one is pending; answers that one, or the new one.
pub(super) async fn enqueue(
    call: &Call<'_>,
    kind: TaskKind,
    payload: &str,
) -> Result<Answer, Failure> {
    let task = NewTask {
        task_id: TaskId::new_v7(),
        kind,
        payload: payload.to_owned(),
    };
    let enqueue = move |store: &dyn mlp_store::Store| {
        let task_id = store.enqueue(&task)?;
        let view = store.statuses(&[task_id])?.pop().flatten();
        Ok((task_id, view.map_or(TaskStatus::Pending, |v| v.status)))
    };
    let (task_id, status) = call.shared.desk.call(enqueue).await?;
    Ok(Answer::json(wire::task(
        task_id,
        status.name(),
        kind.name(),
    )))
}
