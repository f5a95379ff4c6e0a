//! From messages to leases, and from settled leases to results.

use std::collections::HashMap;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use mlp_core::Schema;

use super::inbox::Delivery;
use super::link::{Command, Counters, Link, lock};
use super::message::again;
use super::meta::{About, Exception, State, key};
use super::mirror::Record;
use super::requests::{self, Refusal};
use super::settings::CelerySettings;
use crate::clock::{Clock, SystemClock};
use crate::traits::{Result, Store};
use crate::types::{
    Claim, ClaimOptions, Lease, Outcome, Ranking, SessionOp, SessionReply, Settled, Settlement,
    TaskId, TaskKind, TaskStatus,
};

/// A message that cannot be worked on right now is looked at again after this.
const SOON: Duration = Duration::from_millis(500);

/// What is leased and not settled by then was forgotten: its message is looked at again.
const FORGOTTEN: Duration = Duration::from_secs(120);

/// What workers of a transport share.
pub(super) struct Deliverer {
    pub store: Arc<dyn Store>,
    pub schema: Arc<Schema>,
    pub settings: CelerySettings,
    pub link: Arc<Link>,
    pub records: SyncSender<Record>,
    /// The messages of leases that were handed out, by task and token.
    in_flight: Mutex<HashMap<(TaskId, i64), (Instant, Delivery)>>,
    /// Trainings that other programs asked for while one was under way already: its id.
    joined: Mutex<HashMap<String, TaskId>>,
}

impl Deliverer {
    pub fn new(
        store: Arc<dyn Store>,
        schema: Arc<Schema>,
        settings: CelerySettings,
        link: Arc<Link>,
        records: SyncSender<Record>,
    ) -> Self {
        Self {
            store,
            schema,
            settings,
            link,
            records,
            in_flight: Mutex::default(),
            joined: Mutex::default(),
        }
    }

    /// Leases for the inferences that messages name.
    pub fn take(&self, options: &ClaimOptions, timeout: Duration) -> Result<Vec<Lease>> {
        self.recall();
        let deliveries = self.link.inbox.take(options.max, timeout);
        if deliveries.is_empty() {
            return Ok(Vec::new());
        }
        let inferences: Vec<Delivery> = (deliveries.into_iter())
            .filter_map(|delivery| self.sort(delivery))
            .collect();
        self.admit(inferences, options.lease)
    }

    /// Looks again at messages whose leases nobody settled.
    fn recall(&self) {
        let mut in_flight = lock(&self.in_flight);
        let now = Instant::now();
        let is_old = |(since, _): &(Instant, Delivery)| now - *since > FORGOTTEN;
        if in_flight.values().any(is_old) {
            let old = in_flight.extract_if(|_, entry| is_old(entry));
            let old: Vec<Delivery> = old.map(|(_, (_, delivery))| delivery).collect();
            drop(in_flight);
            old.into_iter()
                .for_each(|delivery| self.hold(delivery, Duration::ZERO));
        }
    }

    /// Deals with what is no inference to begin now; gives the rest back.
    fn sort(&self, delivery: Delivery) -> Option<Delivery> {
        let message = &delivery.message;
        let now = now();
        if self.settings.training_tasks.contains(&message.task) {
            self.training(delivery);
        } else if !self.settings.inference_tasks.contains(&message.task) {
            let (task, id) = (&message.task, &message.id);
            tracing::error!(task, id, "a message names a task that is not known here");
            let unknown = State::Failure(Exception::not_registered(task));
            self.end(delivery, &unknown);
        } else if self.link.is_revoked(&message.id) {
            self.take_back(delivery, "revoked");
        } else if message.expires.is_some_and(|expires| expires <= now) {
            self.take_back(delivery, "expired");
        } else if let Some(eta) = message.eta.filter(|eta| *eta > now) {
            let wait = Duration::try_from(eta - now).unwrap_or_default();
            self.hold(delivery, wait);
        } else {
            return Some(delivery);
        }
        None
    }

    fn admit(&self, deliveries: Vec<Delivery>, lease: Duration) -> Result<Vec<Lease>> {
        let mut leases = Vec::with_capacity(deliveries.len());
        let unknown = self.claim(deliveries, lease, &mut leases)?;
        let begun = self.begin(unknown);
        let again = self.claim(begun, lease, &mut leases);
        match again {
            Ok(unknown) => unknown.into_iter().for_each(|d| self.hold(d, SOON)),
            Err(error) if leases.is_empty() => return Err(error),
            // Theirs are looked at again; the others' leases must not be lost for it.
            Err(error) => tracing::warn!(%error, "messages could not be leased: trying again"),
        }
        Ok(leases)
    }

