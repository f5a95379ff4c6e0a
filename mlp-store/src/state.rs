//! What statuses, kinds and rankings are in tables.

use mlp_core::explore::Half;

use crate::codec;
use crate::error::StoreError;
use crate::types::{Priority, RESULTS_PER_INFERENCE, Ranking, TaskKind, TaskStatus};

/// The code of a status; those of final ones are 3 and over, which the partial indexes rest on.
pub(crate) fn code(status: TaskStatus) -> i64 {
    match status {
        TaskStatus::Pending => 0,
        TaskStatus::Started => 1,
        TaskStatus::Retry => 2,
        TaskStatus::Success => 3,
        TaskStatus::Failure => 4,
    }
}

/// The code of a kind in `tasks`.
pub(crate) fn kind_code(kind: TaskKind) -> i64 {
    match kind {
        TaskKind::Inference => 0,
        TaskKind::Training => 1,
        TaskKind::Monitoring => 2,
    }
}

pub(crate) fn status_of(code: i64) -> Option<TaskStatus> {
    TaskStatus::ALL.get(usize::try_from(code).ok()?).copied()
}

pub(crate) fn kind_of(code: i64) -> Option<TaskKind> {
    TaskKind::ALL.get(usize::try_from(code).ok()?).copied()
}

/// The code of a priority: the lower goes first.
pub(crate) fn priority_code(priority: Priority) -> i64 {
    match priority {
        Priority::Interactive => 0,
        Priority::Batch => 1,
    }
}

/// Whether a ranking belongs to the judging half, as stored.
pub(crate) fn judging(ranking: &Ranking) -> bool {
    ranking.explored && ranking.half == Half::Judging
}

/// A ranking's list; one that is too long to number is refused.
pub(crate) fn ranking_to_bytes(ranking: &Ranking) -> Result<Vec<u8>, StoreError> {
    let n = ranking.ranked.len();
    if n as i64 > RESULTS_PER_INFERENCE {
        let message = format!("a ranking of `{n}` items is over {RESULTS_PER_INFERENCE}");
        return Err(StoreError::Invalid(message));
    }
    Ok(codec::ranked_to_bytes(&ranking.ranked))
}

/// A name as SQL takes it. The schema lets only `[a-z0-9_]` through, but also SQL's own words.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
