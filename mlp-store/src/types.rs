//! What goes into a store and comes out of it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use mlp_core::explore::Half;
use mlp_core::{Ranked, Row};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A task's id: a UUID, version 7 where we make it, so that keys arrive in order.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskId(Uuid);

impl TaskId {
    /// A new id, from the system's clock and randomness.
    pub fn new_v7() -> Self {
        Self(Uuid::now_v7())
    }

    /// The id's 16 bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// The id of these 16 bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }
}

impl fmt::Debug for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl FromStr for TaskId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Uuid::try_parse(text).map(Self).map_err(|_| ())
    }
}

/// What a task does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskKind {
    /// Ranks the items for a user.
    Inference,
    /// Trains a model.
    Training,
    /// Looks at drift and quality.
    Monitoring,
}

impl TaskKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Inference, Self::Training, Self::Monitoring];

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Inference => "inference",
            Self::Training => "training",
            Self::Monitoring => "monitoring",
        }
    }
}

/// How far a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TaskStatus {
    /// Nobody works on it.
    Pending,
    /// Somebody works on it, under a lease.
    Started,
    /// It failed and waits for another attempt.
    Retry,
    /// Done.
    Success,
    /// Given up, with a reason.
    Failure,
}

impl TaskStatus {
    /// Every status, in the order of their codes.
    pub const ALL: [Self; 5] = [
        Self::Pending,
        Self::Started,
        Self::Retry,
        Self::Success,
        Self::Failure,
    ];

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Started => "STARTED",
            Self::Retry => "RETRY",
            Self::Success => "SUCCESS",
            Self::Failure => "FAILURE",
        }
    }

    /// Whether it will not change any more.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Success | Self::Failure)
    }
}

/// A task as seen from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskView {
    /// Its id.
    pub task_id: TaskId,
    /// What it does.
    pub kind: TaskKind,
    /// How far it is.
    pub status: TaskStatus,
    /// Attempts begun.
    pub attempts: u32,
    /// The last failure's reason.
    pub error: Option<String>,
}

/// The key under which a client repeats a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// What the client sent, 1 to 255 bytes.
    pub key: String,
    /// A digest of the request: another request under the same key is refused.
    pub fingerprint: [u8; 32],
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

/// The permission to work on a task until it expires. Whoever works under an older token of the
/// same task is refused when they settle.
#[derive(Debug, Clone, PartialEq)]
pub struct Lease {
    /// The task.
    pub task_id: TaskId,
    /// What kind it is.
    pub kind: TaskKind,
    /// The fencing token: each claim of a task has a higher one.
    pub token: i64,
    /// The attempt that this is, from 1.
    pub attempt: u32,
    /// What to do.
    pub work: Work,
}

/// What a leased task asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Work {
    /// Rank for this user.
    Inference {
        /// The user's row.
        user: Row,
        /// Only these items; `None`: all.
        candidates: Option<Vec<i64>>,
    },
    /// Whatever the payload, a JSON text, says.
    Task {
        /// As given to `enqueue`.
        payload: String,
    },
}

/// What a claim asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimOptions {
    /// The kind of tasks.
    pub kind: TaskKind,
    /// At most so many.
    pub max: usize,
    /// How long the leases last without a heartbeat.
    pub lease: Duration,
}

/// Which lease is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseRef {
    /// The task.
    pub task_id: TaskId,
    /// Its kind.
    pub kind: TaskKind,
    /// The lease's token.
    pub token: i64,
}

impl Lease {
    /// Which lease this is.
    pub fn reference(&self) -> LeaseRef {
        LeaseRef {
            task_id: self.task_id,
            kind: self.kind,
            token: self.token,
        }
    }
}

/// The end of an attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct Settlement {
    /// The lease it was made under.
    pub lease: LeaseRef,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// An inference's ranking.
    Ranked(Ranking),
    /// A training's model, kept in the same transaction, with what was decided about it.
    Trained {
        /// The model.
        model: NewModel,
        /// What was decided, and why; the decision is about the new model.
        decision: NewDecision,
    },
    /// Any other task's success, with a JSON text.
    Done {
        /// What it answers.
        result: String,
    },
    /// It failed, and may be tried again after a while; past the limit of attempts it has failed
    /// for good.
    Retry {
        /// Why.
        error: String,
        /// How long to wait.
        after: Duration,
    },
    /// It failed for good.
    Failed {
        /// Why.
        error: String,
    },
    /// Nothing was done: it waits as if it had not been claimed, and the attempt does not count.
    Released,
}

/// What a settlement did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// The task is now so; for a training, the new model's id.
    Now(TaskStatus, Option<i64>),
    /// Another lease was given out since, or the task is final: nothing was changed.
    Stale,
}

