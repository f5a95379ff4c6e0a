//! The codes that statuses and kinds have in tables.

use crate::types::{Priority, TaskKind, TaskStatus};

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
