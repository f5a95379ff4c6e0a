//! From messages to leases, and from settled leases to results.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use mlp_core::Schema;

use super::inbox::Delivery;
use super::link::{Command, Counters, Link, Tag, lock};
use super::message::again;
use super::meta::{About, Answer, Exception, State, key};
use super::records::Record;
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
    ) -> Self {
        Self {
            store,
            schema,
            settings,
            link,
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
        let now = now();
        let inferences: Vec<Delivery> = (deliveries.into_iter())
            .filter_map(|delivery| self.sort(delivery, now))
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
    fn sort(&self, delivery: Delivery, now: Timestamp) -> Option<Delivery> {
        let message = &delivery.message;
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
        let (mut unknown, mut in_flight) = (Vec::new(), Vec::with_capacity(ids.len()));
        let since = Instant::now();
        for (delivery, claim) in deliveries.into_iter().zip(claims) {
            match claim {
                Claim::Leased(lease) => {
                    in_flight.push(((lease.task_id, lease.token), (since, delivery)));
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
                    self.link.ack(vec![delivery.tag]);
                }
                Claim::Unknown => unknown.push(delivery),
            }
        }
        lock(&self.in_flight).extend(in_flight);
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
            TaskStatus::Success => Some(State::Success(Answer::Json(self.trained(id)?))),
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
            let pairs = rows.iter().map(|r| (r.item_id, r.score)).collect();
            return Ok(State::Success(Answer::Scores(pairs)));
        }
        let view = self.store.statuses(&[id])?.pop().flatten();
        Ok(failure(view.and_then(|view| view.error)))
    }

    /// Says how a message ended.
    fn end(&self, delivery: Delivery, state: &State) {
        let mut ends = Ends::default();
        ends.add(delivery, state, now());
        self.tell_ends(ends);
    }

    /// Says how messages ended. One of another program's is done with when its result is written:
    /// that program waits for nothing else.
    fn tell_ends(&self, ends: Ends) {
        let Ends {
            mut acks,
            told,
            records,
        } = ends;
        let taken = match records.is_empty() {
            true => 0,
            false => self.link.records.offer(records),
        };
        for (at, delivery) in told.into_iter().enumerate() {
            match (delivery.message.is_ours, at < taken) {
                (true, true) => acks.push(delivery.tag),
                (true, false) => {
                    Counters::add(&self.link.counters.unmirrored, 1);
                    acks.push(delivery.tag);
                }
                (false, true) => {}
                (false, false) => self.hold(delivery, SOON),
            }
        }
        self.link.ack(acks);
    }

    /// Writes the state of a task that came without a message.
    pub fn tell(&self, id: TaskId, state: &State) {
        let record = record(About::of(id), state, now(), None);
        if self.link.records.offer(vec![record]) == 0 {
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
        let deliveries = self.deliveries(settlements);
        let (now, mut ends) = (now(), Ends::default());
        for ((settlement, settled), delivery) in settlements.iter().zip(&settled).zip(deliveries) {
            match (delivery, state(&settlement.outcome, *settled)) {
                (Some(delivery), Some(state)) => ends.add(delivery, &state, now),
                (Some(delivery), None) => self.not_ended(delivery, settlement, *settled),
                (None, _) => self.settled_without_message(settlement, *settled),
            }
        }
        self.tell_ends(ends);
        Ok(settled)
    }

    /// The messages of leases, which are not in flight any more; in the same order.
    fn deliveries(&self, settlements: &[Settlement]) -> Vec<Option<Delivery>> {
        let mut in_flight = lock(&self.in_flight);
        let delivery = |settlement: &Settlement| {
            let lease = &settlement.lease;
            let entry = in_flight.remove(&(lease.task_id, lease.token));
            entry.map(|(_, delivery)| delivery)
        };
        settlements.iter().map(delivery).collect()
    }

    fn not_ended(&self, delivery: Delivery, settlement: &Settlement, settled: Settled) {
        match (&settlement.outcome, settled) {
            // Another has it, or it is final: the next look tells which.
            (_, Settled::Stale) => self.hold(delivery, Duration::ZERO),
            (Outcome::Released, _) => self.link.command(Command::Requeue(delivery.tag)),
            (Outcome::Retry { error, after }, Settled::Now(TaskStatus::Retry, _)) => {
                self.retry(delivery, error, *after);
            }
            (_, Settled::Now(..)) => self.link.ack(vec![delivery.tag]),
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
            let record = record(About::from(message), &state, now(), None);
            self.link.records.offer(vec![record]);
        }
        match self.link.is_connected() && self.link.send(next) {
            true => self.link.ack(vec![delivery.tag]),
            false => self.hold(delivery, after),
        }
    }

    /// Says that a task is under way.
    pub fn started(&self, lease: &Lease) {
        let worker = self.link.node.clone();
        self.tell(lease.task_id, &State::Started { worker });
    }
}

/// Messages that ended, told of together.
#[derive(Default)]
struct Ends {
    /// Nobody wants the results of these.
    acks: Vec<Tag>,
    /// What is told of these stands in `records`, in the same order.
    told: Vec<Delivery>,
    records: Vec<Record>,
}

impl Ends {
    fn add(&mut self, delivery: Delivery, state: &State, now: Timestamp) {
        let message = &delivery.message;
        if message.ignore_result {
            return self.acks.push(delivery.tag);
        }
        let ack = (!message.is_ours).then_some(delivery.tag);
        let record = record(About::from(message), state, now, ack);
        self.records.push(record);
        self.told.push(delivery);
    }
}

fn record(about: About, state: &State, now: Timestamp, ack: Option<Tag>) -> Record {
    Record {
        key: key(&about.id),
        json: state.record(&about, now),
        ack,
    }
}

pub(super) fn now() -> Timestamp {
    Timestamp::from_microsecond(SystemClock.now_us()).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn task_id(delivery: &Delivery) -> TaskId {
    requests::task_id(&delivery.message.id)
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
        Outcome::Trained { decision, .. } => Some(State::Success(Answer::Json(
            serde_json::json!({
                "model_id": model,
                "decision": decision.kind.name(),
                "reason": decision.reason,
            })
            .to_string(),
        ))),
        Outcome::Done { result } | Outcome::Watched { report: result, .. } => {
            Some(State::Success(Answer::Json(result.clone())))
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
fn pairs(ranking: &Ranking) -> Answer {
    let pair = |ranked: &mlp_core::Ranked| (ranked.item_id, ranked.score);
    Answer::Scores(ranking.ranked.iter().map(pair).collect())
}

/// Whether a kind of task travels by messages; others are taken from the store.
pub(super) fn travels(kind: TaskKind) -> bool {
    kind == TaskKind::Inference
}
