//! Wake-up inside one process: "there may be work" and "these tasks became final".

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::traits::SettledFeed;
use crate::types::{TaskId, TaskKind, TaskStatus};

/// How many of the newest events are remembered; who lags further behind is told so.
const REMEMBERED: usize = 16_384;

#[derive(Debug)]
pub(crate) struct Signals {
    state: Mutex<State>,
    work: [Condvar; TaskKind::ALL.len()],
    settled: Condvar,
}

#[derive(Debug)]
struct State {
    /// Rises with every piece of news about work, for each kind. Starts over 0, so that who saw
    /// nothing yet looks at once.
    work: [u64; TaskKind::ALL.len()],
    /// The number of the next event; the newest remembered one has the number before.
    next: u64,
    events: VecDeque<Event>,
}

#[derive(Debug, Clone, Copy)]
enum Event {
    Settled(TaskId, TaskStatus),
    /// Another process wrote: anything may have become final.
    Unknown,
}

impl Signals {
    pub fn new() -> Self {
        Self {
            state: Mutex::new(State {
                work: [1; TaskKind::ALL.len()],
                next: 1,
                events: VecDeque::new(),
            }),
            work: std::array::from_fn(|_| Condvar::new()),
            settled: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is whole between any two statements below.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// There may be work of a kind. Who waits for another kind sleeps on.
    pub fn work(&self, kind: TaskKind) {
        self.lock().work[kind as usize] += 1;
        self.work[kind as usize].notify_all();
    }

    /// These became final.
    pub fn settled(&self, tasks: impl IntoIterator<Item = (TaskId, TaskStatus)>) {
        let events = tasks
            .into_iter()
            .map(|(id, status)| Event::Settled(id, status));
        if self.lock().extend(events) {
            self.settled.notify_all();
        }
    }

    /// Another process made something final.
    pub fn others_settled(&self) {
        self.lock().extend([Event::Unknown]);
        self.settled.notify_all();
    }

    /// Another process changed something.
    pub fn unknown(&self) {
        let mut state = self.lock();
        state.work.iter_mut().for_each(|news| *news += 1);
        state.extend([Event::Unknown]);
        drop(state);
        self.work.iter().for_each(Condvar::notify_all);
        self.settled.notify_all();
    }

    /// Blocks until there is news since `seen`, or `timeout`; gives the newest news' number.
    pub fn wait_for_work(&self, kind: TaskKind, seen: u64, timeout: Duration) -> u64 {
        let kind = kind as usize;
        let state = self.lock();
        let waited =
            self.work[kind].wait_timeout_while(state, timeout, |state| state.work[kind] == seen);
        waited.unwrap_or_else(PoisonError::into_inner).0.work[kind]
    }

    /// Blocks until something became final after `cursor`, or `deadline`; gives that.
    pub fn wait_for_settled(&self, cursor: u64, deadline: Instant) -> SettledFeed {
        let state = self.lock();
        let timeout = deadline.saturating_duration_since(Instant::now());
        let waited = self
            .settled
            .wait_timeout_while(state, timeout, |state| state.next == cursor.max(1));
        waited
            .unwrap_or_else(PoisonError::into_inner)
            .0
            .since(cursor.max(1))
    }
}

impl State {
    fn extend(&mut self, events: impl IntoIterator<Item = Event>) -> bool {
        let before = self.next;
        for event in events {
            if self.events.len() == REMEMBERED {
                self.events.pop_front();
            }
            self.events.push_back(event);
            self.next += 1;
        }
        self.next > before
    }

    fn since(&self, cursor: u64) -> SettledFeed {
        let oldest = self.next - self.events.len() as u64;
        // A cursor from the future is none of ours.
        let lost = cursor < oldest || cursor > self.next;
        let skip = if lost { 0 } else { (cursor - oldest) as usize };
        let mut feed = SettledFeed {
            cursor: self.next,
            tasks: Vec::new(),
            incomplete: lost,
        };
        for event in self.events.iter().skip(skip) {
            match *event {
                Event::Settled(id, status) => feed.tasks.push((id, status)),
                Event::Unknown => feed.incomplete = true,
            }
        }
        feed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(5)
    }

    #[test]
    fn a_reader_gets_what_came_after_its_cursor_once() {
        let signals = Signals::new();
        let (a, b) = (TaskId::new_v7(), TaskId::new_v7());
        signals.settled([(a, TaskStatus::Success)]);
        let first = signals.wait_for_settled(0, soon());
        assert_eq!(first.tasks, [(a, TaskStatus::Success)]);
        assert!(!first.incomplete);
        signals.settled([(b, TaskStatus::Failure)]);
        let second = signals.wait_for_settled(first.cursor, soon());
        assert_eq!(second.tasks, [(b, TaskStatus::Failure)]);
        let third = signals.wait_for_settled(second.cursor, soon());
        assert!(third.tasks.is_empty() && !third.incomplete);
    }

    #[test]
    fn a_reader_that_lags_is_told_so() {
        let signals = Signals::new();
        let id = TaskId::new_v7();
        let many = std::iter::repeat_n((id, TaskStatus::Success), REMEMBERED + 1);
        signals.settled(many);
        let feed = signals.wait_for_settled(1, soon());
        assert!(feed.incomplete);
        assert_eq!(feed.tasks.len(), REMEMBERED);
        assert!(!signals.wait_for_settled(feed.cursor, soon()).incomplete);
    }

    #[test]
    fn what_another_process_did_is_unknown() {
        let signals = Signals::new();
        let seen = signals.wait_for_work(TaskKind::Training, 0, Duration::ZERO);
        signals.unknown();
        assert!(signals.wait_for_work(TaskKind::Training, seen, Duration::ZERO) > seen);
        assert!(signals.wait_for_settled(1, soon()).incomplete);
    }
}
