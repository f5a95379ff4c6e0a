//! Sessions as a store sees them: 210 travel items, of which 100 are ranked.

use std::time::Duration;

use mlp_core::explore::Half;
use mlp_core::{Ranked, Row};
use mlp_store::{
    ClaimOptions, Lease, NewSession, Outcome, Queue, Ranking, SessionOp, SessionReply, Sessions,
    Settled, Settlement, TaskId, TaskKind, TaskStatus,
};

use crate::fixture;

/// What sessions are made of.
pub struct Load {
    users: Vec<Row>,
    ranking: Ranking,
}

impl Load {
    pub fn new() -> Self {
        let ranked = |rank: u16| Ranked {
            item_id: i64::from(rank * 37 % 210 + 1),
            score: 1.0 / (1.0 + f32::from(rank)),
        };
        Self {
            users: fixture::rows(&fixture::schema().user, &fixture::users(1000)),
            ranking: Ranking {
                model_id: Some(1),
                catalog_version: 1,
                explored: false,
                half: Half::Training,
                ranked: (0..100).map(ranked).collect(),
            },
        }
    }

    /// New requests.
    pub fn starts(&self, n: usize) -> (Vec<TaskId>, Vec<SessionOp>) {
        let users = self.users.iter().cycle().take(n);
        let new = users.map(|user| {
            let task_id = TaskId::new_v7();
            let session = NewSession {
                task_id,
                user: user.clone(),
                candidates: None,
                idempotency: None,
                priority: Default::default(),
            };
            (task_id, SessionOp::Start(session))
        });
        new.unzip()
    }

    pub fn shows(&self, ids: &[TaskId]) -> Vec<SessionOp> {
        let show = |id: &TaskId| SessionOp::Show {
            task_id: *id,
            limit: 10,
        };
        ids.iter().map(show).collect()
    }

    /// Choices of the first result.
    pub fn selects(&self, ids: &[TaskId]) -> Vec<SessionOp> {
        let select = |id: &TaskId| SessionOp::Select {
            task_id: *id,
            item_id: self.ranking.ranked[0].item_id,
        };
        ids.iter().map(select).collect()
    }

    /// The worker's answers.
    pub fn settlements(&self, leases: &[Lease]) -> Vec<Settlement> {
        let settlement = |lease: &Lease| Settlement {
            lease: lease.reference(),
            outcome: Outcome::Ranked(self.ranking.clone()),
        };
        leases.iter().map(settlement).collect()
    }

    /// Does them, all of which must succeed.
    pub fn apply(&self, store: &(impl Sessions + ?Sized), ops: &[SessionOp]) {
        let replies = store.apply(ops).unwrap();
        let good = |reply: &SessionReply| {
            matches!(
                reply,
                SessionReply::Started { .. }
                    | SessionReply::Shown(_)
                    | SessionReply::Selected(Some(_))
            )
        };
        assert!(replies.iter().all(good), "{replies:?}");
    }

    pub fn claim(&self, store: &(impl Queue + ?Sized), max: usize) -> Vec<Lease> {
        let options = ClaimOptions {
            kind: TaskKind::Inference,
            max,
            lease: Duration::from_secs(30),
        };
        store.claim(&options).unwrap()
    }

    /// Does them, all of which must succeed.
    pub fn settle(&self, store: &(impl Queue + ?Sized), settlements: &[Settlement]) {
        let settled = store.settle(settlements).unwrap();
        let done = Settled::Now(TaskStatus::Success, None);
        assert!(settled.iter().all(|settled| *settled == done));
    }
}
