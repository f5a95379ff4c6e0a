//! Lift, and segments of users.

use mlp_core::metrics::{MetricError, lift, segments};
use proptest::prelude::*;

use super::assert_close;
use crate::support::{noise, reading};

#[test]
fn lift_counts_the_best_rows_first() {
    let labels = [
        true, false, true, false, false, false, false, false, false, true,
    ];
    let scores: Vec<f64> = (0..10).map(|row| -f64::from(row)).collect();
    let curve = lift(&labels, &scores, 5).unwrap().unwrap();
    let third = 1.0 / 3.0;
    for (point, found) in curve
        .iter()
        .zip([third, 2.0 * third, 2.0 * third, 2.0 * third, 1.0])
    {
        assert_close(Some(point.found), Some(found), "found");
        assert_close(Some(point.lift), Some(found / point.rows), "lift");
    }
    // A cut within a row takes a part of it: 1/4 of ten rows are two and a half.
    let curve = lift(&labels, &scores, 4).unwrap().unwrap();
    assert_close(Some(curve[0].found), Some(1.5 / 3.0), "a part");
    assert_eq!(lift(&[false, false], &[0.1, 0.2], 3), Ok(None));
    assert_eq!(lift(&[], &[], 3), Ok(None));
    assert_eq!(
        lift(&[true], &[0.1], 0),
        Err(MetricError::Zero { what: "points" })
    );
    assert!(lift(&[true], &[f64::NAN], 2).is_err());
}

proptest! {
    #[test]
    fn lift_rises_to_all_and_ties_have_none(
        rows in prop::collection::vec((any::<bool>(), 0_u32..5), 1..60),
        points in 1_usize..15,
    ) {
        let labels: Vec<bool> = rows.iter().map(|row| row.0).collect();
        let scores: Vec<f64> = rows.iter().map(|row| f64::from(row.1)).collect();
        let Some(curve) = lift(&labels, &scores, points).unwrap() else {
            prop_assert!(!labels.contains(&true));
            return Ok(());
        };
        prop_assert_eq!(curve.len(), points);
        prop_assert!(curve.windows(2).all(|pair| pair[0].found <= pair[1].found + 1e-12));
        prop_assert!((curve[points - 1].found - 1.0).abs() < 1e-12);
        let tied = lift(&labels, &vec![0.5; labels.len()], points).unwrap().unwrap();
        prop_assert!(tied.iter().all(|point| (point.lift - 1.0).abs() < 1e-9), "{:?}", tied);
    }

    #[test]
    fn segments_hold_every_session_once(
        values in prop::collection::vec(-3_i32..4, 0..60),
        buckets in 0_usize..7,
    ) {
        let schema = reading();
        for column in ["hours", "patience", "genre", "member", "birthday"] {
            let width = schema.user.columns.len();
            let users: Vec<Vec<f64>> = (values.iter())
                .map(|value| vec![f64::from(value.abs()); width])
                .collect();
            let users = users.iter().map(Vec::as_slice);
            let found = segments(&schema.user, column, users, buckets).unwrap();
            let mut all: Vec<usize> = found.iter().flat_map(|s| s.sessions.clone()).collect();
            all.sort_unstable();
            prop_assert_eq!(all, (0..values.len()).collect::<Vec<_>>());
            for segment in &found {
                prop_assert!(!segment.sessions.is_empty());
                prop_assert!(segment.sessions.is_sorted());
            }
            if ["hours", "patience", "birthday"].contains(&column) {
                prop_assert!(found.len() <= buckets.max(1));
            }
        }
    }
}

#[test]
fn segments_are_named_by_what_they_have_in_common() {
    let schema = reading();
    let position = |name| schema.user.column(name).unwrap();
    let users: Vec<Vec<f64>> = (0..40)
        .map(|i| {
            let mut numbers = vec![0.0; schema.user.columns.len()];
            numbers[position("hours")] = f64::from(i);
            numbers[position("patience")] = noise(i as usize);
            numbers[position("genre")] = f64::from(i % 3);
            numbers[position("member")] = f64::from(i % 2);
            numbers[position("birthday")] = f64::from(i);
            numbers
        })
        .collect();
    let names = |column, buckets| -> Vec<String> {
        let users = users.iter().map(Vec::as_slice);
        let found = segments(&schema.user, column, users, buckets).unwrap();
        found.into_iter().map(|segment| segment.name).collect()
    };
    assert_eq!(names("member", 4), ["member = false", "member = true"]);
    assert_eq!(
        names("genre", 4),
        ["genre = novel", "genre = poetry", "genre = non-fiction"]
    );
    assert_eq!(
        names("hours", 3),
        [
            "hours from 0 to 13",
            "hours from 14 to 26",
            "hours from 27 to 39"
        ]
    );
    assert_eq!(
        names("birthday", 1),
        ["birthday from 1970-01-01 to 1970-02-09"]
    );
    assert_eq!(names("patience", 2).len(), 2);
    for column in ["nickname", "shelves", "nothing"] {
        let users = users.iter().map(Vec::as_slice);
        assert_eq!(segments(&schema.user, column, users, 4), None, "{column}");
    }
}
