//! The thread that looks for results of other programs, and for tasks that nobody takes.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::RedisResult;

use super::deliver::{failure, now};
use super::foreign;
use super::link::{Counters, Depth, Link};
use super::meta::{self, About, Found, Said};
use super::outstanding::Outstanding;
use super::redis_link::Results;
use super::settings::CelerySettings;
use super::transport::publish;
use crate::live::Live;
use crate::traits::{Result, Store};
use crate::transport::Announcement;
use crate::types::{Claim, Outcome, Overdue, Settlement, TaskId, TaskStatus, Work};

/// How often results are looked for while some are awaited: at least this long apart, and longer the
/// more there are, so that looking costs a bounded share of the time.
const LOOK: Duration = Duration::from_millis(15);
const LOOK_EACH: Duration = Duration::from_micros(100);

/// Records looked at together, the oldest tasks' first: others follow when these are done.
const TOGETHER: usize = 1024;

/// Tasks that nobody takes, looked at together.
const OVERDUE: usize = 1000;

/// How long others are waited for that work on a task, or may have it, in units of
/// [`CelerySettings::resend_after`].
const PATIENCE: u32 = 6;

/// How long a task may be without a result before it is sent again, in units of
/// [`CelerySettings::resend_after`], by what the broker says of the queue and another program of the
/// task. A worker that listens may hold a message and say nothing: Celery's keep some in advance, and
/// tell of what they began only with `task_track_started`.
fn patience(queue: Depth, said: Option<&Said>) -> u32 {
    match said {
        Some(Said::Working | Said::Retries(_)) => PATIENCE,
        _ if queue.messages > 0 => PATIENCE,
        // Whoever said so has dropped the message.
        Some(Said::NoResult) => 1,
        _ if queue.consumers > 0 => PATIENCE,
        _ => 1,
    }
}

/// How long a task lease lasts while a result is stored under it.
const LEASE: Duration = Duration::from_secs(10);

pub(super) struct Collector {
    pub store: Arc<dyn Store>,
    pub live: Arc<Live>,
    pub max_shown: usize,
    pub settings: CelerySettings,
    pub link: Arc<Link>,
    pub outstanding: Arc<Outstanding>,
    pub results: Results,
    /// When tasks were sent again, and after how long they may be once more.
    pub sent_again: HashMap<TaskId, (Instant, Duration)>,
}

impl Collector {
    /// Until the link stops.
    pub fn run(mut self) {
        let mut feed = 0;
        let mut complaint = false;
        let every = self.settings.resend_after / 4;
        let mut next_search = Instant::now() + every;
        while !self.link.is_stopping() {
            let wait = Duration::from_millis(100);
            let awaited = self.outstanding.oldest(TOGETHER, wait);
            let looked = match awaited.is_empty() {
                true => {
                    self.results.keep_in_touch();
                    Ok(())
                }
                false => self.collect(&awaited, &mut feed),
            };
            if let Err(error) = &looked {
                // Of a Redis that is away it has been said.
                if !self.results.is_away() && !std::mem::replace(&mut complaint, true) {
                    tracing::warn!(%error, "results of other programs cannot be looked for: trying again");
                }
                std::thread::sleep(Duration::from_millis(300));
            } else {
                complaint = false;
            }
            if Instant::now() >= next_search {
                self.search();
                next_search = Instant::now() + every;
            }
        }
    }

    /// Keeps what other programs made of these, and forgets what is final.
    fn collect(
        &mut self,
        awaited: &[TaskId],
        feed: &mut u64,
    ) -> std::result::Result<(), Box<dyn std::error::Error>> {
        let each = u32::try_from(awaited.len()).unwrap_or(u32::MAX);
        // The feed wakes at every settlement: a look at each would be one for every batch.
        std::thread::sleep(LOOK.max(LOOK_EACH.saturating_mul(each)));
        let settled = self.store.wait_for_settled(*feed, Duration::ZERO);
        *feed = settled.cursor;
        let ended = |wanted: fn(TaskStatus) -> bool| {
            let ended = settled
                .tasks
                .iter()
                .filter(move |(_, status)| wanted(*status));
            ended.map(|(id, _)| *id)
        };
        let failed = ended(|status| status == TaskStatus::Failure);
        let failed = self.outstanding.among(failed);
        self.tell_failures(&failed)?;
        self.outstanding.done(ended(TaskStatus::is_final));
        let left = self.outstanding.among(awaited.iter().copied());
        for (id, record) in self.records(&left)? {
            self.keep(id, record)?;
        }
        Ok(())
    }

