//! What a store can do, in parts. Every operation takes a batch where it is hot, and is one
//! transaction, durable when it returns.

use std::time::Duration;

use crate::error::StoreError;
use crate::types::{
    Claim, ClaimOptions, Counts, DecisionKind, DecisionRow, ImportedSession, ItemChange,
    ItemVersion, Lease, LeaseRef, LoggedRequest, LoggedSession, ModelRow, NewDecision, NewModel,
    NewTask, Overdue, Pruned, QueueDepth, RequestQuery, ResultRow, SessionOp, SessionQuery,
    SessionReply, Settled, Settlement, StoreStatus, TaskId, TaskKind, TaskResult, TaskStatus,
    TaskView, UserRow, Versions,
};

/// The result of a store's operation.
pub type Result<T> = std::result::Result<T, StoreError>;

/// The hot path: requests, results and choices.
pub trait Sessions: Send + Sync {
    /// Does all of `ops`, in their order, in one transaction; the replies have the same order.
    /// A reply is about its own operation: one that finds nothing does not undo the others.
    fn apply(&self, ops: &[SessionOp]) -> Result<Vec<SessionReply>>;

    /// How far tasks of any kind are; `None` for an unknown one. Same order as `ids`.
    fn statuses(&self, ids: &[TaskId]) -> Result<Vec<Option<TaskView>>>;
}

/// Tasks and their leases. Times are the store's own.
pub trait Queue: Send + Sync {
    /// Leases up to `max` tasks that are due, the oldest first: new ones, those whose wait after a
    /// failure is over, and those whose lease expired. A task whose last allowed attempt expired
    /// ends in [`TaskStatus::Failure`] instead.
    fn claim(&self, options: &ClaimOptions) -> Result<Vec<Lease>>;

    /// Leases these inferences, where nobody has them under lease: one that waits after a failure is
    /// leased though it is not due. Same order as `ids`.
    fn claim_inferences(&self, ids: &[TaskId], lease: Duration) -> Result<Vec<Claim>>;

    /// Inferences that have been due for `waited` or longer, at most `limit`, oldest first.
    fn overdue_inferences(&self, waited: Duration, limit: usize) -> Result<Vec<Overdue>>;

    /// Prolongs leases to `lease` from now; `false` where one is stale. Same order.
    fn heartbeat(&self, leases: &[LeaseRef], lease: Duration) -> Result<Vec<bool>>;

    /// Ends attempts. Same order.
    fn settle(&self, settlements: &[Settlement]) -> Result<Vec<Settled>>;

    /// Adds a task of a kind that is unique while one is not final: gives that one's id, or the
    /// new one's.
    fn enqueue(&self, task: &NewTask) -> Result<TaskId>;

    /// Ends inferences in [`TaskStatus::Failure`] that nobody took for too long; gives their
    /// number.
    fn sweep(&self) -> Result<u64>;

    /// How many tasks of a kind wait.
    fn depth(&self, kind: TaskKind) -> Result<QueueDepth>;

    /// Blocks until there may be work of a kind that was not there at `seen` (the last return value; 0 at
    /// first), or `timeout`. Never misses work that this process adds; others' may need the
    /// timeout.
    fn wait_for_work(&self, kind: TaskKind, seen: u64, timeout: Duration) -> u64;

    /// Blocks until tasks became final after `cursor` (0 at first), or `timeout`. What
    /// [`SessionOp::Rank`] settles is not told: its reply says so.
    fn wait_for_settled(&self, cursor: u64, timeout: Duration) -> SettledFeed;
}

/// What became final.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettledFeed {
    /// To pass to the next call.
    pub cursor: u64,
    /// What became final since the last call, as far as is known.
    pub tasks: Vec<(TaskId, TaskStatus)>,
    /// Whether more may have become final than `tasks` names: look them up.
    pub incomplete: bool,
}

/// The items, in versions.
pub trait Items: Send + Sync {
    /// Changes items in one transaction, which is one catalog version; gives that version (the
    /// current one when nothing changed) and the ids, in the order of `changes`.
    fn change_items(&self, changes: &[ItemChange]) -> Result<(i64, Vec<i64>)>;

    /// The current items by ascending id, with their catalog version.
    fn catalog(&self) -> Result<(i64, Vec<ItemVersion>)>;

    /// Every version of every item, by id and version.
    fn item_versions(&self) -> Result<Vec<ItemVersion>>;

    /// An item as it was at a catalog version; `None` where it was not.
    fn item_at(&self, item_id: i64, version: i64) -> Result<Option<ItemVersion>>;

