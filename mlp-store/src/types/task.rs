//! Tasks, the permission to work on them, and what comes of it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use mlp_core::Row;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::model::{NewDecision, NewModel};
use super::session::Ranking;

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

/// What became of the wish to lease one inference.
#[derive(Debug, Clone, PartialEq)]
pub enum Claim {
    /// It is leased.
    Leased(Lease),
    /// Another has it under lease, at least for so long.
    Held(Duration),
    /// It will not change any more.
    Final(TaskStatus),
    /// There is no such inference.
    Unknown,
}

/// An inference that is due, and that nobody has taken for a while.
#[derive(Debug, Clone, PartialEq)]
pub struct Overdue {
    /// Its task.
    pub task_id: TaskId,
    /// For how long it has been due.
    pub waited: Duration,
    /// The user's row.
    pub user: Row,
    /// Only these items are to be ranked; `None`: all.
    pub candidates: Option<Vec<i64>>,
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
    /// A look at the traffic, with what was found and what follows, kept in the same transaction.
    Watched {
        /// What was found, a JSON text: the task's result.
        report: String,
        /// What is said of a model: an alarm, or the end of one.
        decision: Option<(i64, NewDecision)>,
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