/// A task that is no inference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTask {
    /// The id it gets.
    pub task_id: TaskId,
    /// Its kind, not [`TaskKind::Inference`].
    pub kind: TaskKind,
    /// What it asks for, a JSON text.
    pub payload: String,
}

/// How many tasks wait, of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueDepth {
    /// Neither started nor final.
    pub waiting: u64,
    /// Under a lease.
    pub started: u64,
    /// The age of the oldest that is not final, in microseconds; 0 where there is none.
    pub oldest_us: i64,
}

/// A change of the catalog.
#[derive(Debug, Clone, PartialEq)]
pub enum ItemChange {
    /// The item is so from now on; an unchanged row is no new version.
    Put {
        /// The item's id, at least 1; `None`: the next free one.
        item_id: Option<i64>,
        /// Its row.
        row: Row,
    },
    /// The item is not ranked any more.
    Withdraw {
        /// The item's id.
        item_id: i64,
    },
}

/// An item as it was from one catalog version to another.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemVersion {
    /// The item's id.
    pub item_id: i64,
    /// The first catalog version that has it so.
    pub from_version: i64,
    /// The first catalog version that has it no more so; `None`: it is current.
    pub to_version: Option<i64>,
    /// When this version was made, in microseconds since 1970.
    pub created_us: i64,
    /// Its row.
    pub row: Row,
}

/// Numbers that rise with every change of what serving rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Versions {
    /// Of the items.
    pub catalog: i64,
    /// Of the models, their shares and the settings.
    pub registry: i64,
}

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

/// A model's place in the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ModelStatus {
    /// It answers.
    Champion,
    /// It waits for a verdict.
    Challenger,
    /// It was champion.
    Retired,
    /// It was found worse.
    Rejected,
}

impl ModelStatus {
    /// Every status.
    pub const ALL: [Self; 4] = [
        Self::Champion,
        Self::Challenger,
        Self::Retired,
        Self::Rejected,
    ];

    /// The name in the store and on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Champion => "champion",
            Self::Challenger => "challenger",
            Self::Retired => "retired",
            Self::Rejected => "rejected",
        }
    }
}

/// A model to be kept.
#[derive(Debug, Clone, PartialEq)]
pub struct NewModel {
    /// The task that made it; `None` for an imported one.
    pub task_id: Option<TaskId>,
    /// [`mlp_core::Artifact::to_json`].
    pub artifact: String,
}

/// A model in the registry, without its artifact.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelRow {
    /// Its number.
    pub model_id: i64,
    /// The task that made it.
    pub task_id: Option<TaskId>,
    /// When it was made, in microseconds since 1970.
    pub created_us: i64,
    /// Its place.
    pub status: ModelStatus,
    /// The share of traffic that it answers, 0 to 1.
    pub use_percentage: f64,
    /// [`mlp_core::Artifact::to_json`].
    pub artifact: String,
}

/// What is done with a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DecisionKind {
    /// It becomes the champion; the champion before it retires.
    Promote,
    /// The champion goes, and leaves the line of champions: the one that it replaced comes back, so
    /// that a second rollback goes further back.
    Rollback,
    /// It is found worse; the champion cannot be.
    Reject,
    /// It waits for a verdict; the champion cannot.
    Wait,
}

impl DecisionKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Promote, Self::Rollback, Self::Reject, Self::Wait];

    /// The name in the store and on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Promote => "promote",
            Self::Rollback => "rollback",
            Self::Reject => "reject",
            Self::Wait => "wait",
        }
    }
}

/// A decision to be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDecision {
    /// What is done.
    pub kind: DecisionKind,
    /// Why, in a sentence.
    pub reason: String,
    /// The evidence, a JSON text.
    pub evidence: String,
}

/// A decision that was taken.
#[derive(Debug, Clone, PartialEq)]
pub struct DecisionRow {
    /// Its number.
    pub decision_id: i64,
    /// When, in microseconds since 1970.
    pub created_us: i64,
    /// The model that it is about; for a rollback, the one that came back.
    pub model_id: i64,
    /// What was decided.
    pub decision: NewDecision,
}

/// What pruning removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Pruned {
    /// Inferences, with their users.
    pub inferences: u64,
    /// Other final tasks.
    pub tasks: u64,
    /// Idempotency keys.
    pub keys: u64,
}

/// What a store says of itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StoreStatus {
    /// `sqlite` or `postgres`.
    pub backend: &'static str,
    /// The version of the tables that the store has.
    pub schema_version: i64,
    /// The version that this program writes.
    pub program_version: i64,
    /// Where it is, without secrets.
    pub place: String,
    /// Its size on disk.
    pub bytes: u64,
}
