//! Sessions: requests, results, choices, and the log of them.

use mlp_core::explore::Half;
use mlp_core::{Ranked, Row};

use super::task::{TaskId, TaskStatus};

/// The key under which a client repeats a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// What the client sent, 1 to 255 bytes.
    pub key: String,
    /// A digest of the request: another request under the same key is refused.
    pub fingerprint: [u8; 32],
}

/// Which of the tasks that wait is taken first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Priority {
    /// Somebody waits for it.
    #[default]
    Interactive,
    /// It is taken when nothing interactive waits.
    Batch,
}

/// A user's request, validated.
#[derive(Debug, Clone, PartialEq)]
pub struct NewSession {
    /// The id its task gets.
    pub task_id: TaskId,
    /// The user's row.
    pub user: Row,
    /// Only these items are ranked; `None`: all.
    pub candidates: Option<Vec<i64>>,
    /// How a repeat is recognised.
    pub idempotency: Option<Idempotency>,
    /// When it is taken; means nothing where it is ranked at once.
    pub priority: Priority,
}

/// The outcome of an inference.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranking {
    /// The model that scored; `None` while there is none.
    pub model_id: Option<i64>,
    /// The catalog version that was ranked.
    pub catalog_version: i64,
    /// Whether the order is random, to learn and judge from.
    pub explored: bool,
    /// The half an explored session belongs to; that of any other session has no meaning.
    pub half: Half,
    /// At most `max_shown` items: by descending score, or in random order where explored. A
    /// result's rank is its position here.
    pub ranked: Vec<Ranked>,
}

/// One hot operation of a session; a batch of them is one transaction.
#[derive(Debug, Clone, PartialEq)]
pub enum SessionOp {
    /// Keeps the request and its task. Answers [`SessionReply::Started`], `Full` or `KeyReused`.
    Start(NewSession),
    /// Keeps the request with its ranking, as settled and shown. Answers [`SessionReply::Shown`]
    /// or `KeyReused`; for a repeat, what `Show` says of the first.
    Rank {
        /// The request.
        session: NewSession,
        /// What it was answered.
        ranking: Ranking,
        /// How many were shown.
        limit: usize,
    },
    /// Reads the first `limit` results and keeps that they were shown. Answers
    /// [`SessionReply::Shown`], `NotFound`, `NotFinished` or `Failed`.
    Show {
        /// The inference's task.
        task_id: TaskId,
        /// How many to show, at least 1.
        limit: usize,
    },
    /// Keeps the user's choice, with what had been shown by then; the last one stands. Answers
    /// [`SessionReply::Selected`], `NotFound` (no such task), `NotRanked`, `NotFinished` or
    /// `Failed`.
    Select {
        /// The inference's task.
        task_id: TaskId,
        /// The chosen item, or [`NONE_OF_THESE`].
        item_id: i64,
    },
}

/// The selection that says "none of these".
pub const NONE_OF_THESE: i64 = -1;

/// The answer to a [`SessionOp`].
#[derive(Debug, Clone, PartialEq)]
pub enum SessionReply {
    /// The task exists from now on.
    Started {
        /// Its id: for a repeat, the first one's.
        task_id: TaskId,
        /// How far it is.
        status: TaskStatus,
    },
    /// Too many inferences are not final yet.
    Full {
        /// How many.
        pending: u64,
    },
    /// The idempotency key stands for another request.
    KeyReused,
    /// The results.
    Shown(Shown),
    /// The choice is kept; `None` for [`NONE_OF_THESE`].
    Selected(Option<ResultRow>),
    /// No such inference.
    NotFound,
    /// The item is not among the inference's results.
    NotRanked,
    /// The inference has no results yet.
    NotFinished(TaskStatus),
    /// The inference failed.
    Failed,
}

/// The results of an inference that are shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// The inference's task.
    pub task_id: TaskId,
    /// The inference's number.
    pub inference_id: i64,
    /// The user's number.
    pub user_id: i64,
    /// The model that scored.
    pub model_id: Option<i64>,
    /// The catalog version that was ranked.
    pub catalog_version: i64,
    /// The first results in the stored order, at most `limit`; where explored, callers order
    /// these by score.
    pub results: Vec<Ranked>,
}

/// One ranked item of one inference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ResultRow {
    /// Inference number × 1024 + rank.
    pub result_id: i64,
    /// The inference's task.
    pub task_id: TaskId,
    /// The user's number.
    pub user_id: i64,
    /// The item.
    pub item_id: i64,
    /// Its score.
    pub score: f32,
    /// Whether it is the user's choice.
    pub label: bool,
    /// Whether it was shown.
    pub shown: bool,
}

/// How many results an inference's number leaves room for.
pub const RESULTS_PER_INFERENCE: i64 = 1024;

/// A user as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct UserRow {
    /// The user's number.
    pub user_id: i64,
    /// When it was made, in microseconds since 1970.
    pub created_us: i64,
    /// Its row; texts are null once erased.
    pub row: Row,
}

/// How many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Current items.
    pub items: i64,
    /// Users.
    pub users: i64,
}

/// Which answered sessions are read.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionQuery {
    /// Only explored ones, or only others.
    pub explored: bool,
    /// Among explored ones, the half; ignored among others.
    pub half: Half,
    /// Only those answered at or before this time, in microseconds since 1970: an answer settles.
    pub answered_until_us: i64,
    /// Only inferences numbered below this: the cursor. `i64::MAX` begins.
    pub before: i64,
    /// At most so many, the newest first.
    pub limit: usize,
}

/// A session with an answer, to learn from or to judge by. Sessions without an answer are censored
/// and never appear; neither does one whose choice had been ranked but not shown when it was made,
/// or "none of these" where nothing had been shown.
#[derive(Debug, Clone, PartialEq)]
pub struct LoggedSession {
    /// The inference's number.
    pub inference_id: i64,
    /// The user's row.
    pub user: Row,
    /// The model that ranked.
    pub model_id: Option<i64>,
    /// The catalog version that was ranked.
    pub catalog_version: i64,
    /// The items that had been shown when the answer was given, in the stored order.
    pub shown: Vec<Ranked>,
    /// The position of the choice among `shown`; `None` for "none of these".
    pub picked: Option<usize>,
    /// When it was answered, in microseconds since 1970.
    pub answered_us: i64,
}

/// A session of the past, shown at random, to begin with.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportedSession {
    /// The id its task gets.
    pub task_id: TaskId,
    /// The user's row.
    pub user: Row,
    /// The items that were shown.
    pub shown: Vec<i64>,
    /// The position of the choice among `shown`; `None` for "none of these".
    pub picked: Option<usize>,
    /// The half it belongs to.
    pub half: Half,
}
