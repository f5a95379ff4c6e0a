//! Results that wait to be written.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::link::{Tag, lock};

/// Records that may wait. A hundred results take 2 kB.
const MOST: usize = 8192;

/// A record to write.
#[derive(Debug)]
pub(super) struct Record {
    pub key: String,
    pub json: String,
    /// The message that is done with once the record is written.
    pub ack: Option<Tag>,
}

/// Hands records from those who settle to the thread that writes, many at a time: it would wake for
/// the first of a batch else, and write that alone.
#[derive(Default)]
pub(super) struct Records {
    waiting: Mutex<VecDeque<Record>>,
    news: Condvar,
}

impl Records {
    /// Takes as many as there is room for, the first ones; gives their number.
    pub fn offer(&self, records: Vec<Record>) -> usize {
        let mut waiting = lock(&self.waiting);
        let room = MOST.saturating_sub(waiting.len());
        let before = waiting.len();
        waiting.extend(records.into_iter().take(room));
        let taken = waiting.len() - before;
        drop(waiting);
        if taken > 0 {
            self.news.notify_one();
        }
        taken
    }

    /// Up to `max`, the oldest first; waits up to `timeout` for the first.
    pub fn take(&self, max: usize, timeout: Duration) -> Vec<Record> {
        let waiting = lock(&self.waiting);
        let waited = (self.news).wait_timeout_while(waiting, timeout, |records| records.is_empty());
        let mut waiting = waited.unwrap_or_else(PoisonError::into_inner).0;
        let n = waiting.len().min(max);
        waiting.drain(..n).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(n: usize) -> Vec<Record> {
        let record = |n: usize| Record {
            key: n.to_string(),
            json: String::new(),
            ack: None,
        };
        (0..n).map(record).collect()
    }

    #[test]
    fn what_has_no_room_is_not_taken() {
        let queue = Records::default();
        assert_eq!(queue.offer(records(MOST - 2)), MOST - 2);
        assert_eq!(queue.offer(records(5)), 2);
        assert_eq!(queue.offer(records(1)), 0);
        let taken = queue.take(MOST, Duration::ZERO);
        let keys: Vec<_> = taken[MOST - 3..].iter().map(|r| r.key.as_str()).collect();
        assert_eq!(keys, [(MOST - 3).to_string().as_str(), "0", "1"]);
        assert!(queue.take(1, Duration::ZERO).is_empty());
        assert_eq!(queue.offer(records(3)), 3);
        assert_eq!(queue.take(2, Duration::ZERO).len(), 2);
    }
}