    /// Current items with an id over `after`, at most `limit`, by ascending id.
    fn items_page(&self, after: i64, limit: usize) -> Result<Vec<ItemVersion>>;

    /// What changed last.
    fn versions(&self) -> Result<Versions>;
}

/// What was stored, for people to look at.
pub trait Content: Send + Sync {
    /// How many items and users there are.
    fn counts(&self) -> Result<Counts>;

    /// One user.
    fn user(&self, user_id: i64) -> Result<Option<UserRow>>;

    /// Users with a number over `after`, at most `limit`, in order.
    fn users_page(&self, after: i64, limit: usize) -> Result<Vec<UserRow>>;

    /// Erases a user's texts, and keeps the numbers; `false` where there is no such user.
    fn erase_user(&self, user_id: i64) -> Result<bool>;

    /// One result.
    fn result(&self, result_id: i64) -> Result<Option<ResultRow>>;

    /// All results of an inference by rank; `None` for an unknown task, empty while it has none.
    fn results(&self, task_id: TaskId) -> Result<Option<Vec<ResultRow>>>;
}

/// Sessions with answers, and the models made of them.
pub trait Registry: Send + Sync {
    /// Answered sessions, the newest first.
    fn answered_sessions(&self, query: &SessionQuery) -> Result<Vec<LoggedSession>>;

    /// Adds explored, answered sessions of the past, as of the current catalog.
    fn import_sessions(&self, sessions: &[ImportedSession]) -> Result<()>;

    /// Keeps a model as a challenger; gives its number.
    fn insert_model(&self, model: &NewModel) -> Result<i64>;

    /// Models, at most `limit`, the newest first.
    fn models(&self, limit: usize) -> Result<Vec<ModelRow>>;

    /// One model.
    fn model(&self, model_id: i64) -> Result<Option<ModelRow>>;

    /// Models with a share of traffic, by number.
    fn serving_models(&self) -> Result<Vec<ModelRow>>;

    /// Decides about a model in one transaction, with its reason; `false` where there is no such
    /// model. `model_id` is ignored for a rollback, which is `false` without a champion before.
    fn decide(&self, model_id: i64, decision: &NewDecision) -> Result<bool>;

    /// The newest decisions, newest first.
    fn decisions(&self, limit: usize) -> Result<Vec<DecisionRow>>;

    /// The newest decision of any of these kinds.
    fn newest_decision(&self, kinds: &[DecisionKind]) -> Result<Option<DecisionRow>>;

    /// A setting's JSON text.
    fn setting(&self, name: &str) -> Result<Option<String>>;

    /// Changes a setting, which raises the registry's version unless it was so before.
    fn set_setting(&self, name: &str, value: &str) -> Result<()>;

    /// How many decisions of each kind were ever taken, in the order of [`DecisionKind::ALL`]. Each
    /// raises the registry's version: while that stays, so do these.
    fn decision_counts(&self) -> Result<Vec<(DecisionKind, u64)>>;
}

/// What came in of late, and what was said of it.
pub trait Traffic: Send + Sync {
    /// Requests, answered or not, the newest first. Numbers rise with time: fewer than the limit is
    /// all there are.
    fn requests(&self, query: &RequestQuery) -> Result<Vec<LoggedRequest>>;

    /// Results of the newest tasks of a kind that succeeded with one, the newest first.
    fn task_results(&self, kind: TaskKind, limit: usize) -> Result<Vec<TaskResult>>;
}

/// Upkeep.
pub trait Maintenance: Send + Sync {
    /// Removes final sessions and tasks made before this time, in microseconds since 1970, at most
    /// `limit` of each kind; call it until it removes nothing. Explored and answered sessions stay
    /// when `keep_explored`.
    fn prune(&self, before_us: i64, limit: usize, keep_explored: bool) -> Result<Pruned>;

    /// Whether it is this caller's turn to do a duty that one of all processes does at a time: true
    /// for one caller, and then for nobody until `every` has passed. Whoever got the turn may die:
    /// the next goes to another.
    fn turn(&self, duty: &str, every: Duration) -> Result<bool>;

    /// What the store says of itself.
    fn status(&self) -> Result<StoreStatus>;

    /// Whether the store can read and write now.
    fn ping(&self) -> Result<()>;
}

/// All that a store does.
pub trait Store: Sessions + Queue + Items + Content + Registry + Traffic + Maintenance {}

impl<T: Sessions + Queue + Items + Content + Registry + Traffic + Maintenance> Store for T {}
