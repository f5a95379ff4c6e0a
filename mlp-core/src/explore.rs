//! Who is explored, who judges, and which model answers: drawn from a session's id, so that every
//! process decides alike and a repeated attempt decides the same.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

/// A session's id: the 16 bytes of its task's UUID.
pub type SessionId = [u8; 16];

/// What an explored session is used for, for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Half {
    /// Models learn from it.
    Training,
    /// Models are judged on it; none is ever trained on it.
    Judging,
}

fn digest(session: &SessionId, salt: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(session);
    hash.update(salt.as_bytes());
    hash.finalize().into()
}

fn unit(session: &SessionId, salt: &str) -> f64 {
    let digest = digest(session, salt);
    let word = u64::from_le_bytes(std::array::from_fn(|i| digest[i]));
    // 53 bits: every value is a distinct f64 in [0, 1).
    (word >> 11) as f64 / (1_u64 << 53) as f64
}

/// Whether the session is explored, where a share of `share` in [0, 1] is.
pub fn explored(session: &SessionId, share: f64) -> bool {
    unit(session, "explore") < share
}

/// The half that an explored session belongs to.
pub fn half(session: &SessionId) -> Half {
    if unit(session, "half") < 0.5 {
        Half::Training
    } else {
        Half::Judging
    }
}

/// The position of the model that answers the session, given the models' shares of traffic (each
/// in [0, 1], together 1); `None` where there is no share at all.
pub fn assign(session: &SessionId, shares: &[f64]) -> Option<usize> {
    let total: f64 = shares.iter().sum();
    let mut left = unit(session, "assign") * total;
    let mut last = None;
    for (position, &share) in shares.iter().enumerate().filter(|(_, s)| **s > 0.0) {
        if left < share {
            return Some(position);
        }
        left -= share;
        last = Some(position);
    }
    last
}

/// A uniformly random selection of `k` of the positions `0..n`, in random order, into `out`.
pub fn permutation(session: &SessionId, n: usize, k: usize, out: &mut Vec<u32>) {
    let mut rng = ChaCha8Rng::from_seed(digest(session, "permute"));
    draw(n, k, &mut rng, out);
}

fn draw(n: usize, k: usize, rng: &mut impl Rng, out: &mut Vec<u32>) {
    let k = k.min(n);
    out.clear();
    if n <= 4 * k {
        out.extend(0..n as u32);
        for i in 0..k {
            let j = rng.random_range(i..n);
            out.swap(i, j);
        }
        out.truncate(k);
        return;
    }
    // Few of many: draw until distinct; each draw is new with a probability over 3/4.
    while out.len() < k {
        let position = rng.random_range(0..n) as u32;
        if !out.contains(&position) {
            out.push(position);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(n: u64) -> impl Iterator<Item = SessionId> {
        (0..n).map(|i| std::array::from_fn(|b| i.to_le_bytes().get(b).copied().unwrap_or(0)))
    }

    #[test]
    fn shares_are_kept_and_choices_are_independent() {
        let n = 20_000;
        let mut counts = [0_u32; 4];
        for id in ids(n) {
            let explored = explored(&id, 0.05);
            counts[0] += u32::from(explored);
            counts[1] += u32::from(half(&id) == Half::Judging);
            counts[2] += u32::from(assign(&id, &[0.9, 0.1]) == Some(1));
            counts[3] += u32::from(explored && half(&id) == Half::Judging);
        }
        // Four standard deviations of each binomial.
        for (count, p) in counts.into_iter().zip([0.05, 0.5, 0.1, 0.025]) {
            let sd = (n as f64 * p * (1.0 - p)).sqrt();
            assert!(
                (f64::from(count) - n as f64 * p).abs() < 4.0 * sd,
                "{counts:?}"
            );
        }
    }

    #[test]
    fn permutations_are_distinct_repeatable_and_uniform() {
        let (mut first, mut again) = (Vec::new(), Vec::new());
        for (n, k) in [(0, 5), (3, 5), (210, 100), (100_000, 100), (10, 10)] {
            let mut hits = 0_u32;
            for id in ids(200) {
                permutation(&id, n, k, &mut first);
                permutation(&id, n, k, &mut again);
                assert_eq!(first, again);
                assert_eq!(first.len(), k.min(n));
                hits += first.iter().filter(|p| (**p as usize) < n / 2).count() as u32;
                let mut sorted = first.clone();
                sorted.sort_unstable();
                sorted.dedup();
                assert_eq!(sorted.len(), first.len());
            }
            let drawn = 200.0 * k.min(n) as f64;
            let p = (n / 2) as f64 / (n as f64).max(1.0);
            let sd = (drawn * p * (1.0 - p)).sqrt();
            assert!(
                (f64::from(hits) - drawn * p).abs() <= 4.0 * sd,
                "{n} {k} {hits}"
            );
        }
    }

    #[test]
    fn a_model_without_a_share_never_answers() {
        for id in ids(1000) {
            assert_eq!(assign(&id, &[0.0, 1.0, 0.0]), Some(1));
            assert_eq!(assign(&id, &[0.0, 0.0]), None);
            assert_eq!(assign(&id, &[]), None);
        }
    }

    #[test]
    fn every_order_and_every_position_is_as_likely() {
        // Chi-squared at p = 1e-4: scipy.stats.chi2.isf(1e-4, 5) and (1e-4, 99).
        for (n, k, limit) in [(3, 3, 25.74), (100, 10, 160.06)] {
            let mut counts = std::collections::BTreeMap::new();
            let mut drawn = 0.0;
            let mut order = Vec::new();
            for id in ids(6_000) {
                permutation(&id, n, k, &mut order);
                let outcomes = if n == 3 {
                    vec![order.clone()]
                } else {
                    order.iter().map(|p| vec![*p]).collect()
                };
                for outcome in outcomes {
                    *counts.entry(outcome).or_insert(0.0) += 1.0;
                    drawn += 1.0;
                }
            }
            let cells = if n == 3 { 6 } else { 100 };
            assert_eq!(counts.len(), cells);
            let expected = drawn / cells as f64;
            let statistic: f64 = counts
                .values()
                .map(|c: &f64| (c - expected).powi(2) / expected)
                .sum();
            assert!(statistic < limit, "{statistic} for {k} of {n}");
        }
    }

    /// Processes of different versions work on one store: these may not change.
    #[test]
    fn a_session_s_lot_is_fixed() {
        let id: SessionId = std::array::from_fn(|i| i as u8);
        let lots = ["explore", "half", "assign"].map(|salt| unit(&id, salt));
        // hashlib.sha256(bytes(range(16)) + salt): the first eight bytes, little-endian, of 2**64.
        let sha256 = [
            0.109_477_924_845_266_86,
            0.333_773_325_650_131_3,
            0.938_608_491_751_253_4,
        ];
        assert_eq!(lots, sha256);
        assert_eq!(half(&id), Half::Training);
        let mut order = Vec::new();
        permutation(&id, 210, 5, &mut order);
        assert_eq!(order, [25, 80, 41, 136, 98]);
        permutation(&id, 5, 5, &mut order);
        assert_eq!(order, [0, 2, 1, 4, 3]);
    }

    #[test]
    fn shares_of_none_and_all() {
        for id in ids(1000) {
            assert!(!explored(&id, 0.0) && explored(&id, 1.0));
            assert_eq!(assign(&id, &[1.0]), Some(0));
            // Shares that do not quite sum to 1 leave no session without a model.
            assert!(assign(&id, &[0.3, 0.3, 0.3999999]).is_some());
        }
    }
}
