//! Tasks come to those who do them.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::super::bench::ranking;
use super::stage::{LONG, Member, PATIENCE, Stage};
use crate::types::{
    Lease, NewSession, Outcome, Priority, Settled, TaskId, TaskKind, TaskStatus, Work,
};

pub(super) fn an_announced_task_is_taken_with_its_work(stage: &Stage) {
    let (publisher, worker) = (stage.publisher(), stage.worker());
    for candidates in [None, Some(vec![3, 1])] {
        let request = NewSession {
            candidates,
            ..stage.request()
        };
        publisher.start_all(vec![request.clone()]);
        let lease = worker.take_one(LONG);
        assert_eq!(lease.task_id, request.task_id);
        assert_eq!((lease.kind, lease.attempt), (TaskKind::Inference, 1));
        let (user, candidates) = (request.user, request.candidates);
        assert_eq!(lease.work, Work::Inference { user, candidates });
        assert_eq!(publisher.status(lease.task_id), TaskStatus::Started);
    }
}

pub(super) fn a_task_is_taken_by_one_of_two(stage: &Stage) {
    let publisher = stage.publisher();
    let workers = [stage.worker(), stage.worker()];
    let id = publisher.start();
    let end = Instant::now() + PATIENCE;
    let mut taken = Vec::new();
    while taken.is_empty() && Instant::now() < end {
        for worker in &workers {
            taken.extend(worker.take(10, LONG, Duration::from_millis(50)));
        }
    }
    assert_eq!(ids(&taken), [id]);
    workers.iter().for_each(Member::check_nothing_comes);
}

pub(super) fn a_batch_is_at_most_so_large(stage: &Stage) {
    let (publisher, worker) = (stage.publisher(), stage.worker());
    let started = publisher.start_many(10);
    let mut taken = Vec::new();
    let end = Instant::now() + PATIENCE;
    while taken.len() < 10 {
        assert!(Instant::now() < end, "{} came", taken.len());
        // `take` fails where more come.
        taken.extend(worker.take(3, LONG, Duration::from_millis(200)));
    }
    assert_eq!(ids(&taken), started, "the oldest come first");
}

pub(super) fn nothing_of_nothing_is_taken(stage: &Stage) {
    let (publisher, worker) = (stage.publisher(), stage.worker());
    let id = publisher.start();
    assert_eq!(worker.take(0, LONG, Duration::from_millis(50)), []);
    assert_eq!(worker.take_one(LONG).task_id, id);
}

pub(super) fn many_tasks_are_each_taken_once(stage: &Stage) {
    const TASKS: usize = 500;
    let publisher = stage.publisher();
    let workers = [stage.worker(), stage.worker()];
    let end = Instant::now() + PATIENCE * 2;
    let done = AtomicUsize::new(0);
    let work = |worker: &Member<'_>| {
        let mut taken = Vec::new();
        while done.load(Ordering::Relaxed) < TASKS && Instant::now() < end {
            let leases = worker.take(32, LONG, Duration::from_millis(50));
            for lease in &leases {
                let settled = worker.settle(lease, Outcome::Ranked(ranking(2)));
                assert_eq!(settled, Settled::Now(TaskStatus::Success, None));
            }
            done.fetch_add(leases.len(), Ordering::Relaxed);
            taken.extend(ids(&leases));
        }
        taken
    };
    let (started, taken) = thread::scope(|scope| {
        let threads = workers
            .each_ref()
            .map(|worker| scope.spawn(|| work(worker)));
        let started: Vec<TaskId> = (0..TASKS / 50)
            .flat_map(|_| publisher.start_many(50))
            .collect();
        let taken: Vec<TaskId> = threads
            .into_iter()
            .flat_map(|thread| thread.join().expect("the worker did not panic"))
            .collect();
        (started, taken)
    });
    assert_eq!(taken.len(), TASKS, "none is taken twice");
    let taken: HashSet<TaskId> = taken.into_iter().collect();
    assert_eq!(taken, started.iter().copied().collect());
    for id in started {
        assert_eq!(publisher.status(id), TaskStatus::Success);
    }
    drop(workers);
    stage.check_waiting(0);
}

/// A take may be empty too soon, now and then, but whoever takes in a loop does not spin.
pub(super) fn a_take_waits_for_its_timeout_and_no_longer(stage: &Stage) {
    let worker = stage.worker();
    let timeout = Duration::from_millis(150);
    let begun = Instant::now();
    assert_eq!(worker.take(10, LONG, Duration::ZERO), []);
    assert!(begun.elapsed() < Duration::from_secs(1));
    let (begun, mut takes) = (Instant::now(), 0);
    while begun.elapsed() < timeout * 3 {
        let begun = Instant::now();
        assert_eq!(worker.take(10, LONG, timeout), []);
        assert!(begun.elapsed() < timeout + Duration::from_secs(1));
        takes += 1;
    }
    assert!(takes <= 6, "{takes} takes in three timeouts");
}

pub(super) fn who_waits_is_woken_soon(stage: &Stage) {
    let (publisher, worker) = (stage.publisher(), stage.worker());
    woken(&publisher, &[&worker]);
}

pub(super) fn all_who_wait_are_woken(stage: &Stage) {
    let (publisher, worker) = (stage.publisher(), stage.worker());
    woken(&publisher, &[&worker, &worker]);
}

/// Each has one task within a second, though it would wait for longer.
fn woken(publisher: &Member<'_>, workers: &[&Member<'_>]) {
    thread::scope(|scope| {
        let threads: Vec<_> = (workers.iter())
            .map(|worker| {
                scope.spawn(|| {
                    let end = Instant::now() + PATIENCE;
                    loop {
                        let leases = worker.take(1, LONG, PATIENCE);
                        if !leases.is_empty() || Instant::now() > end {
                            return (ids(&leases), Instant::now());
                        }
                    }
                })
            })
            .collect();
        thread::sleep(Duration::from_millis(200));
        let begun = Instant::now();
        let started = publisher.start_many(workers.len());
        let mut taken = Vec::new();
        for thread in threads {
            let (ids, at) = thread.join().expect("the worker did not panic");
            assert!(at - begun < Duration::from_secs(1), "{:?}", at - begun);
            taken.extend(ids);
        }
        taken.sort_unstable();
        assert_eq!(taken, started);
    });
}

pub(super) fn batch_work_is_taken_too(stage: &Stage) {
    let (publisher, worker) = (stage.publisher(), stage.worker());
    let request = NewSession {
        priority: Priority::Batch,
        ..stage.request()
    };
    let mut started = publisher.start_all(vec![request]);
    started.extend(publisher.start_many(1));
    let mut taken = ids(&worker.take_all(2, LONG));
    taken.sort_unstable();
    started.sort_unstable();
    assert_eq!(taken, started);
}

pub(super) fn two_publishers_have_one_medium(stage: &Stage) {
    let publishers = [stage.publisher(), stage.publisher()];
    let worker = stage.worker();
    let mut started: Vec<TaskId> = (publishers.iter()).flat_map(|p| p.start_many(3)).collect();
    let mut taken = ids(&worker.take_all(6, LONG));
    started.sort_unstable();
    taken.sort_unstable();
    assert_eq!(taken, started);
    worker.check_nothing_comes();
}

fn ids(leases: &[Lease]) -> Vec<TaskId> {
    leases.iter().map(|lease| lease.task_id).collect()
}
