//! What the cases are written with.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mlp_core::explore::Half;
use mlp_core::{Ranked, Schema};

use super::{Backend, Limits, sample_row};
use crate::error::StoreError;
use crate::traits::{SettledFeed, Store};
use crate::types::{
    ClaimOptions, DecisionKind, ItemChange, Lease, LoggedSession, NewDecision, NewModel,
    NewSession, NewTask, Outcome, Ranking, ResultRow, SessionOp, SessionQuery, SessionReply,
    Settled, Settlement, Shown, TaskId, TaskKind, TaskStatus,
};

/// How long leases last here. Where the clock is real, cases wait for it.
pub(super) const LEASE: Duration = Duration::from_millis(400);

/// A store under test.
pub struct Bench {
    pub(super) schema: Arc<Schema>,
    backend: Box<dyn Backend>,
    seed: AtomicU64,
}

impl Bench {
    pub(super) fn new(backend: Box<dyn Backend>, schema: Arc<Schema>) -> Self {
        Self {
            schema,
            backend,
            seed: AtomicU64::new(1),
        }
    }

    /// The store, with its usual limits.
    pub(super) fn open(&self) -> Opened<'_> {
        self.open_with(Limits::default())
    }

    pub(super) fn open_with(&self, limits: Limits) -> Opened<'_> {
        Opened {
            store: self.backend.open(&self.schema, &limits),
            bench: self,
        }
    }

    pub(super) fn pass_time(&self, duration: Duration) {
        self.backend.pass_time(duration);
    }

    /// Lets leases of [`LEASE`] expire.
    pub(super) fn outlive_leases(&self) {
        self.pass_time(LEASE + Duration::from_millis(50));
    }

    /// Fails where a feed leaves something out that its backend should name.
    #[track_caller]
    pub(super) fn check_complete(&self, feed: &SettledFeed) {
        assert!(!(feed.incomplete && self.backend.capabilities().names_settled));
    }

    fn seed(&self) -> u64 {
        self.seed.fetch_add(1, Ordering::Relaxed)
    }

    /// A request, different from all others.
    pub(super) fn request(&self) -> NewSession {
        NewSession {
            task_id: TaskId::new_v7(),
            user: sample_row(&self.schema.user, self.seed()),
            candidates: None,
            idempotency: None,
            priority: Default::default(),
        }
    }

    pub(super) fn new_item(&self) -> ItemChange {
        ItemChange::Put {
            item_id: None,
            row: sample_row(&self.schema.item, self.seed()),
        }
    }
}

/// A ranking of the items 1 to `n`, the best first.
pub(super) fn ranking(n: i64) -> Ranking {
    let ranked = (1..=n).map(|item_id| Ranked {
        item_id,
        score: 1.0 / (item_id as f32 + 1.0),
    });
    Ranking {
        model_id: None,
        catalog_version: 0,
        explored: false,
        half: Half::Training,
        ranked: ranked.collect(),
    }
}

/// An explored ranking of the items `n` to 1, whose order says nothing.
pub(super) fn explored(n: i64, half: Half) -> Ranking {
    let mut ranking = ranking(n);
    ranking.ranked.reverse();
    Ranking {
        explored: true,
        half,
        ..ranking
    }
}

pub(super) fn model(name: &str) -> NewModel {
    NewModel {
        task_id: None,
        artifact: format!(r#"{{"name":"{name}"}}"#),
    }
}

pub(super) fn decision(kind: DecisionKind) -> NewDecision {
    NewDecision {
        kind,
        reason: format!("because of a {}", kind.name()),
        evidence: r#"{"sessions":500}"#.to_owned(),
    }
}

pub(super) fn task(kind: TaskKind) -> NewTask {
    NewTask {
        task_id: TaskId::new_v7(),
        kind,
        payload: r#"{"why":"by hand"}"#.to_owned(),
    }
}

/// An open store.
pub(super) struct Opened<'a> {
    pub store: Arc<dyn Store>,
    pub bench: &'a Bench,
}

/// What succeeds wherever the store works; the case is named by the panic.
#[track_caller]
pub(super) fn ok<T>(result: Result<T, StoreError>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{error}: {error:?}"),
    }
}

