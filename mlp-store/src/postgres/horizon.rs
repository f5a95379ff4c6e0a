//! Below which number there is nothing to find.
//!
//! Tasks that are not final have an index of their own, in the order of their numbers. A task that
//! became final leaves a dead entry there until vacuum removes it, which it cannot while any
//! transaction older than the change is open, anywhere in the database. A claim that walked from the
//! beginning would then walk over all that was ever done since. So each look starts where an earlier
//! one found that nothing was left, and how far back it goes has a bound:
//!
//! - every claim looks at what is newer than what a claim of [`FRESH`] ago had seen. The margin is for
//!   numbers that are given out before others but committed after them;
//! - what lies further back (leases that expired, tasks that wait for another attempt) is looked for
//!   from the oldest task known not to be final, or [`SETTLED`] ago;
//! - now and then everything is looked at, in case a commit took longer still.
//!
//! The last two cost more the more dead entries there are, so they take a bounded share of the time:
//! after one that took `d` the next waits for a multiple of `d`.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The margin of a claim's usual look.
pub(super) const FRESH: Duration = Duration::from_millis(100);

/// After this time no number is expected to be committed that was given out before.
pub(super) const SETTLED: Duration = Duration::from_secs(40);

/// Marks are kept this far apart.
const GRAIN: Duration = Duration::from_millis(5);

/// What looks have found, with the time of each.
#[derive(Debug, Default)]
pub(super) struct Horizon {
    marks: VecDeque<(Instant, i64)>,
}

impl Horizon {
    /// A look found nothing left up to this number.
    pub fn passed(&mut self, now: Instant, number: i64) {
        if let Some((at, last)) = self.marks.back_mut()
            && now.saturating_duration_since(*at) < GRAIN
        {
            // The earlier time with the lower number claims the least. Were it the later time, marks
            // that follow each other closely would never grow old.
            *last = (*last).min(number);
            return;
        }
        self.marks.push_back((now, number));
        // One mark older than the longest margin is enough.
        while let [_, (second, _), ..] = self.marks.make_contiguous()
            && now.saturating_duration_since(*second) >= SETTLED
        {
            self.marks.pop_front();
        }
    }

    /// The newest number that was given out. Where it is lower than one that was seen, the database
    /// is another than before, as after a fail-over to a replica that lagged: nothing is known then.
    pub fn head(&mut self, newest: i64) {
        if self.marks.iter().any(|(_, number)| *number > newest) {
            self.marks.clear();
        }
    }

    /// The number after which a look begins that trusts what was found at least `margin` ago.
    pub fn start(&self, now: Instant, margin: Duration) -> i64 {
        let old = |at: Instant| now.saturating_duration_since(at) >= margin;
        let index = self.marks.partition_point(|(at, _)| old(*at));
        match index.checked_sub(1) {
            Some(newest) => self.marks[newest].1,
            None => 0,
        }
    }
}

/// Lets something costly have a bounded share of the time.
#[derive(Debug, Default)]
pub(super) struct Ration {
    next: Option<Instant>,
}

impl Ration {
    pub fn is_due(&self, now: Instant) -> bool {
        self.next.is_none_or(|next| now >= next)
    }

    /// It took from `began` to `ended`; the next may come after `share` times as long, and not
    /// before `least`.
    pub fn spent(&mut self, began: Instant, ended: Instant, share: u32, least: Duration) {
        let took = ended.saturating_duration_since(began);
        self.next = Some(ended + (took * share).max(least));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(origin: Instant, ms: u64) -> Instant {
        origin + Duration::from_millis(ms)
    }

    #[test]
    fn a_look_trusts_only_what_is_older_than_its_margin() {
        let origin = Instant::now();
        let mut horizon = Horizon::default();
        assert_eq!(horizon.start(origin, Duration::ZERO), 0);
        for step in 0..100 {
            horizon.passed(at(origin, step * 10), step as i64);
        }
        let now = at(origin, 1000);
        assert_eq!(horizon.start(now, Duration::ZERO), 99);
        assert_eq!(horizon.start(now, FRESH), 90);
        assert_eq!(horizon.start(now, SETTLED), 0);
    }

    #[test]
    fn looks_that_follow_each_other_closely_leave_the_lowest_mark() {
        let origin = Instant::now();
        let mut horizon = Horizon::default();
        horizon.passed(origin, 10);
        horizon.passed(at(origin, 2), 7);
        horizon.passed(at(origin, 3), 20);
        assert_eq!(horizon.start(at(origin, 3), Duration::ZERO), 7);
        horizon.passed(at(origin, 50), 20);
        assert_eq!(horizon.start(at(origin, 50), Duration::ZERO), 20);
    }

    #[test]
    fn marks_grow_old_though_looks_follow_each_other_closely() {
        let origin = Instant::now();
        let mut horizon = Horizon::default();
        for ms in 0..500 {
            horizon.passed(at(origin, ms), ms as i64);
        }
        assert_eq!(horizon.start(at(origin, 500), FRESH), 400);
    }

    #[test]
    fn numbers_that_go_back_end_all_trust() {
        let origin = Instant::now();
        let mut horizon = Horizon::default();
        horizon.passed(origin, 100);
        horizon.head(100);
        assert_eq!(horizon.start(at(origin, 500), FRESH), 100);
        horizon.head(99);
        assert_eq!(horizon.start(at(origin, 500), FRESH), 0);
    }

    #[test]
    fn marks_do_not_pile_up() {
        let origin = Instant::now();
        let mut horizon = Horizon::default();
        for second in 0..1000 {
            horizon.passed(at(origin, second * 1000), second as i64);
        }
        assert!(horizon.marks.len() <= 42, "{}", horizon.marks.len());
        assert_eq!(horizon.start(at(origin, 999_000), SETTLED), 959);
    }

    #[test]
    fn what_took_long_comes_less_often() {
        let origin = Instant::now();
        let mut ration = Ration::default();
        assert!(ration.is_due(origin));
        ration.spent(origin, at(origin, 10), 20, Duration::from_millis(50));
        assert!(!ration.is_due(at(origin, 200)));
        assert!(ration.is_due(at(origin, 210)));
        ration.spent(origin, origin, 20, Duration::from_millis(50));
        assert!(!ration.is_due(at(origin, 49)) && ration.is_due(at(origin, 50)));
    }
}
