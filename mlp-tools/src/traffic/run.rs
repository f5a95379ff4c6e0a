//! Running a plan.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::lock;
use super::observe::Observer;
use super::plan::Plan;
use super::report::{Report, Tally};
use super::session::Visitor;
use super::tickets::Tickets;

/// How long requests under way may take after the run was stopped.
const GRACE: Duration = Duration::from_secs(2);

/// What all users of a run share.
pub(crate) struct Run<O> {
    pub(crate) plan: Plan,
    pub(crate) observer: O,
    pub(crate) tickets: Tickets,
    pub(crate) tally: Mutex<Tally>,
}

/// Runs a plan to its end, or until `shutdown` is ready: then no session begins any more, pauses
/// end, and requests under way are given two seconds.
///
/// A request that fails for now (no connection, no answer in time, 503) is sent again until the
/// plan's patience is at an end, in growing intervals or when the server says. A start whose answer
/// got lost is sent again too, and the server may then hold an inference that nobody asks for.
///
/// Must be called within a Tokio runtime with time and I/O; one thread is enough.
pub async fn run<O: Observer>(
    plan: Plan,
    observer: O,
    shutdown: impl Future<Output = ()>,
) -> Report {
    let start = Instant::now();
    let run = Arc::new(Run {
        tickets: Tickets::new(&plan, start),
        plan,
        observer,
        tally: Mutex::default(),
    });
    let (stop, stopped) = watch::channel(false);
    let mut users = JoinSet::new();
    for _ in 0..run.plan.parallel {
        let (run, stop) = (run.clone(), Stop(stopped.clone()));
        users.spawn(async move { Visitor::new(&run, stop).visit_all().await });
    }
    tokio::select! {
        () = all(&mut users) => {}
        () = shutdown => {}
        () = end(start, run.plan.duration) => {}
    }
    let missed = run.tickets.overdue(Instant::now());
    stop.send_replace(true);
    let drained = tokio::time::timeout(GRACE, all(&mut users)).await;
    let seconds = start.elapsed().as_secs_f64();
    if drained.is_err() {
        lock(&run.tally).report.unfinished += users.len() as u64;
        users.shutdown().await;
    }
    let mut report = lock(&run.tally).finish(seconds);
    report.missed = missed;
    report
}

async fn all(users: &mut JoinSet<()>) {
    while let Some(done) = users.join_next().await {
        if let Err(error) = done
            && let Ok(panic) = error.try_into_panic()
        {
            std::panic::resume_unwind(panic);
        }
    }
}

async fn end(start: Instant, duration: Option<Duration>) {
    match duration {
        Some(duration) => tokio::time::sleep_until(start + duration).await,
        None => std::future::pending().await,
    }
}

/// The wish to stop, as one user hears it.
pub(crate) struct Stop(watch::Receiver<bool>);

impl Stop {
    pub(crate) fn requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Sleeps; false where the run was stopped before the time came.
    pub(crate) async fn sleep_until(&mut self, when: Instant) -> bool {
        if when <= Instant::now() {
            return !self.requested();
        }
        tokio::select! {
            biased;
            _ = self.0.wait_for(|stop| *stop) => false,
            () = tokio::time::sleep_until(when) => true,
        }
    }
}
