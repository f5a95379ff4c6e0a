//! What the cases are written with.

use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use mlp_core::Schema;

use super::super::bench::ok;
use super::super::{Limits, sample_row};
use super::{Joined, Medium, Seat};
use crate::traits::{Sessions, Store};
use crate::transport::{Announcement, Announcing, Transport};
use crate::types::{
    ClaimOptions, Lease, NewSession, Outcome, ResultRow, SessionOp, SessionReply, Settled,
    Settlement, TaskId, TaskKind, TaskStatus, TaskView,
};

/// How long a lease lasts that nobody waits for.
pub(super) const LONG: Duration = Duration::from_secs(60);

/// How long a lease lasts that a case waits for.
pub(super) const SHORT: Duration = Duration::from_millis(200);

/// What has to happen happens within this, however busy the machine is.
pub(super) const PATIENCE: Duration = Duration::from_secs(15);

/// What does not happen within this is not on its way.
pub(super) const QUIET: Duration = Duration::from_millis(120);

/// A medium under test.
pub struct Stage {
    pub(super) schema: Arc<Schema>,
    // Dropped after `drop` has waited for all who used it.
    pub(super) medium: Box<dyn Medium>,
    seed: AtomicU64,
    leaving: Mutex<Vec<JoinHandle<()>>>,
}

impl Drop for Stage {
    fn drop(&mut self) {
        let leaving = self.leaving.get_mut();
        for thread in leaving.unwrap_or_else(PoisonError::into_inner).drain(..) {
            // A panic there has been printed already.
            let _ = thread.join();
        }
    }
}

impl Stage {
    pub(super) fn new(medium: Box<dyn Medium>, schema: Arc<Schema>) -> Self {
        Self {
            schema,
            medium,
            seed: AtomicU64::new(1),
            leaving: Mutex::default(),
        }
    }

    pub(super) fn publisher(&self) -> Member<'_> {
        self.join(false, false, Limits::default())
    }

    pub(super) fn worker(&self) -> Member<'_> {
        self.join(true, false, Limits::default())
    }

    /// A process that the medium is out of reach of.
    pub(super) fn cut_off(&self, works: bool) -> Member<'_> {
        self.join(works, true, Limits::default())
    }

    /// A process that is connected when this returns, unless it is cut off.
    pub(super) fn join(&self, works: bool, cut_off: bool, limits: Limits) -> Member<'_> {
        let seat = Seat { works, cut_off };
        let Joined { store, transport } = self.medium.join(&self.schema, &limits, seat);
        let sessions = Announcing::new(Arc::<dyn Store>::clone(&store), Arc::clone(&transport));
        let member = Member {
            stage: self,
            has: Some(Has {
                store,
                transport,
                sessions,
            }),
        };
        let carries = self.medium.capabilities().carries;
        assert_eq!(member.transport.status().is_some(), carries);
        if carries && !cut_off {
            let is_there = || member.transport.status().is_some_and(|s| s.broker);
            wait_until("the medium is connected", is_there);
        }
        member
    }

    /// A request, different from all others.
    pub(super) fn request(&self) -> NewSession {
        let seed = self.seed.fetch_add(1, Ordering::Relaxed);
        let task_id = TaskId::new_v7();
        self.medium.owns(task_id);
        NewSession {
            task_id,
            user: sample_row(&self.schema.user, seed),
            candidates: None,
            idempotency: None,
            priority: Default::default(),
        }
    }

    /// Waits until the medium holds so many messages, once nobody is there to receive them.
    #[track_caller]
    pub(super) fn check_waiting(&self, messages: u32) {
        if self.medium.capabilities().carries {
            wait_until("the medium holds what it should", || {
                self.medium.waiting() == messages
            });
        }
    }
}

/// Fails unless it becomes so.
#[track_caller]
pub(super) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "in vain: {what}");
        sleep(Duration::from_millis(10));
    }
}

/// A process that joined. It leaves when dropped, in its own time, as processes do.
pub(super) struct Member<'a> {
    pub stage: &'a Stage,
    /// Until it leaves.
    has: Option<Has>,
}

