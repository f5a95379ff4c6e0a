//! The dashboard, its log-in, and what one may decide there.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use hyper::StatusCode;
use hyper::header::{HeaderValue, SET_COOKIE, WWW_AUTHENTICATE};
use mlp_core::{Artifact, Schema};
use mlp_store::{DecisionKind, ModelRow, ModelStatus, Store, TaskKind};

use super::Call;
use super::content::refresh;
use super::models::{self, NO_CHAMPION_BEFORE, NO_MODEL, Outcome};
use super::pages::form;
use crate::answer::{Answer, Content};
use crate::app::Shared;
use crate::cookie;
use crate::failure::Failure;
use crate::pages::{
    Confirm, ModelView, Stored, View, confirm, dashboard as page, login as login_page,
};

/// How long the store may take before the page goes without it.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(3);

const MODELS: usize = 100;
const DECISIONS: usize = 50;

/// Reports of looks that pick rates are drawn of: two hours, with a look a minute.
const REPORTS: usize = 120;

/// Buckets of traffic that are drawn as one: a minute.
const EACH: usize = 6;

/// `GET /dashboard`.
pub(super) async fn show(call: &Call<'_>) -> Result<Answer, Failure> {
    let shared = call.shared;
    // Read and parsed there: a hundred artifacts are megabytes.
    let schema = Arc::clone(&shared.schema);
    let read = (shared.desk).call(move |store: &dyn Store| stored(store, &schema));
    let stored = match tokio::time::timeout(PATIENCE, read).await {
        Ok(Ok(stored)) => Some(stored),
        // It was logged where it was found; the page says it too.
        Ok(Err(_)) | Err(_) => None,
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let view = View {
        now_us: now.map_or(0, |now| i64::try_from(now.as_micros()).unwrap_or(i64::MAX)),
        can_sign_out: shared.guard.has_cookie(call.headers),
        stored,
        traffic: shared.metrics.history.stretches(EACH),
        tally: shared.metrics.tally(),
        done: match call.query.get("done").as_deref() {
            Some("promoted") => Some("The model is the champion now."),
            Some("back") => Some("The champion before is back."),
            _ => None,
        },
    };
    Ok(Answer::html(page(shared.shell(), &shared.schema, &view)))
}

/// What the store says.
fn stored(store: &dyn Store, schema: &Schema) -> mlp_store::Result<Stored> {
    let counts = store.counts()?;
    let reports = store.task_results(TaskKind::Monitoring, REPORTS)?;
    Ok(Stored {
        items: counts.items.unsigned_abs(),
        users: counts.users.unsigned_abs(),
        models: (store.models(MODELS)?.iter())
            .map(|row| model(row, schema))
            .collect(),
        decisions: store.decisions(DECISIONS)?,
        // A report of another version is left out, not the page.
        reports: (reports.iter())
            .filter_map(|task| serde_json::from_str(&task.result).ok())
            .collect(),
    })
}

fn model(row: &ModelRow, schema: &Schema) -> ModelView {
    let artifact = Artifact::from_json(&row.artifact);
    let unfit = artifact.as_ref().map_err(ToString::to_string);
    let unfit = unfit.and_then(|a| a.model(schema).map_err(|error| error.to_string()));
    let artifact = artifact.ok();
    let test = artifact.as_ref().map(|a| &a.test);
    ModelView {
        model_id: row.model_id,
        created_us: row.created_us,
        status: row.status,
        share: row.use_percentage,
        unfit: unfit.err(),
        family: (artifact
            .as_ref()
            .and_then(|a| serde_json::to_value(a.family).ok()))
        .and_then(|family| family.as_str().map(str::to_owned))
        .unwrap_or_else(|| "unknown".to_owned()),
        sessions: artifact.as_ref().map_or(0, |a| a.lineage.sessions as u64),
        log_loss: test.and_then(|t| t.log_loss),
        precision_at_1: test.and_then(|t| t.precision_at_1),
    }
}

/// What is answered to who has not shown the token.
pub(crate) fn ask_for_token(shared: &Shared, is_wrong: bool) -> Answer {
    let page = login_page(shared.shell(), is_wrong);
    Answer::new(StatusCode::UNAUTHORIZED, Content::Html, page)
        .with_header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
}

fn with_cookie(answer: Answer, cookie: &str) -> Answer {
    match HeaderValue::from_str(cookie) {
        Ok(value) => answer.with_header(SET_COOKIE, value),
        // Of digits and letters that a header can carry.
        Err(_) => answer,
    }
}

/// `POST /dashboard/login`.
pub(super) fn login(call: &Call<'_>) -> Result<Answer, Failure> {
    let token = only(call, "token")?;
    let is_secure = cookie::is_secure(call.headers);
    match call.shared.guard.trade(token.trim().as_bytes(), is_secure) {
        Some(cookie) => Ok(with_cookie(Answer::see_other("/dashboard"), &cookie)),
        None => Ok(ask_for_token(call.shared, true)),
    }
}

/// `POST /dashboard/logout`.
pub(super) fn logout(call: &Call<'_>) -> Answer {
    let cookie = cookie::take(cookie::is_secure(call.headers));
    with_cookie(Answer::see_other("/dashboard"), &cookie)
}

/// The value of a form that has one field.
fn only(call: &Call<'_>, name: &str) -> Result<String, Failure> {
    match form(call)?.as_slice() {
        [(found, value)] if found == name => Ok(value.clone()),
        _ => Err(Failure::Refused(format!("the form has to be `{name}`"))),
    }
}

/// The champion that the confirming page spoke of, 0 for none.
fn believed(call: &Call<'_>) -> Result<i64, Failure> {
    let text = only(call, "champion")?;
    let refused = || Failure::Refused("`champion` has to be a number".to_owned());
    text.parse().map_err(|_| refused())
}

fn champion(store: &dyn Store) -> mlp_store::Result<Option<i64>> {
    let models = store.serving_models()?;
    let champion = models.iter().find(|m| m.status == ModelStatus::Champion);
    Ok(champion.map(|m| m.model_id))
}

/// `GET /dashboard/promote/{model_id}`.
pub(super) async fn confirm_promotion(call: &Call<'_>) -> Result<Answer, Failure> {
    let id = call.id()?;
    let read = move |store: &dyn Store| Ok((store.model(id)?, champion(store)?));
    let (row, champion) = call.shared.desk.call(read).await?;
    let row = row.ok_or(NO_MODEL)?;
    let what = model(&row, &call.shared.schema);
    let page = confirm(call.shared.shell(), Confirm::Promote(&what), champion);
    Ok(Answer::html(page))
}

/// `GET /dashboard/rollback`.
pub(super) async fn confirm_rollback(call: &Call<'_>) -> Result<Answer, Failure> {
    let champion = call.shared.desk.call(champion).await?;
    if champion.is_none() {
        return Err(NO_CHAMPION_BEFORE);
    }
    let page = confirm(call.shared.shell(), Confirm::Rollback, champion);
    Ok(Answer::html(page))
}

async fn decide(call: &Call<'_>, id: i64, kind: DecisionKind) -> Result<Outcome, Failure> {
    let believed = believed(call)?;
    let schema = Arc::clone(&call.shared.schema);
    let decide = move |store: &dyn Store| {
        if champion(store)?.unwrap_or(0) != believed {
            return Ok(Outcome::Changed);
        }
        models::decide(store, &schema, id, kind, "on the dashboard")
    };
    let outcome = call.shared.desk.call(decide).await?;
    if matches!(outcome, Outcome::Done) {
        refresh(call).await;
    }
    Ok(outcome)
}

/// `POST /dashboard/promote/{model_id}`.
pub(super) async fn promote(call: &Call<'_>) -> Result<Answer, Failure> {
    let outcome = decide(call, call.id()?, DecisionKind::Promote).await?;
    outcome.or(NO_MODEL)?;
    Ok(Answer::see_other("/dashboard?done=promoted"))
}

/// `POST /dashboard/rollback`.
pub(super) async fn rollback(call: &Call<'_>) -> Result<Answer, Failure> {
    let outcome = decide(call, 0, DecisionKind::Rollback).await?;
    outcome.or(NO_CHAMPION_BEFORE)?;
    Ok(Answer::see_other("/dashboard?done=back"))
}
