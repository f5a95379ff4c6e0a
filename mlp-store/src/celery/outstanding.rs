//! What this process has told of and not seen the end of.

use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::link::lock;
use crate::types::TaskId;

/// Beyond that the oldest are forgotten here; the search for what nobody takes finds them.
const MOST: usize = 65_536;

/// Tasks whose results may come from other programs, in the order of their announcement.
#[derive(Default)]
pub(super) struct Outstanding {
    state: Mutex<State>,
    news: Condvar,
}

#[derive(Default)]
struct State {
    order: VecDeque<TaskId>,
    /// What was last read of each, to see that it has changed.
    open: HashMap<TaskId, u64>,
}

impl Outstanding {
    pub fn add(&self, ids: impl Iterator<Item = TaskId>) {
        let mut state = lock(&self.state);
        for id in ids {
            state.open.insert(id, 0);
            state.order.push_back(id);
        }
        while state.order.len() > MOST
            && let Some(oldest) = state.order.pop_front()
        {
            state.open.remove(&oldest);
        }
        self.news.notify_one();
    }

    pub fn done(&self, ids: impl Iterator<Item = TaskId>) {
        let mut state = lock(&self.state);
        for id in ids {
            state.open.remove(&id);
        }
        while (state.order.front()).is_some_and(|id| !state.open.contains_key(id)) {
            state.order.pop_front();
        }
        // Done ones in the middle go when they come to the front, or here when they are many.
        if state.order.len() > 2 * state.open.len() + 64 {
            let State { order, open } = &mut *state;
            order.retain(|id| open.contains_key(id));
        }
    }

    /// Those of `ids` that are awaited.
    pub fn among(&self, ids: impl Iterator<Item = TaskId>) -> Vec<TaskId> {
        let state = lock(&self.state);
        ids.filter(|id| state.open.contains_key(id)).collect()
    }

    /// Up to `max`, the oldest first; waits up to `timeout` for the first.
    pub fn oldest(&self, max: usize, timeout: Duration) -> Vec<TaskId> {
        let state = lock(&self.state);
        let waited = (self.news).wait_timeout_while(state, timeout, |state| state.open.is_empty());
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let open = |id: &&TaskId| state.open.contains_key(id);
        state.order.iter().filter(open).take(max).copied().collect()
    }

    /// Whether what was read of a task differs from what was read before.
    pub fn is_news(&self, id: TaskId, digest: u64) -> bool {
        match lock(&self.state).open.get_mut(&id) {
            Some(last) => std::mem::replace(last, digest) != digest,
            None => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_done_is_not_asked_for_again() {
        let outstanding = Outstanding::default();
        let ids: Vec<TaskId> = (0..200).map(|_| TaskId::new_v7()).collect();
        outstanding.add(ids.iter().copied());
        assert_eq!(outstanding.oldest(3, Duration::ZERO), ids[..3]);
        outstanding.done(ids[1..190].iter().copied());
        assert_eq!(
            outstanding.oldest(3, Duration::ZERO),
            [ids[0], ids[190], ids[191]]
        );
        assert!(lock(&outstanding.state).order.len() < 100);
        assert!(outstanding.is_news(ids[0], 7) && !outstanding.is_news(ids[0], 7));
        outstanding.done(ids.iter().copied());
        assert!(outstanding.oldest(3, Duration::ZERO).is_empty());
    }
}
