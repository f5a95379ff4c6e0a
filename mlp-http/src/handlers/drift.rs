//! What looks at the traffic found.

use mlp_store::{Store, TaskKind, TaskResult};

use super::{Call, tasks};
use crate::answer::Answer;
use crate::failure::Failure;

/// `GET /drift`.
pub(super) async fn newest(call: &Call<'_>) -> Result<Answer, Failure> {
    let mut reports = reports(call, 1).await?;
    let report = reports.pop();
    let report = report.ok_or(Failure::NotFound("no look at the traffic yet"))?;
    Ok(Answer::json(report.result.into_bytes()))
}

/// `GET /drift/history`.
pub(super) async fn history(call: &Call<'_>) -> Result<Answer, Failure> {
    let limit = (call.query).limit(crate::DEFAULT_REPORTS, crate::MAX_REPORTS)?;
    let reports = reports(call, limit).await?;
    // Texts of JSON already: to read them only to write them again would take longer than the rest.
    let texts: Vec<&str> = reports
        .iter()
        .map(|report| report.result.as_str())
        .collect();
    Ok(Answer::json(format!("[{}]", texts.join(",")).into_bytes()))
}

async fn reports(call: &Call<'_>, limit: usize) -> Result<Vec<TaskResult>, Failure> {
    let read = move |store: &dyn Store| store.task_results(TaskKind::Monitoring, limit);
    call.shared.desk.call(read).await
}

/// `POST /drift/run`.
pub(super) async fn run(call: &Call<'_>) -> Result<Answer, Failure> {
    tasks::enqueue(call, TaskKind::Monitoring, r#"{"policy":"one_look"}"#).await
}
