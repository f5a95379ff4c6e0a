//! Which sessions a model is fitted on and which it is tested on.
//!
//! All splits are of positions: [`Split::train`] and [`Split::test`] are ascending, disjoint, and
//! together `0..n`. By *session* answers "how good on more of the same"; by *user* "how good on
//! people it has not seen", where users come back; by *time* "how good tomorrow", which is what a
//! model in production is for.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use crate::metrics::MetricError;

/// Positions of sessions to fit on and to test on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Split {
    /// To fit on, ascending.
    pub train: Vec<usize>,
    /// To test on, ascending.
    pub test: Vec<usize>,
}

impl Split {
    fn of(n: usize, is_test: impl Fn(usize) -> bool) -> Self {
        let (test, train) = (0..n).partition(|position| is_test(*position));
        Self { train, test }
    }

    /// What stands at the positions to fit on, of something of shape `(n_sessions,)`.
    pub fn train_of<'a, T>(&'a self, all: &'a [T]) -> impl Iterator<Item = &'a T> {
        self.train.iter().filter_map(|position| all.get(*position))
    }

    /// What stands at the positions to test on, of something of shape `(n_sessions,)`.
    pub fn test_of<'a, T>(&'a self, all: &'a [T]) -> impl Iterator<Item = &'a T> {
        self.test.iter().filter_map(|position| all.get(*position))
    }
}

/// Splits by group: all sessions of one id are on one side. The ids of sessions make it a split by
/// session, those of users one by user.
///
/// `round(test_share · n_groups)` groups are tested on: those whose SHA-256 of seed and id is
/// smallest. So the split does not depend on the order of sessions, and as groups join few change
/// sides. `ids` has shape `(n_sessions,)`; `test_share` is over 0 and under 1.
///
/// # Errors
///
/// Where `test_share` is out of range.
///
/// ```
/// let users = ["ann", "bob", "ann", "cem", "dan"];
/// let split = mlp_core::split::by_group(&users, 0.25, 7)?;
/// // One of four users.
/// assert!(split.test.len() == 1 || split.test == [0, 2]);
/// # Ok::<(), mlp_core::metrics::MetricError>(())
/// ```
pub fn by_group<T: AsRef<[u8]>>(
    ids: &[T],
    test_share: f64,
    seed: u64,
) -> Result<Split, MetricError> {
    share(test_share)?;
    let mut ranks: BTreeMap<&[u8], [u8; 32]> = BTreeMap::new();
    for id in ids {
        ranks.entry(id.as_ref()).or_insert_with(|| {
            let hash = Sha256::new().chain_update(seed.to_le_bytes());
            hash.chain_update(id.as_ref()).finalize().into()
        });
    }
    let tested = (test_share * ranks.len() as f64).round() as usize;
    let mut order: Vec<(&[u8; 32], &[u8])> = ranks.iter().map(|(id, rank)| (rank, *id)).collect();
    order.sort_unstable();
    let test: BTreeSet<&[u8]> = order.iter().take(tested).map(|(_, id)| *id).collect();
    Ok(Split::of(ids.len(), |i| test.contains(ids[i].as_ref())))
}

/// Splits by time: every session to test on is strictly later than every one to fit on.
///
/// The latest `⌊test_share · n⌋` sessions are tested on, but for those at the very time of the last
/// one to fit on: what happened at once is not parted, so where times repeat fewer are tested on,
/// none if all are one. `times` has shape `(n_sessions,)`, in any unit and any order;
/// `test_share` is over 0 and under 1.
///
/// # Errors
///
/// Where `test_share` is out of range.
///
/// ```
/// let split = mlp_core::split::by_time(&[30, 10, 20, 40], 0.5)?;
/// assert_eq!((split.train, split.test), (vec![1, 2], vec![0, 3]));
/// # Ok::<(), mlp_core::metrics::MetricError>(())
/// ```
pub fn by_time(times: &[i64], test_share: f64) -> Result<Split, MetricError> {
    share(test_share)?;
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let tested = (test_share * times.len() as f64).floor() as usize;
    let last = (times.len() - tested)
        .checked_sub(1)
        .map(|last| sorted[last]);
    Ok(Split::of(times.len(), |i| {
        last.is_some_and(|last| times[i] > last)
    }))
}

fn share(test_share: f64) -> Result<(), MetricError> {
    crate::metrics::check_share("test_share", test_share)
}