    /// Leases what can be leased; gives those whose tasks the store does not have.
    fn claim(
        &self,
        deliveries: Vec<Delivery>,
        lease: Duration,
        leases: &mut Vec<Lease>,
    ) -> Result<Vec<Delivery>> {
        if deliveries.is_empty() {
            return Ok(deliveries);
        }
        let ids: Vec<TaskId> = deliveries.iter().map(task_id).collect();
        let claims = match self.store.claim_inferences(&ids, lease) {
            Ok(claims) => claims,
            Err(error) => {
                // They stay with us, and are not acknowledged.
                deliveries.into_iter().for_each(|d| self.hold(d, SOON));
                return Err(error);
            }
        };
        let mut unknown = Vec::new();
        for (delivery, claim) in deliveries.into_iter().zip(claims) {
            match claim {
                Claim::Leased(lease) => {
                    let key = (lease.task_id, lease.token);
                    let entry = (Instant::now(), delivery);
                    lock(&self.in_flight).insert(key, entry);
                    leases.push(lease);
                }
                Claim::Held(left) => self.hold(delivery, left + Duration::from_millis(50)),
                Claim::Final(status) => self.end_as_stored(delivery, status),
                // Pruned since, or of another store: the truth is here, and there is no such task.
                Claim::Unknown if delivery.message.is_ours => {
                    let id = &delivery.message.id;
                    tracing::warn!(
                        id,
                        "a message names an inference that the store does not have"
                    );
                    self.link.command(Command::Ack(delivery.tag));
                }
                Claim::Unknown => unknown.push(delivery),
            }
        }
        Ok(unknown)
    }

    /// Makes tasks of other programs' messages; gives those that have one now.
    fn begin(&self, deliveries: Vec<Delivery>) -> Vec<Delivery> {
        let (mut ops, mut mine) = (Vec::new(), Vec::new());
        for delivery in deliveries {
            let (message, body) = (&delivery.message, &delivery.sent.body);
            match requests::session(message, body, &self.schema, &*self.store) {
                Ok(session) => {
                    ops.push(SessionOp::Start(session));
                    mine.push(delivery);
                }
                Err(Refusal::Fault(error)) => self.end(delivery, &State::Failure(error)),
                Err(Refusal::Store(error)) => {
                    tracing::warn!(%error, "a message could not be read from the store");
                    self.hold(delivery, SOON);
                }
            }
        }
        if ops.is_empty() {
            return mine;
        }
        let replies = match self.store.apply(&ops) {
            Ok(replies) => replies,
            Err(error) => {
                tracing::warn!(%error, "messages could not be taken in: trying again");
                mine.into_iter().for_each(|d| self.hold(d, SOON));
                return Vec::new();
            }
        };
        let mut begun = Vec::with_capacity(mine.len());
        for (delivery, reply) in mine.into_iter().zip(replies) {
            match reply {
                SessionReply::Started { .. } => begun.push(delivery),
                // Full: the broker keeps what the store has no room for.
                _ => self.hold(delivery, SOON),
            }
        }
        begun
    }

    /// A task that is not begun any more.
    fn take_back(&self, delivery: Delivery, why: &'static str) {
        let id = task_id(&delivery);
        let claim = (self.store.claim_inferences(&[id], Duration::from_secs(10)))
            .map(|mut claims| claims.pop().unwrap_or(Claim::Unknown));
        let settled = match claim {
            Ok(Claim::Leased(lease)) => {
                let error = why.to_owned();
                let outcome = Outcome::Failed { error };
                let lease = lease.reference();
                self.store
                    .settle(&[Settlement { lease, outcome }])
                    .map(|_| ())
            }
            Ok(Claim::Unknown) => Ok(()),
            Ok(Claim::Held(left)) => return self.hold(delivery, left),
            Ok(Claim::Final(status)) => return self.end_as_stored(delivery, status),
            Err(error) => Err(error),
        };
        match settled {
            Ok(()) => self.end(delivery, &State::Revoked(why)),
            Err(error) => {
                tracing::warn!(%error, "a task could not be taken back: trying again");
                self.hold(delivery, SOON);
            }
        }
    }

    /// Another program asks for a training, or waits for it.
    fn training(&self, delivery: Delivery) {
        match self.follow_training(&delivery) {
            Ok(None) => self.hold(delivery, SOON),
            Ok(Some(state)) => {
                lock(&self.joined).remove(&delivery.message.id);
                self.end(delivery, &state);
            }
            Err(error) => {
                tracing::warn!(%error, "a training could not be asked for: trying again");
                self.hold(delivery, SOON);
            }
        }
    }

