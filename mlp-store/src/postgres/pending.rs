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

    /// Keeps a count that began with `mark`. No number below `oldest` is of one that is not
    /// final.
    pub fn counted(&self, count: u64, mark: u64, oldest: [i64; 2], began: Instant, ended: Instant) {
        let mut state = self.state();
        state.counted = count;
        state.seen = mark;
        state.known = true;
        state.ration.spent(began, ended, SHARE, LEAST);
        for (horizon, oldest) in state.oldest.iter_mut().zip(oldest) {
            horizon.passed(began, oldest - 1);
        }
    }

    /// Of `granted` reserved ones `used` were added.
    pub fn release(&self, granted: u64, used: u64) {
        let mut state = self.state();
        state.in_flight -= granted;
        state.reserved -= granted - used.min(granted);
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
        pending.counted(count, mark, [1; 2], now, now);
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
