//! What goes into a store and comes out of it.

mod item;
mod model;
mod session;
mod task;
mod traffic;
mod upkeep;

pub use item::{ItemChange, ItemVersion, Versions};
pub use model::{
    AUTO_PROMOTE_SETTING, AUTO_RETRAIN_SETTING, CANARY_SHARE_SETTING, DecisionKind, DecisionRow,
    MAX_CANARY_SHARE, ModelRow, ModelStatus, NewDecision, NewModel, canary_share,
};
pub use session::{
    Counts, Idempotency, ImportedSession, LoggedSession, NONE_OF_THESE, NewSession, Priority,
    RESULTS_PER_INFERENCE, Ranking, ResultRow, SessionOp, SessionQuery, SessionReply, Shown,
    UserRow,
};
pub use task::{
    Claim, ClaimOptions, Lease, LeaseRef, NewTask, Outcome, Overdue, QueueDepth, Settled,
    Settlement, TaskId, TaskKind, TaskStatus, TaskView, Work,
};
pub(crate) use traffic::Answering;
pub use traffic::{LoggedRequest, RequestQuery, TaskResult};
pub use upkeep::{Pruned, StoreStatus, TablesState};