    /// The state of the training that a message stands for, once it is final.
    fn follow_training(&self, delivery: &Delivery) -> Result<Option<State>> {
        let message = &delivery.message;
        let joined = lock(&self.joined).get(&message.id).copied();
        let id = joined.unwrap_or_else(|| task_id(delivery));
        let view = self.store.statuses(&[id])?.pop().flatten();
        let Some(view) = view else {
            if self.link.is_revoked(&message.id) {
                return Ok(Some(State::Revoked("revoked")));
            }
            let task = match requests::training(message, &delivery.sent.body) {
                Ok(task) => task,
                Err(error) => return Ok(Some(State::Failure(error))),
            };
            let under_way = self.store.enqueue(&task)?;
            if under_way != id {
                lock(&self.joined).insert(message.id.clone(), under_way);
            }
            return Ok(None);
        };
        Ok(match view.status {
            TaskStatus::Success => Some(State::Success(self.trained(id)?)),
            TaskStatus::Failure => Some(failure(view.error)),
            _ => None,
        })
    }

    /// The result of a training, from the registry.
    fn trained(&self, id: TaskId) -> Result<String> {
        let models = self.store.models(100)?;
        let model = models.iter().find(|model| model.task_id == Some(id));
        Ok(match model {
            Some(model) => serde_json::json!({
                "model_id": model.model_id,
                "status": model.status.name(),
                "task_id": id.to_string(),
            })
            .to_string(),
            None => "null".to_owned(),
        })
    }

    /// The message of a task that is final already: its result is told again, since whoever had it
    /// may not have come to that.
    fn end_as_stored(&self, delivery: Delivery, status: TaskStatus) {
        match self.stored(task_id(&delivery), status) {
            Ok(state) => self.end(delivery, &state),
            Err(error) => {
                tracing::warn!(%error, "a result could not be read: trying again");
                self.hold(delivery, SOON);
            }
        }
    }

    fn stored(&self, id: TaskId, status: TaskStatus) -> Result<State> {
        if status == TaskStatus::Success {
            let rows = self.store.results(id)?.unwrap_or_default();
            let pairs: Vec<(i64, f32)> = rows.iter().map(|r| (r.item_id, r.score)).collect();
            return Ok(State::Success(json(&pairs)));
        }
        let view = self.store.statuses(&[id])?.pop().flatten();
        Ok(failure(view.and_then(|view| view.error)))
    }

    /// Says how a message ended. One of another program's is done with when its result is written:
    /// that program waits for nothing else.
    fn end(&self, delivery: Delivery, state: &State) {
        let message = &delivery.message;
        if message.ignore_result {
            return self.link.command(Command::Ack(delivery.tag));
        }
        let is_ours = message.is_ours;
        let record = self.record(About::from(message), state);
        let record = Record {
            ack: (!is_ours).then_some(delivery.tag),
            ..record
        };
        let written = self.records.try_send(record).is_ok();
        match (is_ours, written) {
            (true, true) => self.link.command(Command::Ack(delivery.tag)),
            (true, false) => {
                Counters::add(&self.link.counters.unmirrored, 1);
                self.link.command(Command::Ack(delivery.tag));
            }
            (false, true) => {}
            (false, false) => self.hold(delivery, SOON),
        }
    }

    fn record(&self, about: About, state: &State) -> Record {
        Record {
            key: key(&about.id),
            json: state.record(&about, now()),
            ack: None,
        }
    }

    /// Writes the state of a task that came without a message.
    pub fn tell(&self, id: TaskId, state: &State) {
        if (self.records.try_send(self.record(About::of(id), state))).is_err() {
            Counters::add(&self.link.counters.unmirrored, 1);
        }
    }

    fn hold(&self, delivery: Delivery, wait: Duration) {
        // What lies further ahead than this is held again.
        let wait = wait.min(Duration::from_secs(86_400));
        let before = self.link.inbox.held();
        let held = self.link.inbox.hold(delivery, Instant::now() + wait);
        // The broker is told in steps.
        if before.next_multiple_of(256) != held.next_multiple_of(256) {
            self.link.command(Command::Held(held));
        }
    }

