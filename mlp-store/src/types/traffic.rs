//! What came in of late, to watch it.

use mlp_core::explore::Half;
use mlp_core::{Ranked, Row};

use super::task::TaskId;

/// Which requests are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestQuery {
    /// Only those made after this time, in microseconds since 1970. `i64::MIN`: all.
    pub after_us: i64,
    /// Only those made at or before this time. `i64::MAX`: all.
    pub until_us: i64,
    /// Only inferences numbered below this: the cursor. `i64::MAX` begins.
    pub before: i64,
    /// At most so many, the newest first.
    pub limit: usize,
}

/// A request, with what became of it so far. Unlike a [`LoggedSession`](super::LoggedSession) it need
/// not have an answer, nor results.
#[derive(Debug, Clone, PartialEq)]
pub struct LoggedRequest {
    /// The inference's number.
    pub inference_id: i64,
    /// When it was made, in microseconds since 1970.
    pub created_us: i64,
    /// The user's row.
    pub user: Row,
    /// The model that ranked; `None` while nobody has, and where there was no model.
    pub model_id: Option<i64>,
    /// Whether the order is random.
    pub explored: bool,
    /// The half that an explored one belongs to; that of any other has no meaning.
    pub half: Half,
    /// The items that were shown, in the stored order, with their scores: by the time of the answer,
    /// or by now where there is none.
    pub shown: Vec<Ranked>,
    /// When results were first shown, in microseconds since 1970.
    pub shown_us: Option<i64>,
    /// When it was answered; `None` also where the answer is about what had not been shown.
    pub answered_us: Option<i64>,
    /// The position of the choice among `shown`; `None` for "none of these", and without an answer.
    pub picked: Option<usize>,
}

/// What a task that succeeded left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskResult {
    /// The task.
    pub task_id: TaskId,
    /// When it was made, in microseconds since 1970.
    pub created_us: i64,
    /// Its result, a JSON text.
    pub result: String,
}

/// How an inference stands in its table, as far as its request's log needs it.
pub(crate) struct Answering {
    pub shown_n: usize,
    pub answered_n: Option<usize>,
    pub answered_us: Option<i64>,
    pub selected_rank: Option<usize>,
}

impl Answering {
    /// How many were shown, when it was answered and which was picked, where an answer counts only if
    /// it is about what had been shown.
    pub fn counted(self) -> (usize, Option<i64>, Option<usize>) {
        match (self.answered_n, self.answered_us) {
            (Some(seen), Some(at)) if seen > self.selected_rank.unwrap_or(0) => {
                (seen, Some(at), self.selected_rank)
            }
            _ => (self.shown_n, None, None),
        }
    }
}
