//! The thread that ranks: take a batch, rank each, settle the batch.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use mlp_store::{
    ClaimOptions, Lease, Outcome, RankScratch, Serving, Settled, Settlement, TaskKind, Work,
};

use crate::worker::{Backoff, Shared, delay};

pub(crate) fn run(shared: &Shared) {
    let claim = ClaimOptions {
        kind: TaskKind::Inference,
        max: shared.options.batch,
        lease: shared.options.lease,
    };
    let mut scratch = RankScratch::default();
    let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_millis(500));
    while !shared.stopping() {
        match shared.transport.take(&claim, shared.options.poll) {
            Ok(leases) if leases.is_empty() => backoff.reset(),
            Ok(leases) => {
                backoff.reset();
                work(shared, &leases, &mut scratch);
            }
            Err(error) => {
                tracing::warn!(%error, "no inference could be taken");
                std::thread::sleep(backoff.next());
            }
        }
    }
}

fn work(shared: &Shared, leases: &[Lease], scratch: &mut RankScratch) {
    shared.hold(leases);
    let serving = shared.live.current();
    let settlements: Vec<Settlement> = (leases.iter())
        .map(|lease| Settlement {
            lease: lease.reference(),
            outcome: outcome(&serving, lease, scratch),
        })
        .collect();
    match shared.settle(&settlements) {
        Ok(settled) => tell_stale(&settled),
        Err(error) => {
            tracing::error!(%error, tasks = leases.len(), "results could not be kept: the tasks will be tried again");
        }
    }
    shared.let_go(TaskKind::Inference);
}

/// A worker that is too slow, or was stopped for a while, is to be seen: its work is done twice.
fn tell_stale(settled: &[Settled]) {
    let stale = settled.iter().filter(|s| **s == Settled::Stale).count();
    if stale > 0 {
        tracing::warn!(
            tasks = stale,
            "results were refused: their leases had ended, or they had been kept already"
        );
    }
}

fn outcome(serving: &Serving, lease: &Lease, scratch: &mut RankScratch) -> Outcome {
    let Work::Inference { user, candidates } = &lease.work else {
        return Outcome::Failed {
            error: "the task is no inference".to_owned(),
        };
    };
    let candidates = candidates.as_deref();
    // One bad task must not take its whole batch, and this thread, with it.
    let ranked = catch_unwind(AssertUnwindSafe(|| {
        serving.rank(&lease.task_id, user, candidates, scratch)
    }));
    match ranked {
        Ok(ranking) => Outcome::Ranked(ranking),
        Err(_) => {
            *scratch = RankScratch::default();
            Outcome::Retry {
                error: "ranking panicked".to_owned(),
                after: delay(
                    Duration::from_millis(200),
                    Duration::from_secs(30),
                    lease.attempt,
                ),
            }
        }
    }
}