    /// Settles in the store, then tells the other end.
    pub fn settle(&self, settlements: &[Settlement]) -> Result<Vec<Settled>> {
        let settled = self.store.settle(settlements)?;
        for (settlement, settled) in settlements.iter().zip(&settled) {
            let lease = &settlement.lease;
            let key = (lease.task_id, lease.token);
            let delivery = lock(&self.in_flight).remove(&key).map(|(_, d)| d);
            match delivery {
                Some(delivery) => self.settled(delivery, settlement, *settled),
                None => self.settled_without_message(settlement, *settled),
            }
        }
        Ok(settled)
    }

    fn settled(&self, delivery: Delivery, settlement: &Settlement, settled: Settled) {
        match (&settlement.outcome, settled) {
            // Another has it, or it is final: the next look tells which.
            (_, Settled::Stale) => self.hold(delivery, Duration::ZERO),
            (Outcome::Released, _) => self.link.command(Command::Requeue(delivery.tag)),
            (Outcome::Retry { error, after }, Settled::Now(TaskStatus::Retry, _)) => {
                self.retry(delivery, error, *after);
            }
            (outcome, Settled::Now(..)) => match state(outcome, settled) {
                Some(state) => self.end(delivery, &state),
                None => self.link.command(Command::Ack(delivery.tag)),
            },
        }
    }

    fn settled_without_message(&self, settlement: &Settlement, settled: Settled) {
        let Settled::Now(status, _) = settled else {
            return;
        };
        let state = match &settlement.outcome {
            Outcome::Retry { error, .. } if status == TaskStatus::Retry => {
                Some(State::Retry(Exception::runtime(error)))
            }
            outcome => state(outcome, settled),
        };
        if let Some(state) = state {
            self.tell(settlement.lease.task_id, &state);
        }
    }

    /// Publishes the next attempt, as a Python worker does, and is done with this one.
    fn retry(&self, delivery: Delivery, error: &str, after: Duration) {
        let message = &delivery.message;
        let wait = jiff::SignedDuration::try_from(after).unwrap_or(jiff::SignedDuration::MAX);
        let eta = now().checked_add(wait).unwrap_or(Timestamp::MAX);
        let next = again(&delivery.sent, message.retries.saturating_add(1), eta);
        if !message.ignore_result {
            let state = State::Retry(Exception::runtime(error));
            // The next attempt's result follows: this one may be missed.
            let _ = self
                .records
                .try_send(self.record(About::from(message), &state));
        }
        match self.link.is_connected() && self.link.send(next) {
            true => self.link.command(Command::Ack(delivery.tag)),
            false => self.hold(delivery, after),
        }
    }

    /// Says that a task is under way.
    pub fn started(&self, lease: &Lease) {
        let worker = self.link.node.clone();
        self.tell(lease.task_id, &State::Started { worker });
    }
}

pub(super) fn now() -> Timestamp {
    Timestamp::from_microsecond(SystemClock.now_us()).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn task_id(delivery: &Delivery) -> TaskId {
    requests::task_id(&delivery.message.id)
}

fn json<T: serde::Serialize>(value: &T) -> String {
    // Numbers and texts cannot fail to be written.
    serde_json::to_string(value).unwrap_or_default()
}

/// A failure as the store keeps it.
pub(super) fn failure(error: Option<String>) -> State {
    match error.as_deref() {
        Some("revoked") => State::Revoked("revoked"),
        Some("expired") => State::Revoked("expired"),
        other => State::Failure(Exception::runtime(other.unwrap_or("the task failed"))),
    }
}

/// What an attempt that ended is to Celery; `None` for what says nothing.
fn state(outcome: &Outcome, settled: Settled) -> Option<State> {
    let Settled::Now(status, model) = settled else {
        return None;
    };
    match outcome {
        Outcome::Ranked(ranking) => Some(State::Success(pairs(ranking))),
        Outcome::Trained { decision, .. } => Some(State::Success(
            serde_json::json!({
                "model_id": model,
                "decision": decision.kind.name(),
                "reason": decision.reason,
            })
            .to_string(),
        )),
        Outcome::Done { result } | Outcome::Watched { report: result, .. } => {
            Some(State::Success(result.clone()))
        }
        Outcome::Failed { error } | Outcome::Retry { error, .. }
            if status == TaskStatus::Failure =>
        {
            Some(failure(Some(error.clone())))
        }
        _ => None,
    }
}

/// `[[item_id, score], …]` in the stored order.
fn pairs(ranking: &Ranking) -> String {
    let pairs: Vec<(i64, f32)> = (ranking.ranked.iter())
        .map(|ranked| (ranked.item_id, ranked.score))
        .collect();
    json(&pairs)
}

/// Whether a kind of task travels by messages; others are taken from the store.
pub(super) fn travels(kind: TaskKind) -> bool {
    kind == TaskKind::Inference
}
