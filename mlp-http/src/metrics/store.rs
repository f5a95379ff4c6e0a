//! What a scrape asks of the store.

use mlp_core::watch::WatchReport;
use mlp_store::{DecisionKind, QueueDepth, Store, TaskKind};

/// What it says.
#[derive(Debug)]
pub(crate) struct Said {
    pub depths: Vec<(TaskKind, QueueDepth)>,
    /// The newest look at the live traffic by schedule; `None` before the first, and where a program of another
    /// version took it and says it otherwise.
    pub report: Option<WatchReport>,
    /// The registry's version.
    pub registry: i64,
    /// How many decisions of each kind there are; `None` where they are those of before.
    pub decisions: Option<Vec<(DecisionKind, u64)>>,
}

/// Looks that are gone through for one by schedule.
const LOOKS: usize = 20;

impl Said {
    /// Asks; decisions only where the registry changed since `seen`.
    pub fn by(store: &dyn Store, seen: Option<i64>) -> mlp_store::Result<Self> {
        let depths = TaskKind::ALL.map(|kind| store.depth(kind).map(|depth| (kind, depth)));
        let depths = depths.into_iter().collect::<mlp_store::Result<Vec<_>>>()?;
        let newest = store.task_results(TaskKind::Monitoring, LOOKS)?;
        let reports = newest
            .iter()
            .map(|task| serde_json::from_str(&task.result).ok());
        let mut reports = reports.skip_while(|report: &Option<WatchReport>| {
            report.as_ref().is_some_and(WatchReport::is_by_hand)
        });
        // Read first: a decision in between is then counted again at the next scrape.
        let registry = store.versions()?.registry;
        let decisions = match seen {
            Some(seen) if seen == registry => None,
            _ => Some(store.decision_counts()?),
        };
        Ok(Self {
            depths,
            report: reports.next().flatten(),
            registry,
            decisions,
        })
    }
}
