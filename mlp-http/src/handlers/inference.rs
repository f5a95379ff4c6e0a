//! Start, rank and select.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Instant;

use mlp_core::Fault;
use mlp_store::{
    NewSession, RankScratch, Ranking, ResultRow, Serving, SessionOp, SessionReply, Shown, TaskId,
    TaskKind,
};
use serde_json::{Value as Json, json};

use super::results::{Explain, render, shown};
use super::{Call, session};
use crate::answer::Answer;
use crate::body;
use crate::failure::{Busy, Failure};
use crate::query::json_int;
use crate::wire;

/// `POST /inference/start`.
pub(super) async fn start(call: &Call<'_>) -> Result<Answer, Failure> {
    let serving = call.shared.live.current();
    let session = session::read(call, &serving)?;
    match call.shared.desk.apply(SessionOp::Start(session)).await? {
        SessionReply::Started { task_id, status } => {
            let kind = TaskKind::Inference.name();
            Ok(Answer::json(wire::task(task_id, status.name(), kind)))
        }
        SessionReply::Full { .. } => Err(Failure::Busy(Busy::Tasks)),
        SessionReply::KeyReused => Err(session::reused()),
        other => Err(unexpected(&other)),
    }
}

/// `POST /inference/rank`.
pub(super) async fn rank(call: &Call<'_>) -> Result<Answer, Failure> {
    let shared = call.shared;
    let limit = super::results::limit(call)?;
    let explain = call.query.flag("explain")?;
    let serving = shared.live.current();
    let session = session::read(call, &serving)?;
    let user = explain.then(|| session.user.clone());
    let shown = rank_now(call, Arc::clone(&serving), session, limit).await?;
    let mut out = Vec::with_capacity(128 + shown.results.len() * 512);
    out.extend_from_slice(b"{\"task_id\":");
    wire::put(&mut out, &shown.task_id);
    out.extend_from_slice(b",\"model_id\":");
    wire::put(&mut out, &shown.model_id);
    out.extend_from_slice(b",\"results\":");
    let explain = user.map(|user| Explain {
        user,
        model_id: shown.model_id,
    });
    render(call, &serving, shown, explain.as_ref(), &mut out).await?;
    out.push(b'}');
    Ok(Answer::json(out))
}

/// Ranks, keeps the session as shown, and gives what is shown of it.
pub(super) async fn rank_now(
    call: &Call<'_>,
    serving: Arc<Serving>,
    session: NewSession,
    limit: usize,
) -> Result<Shown, Failure> {
    let shared = call.shared;
    let started = Instant::now();
    let (session, ranking) = ranked(call, serving, session).await?;
    shared
        .metrics
        .stages
        .rank
        .observe(started.elapsed().as_secs_f64());
    let op = SessionOp::Rank {
        session,
        ranking,
        limit,
    };
    match shared.desk.apply(op).await? {
        SessionReply::KeyReused => Err(session::reused()),
        reply => shown(reply),
    }
}

thread_local! {
    static SCRATCH: RefCell<RankScratch> = RefCell::default();
}

/// Ranks here where that is short, and away from the reactor's threads where it may not be.
async fn ranked(
    call: &Call<'_>,
    serving: Arc<Serving>,
    session: NewSession,
) -> Result<(NewSession, Ranking), Failure> {
    if serving.catalog().items().len() < call.shared.options.rank_inline {
        let ranking = SCRATCH.with_borrow_mut(|scratch| one(&serving, &session, scratch));
        return Ok((session, ranking));
    }
    let work = move || {
        let ranking = SCRATCH.with_borrow_mut(|scratch| one(&serving, &session, scratch));
        (session, ranking)
    };
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        tracing::error!(%error, "a ranking panicked");
        Failure::Internal
    })
}

fn one(serving: &Serving, session: &NewSession, scratch: &mut RankScratch) -> Ranking {
    let candidates = session.candidates.as_deref();
    serving.rank(&session.task_id, &session.user, candidates, scratch)
}

/// `PUT /inference/select`.
pub(super) async fn select(call: &Call<'_>) -> Result<Answer, Failure> {
    let id_name = &call.shared.item.id_name;
    let (task_id, item_id) = selection(&body::parse(&call.body)?, id_name)?;
    let Some(task_id) = task_id else {
        return Err(Failure::NotFound("no such inference"));
    };
    match keep(call, task_id, item_id).await? {
        Some(row) => {
            let mut out = Vec::with_capacity(256);
            wire::result(&mut out, id_name, &row);
            Ok(Answer::json(out))
        }
        None => Ok(Answer::json("null")),
    }
}

/// Keeps a choice, and counts it; `None`, it was "none of these".
pub(super) async fn keep(
    call: &Call<'_>,
    task_id: TaskId,
    item_id: i64,
) -> Result<Option<ResultRow>, Failure> {
    let metrics = &call.shared.metrics;
    let op = SessionOp::Select { task_id, item_id };
    match call.shared.desk.apply(op).await? {
        SessionReply::Selected(row) => {
            let answers = if row.is_some() {
                &metrics.picks
            } else {
                &metrics.nones
            };
            answers.inc();
            Ok(row)
        }
        SessionReply::NotFound => Err(Failure::NotFound("no such inference")),
        SessionReply::NotRanked | SessionReply::Failed => {
            Err(Failure::NotFound("not among the inference's results"))
        }
        SessionReply::NotFinished(_) => {
            Err(Failure::Conflict("the inference is not finished".into()))
        }
        other => Err(unexpected(&other)),
    }
}

/// The task, `None` where it cannot be one of ours, and the item.
fn selection(body: &Json, id_name: &str) -> Result<(Option<TaskId>, i64), Failure> {
    let Json::Object(fields) = body else {
        let message = "Input should be a valid dictionary or object to extract fields from";
        let fault = Fault::new("model_attributes_type", vec![json!("body")], message);
        return Err(Failure::fault(fault.with_input(body)));
    };
    let place = |name: &str| vec![json!("body"), json!(name)];
    let missing = |name: &str| Box::new(Fault::new("missing", place(name), "Field required"));
    let task = match fields.get("task_id") {
        Some(Json::String(text)) => Ok(text.parse().ok()),
        Some(other) => {
            let message = "Input should be a valid string";
            let fault = Fault::new("string_type", place("task_id"), message);
            Err(Box::new(fault.with_input(other)))
        }
        None => Err(missing("task_id")),
    };
    let item = match fields.get(id_name) {
        Some(value) => json_int(value, place(id_name)),
        None => Err(missing(id_name)),
    };
    match (task, item) {
        (Ok(task), Ok(item)) => Ok((task, item)),
        (task, item) => {
            let faults = [task.err(), item.err()];
            Err(Failure::Faults(
                faults.into_iter().flatten().map(|f| *f).collect(),
            ))
        }
    }
}

/// The store answered another question.
pub(super) fn unexpected(reply: &SessionReply) -> Failure {
    let reply = std::mem::discriminant(reply);
    tracing::error!(?reply, "the store's reply is of another operation");
    Failure::Internal
}
