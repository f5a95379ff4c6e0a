//! The page to try it, and what pages refer to.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, HeaderValue};
use mlp_core::Ranked;
use mlp_store::{ItemVersion, NewSession, Priority, Serving, SessionOp, Shown, TaskId};

use super::results::{Explain, explanation, old_items, shown};
use super::{Call, inference};
use crate::answer::{Answer, Content};
use crate::failure::Failure;
use crate::pages::try_form;
use crate::pages::{Answered, Filled, Offer, Offered, example, pairs, results as page};

const NOT_FOUND: Failure = Failure::NotFound("no such inference");

/// `GET /` of a browser.
pub(super) fn front(call: &Call<'_>) -> Answer {
    let shared = call.shared;
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let days = now.map_or(0, |now| now.as_secs() / 86_400);
    let today = i32::try_from(days).unwrap_or_default();
    let filled = Filled::new(example(&shared.schema, today));
    Answer::html(try_form(shared.shell(), &shared.schema, &filled))
}

/// `GET /assets/{file}`.
pub(super) fn asset(call: &Call<'_>) -> Result<Answer, Failure> {
    let asset = call.shared.assets.find(call.parameter);
    let asset = asset.ok_or(Failure::NotFound("no such file"))?;
    let answer = Answer::new(StatusCode::OK, asset.content, asset.text);
    let for_ever = HeaderValue::from_static("public, max-age=31536000, immutable");
    Ok(answer.with_header(CACHE_CONTROL, for_ever))
}

pub(super) fn form(call: &Call<'_>) -> Result<Vec<(String, String)>, Failure> {
    pairs(&call.body).map_err(|why| Failure::Refused(why.to_owned()))
}

fn limit(call: &Call<'_>) -> usize {
    crate::DEFAULT_RESULTS.min(call.shared.schema.max_shown)
}

/// `POST /try`: ranks, as `POST /inference/rank` does; the results stand at their own path, so that a
/// reload asks for nothing anew.
pub(super) async fn ask(call: &Call<'_>) -> Result<Answer, Failure> {
    let shared = call.shared;
    let filled = Filled::new(form(call)?);
    let body = filled.body(&shared.schema);
    let body = body.map_err(|why| Failure::Refused(why.to_owned()))?;
    let user = match shared.schema.user.row_from_json(&body) {
        Ok(user) => user,
        Err(faults) => {
            let page = try_form(shared.shell(), &shared.schema, &filled.with_faults(faults));
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            return Ok(Answer::new(status, Content::Html, page));
        }
    };
    let session = NewSession {
        task_id: TaskId::new_v7(),
        user,
        candidates: None,
        idempotency: None,
        priority: Priority::Interactive,
    };
    let serving = shared.live.current();
    let shown = inference::rank_now(call, serving, session, limit(call)).await?;
    shared.metrics.shown.inc();
    Ok(Answer::see_other(&format!("/try/{}", shown.task_id)))
}

fn task(call: &Call<'_>) -> Result<TaskId, Failure> {
    call.parameter.parse().map_err(|()| NOT_FOUND)
}

/// `GET /try/{task_id}`.
pub(super) async fn results(call: &Call<'_>) -> Result<Answer, Failure> {
    let shared = call.shared;
    let task_id = task(call)?;
    let limit = limit(call);
    let op = SessionOp::Show { task_id, limit };
    let shown = shown(shared.desk.apply(op).await?)?;
    let explain = explanation(call, &shown).await?;
    let serving = shared.live.current();
    let offer = Offer {
        task_id,
        model_id: shown.model_id,
        answered: answered(call, task_id).await?,
        tally: shared.metrics.tally(),
        results: offered(call, &serving, shown, explain).await?,
    };
    Ok(Answer::html(page(shared.shell(), &shared.schema, &offer)))
}

/// What was chosen; "none of these" leaves no trace in the results, so that the path says it.
async fn answered(call: &Call<'_>, task_id: TaskId) -> Result<Answered, Failure> {
    let rows = (call.shared.desk)
        .call(move |store| store.results(task_id))
        .await?;
    let chosen = rows.ok_or(NOT_FOUND)?.into_iter().find(|row| row.label);
    Ok(match chosen {
        Some(row) => Answered::Chose(row.item_id),
        None if call.query.get("answer").as_deref() == Some("none") => Answered::NoneOfThese,
        None => Answered::Nothing,
    })
}

async fn offered(
    call: &Call<'_>,
    serving: &Arc<Serving>,
    shown: Shown,
    explain: Option<Explain>,
) -> Result<Vec<Offered>, Failure> {
    let version = shown.catalog_version;
    let catalog = serving.catalog();
    let current = |ranked: &Ranked| {
        let item = catalog.item(ranked.item_id)?;
        (item.from_version <= version && version <= catalog.version()).then(|| item.clone())
    };
    let mut results = shown.results;
    results.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut items: Vec<ItemVersion> = results.iter().filter_map(current).collect();
    let is_known = |id: i64, items: &[ItemVersion]| items.iter().any(|item| item.item_id == id);
    let ids = results.iter().map(|ranked| ranked.item_id);
    let gone: Vec<i64> = ids.filter(|id| !is_known(*id, &items)).collect();
    if !gone.is_empty() {
        items.extend(old_items(call, gone, version).await?);
    }
    let reasons = |item_id: i64| {
        let explain = explain.as_ref()?;
        let parts = serving.explain(explain.model_id?, &explain.user, item_id)?;
        Some(
            parts
                .iter()
                .map(|(name, part)| ((*name).to_owned(), *part))
                .collect(),
        )
    };
    let one = |ranked: &Ranked| Offered {
        item_id: ranked.item_id,
        score: ranked.score,
        row: (items.iter().find(|item| item.item_id == ranked.item_id))
            .map(|item| item.row.clone()),
        reasons: reasons(ranked.item_id).unwrap_or_default(),
    };
    Ok(results.iter().map(one).collect())
}

/// `POST /try/{task_id}`: keeps a choice, as `PUT /inference/select` does.
pub(super) async fn choose(call: &Call<'_>) -> Result<Answer, Failure> {
    let task_id = task(call)?;
    let id_name = call.shared.schema.item.id_name();
    let refused = || Failure::Refused(format!("the form has to be `{id_name}` and its number"));
    let fields = form(call)?;
    let [(name, value)] = fields.as_slice() else {
        return Err(refused());
    };
    let item_id = value.parse::<i64>().ok().filter(|_| *name == id_name);
    let item_id = item_id.ok_or_else(refused)?;
    let row = inference::keep(call, task_id, item_id).await?;
    let answer = if row.is_some() { "" } else { "?answer=none" };
    Ok(Answer::see_other(&format!("/try/{task_id}{answer}#thanks")))
}
