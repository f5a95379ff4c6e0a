//! Tied scores against an enumeration of every order they could stand in.

use mlp_core::metrics::{
    Sessions, average_precision, mrr, ndcg, precision_at_1, precision_at_k, roc_auc, session_ndcg,
    session_precision, session_reciprocal_rank,
};

use super::assert_close;

/// Every order of `0..n`.
fn permutations(n: usize) -> Vec<Vec<usize>> {
    if n == 0 {
        return vec![vec![]];
    }
    let mut all = Vec::new();
    for shorter in permutations(n - 1) {
        for at in 0..n {
            let mut longer = shorter.clone();
            longer.insert(at, n - 1);
            all.push(longer);
        }
    }
    all
}

/// The mean of a statistic over the orders of the rows that their scores allow.
fn over_all_orders(labels: &[bool], scores: &[f64], of: impl Fn(&[bool]) -> f64) -> f64 {
    let values: Vec<f64> = permutations(labels.len())
        .into_iter()
        .filter(|order| order.windows(2).all(|w| scores[w[0]] >= scores[w[1]]))
        .map(|order| of(&order.iter().map(|&row| labels[row]).collect::<Vec<_>>()))
        .collect();
    assert!(!values.is_empty());
    values.iter().sum::<f64>() / values.len() as f64
}

fn dcg(ordered: &[bool], k: usize) -> f64 {
    let gain =
        |(place, &hit): (usize, &bool)| f64::from(u8::from(hit)) / (place as f64 + 2.0).log2();
    ordered.iter().take(k).enumerate().map(gain).sum()
}

#[test]
fn session_statistics_are_expectations_over_the_orders_of_ties() {
    let score_sets: [[f64; 6]; 5] = [
        [1.0, 1.0, 1.0, 1.0, 1.0, 1.0],
        [2.0, 1.0, 1.0, 1.0, 0.0, 0.0],
        [2.0, 2.0, 1.0, 1.0, 1.0, 0.0],
        [0.0, -0.0, 0.0, -0.0, 3.0, 0.0],
        [6.0, 5.0, 4.0, 3.0, 2.0, 1.0],
    ];
    for scores in &score_sets {
        for bits in 1_u32..64 {
            let labels: Vec<bool> = (0..6).map(|row| bits >> row & 1 == 1).collect();
            let what = format!("{labels:?} by {scores:?}");
            let expected = over_all_orders(&labels, scores, |ordered| {
                1.0 / (ordered.iter().position(|&hit| hit).unwrap() + 1) as f64
            });
            let found = session_reciprocal_rank(&labels, scores).unwrap();
            assert_close(found, Some(expected), &what);
            let gains: Vec<f64> = labels.iter().map(|&l| f64::from(u8::from(l))).collect();
            let mut best = labels.clone();
            best.sort_unstable_by(|a, b| b.cmp(a));
            for k in 1..=7 {
                let expected = over_all_orders(&labels, scores, |ordered| {
                    ordered.iter().take(k).filter(|&&hit| hit).count() as f64 / k as f64
                });
                let found = session_precision(&labels, scores, k).unwrap();
                assert_close(found, Some(expected), &format!("{what}, precision at {k}"));
                let expected = over_all_orders(&labels, scores, |o| dcg(o, k)) / dcg(&best, k);
                let found = session_ndcg(&gains, scores, Some(k)).unwrap();
                assert_close(found, Some(expected), &format!("{what}, ndcg at {k}"));
            }
        }
    }
}

#[test]
fn a_constant_scorer_gains_nothing_from_where_the_pick_stands() {
    for pick in 0..10 {
        let mut labels = [false; 20];
        labels[pick] = true;
        labels[19 - pick] = true;
        let scores = [0.25; 20];
        let sessions = Sessions::equal(20, 10).unwrap();
        let close = |found, expected, what| assert_close(found, Some(expected), what);
        close(
            precision_at_1(&labels, &scores, &sessions).unwrap(),
            0.1,
            "precision@1",
        );
        close(
            precision_at_k(&labels, &scores, &sessions, 3).unwrap(),
            0.1,
            "precision@3",
        );
        let harmonic: f64 = (1..=10).map(|rank| 1.0 / f64::from(rank)).sum();
        close(
            mrr(&labels, &scores, &sessions).unwrap(),
            harmonic / 10.0,
            "mrr",
        );
        let discounts: f64 = (1..=10).map(|rank| 1.0 / f64::from(rank + 1).log2()).sum();
        close(
            ndcg(&labels, &scores, &sessions, None).unwrap(),
            discounts / 10.0,
            "ndcg",
        );
        close(roc_auc(&labels, &scores).unwrap(), 0.5, "auc");
        close(
            average_precision(&labels, &scores).unwrap(),
            0.1,
            "average precision",
        );
    }
}

#[test]
fn negative_zero_is_zero() {
    let labels = [true, false, true, false];
    assert_eq!(roc_auc(&labels, &[0.0, -0.0, -0.0, 0.0]), Ok(Some(0.5)));
    assert_eq!(
        average_precision(&labels, &[0.0, -0.0, -0.0, 0.0]),
        Ok(Some(0.5))
    );
}

#[test]
fn infinite_scores_have_a_rank() {
    let labels = [true, false, false];
    let scores = [f64::INFINITY, 1e308, f64::NEG_INFINITY];
    assert_eq!(roc_auc(&labels, &scores), Ok(Some(1.0)));
    assert_eq!(session_reciprocal_rank(&labels, &scores), Ok(Some(1.0)));
    assert_eq!(roc_auc(&labels, &[f64::INFINITY; 3]), Ok(Some(0.5)));
}
