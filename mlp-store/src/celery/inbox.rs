//! Messages that came and are not acknowledged yet.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::link::{Tag, lock};
use super::message::{Sendable, TaskMessage};

/// A message, with what has to be said of it to the broker.
#[derive(Debug, Clone)]
pub(super) struct Delivery {
    pub tag: Tag,
    pub message: TaskMessage,
    pub sent: Sendable,
}

/// Hands messages from the broker's thread to those who work. The broker bounds their number.
#[derive(Default)]
pub(super) struct Inbox {
    state: Mutex<State>,
    news: Condvar,
}

#[derive(Default)]
struct State {
    /// Rises with each connection. What an earlier one brought comes again.
    epoch: u64,
    ready: VecDeque<Delivery>,
    /// How many wait for a message.
    waiting: usize,
    held: BinaryHeap<Reverse<Held>>,
}

struct Held {
    until: Instant,
    delivery: Delivery,
}

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Held {}

impl PartialOrd for Held {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Held {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

impl Held {
    fn key(&self) -> (Instant, Tag) {
        (self.until, self.delivery.tag)
    }
}

impl State {
    /// Moves to `ready` what has waited long enough; gives when the next has.
    fn wake(&mut self, now: Instant) -> Option<Instant> {
        while let Some(Reverse(held)) = self.held.peek() {
            if held.until > now {
                return Some(held.until);
            }
            if let Some(Reverse(held)) = self.held.pop() {
                self.ready.push_back(held.delivery);
            }
        }
        None
    }
}

impl Inbox {
    /// A new connection begins: gives its number.
    pub fn begin(&self) -> u64 {
        let mut state = lock(&self.state);
        state.epoch += 1;
        state.ready.clear();
        state.held.clear();
        state.epoch
    }

    /// Hands over what came together.
    pub fn push(&self, deliveries: Vec<Delivery>) {
        let mut state = lock(&self.state);
        let epoch = state.epoch;
        (state.ready).extend(deliveries.into_iter().filter(|d| d.tag.epoch == epoch));
        // To wake is a call to the system, whether anybody sleeps or not.
        match state.ready.len().min(state.waiting) {
            0 => {}
            1 => self.news.notify_one(),
            _ => self.news.notify_all(),
        }
    }

    /// Keeps a message until then; gives how many are kept so.
    pub fn hold(&self, delivery: Delivery, until: Instant) -> usize {
        let mut state = lock(&self.state);
        if delivery.tag.epoch == state.epoch {
            state.held.push(Reverse(Held { until, delivery }));
            // Whoever waits may wait for too long now.
            if state.waiting > 0 {
                self.news.notify_one();
            }
        }
        state.held.len()
    }

    /// How many messages are kept until their time has come.
    pub fn held(&self) -> usize {
        lock(&self.state).held.len()
    }

    /// Takes up to `max` messages; waits up to `timeout` for the first.
    pub fn take(&self, max: usize, timeout: Duration) -> Vec<Delivery> {
        let deadline = Instant::now() + timeout;
        let mut state = lock(&self.state);
        loop {
            let now = Instant::now();
            let next = state.wake(now);
            if !state.ready.is_empty() || now >= deadline {
                let n = state.ready.len().min(max);
                return state.ready.drain(..n).collect();
            }
            let until = next.map_or(deadline, |next| next.min(deadline));
            let wait = until.saturating_duration_since(now);
            state.waiting += 1;
            let waited = self.news.wait_timeout(state, wait);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            state.waiting -= 1;
        }
    }
}

#[cfg(test)]
mod tests {

    use super::super::message::Envelope;
    use super::*;

    fn delivery(epoch: u64, number: u64) -> Delivery {
        let message = TaskMessage {
            id: number.to_string(),
            task: "mlp.inference".to_owned(),
            eta: None,
            expires: None,
            retries: 0,
            ignore_result: false,
            group: None,
            parent_id: None,
            is_ours: true,
        };
        let sent = Sendable {
            envelope: Envelope::Kept(Box::default()),
            body: Vec::new(),
        };
        let tag = Tag { epoch, number };
        Delivery { tag, message, sent }
    }

    #[test]
    fn what_comes_together_wakes_all_who_wait() {
        let inbox = Inbox::default();
        let epoch = inbox.begin();
        let taken: usize = std::thread::scope(|scope| {
            let take = || inbox.take(2, Duration::from_secs(20)).len();
            let takers = [scope.spawn(take), scope.spawn(take)];
            while lock(&inbox.state).waiting < 2 {
                std::thread::yield_now();
            }
            let others = (7..9).map(|number| delivery(epoch - 1, number));
            let all = (1..4).map(|number| delivery(epoch, number)).chain(others);
            inbox.push(all.collect());
            takers.map(|taker| taker.join().unwrap()).into_iter().sum()
        });
        assert_eq!(taken, 3, "those of an earlier connection are left out");
        assert_eq!(lock(&inbox.state).waiting, 0);
    }
}
