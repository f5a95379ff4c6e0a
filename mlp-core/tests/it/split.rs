//! Splits are disjoint and complete, and part what they promise to part.

use mlp_core::split::{by_group, by_time};
use proptest::prelude::*;

fn complete(split: &mlp_core::split::Split, n: usize) -> bool {
    let mut all: Vec<usize> = split.train.iter().chain(&split.test).copied().collect();
    all.sort_unstable();
    all == (0..n).collect::<Vec<_>>() && split.train.is_sorted() && split.test.is_sorted()
}

proptest! {
    #[test]
    fn a_group_is_on_one_side(
        users in prop::collection::vec(0_u64..12, 0..60),
        share in 0.01_f64..0.99,
        seed in any::<u64>(),
    ) {
        let ids: Vec<[u8; 8]> = users.iter().map(|user| user.to_le_bytes()).collect();
        let split = by_group(&ids, share, seed).unwrap();
        prop_assert!(complete(&split, users.len()));
        let distinct = |positions: &[usize]| {
            positions.iter().map(|p| users[*p]).collect::<std::collections::BTreeSet<_>>()
        };
        let (train, test) = (distinct(&split.train), distinct(&split.test));
        prop_assert!(train.is_disjoint(&test));
        let expected = share * (train.len() + test.len()) as f64;
        prop_assert!((test.len() as f64 - expected).abs() <= 0.5);
    }

    #[test]
    fn the_order_of_sessions_does_not_part_them(
        users in prop::collection::vec(0_u64..12, 1..60),
        seed in any::<u64>(),
    ) {
        let ids: Vec<[u8; 8]> = users.iter().map(|user| user.to_le_bytes()).collect();
        let turned: Vec<[u8; 8]> = ids.iter().rev().copied().collect();
        let split = by_group(&ids, 0.4, seed).unwrap();
        let other = by_group(&turned, 0.4, seed).unwrap();
        let back: Vec<usize> = other.test.iter().rev().map(|p| users.len() - 1 - p).collect();
        prop_assert_eq!(split.test, back);
    }

    #[test]
    fn the_test_is_later(times in prop::collection::vec(-20_i64..20, 0..60), share in 0.01_f64..0.99) {
        let split = by_time(&times, share).unwrap();
        prop_assert!(complete(&split, times.len()));
        let last = split.train.iter().map(|p| times[*p]).max();
        let first = split.test.iter().map(|p| times[*p]).min();
        if let (Some(last), Some(first)) = (last, first) {
            prop_assert!(last < first);
        }
        prop_assert!(split.test.len() <= (share * times.len() as f64).floor() as usize);
        // Where no time repeats it is just as many.
        let mut distinct = times.clone();
        distinct.sort_unstable();
        distinct.dedup();
        let split = by_time(&distinct, share).unwrap();
        prop_assert_eq!(split.test.len(), (share * distinct.len() as f64).floor() as usize);
    }
}

#[test]
fn shares_are_between_0_and_1() {
    for share in [0.0, 1.0, -0.1, f64::NAN] {
        assert!(by_time(&[1, 2], share).is_err());
        let refused = by_group(&["a"], share, 0).unwrap_err().to_string();
        assert!(refused.starts_with("`test_share` is `"), "{refused}");
    }
}

#[test]
fn one_time_cannot_be_parted() {
    let split = by_time(&[5; 10], 0.5).unwrap();
    assert_eq!((split.train.len(), split.test.len()), (10, 0));
    let split = by_time(&[1, 2, 2, 2], 0.5).unwrap();
    assert_eq!((split.train.len(), split.test.len()), (4, 0));
    assert_eq!(
        split.train_of(&["a", "b"]).collect::<Vec<_>>(),
        [&"a", &"b"]
    );
}

#[test]
fn seeds_part_differently() {
    let ids: Vec<[u8; 8]> = (0..100_u64).map(u64::to_le_bytes).collect();
    let split = |seed| by_group(&ids, 0.3, seed).unwrap();
    assert_eq!(split(1), split(1));
    assert_ne!(split(1), split(2));
    assert_eq!(split(1).test.len(), 30);
    // As sessions join, few change sides.
    let more: Vec<[u8; 8]> = (0..110_u64).map(u64::to_le_bytes).collect();
    let more = by_group(&more, 0.3, 1).unwrap();
    let stayed = split(1)
        .test
        .iter()
        .filter(|p| more.test.contains(p))
        .count();
    assert!(stayed >= 24, "{stayed}");
}
