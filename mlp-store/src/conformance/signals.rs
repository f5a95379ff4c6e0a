//! Waiting for news.

use super::bench::{Bench, ok, ranking, task};
use crate::types::{Outcome, TaskKind, TaskStatus};
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(30);

/// Runs `act` while another thread waits with `wait`; gives what that got.
fn meanwhile<T: Send>(wait: impl FnOnce() -> T + Send, act: impl FnOnce()) -> T {
    std::thread::scope(|scope| {
        let waiter = scope.spawn(wait);
        std::thread::sleep(SHORT);
        act();
        match waiter.join() {
            Ok(value) => value,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

pub(super) fn a_start_wakes_who_waits_for_work(bench: &Bench) {
    let open = bench.open();
    let seen = open
        .store
        .wait_for_work(TaskKind::Inference, 0, Duration::ZERO);
    let (waited, news) = meanwhile(
        || {
            let began = Instant::now();
            let news = open.store.wait_for_work(TaskKind::Inference, seen, LONG);
            (began.elapsed(), news)
        },
        || _ = open.start(),
    );
    assert_ne!(news, seen);
    assert!(waited < LONG / 2);
}

pub(super) fn every_kind_of_work_wakes(bench: &Bench) {
    let open = bench.open();
    open.start();
    let lease = open.claim_one();
    let wakes = |kind, act: &dyn Fn()| {
        let seen = open.store.wait_for_work(kind, 0, Duration::ZERO);
        act();
        assert_ne!(open.store.wait_for_work(kind, seen, LONG), seen);
    };
    wakes(TaskKind::Inference, &|| {
        _ = open.settle(&lease, Outcome::Released);
    });
    wakes(TaskKind::Training, &|| {
        _ = ok(open.store.enqueue(&task(TaskKind::Training)));
    });
    let lease = open.claim_one();
    let error = "again".to_owned();
    let after = Duration::ZERO;
    wakes(TaskKind::Inference, &|| {
        let error = error.clone();
        open.settle(&lease, Outcome::Retry { error, after });
    });
}

pub(super) fn work_of_another_kind_wakes_nobody(bench: &Bench) {
    let open = bench.open();
    let news = |kind| open.store.wait_for_work(kind, 0, Duration::ZERO);
    let before = TaskKind::ALL.map(news);
    open.start();
    let [inference, training, monitoring] = TaskKind::ALL.map(news);
    assert_ne!(inference, before[0]);
    assert!(!bench.is_quiet() || [training, monitoring] == before[1..]);
    ok(open.store.enqueue(&task(TaskKind::Training)));
    let after = TaskKind::ALL.map(news);
    assert!(!bench.is_quiet() || [after[0], after[2]] == [inference, monitoring]);
    assert_ne!(after[1], training);
}

pub(super) fn waiting_for_work_ends(bench: &Bench) {
    let open = bench.open();
    let seen = open
        .store
        .wait_for_work(TaskKind::Inference, 0, Duration::ZERO);
    let began = Instant::now();
    let news = open.store.wait_for_work(TaskKind::Inference, seen, SHORT);
    if bench.is_quiet() {
        assert_eq!(news, seen);
        assert!(began.elapsed() >= SHORT);
    }
    assert!(began.elapsed() < LONG / 2);
}

pub(super) fn who_never_looked_does_not_wait(bench: &Bench) {
    let open = bench.open();
    let began = Instant::now();
    assert_ne!(open.store.wait_for_work(TaskKind::Inference, 0, LONG), 0);
    assert!(began.elapsed() < LONG / 2);
}

pub(super) fn a_settlement_reaches_who_waits(bench: &Bench) {
    let open = bench.open();
    let cursor = open.store.wait_for_settled(0, Duration::ZERO).cursor;
    open.start();
    let lease = open.claim_one();
    let feed = meanwhile(
        || open.store.wait_for_settled(cursor, LONG),
        || _ = open.settle(&lease, Outcome::Ranked(ranking(1))),
    );
    bench.check_complete(&feed);
    assert!(feed.incomplete || feed.tasks == [(lease.task_id, TaskStatus::Success)]);
    assert_ne!(feed.cursor, cursor);
}

pub(super) fn a_cursor_gives_each_settlement_once(bench: &Bench) {
    let open = bench.open();
    let mut cursor = open.store.wait_for_settled(0, Duration::ZERO).cursor;
    for n in 1..4 {
        let ids: Vec<_> = (0..n).map(|_| open.start()).collect();
        for lease in open.claim(10) {
            open.settle(&lease, Outcome::Ranked(ranking(1)));
        }
        let (mut seen, mut incomplete) = (Vec::new(), false);
        while seen.len() < n && !incomplete {
            let feed = open.store.wait_for_settled(cursor, LONG);
            bench.check_complete(&feed);
            cursor = feed.cursor;
            incomplete = feed.incomplete;
            seen.extend(feed.tasks.iter().map(|(id, _)| *id));
        }
        assert!(incomplete || seen == ids);
    }
    let rest = open.store.wait_for_settled(cursor, Duration::ZERO);
    assert!(rest.incomplete || rest.tasks.is_empty());
}

pub(super) fn failures_are_told_like_successes(bench: &Bench) {
    let open = bench.open();
    open.start();
    let lease = open.claim_one();
    let cursor = open.store.wait_for_settled(0, Duration::ZERO).cursor;
    let error = "no".to_owned();
    open.settle(&lease, Outcome::Failed { error });
    let feed = open.store.wait_for_settled(cursor, LONG);
    bench.check_complete(&feed);
    assert!(feed.incomplete || feed.tasks == [(lease.task_id, TaskStatus::Failure)]);
}

pub(super) fn what_is_not_final_is_not_told(bench: &Bench) {
    let open = bench.open();
    let cursor = open.store.wait_for_settled(0, Duration::ZERO).cursor;
    open.start();
    open.settle(&open.claim_one(), Outcome::Released);
    let feed = open.store.wait_for_settled(cursor, SHORT);
    assert!(feed.tasks.is_empty());
}

pub(super) fn a_second_handle_hears_of_the_first(bench: &Bench) {
    let (here, there) = (bench.open(), bench.open());
    let seen = there
        .store
        .wait_for_work(TaskKind::Inference, 0, Duration::ZERO);
    let cursor = there.store.wait_for_settled(0, Duration::ZERO).cursor;
    let id = here.start();
    // Some hear at once, and others at the end of their wait.
    let began = Instant::now();
    while there.store.wait_for_work(TaskKind::Inference, seen, SHORT) == seen {
        assert!(began.elapsed() < LONG);
    }
    here.settle(&here.claim_one(), Outcome::Ranked(ranking(1)));
    let mut feed = there.store.wait_for_settled(cursor, SHORT);
    while feed.cursor == cursor {
        assert!(began.elapsed() < LONG);
        feed = there.store.wait_for_settled(cursor, SHORT);
    }
    assert!(feed.incomplete || feed.tasks == [(id, TaskStatus::Success)]);
}
