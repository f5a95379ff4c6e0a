//! The store as its own transport.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{Announcement, Transport};
use crate::traits::{Result, Store};
use crate::types::{ClaimOptions, Lease, Settled, Settlement, TaskKind};

/// Takes work from the store itself, which wakes those who wait: within a process at once, over
/// PostgreSQL by `NOTIFY`.
pub struct DirectTransport {
    store: Arc<dyn Store>,
    /// The last news of each kind.
    seen: [AtomicU64; TaskKind::ALL.len()],
}

impl DirectTransport {
    /// Over this store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            seen: Default::default(),
        }
    }
}

impl Transport for DirectTransport {
    /// The store has told already.
    fn announce(&self, _: &[Announcement<'_>]) {}

    fn take(&self, options: &ClaimOptions, timeout: Duration) -> Result<Vec<Lease>> {
        // News that came since the last wait end this one at once; read before the claim, since
        // another thread may note news that come after it.
        let seen = &self.seen[options.kind as usize];
        let before = seen.load(Ordering::Relaxed);
        let leases = self.store.claim(options)?;
        if !leases.is_empty() || timeout.is_zero() {
            return Ok(leases);
        }
        let news = (self.store).wait_for_work(options.kind, before, timeout);
        seen.store(news, Ordering::Relaxed);
        match news == before {
            true => Ok(leases),
            false => self.store.claim(options),
        }
    }

    fn settle(&self, settlements: &[Settlement]) -> Result<Vec<Settled>> {
        self.store.settle(settlements)
    }
}
