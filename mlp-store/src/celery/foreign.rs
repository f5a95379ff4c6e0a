//! A ranking made of another program's scores.

use std::collections::HashSet;

use mlp_core::Ranked;
use mlp_core::explore;

use crate::live::Serving;
use crate::types::{Ranking, TaskId};

/// Ranks what another program scored; `max_shown` items at most. Items that are unknown, or were
/// scored twice, are passed over; `Err` where none is left though some were scored.
///
/// A session that is to be explored is, where all that could be shown was scored: a random
/// permutation of a selection would be none of the items.
pub(super) fn ranking(
    serving: &Serving,
    task_id: &TaskId,
    candidates: Option<&[i64]>,
    scores: &[(i64, f32)],
    max_shown: usize,
) -> Result<Ranking, String> {
    let catalog = serving.catalog();
    let mut seen = HashSet::with_capacity(scores.len());
    let mut scored: Vec<Ranked> = (scores.iter())
        .filter(|(id, _)| catalog.position(*id).is_some() && seen.insert(*id))
        .map(|&(item_id, score)| Ranked { item_id, score })
        .collect();
    if scored.is_empty() && !scores.is_empty() {
        return Err(format!(
            "none of the {} items of the result is known, the first is `{}`",
            scores.len(),
            scores[0].0
        ));
    }
    let session = task_id.as_bytes();
    let whole = is_whole(serving, candidates, &seen);
    let explored = whole && explore::explored(session, serving.exploration_share());
    let ranked = if explored {
        scored.sort_by_key(|ranked| ranked.item_id);
        let mut order = Vec::new();
        explore::permutation(session, scored.len(), max_shown, &mut order);
        order.iter().map(|p| scored[*p as usize]).collect()
    } else {
        scored.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.item_id.cmp(&b.item_id)));
        scored.truncate(max_shown);
        scored
    };
    Ok(Ranking {
        model_id: None,
        catalog_version: catalog.version(),
        explored,
        half: explore::half(session),
        ranked,
    })
}

fn is_whole(serving: &Serving, candidates: Option<&[i64]>, seen: &HashSet<i64>) -> bool {
    let catalog = serving.catalog();
    match candidates {
        None => seen.len() == catalog.items().len(),
        Some(candidates) => (candidates.iter())
            .filter(|id| catalog.position(**id).is_some())
            .all(|id| seen.contains(id)),
    }
}