impl Opened<'_> {
    #[track_caller]
    pub fn apply(&self, op: SessionOp) -> SessionReply {
        let mut replies = ok(self.store.apply(&[op]));
        assert_eq!(replies.len(), 1);
        replies.remove(0)
    }

    #[track_caller]
    pub fn start(&self) -> TaskId {
        let session = self.bench.request();
        let task_id = session.task_id;
        let started = SessionReply::Started {
            task_id,
            status: TaskStatus::Pending,
        };
        assert_eq!(self.apply(SessionOp::Start(session)), started);
        task_id
    }

    #[track_caller]
    pub fn claim(&self, max: usize) -> Vec<Lease> {
        self.claim_of(TaskKind::Inference, max)
    }

    #[track_caller]
    pub fn claim_of(&self, kind: TaskKind, max: usize) -> Vec<Lease> {
        let lease = LEASE;
        ok(self.store.claim(&ClaimOptions { kind, max, lease }))
    }

    /// Claims the only task that is due.
    #[track_caller]
    pub fn claim_one(&self) -> Lease {
        let mut leases = self.claim(10);
        assert_eq!(leases.len(), 1, "one task is due");
        leases.remove(0)
    }

    #[track_caller]
    pub fn settle(&self, lease: &Lease, outcome: Outcome) -> Settled {
        let settled = ok(self.store.settle(&[Settlement {
            lease: lease.reference(),
            outcome,
        }]));
        assert_eq!(settled.len(), 1);
        settled[0]
    }

    #[track_caller]
    pub fn status(&self, id: TaskId) -> TaskStatus {
        match &ok(self.store.statuses(&[id]))[..] {
            [Some(view)] => view.status,
            other => panic!("the task is unknown: {other:?}"),
        }
    }

    #[track_caller]
    pub fn error(&self, id: TaskId) -> Option<String> {
        match &ok(self.store.statuses(&[id]))[..] {
            [Some(view)] => view.error.clone(),
            other => panic!("the task is unknown: {other:?}"),
        }
    }

    /// A finished inference, not shown.
    #[track_caller]
    pub fn finished(&self, ranking: Ranking) -> TaskId {
        let task_id = self.start();
        let lease = self.claim_one();
        assert_eq!(lease.task_id, task_id);
        let settled = self.settle(&lease, Outcome::Ranked(ranking));
        assert_eq!(settled, Settled::Now(TaskStatus::Success, None));
        task_id
    }

    /// A finished inference, made beside others that wait.
    #[track_caller]
    pub fn finished_beside(&self, ranking: Ranking) -> TaskId {
        let session = self.bench.request();
        let task_id = session.task_id;
        let limit = 0;
        self.apply(SessionOp::Rank {
            session,
            ranking,
            limit,
        });
        task_id
    }

    #[track_caller]
    pub fn show(&self, task_id: TaskId, limit: usize) -> Shown {
        match self.apply(SessionOp::Show { task_id, limit }) {
            SessionReply::Shown(shown) => shown,
            other => panic!("nothing is shown: {other:?}"),
        }
    }

    #[track_caller]
    pub fn select(&self, task_id: TaskId, item_id: i64) -> Option<ResultRow> {
        match self.apply(SessionOp::Select { task_id, item_id }) {
            SessionReply::Selected(row) => row,
            other => panic!("nothing is selected: {other:?}"),
        }
    }

    #[track_caller]
    pub fn results(&self, task_id: TaskId) -> Vec<ResultRow> {
        match ok(self.store.results(task_id)) {
            Some(results) => results,
            None => panic!("the task is unknown"),
        }
    }

    /// A finished inference with ten of its results shown and an answer.
    #[track_caller]
    pub fn answered(&self, ranking: Ranking, item_id: i64) -> TaskId {
        let task_id = self.finished(ranking);
        self.show(task_id, 10);
        self.select(task_id, item_id);
        task_id
    }

    /// All answered sessions of one sort, the newest first.
    #[track_caller]
    pub fn logged(&self, explored: bool, half: Half) -> Vec<LoggedSession> {
        ok(self.store.answered_sessions(&SessionQuery {
            explored,
            half,
            answered_until_us: i64::MAX,
            before: i64::MAX,
            limit: 1000,
        }))
    }
}