/// What a member has.
pub(super) struct Has {
    pub store: Arc<dyn Store>,
    pub transport: Arc<dyn Transport>,
    sessions: Announcing,
}

impl Deref for Member<'_> {
    type Target = Has;

    fn deref(&self) -> &Has {
        self.has.as_ref().expect("it has not left")
    }
}

impl Drop for Member<'_> {
    fn drop(&mut self) {
        let has = self.has.take();
        let leaving = self.stage.leaving.lock();
        let mut leaving = leaving.unwrap_or_else(PoisonError::into_inner);
        leaving.push(spawn(move || drop(has)));
    }
}

impl Member<'_> {
    pub fn start(&self) -> TaskId {
        self.start_many(1)[0]
    }

    pub fn start_many(&self, n: usize) -> Vec<TaskId> {
        self.start_all((0..n).map(|_| self.stage.request()).collect())
    }

    #[track_caller]
    pub fn start_all(&self, sessions: Vec<NewSession>) -> Vec<TaskId> {
        let ids: Vec<TaskId> = sessions.iter().map(|session| session.task_id).collect();
        let ops: Vec<SessionOp> = sessions.into_iter().map(SessionOp::Start).collect();
        for (reply, id) in ok(self.sessions.apply(&ops)).into_iter().zip(&ids) {
            let (task_id, status) = (*id, TaskStatus::Pending);
            assert_eq!(reply, SessionReply::Started { task_id, status });
        }
        ids
    }

    pub fn announce(&self, session: &NewSession) {
        self.transport.announce(&[Announcement {
            task_id: session.task_id,
            user: &session.user,
            candidates: session.candidates.as_deref(),
        }]);
    }

    /// Waits until the medium has so many messages of this process.
    pub fn told(&self, messages: u64) {
        if let Some(status) = self.transport.status() {
            let told = || {
                let status = self.transport.status().unwrap_or(status);
                status.published >= messages
            };
            wait_until("the medium has what it was told", told);
        }
    }

    /// One take, of inferences.
    #[track_caller]
    pub fn take(&self, max: usize, lease: Duration, timeout: Duration) -> Vec<Lease> {
        let kind = TaskKind::Inference;
        let options = ClaimOptions { kind, max, lease };
        let leases = ok(self.transport.take(&options, timeout));
        assert!(leases.len() <= max);
        leases
    }

    /// Takes until it has so many.
    #[track_caller]
    pub fn take_all(&self, n: usize, lease: Duration) -> Vec<Lease> {
        let end = Instant::now() + PATIENCE;
        let mut leases = Vec::new();
        while leases.len() < n {
            assert!(Instant::now() < end, "{} of {n} came", leases.len());
            leases.extend(self.take(n - leases.len(), lease, Duration::from_millis(200)));
        }
        leases
    }

    #[track_caller]
    pub fn take_one(&self, lease: Duration) -> Lease {
        self.take_all(1, lease).remove(0)
    }

    /// Fails where something comes within [`QUIET`].
    #[track_caller]
    pub fn check_nothing_comes(&self) {
        let end = Instant::now() + QUIET;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            assert_eq!(self.take(10, LONG, left), []);
        }
    }

    #[track_caller]
    pub fn settle(&self, lease: &Lease, outcome: Outcome) -> Settled {
        let lease = lease.reference();
        let settled = ok(self.transport.settle(&[Settlement { lease, outcome }]));
        assert_eq!(settled.len(), 1);
        settled[0]
    }

    #[track_caller]
    pub fn view(&self, id: TaskId) -> TaskView {
        match ok(self.store.statuses(&[id])).pop().flatten() {
            Some(view) => view,
            None => panic!("the task is unknown"),
        }
    }

    #[track_caller]
    pub fn status(&self, id: TaskId) -> TaskStatus {
        self.view(id).status
    }

    #[track_caller]
    pub fn results(&self, id: TaskId) -> Vec<ResultRow> {
        match ok(self.store.results(id)) {
            Some(results) => results,
            None => panic!("the task is unknown"),
        }
    }
}