    /// Writes that tasks failed which no worker said it of: their attempts were used up, or nobody
    /// took them. What a worker wrote stays.
    fn tell_failures(
        &mut self,
        ids: &[TaskId],
    ) -> std::result::Result<(), Box<dyn std::error::Error>> {
        if ids.is_empty() {
            return Ok(());
        }
        let views = self.store.statuses(ids)?;
        let expires = self.settings.result_expires.as_secs();
        for (id, view) in ids.iter().zip(views) {
            let about = About::of(*id);
            let record = failure(view.and_then(|view| view.error)).record(&about, now());
            let key = meta::key(&about.id);
            self.results.with(|connection| {
                let mut set = redis::cmd("SET");
                set.arg(&key).arg(&record).arg("EX").arg(expires).arg("NX");
                if set.query::<Option<String>>(connection)?.is_some() {
                    let mut publish = redis::cmd("PUBLISH");
                    publish.arg(&key).arg(&record).query::<i64>(connection)?;
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// The records of other programs that have changed; those that are ours say that the store has
    /// the result.
    fn records(&mut self, ids: &[TaskId]) -> RedisResult<Vec<(TaskId, Found)>> {
        if ids.is_empty() {
            // An empty pipeline would pass for a sign of life.
            return Ok(Vec::new());
        }
        let keys: Vec<String> = ids.iter().map(|id| meta::key(&id.to_string())).collect();
        let heads: Vec<Vec<u8>> = self.results.with(|connection| {
            let mut heads = redis::pipe();
            for key in &keys {
                let last = meta::OURS.len() - 1;
                heads.cmd("GETRANGE").arg(key).arg(0).arg(last);
            }
            heads.query(connection)
        })?;
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for ((id, key), head) in ids.iter().zip(&keys).zip(heads) {
            match head.as_slice() {
                [] => {}
                head if head == meta::OURS => ours.push(*id),
                _ => theirs.push((*id, key)),
            }
        }
        self.outstanding.done(ours.into_iter());
        if theirs.is_empty() {
            return Ok(Vec::new());
        }
        let bodies: Vec<Option<Vec<u8>>> = self.results.with(|connection| {
            let mut get = redis::cmd("MGET");
            theirs.iter().for_each(|(_, key)| {
                get.arg(key);
            });
            get.query(connection)
        })?;
        let news = theirs.into_iter().zip(bodies);
        Ok(news
            .filter_map(|((id, _), body)| {
                let body = body?;
                let mut digest = DefaultHasher::new();
                body.hash(&mut digest);
                let is_news = self.outstanding.is_news(id, digest.finish());
                is_news
                    .then(|| Found::read(&body))
                    .flatten()
                    .map(|found| (id, found))
            })
            .collect())
    }

    /// Keeps what another program says of a task, under a lease of it.
    fn keep(&mut self, id: TaskId, found: Found) -> Result<()> {
        let said = found.said();
        if matches!(said, Said::Working | Said::NoResult) {
            return Ok(());
        }
        let claim = self.store.claim_inferences(&[id], LEASE)?.pop();
        let lease = match claim {
            Some(Claim::Leased(lease)) => lease,
            // Another works on it, or it is final.
            _ => {
                self.outstanding.done([id].into_iter());
                return Ok(());
            }
        };
        let Work::Inference { candidates, .. } = &lease.work else {
            return Ok(());
        };
        let outcome = match said {
            Said::Scores(scores) => {
                let (serving, most) = (self.live.current(), self.max_shown);
                match foreign::ranking(&serving, &id, candidates.as_deref(), &scores, most) {
                    Ok(ranking) => Outcome::Ranked(ranking),
                    Err(error) => Outcome::Failed { error },
                }
            }
            Said::Failed(error) => Outcome::Failed { error },
            Said::Revoked => Outcome::Failed {
                error: "revoked".to_owned(),
            },
            Said::Retries(error) => Outcome::Retry {
                error,
                after: self.settings.resend_after * PATIENCE,
            },
            Said::Working | Said::NoResult => return Ok(()),
        };
        let is_final = !matches!(outcome, Outcome::Retry { .. });
        if let Outcome::Failed { error } = &outcome {
            // Of what our own workers do they tell themselves; of this nobody else does.
            tracing::warn!(task_id = %id, reason = error, "another program's answer ends a task in failure");
        }
        let lease = lease.reference();
        self.store.settle(&[Settlement { lease, outcome }])?;
        if is_final {
            Counters::add(&self.link.counters.collected, 1);
            self.outstanding.done([id].into_iter());
        }
        Ok(())
    }

    /// Sends again what nobody takes, where it is this process's turn.
    fn search(&mut self) {
        if !self.link.is_connected() {
            return;
        }
        if let Err(error) = self.try_search() {
            tracing::warn!(%error, "tasks that nobody takes could not be looked for");
        }
    }

    fn try_search(&mut self) -> std::result::Result<(), Box<dyn std::error::Error>> {
        let after = self.settings.resend_after;
        if !self.store.turn("celery", after / 4)? {
            return Ok(());
        }
        let overdue = self.store.overdue_inferences(after, OVERDUE)?;
        if overdue.is_empty() {
            self.sent_again.clear();
            return Ok(());
        }
        let ids: Vec<TaskId> = overdue.iter().map(|task| task.task_id).collect();
        let kept_before = self.link.status().collected;
        for (id, found) in self.records(&ids)? {
            self.keep(id, found)?;
        }
        let told = self.told(&ids)?;
        // Messages that wait in the queue are not lost, as far as one can see.
        let Some(queue) = self.link.depth() else {
            return Ok(());
        };
        if queue.messages as usize >= overdue.len() {
            return Ok(());
        }
        let views = self.store.statuses(&ids)?;
        let mut resent = 0;
        for ((task, said), view) in overdue.iter().zip(told).zip(views) {
            let is_open = view.is_some_and(|view| !view.status.is_final());
            let patience = patience(queue, said.as_ref());
            if is_open && task.waited >= after * patience && self.send_again(task) {
                resent += 1;
            }
        }
        if resent > 0 {
            Counters::add(&self.link.counters.resent, resent);
            tracing::warn!(
                tasks = resent,
                collected = self.link.status().collected - kept_before,
                listening = queue.consumers,
                "no result came of tasks that had been published: they were published again"
            );
        }
        Ok(())
    }

    /// What other programs say of these; `None` of one: nothing.
    fn told(&mut self, ids: &[TaskId]) -> RedisResult<Vec<Option<Said>>> {
        let mut get = redis::cmd("MGET");
        ids.iter().for_each(|id| {
            get.arg(meta::key(&id.to_string()));
        });
        let bodies: Vec<Option<Vec<u8>>> = self.results.with(|c| get.query(c))?;
        let said = |body: Option<Vec<u8>>| Found::read(&body?).map(|found| found.said());
        Ok(bodies.into_iter().map(said).collect())
    }

    /// Sends a task again, unless that was done lately: each time after a longer while.
    fn send_again(&mut self, task: &Overdue) -> bool {
        let now = Instant::now();
        let wait = match self.sent_again.get(&task.task_id) {
            Some((at, wait)) if now - *at < *wait => return false,
            Some((_, wait)) => *wait * 2,
            None => self.settings.resend_after,
        };
        let announcement = Announcement {
            task_id: task.task_id,
            user: &task.user,
            candidates: task.candidates.as_deref(),
        };
        if publish(&self.link, &self.settings, &self.live, &[announcement]) > 0 {
            return false;
        }
        self.sent_again.insert(task.task_id, (now, wait));
        self.outstanding.add([task.task_id].into_iter());
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_listens_is_waited_for() {
        let working = Said::Working;
        for (messages, consumers, said, expected) in [
            (0, 0, None, 1),
            (0, 3, None, PATIENCE),
            (2, 0, None, PATIENCE),
            (0, 0, Some(&working), PATIENCE),
            (0, 3, Some(&Said::NoResult), 1),
            (2, 3, Some(&Said::NoResult), PATIENCE),
        ] {
            let queue = Depth {
                messages,
                consumers,
            };
            assert_eq!(patience(queue, said), expected, "{queue:?} {said:?}");
        }
    }
}
