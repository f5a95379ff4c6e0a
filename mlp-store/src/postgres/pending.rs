//! How many inferences are not final, without counting them each time.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::horizon::{Horizon, Ration, SETTLED};

/// A count is not asked for more often.
const LEAST: Duration = Duration::from_millis(20);

/// Counting takes at most one part of this many.
const SHARE: u32 = 20;

/// What was counted, and what this process added since. The estimate is never too low for what this
/// process knows, so that one process never goes over the limit; several may, by what the others
/// added between two counts.
#[derive(Debug, Default)]
pub(super) struct Pending(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    counted: u64,
    /// Of all that was ever reserved, what surely was in the last count.
    seen: u64,
    reserved: u64,
    in_flight: u64,
    known: bool,
    ration: Ration,
    /// The oldest that were not final, by priority.
    oldest: [Horizon; 2],
}

/// Room for new inferences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// So many may be added; there are `pending` with them.
    For { granted: u64, pending: u64 },
    /// Count first, from after these numbers.
    Count { after: [i64; 2], mark: u64 },
}

/// What counting found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Count {
    pub found: u64,
    /// From [`Room::Count`].
    pub mark: u64,
    /// No number below is of one that is not final, by priority.
    pub oldest: [i64; 2],
    /// The newest number.
    pub head: i64,
    pub began: Instant,
    pub ended: Instant,
}

impl Pending {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reserves room for up to `wanted`. `counted` says that the caller has just counted: then there
    /// is no second count.
    pub fn reserve(&self, wanted: u64, limit: u64, counted: bool, now: Instant) -> Room {
        let mut state = self.state();
        let estimate = state.estimate();
        let fits = estimate.saturating_add(wanted) <= limit;
        if !counted && (!state.known || !fits || state.ration.is_due(now)) {
            return Room::Count {
                after: state.oldest.each_ref().map(|o| o.start(now, SETTLED)),
                mark: state.reserved - state.in_flight,
            };
        }
        let granted = wanted.min(limit.saturating_sub(estimate));
        state.reserved += granted;
        state.in_flight += granted;
        let pending = estimate + granted;
        Room::For { granted, pending }
    }

    /// Keeps a count.
    pub fn counted(&self, count: &Count) {
        let mut state = self.state();
        state.counted = count.found;
        state.seen = count.mark;
        state.known = true;
        (state.ration).spent(count.began, count.ended, SHARE, LEAST);
        for (horizon, oldest) in state.oldest.iter_mut().zip(count.oldest) {
            horizon.head(count.head);
            horizon.passed(count.began, oldest - 1);
        }
    }

    /// Of `granted` reserved ones `used` were added.
    fn release(&self, granted: u64, used: u64) {
        let mut state = self.state();
        state.in_flight -= granted;
        state.reserved -= granted - used.min(granted);
    }
}

/// What one batch reserved. Only what was committed is counted: unless it is told so, all of it is
/// given back.
#[derive(Debug)]
pub(super) struct Reserved<'a> {
    pending: &'a Pending,
    granted: u64,
    used: u64,
    committed: bool,
}

impl<'a> Reserved<'a> {
    pub fn new(pending: &'a Pending) -> Self {
        Self {
            pending,
            granted: 0,
            used: 0,
            committed: false,
        }
    }

    /// Of `granted` reserved ones `used` are being added.
    pub fn add(&mut self, granted: u64, used: u64) {
        self.granted += granted;
        self.used += used;
    }

    /// They were committed; whether there are any.
    pub fn commit(mut self) -> bool {
        self.committed = true;
        self.used > 0
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        let used = if self.committed { self.used } else { 0 };
        self.pending.release(self.granted, used);
    }
}

impl State {
    fn estimate(&self) -> u64 {
        self.counted + self.reserved.saturating_sub(self.seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(pending: &Pending, count: u64, now: Instant) {
        let Room::Count { mark, .. } = pending.reserve(1, 0, false, now) else {
            panic!("a limit of 0 always counts");
        };
        pending.counted(&Count {
            found: count,
            mark,
            oldest: [1; 2],
            head: 100,
            began: now,
            ended: now,
        });
    }

    #[test]
    fn what_is_added_counts_until_it_is_counted() {
        let (pending, now) = (Pending::default(), Instant::now());
        assert!(matches!(
            pending.reserve(1, 10, false, now),
            Room::Count { .. }
        ));
        count(&pending, 7, now);
        let room = pending.reserve(2, 10, false, now);
        assert_eq!(
            room,
            Room::For {
                granted: 2,
                pending: 9
            }
        );
        pending.release(2, 2);
        assert!(matches!(
            pending.reserve(2, 10, false, now),
            Room::Count { .. }
        ));
        let room = pending.reserve(2, 10, true, now);
        assert_eq!(
            room,
            Room::For {
                granted: 1,
                pending: 10
            }
        );
        pending.release(1, 0);
        let room = pending.reserve(1, 10, true, now);
        assert_eq!(
            room,
            Room::For {
                granted: 1,
                pending: 10
            }
        );
    }

    #[test]
    fn what_is_under_way_while_counting_is_not_forgotten() {
        let (pending, now) = (Pending::default(), Instant::now());
        count(&pending, 0, now);
        assert!(matches!(
            pending.reserve(3, 5, false, now),
            Room::For { granted: 3, .. }
        ));
        count(&pending, 0, now);
        let room = pending.reserve(3, 5, true, now);
        assert_eq!(
            room,
            Room::For {
                granted: 2,
                pending: 5
            }
        );
    }

    #[test]
    fn an_old_count_is_renewed() {
        let (pending, now) = (Pending::default(), Instant::now());
        count(&pending, 0, now);
        let later = now + LEAST;
        assert!(matches!(
            pending.reserve(1, 5, false, later),
            Room::Count { .. }
        ));
    }
}
