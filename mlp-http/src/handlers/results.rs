//! Results, as they are shown.

use std::time::Instant;

use mlp_core::{Ranked, Row};
use mlp_store::{ItemVersion, Serving, SessionOp, SessionReply, Shown};

use super::Call;
use super::inference::unexpected;
use crate::answer::Answer;
use crate::failure::{Busy, Failure};
use crate::wire;

const NOT_FOUND: Failure = Failure::NotFound("no such inference");

/// What contributions are computed from.
pub(super) struct Explain {
    pub user: Row,
    pub model_id: Option<i64>,
}

/// How many results are asked for.
pub(super) fn limit(call: &Call<'_>) -> Result<usize, Failure> {
    let most = call.shared.schema.max_shown;
    call.query.limit(crate::DEFAULT_RESULTS.min(most), most)
}

/// `GET /inference/results/{task_id}`.
pub(super) async fn results(call: &Call<'_>) -> Result<Answer, Failure> {
    let limit = limit(call)?;
    let wanted = call.query.flag("explain")?;
    let Ok(task_id) = call.parameter.parse() else {
        return Err(NOT_FOUND);
    };
    let op = SessionOp::Show { task_id, limit };
    let shown = shown(call.shared.desk.apply(op).await?)?;
    let explain = if wanted {
        explanation(call, &shown).await?
    } else {
        None
    };
    let serving = call.shared.live.current();
    let mut out = Vec::with_capacity(64 + shown.results.len() * 512);
    render(call, &serving, shown, explain.as_ref(), &mut out).await?;
    Ok(Answer::json(out))
}

/// The results in a reply.
pub(super) fn shown(reply: SessionReply) -> Result<Shown, Failure> {
    match reply {
        SessionReply::Shown(shown) => Ok(shown),
        SessionReply::NotFound => Err(NOT_FOUND),
        SessionReply::NotFinished(_) => {
            Err(Failure::Conflict("the inference is not finished".into()))
        }
        SessionReply::Failed => Err(Failure::TaskFailed),
        SessionReply::Full { .. } => Err(Failure::Busy(Busy::Tasks)),
        other => Err(unexpected(&other)),
    }
}

pub(super) async fn explanation(
    call: &Call<'_>,
    shown: &Shown,
) -> Result<Option<Explain>, Failure> {
    let (user_id, model_id) = (shown.user_id, shown.model_id);
    let user = call
        .shared
        .desk
        .call(move |store| store.user(user_id))
        .await?;
    Ok(user.map(|user| Explain {
        user: user.row,
        model_id,
    }))
}

/// Writes the list of results, by descending score.
pub(super) async fn render(
    call: &Call<'_>,
    serving: &Serving,
    shown: Shown,
    explain: Option<&Explain>,
    out: &mut Vec<u8>,
) -> Result<(), Failure> {
    let shared = call.shared;
    let mut results = shown.results;
    // Stable: where all scores are alike, the order stays random.
    results.sort_by(|a, b| b.score.total_cmp(&a.score));
    let version = shown.catalog_version;
    let fragments = shared.fragments.of(serving);
    let stale = |r: &&Ranked| fragments.get(&shared.item, r.item_id, version).is_none();
    let gone: Vec<i64> = results.iter().filter(stale).map(|r| r.item_id).collect();
    let old = if gone.is_empty() {
        Vec::new()
    } else {
        old_items(call, gone, version).await?
    };
    let started = Instant::now();
    wire::list(out, &results, |out, ranked| {
        out.extend_from_slice(b"{\"score\":");
        wire::put(out, &ranked.score);
        let item_id = ranked.item_id;
        if let Some(text) = fragments.get(&shared.item, item_id, version) {
            out.push(b',');
            out.extend_from_slice(text);
        } else if let Some(item) = old.iter().find(|i| i.item_id == item_id) {
            out.push(b',');
            shared.item.fields(out, item_id, &item.row);
        }
        if let Some(explain) = explain {
            out.extend_from_slice(b",\"explain\":");
            contributions(serving, explain, item_id, out);
        }
        out.push(b'}');
    });
    shared.metrics.shown.inc();
    shared
        .metrics
        .stages
        .render
        .observe(started.elapsed().as_secs_f64());
    Ok(())
}

/// Items as they were at a catalog version.
pub(super) async fn old_items(
    call: &Call<'_>,
    ids: Vec<i64>,
    version: i64,
) -> Result<Vec<ItemVersion>, Failure> {
    let read = move |store: &dyn mlp_store::Store| {
        let items = ids.iter().map(|id| store.item_at(*id, version));
        items.filter_map(mlp_store::Result::transpose).collect()
    };
    call.shared.desk.call(read).await
}

fn contributions(serving: &Serving, explain: &Explain, item_id: i64, out: &mut Vec<u8>) {
    let parts =
        (explain.model_id).and_then(|model_id| serving.explain(model_id, &explain.user, item_id));
    let Some(parts) = parts else {
        out.extend_from_slice(b"null");
        return;
    };
    out.push(b'{');
    for (position, (name, part)) in parts.iter().enumerate() {
        if position > 0 {
            out.push(b',');
        }
        wire::put(out, name);
        out.push(b':');
        wire::put(out, part);
    }
    out.push(b'}');
}
