//! What holds of any data.

use mlp_core::metrics::{
    Binning, EvaluateOptions, Evaluation, Sessions, calibration_error, choice_log_loss, evaluate,
    log_loss, reliability, roc_auc,
};
use proptest::prelude::*;

/// Labels and probabilities; a coarse grid of scores makes ties common.
fn rows(max: usize) -> impl Strategy<Value = (Vec<bool>, Vec<f64>)> {
    let grid = prop_oneof![Just(4_u32), Just(1000)];
    (0..max, grid).prop_flat_map(|(n, grid)| {
        let score = (0..=grid).prop_map(move |step| f64::from(step) / f64::from(grid));
        (
            prop::collection::vec(any::<bool>(), n),
            prop::collection::vec(score, n),
        )
    })
}

/// Rows in sessions of 1 to 8, and where these begin.
fn grouped() -> impl Strategy<Value = (Vec<bool>, Vec<f64>, Sessions)> {
    prop::collection::vec(1_usize..9, 0..20).prop_flat_map(|lengths| {
        let sessions = Sessions::from_lengths(lengths).unwrap();
        let n = sessions.rows();
        (
            prop::collection::vec(prop::bool::weighted(0.2), n),
            prop::collection::vec((0_u32..6).prop_map(|step| f64::from(step) / 5.0), n),
            Just(sessions),
        )
    })
}

/// `P(s⁺ > s⁻) + ½ P(s⁺ = s⁻)` by looking at every pair.
fn auc_by_pairs(labels: &[bool], scores: &[f64]) -> Option<f64> {
    let of = |class| {
        let rows = labels.iter().zip(scores);
        rows.filter(move |row| *row.0 == class).map(|row| *row.1)
    };
    let (mut wins, mut pairs) = (0.0, 0.0);
    for positive in of(true) {
        for negative in of(false) {
            wins += f64::from(u8::from(positive > negative));
            wins += 0.5 * f64::from(u8::from(positive == negative));
            pairs += 1.0;
        }
    }
    (pairs > 0.0).then(|| wins / pairs)
}

fn all(found: &Evaluation) -> [Option<f64>; 12] {
    [
        found.auc,
        found.average_precision,
        found.accuracy,
        found.precision,
        found.recall,
        found.f1,
        found.brier,
        found.calibration_error,
        found.precision_at_1,
        found.ndcg,
        found.mrr,
        found.log_loss.map(|loss| loss / 36.05),
    ]
}

fn close(a: Option<f64>, b: Option<f64>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() <= 1e-12,
        (a, b) => a == b,
    }
}

proptest! {
    #[test]
    fn auc_is_the_share_of_pairs_in_order((labels, scores) in rows(60)) {
        prop_assert!(close(roc_auc(&labels, &scores).unwrap(), auc_by_pairs(&labels, &scores)));
    }

    #[test]
    fn auc_sees_only_the_order((labels, scores) in rows(60)) {
        let bent: Vec<f64> = scores.iter().map(|s| (3.0 * s).exp() - 7.0).collect();
        prop_assert_eq!(roc_auc(&labels, &bent), roc_auc(&labels, &scores));
    }

    #[test]
    fn auc_of_the_opposite_is_the_complement((labels, scores) in rows(60)) {
        // Not `1 - s`, which may round two scores into one.
        let opposite: Vec<f64> = scores.iter().map(|s| -s).collect();
        let complement = roc_auc(&labels, &scores).unwrap().map(|auc| 1.0 - auc);
        prop_assert!(close(roc_auc(&labels, &opposite).unwrap(), complement));
        let other_class: Vec<bool> = labels.iter().map(|label| !label).collect();
        prop_assert!(close(roc_auc(&other_class, &scores).unwrap(), complement));
    }

    #[test]
    fn everything_is_defined_or_none_and_within_bounds((labels, scores, sessions) in grouped()) {
        let options = EvaluateOptions::default();
        let found = evaluate(&labels, &scores, Some(&sessions), &options).unwrap();
        for value in all(&found).into_iter().flatten() {
            prop_assert!((0.0..=1.0).contains(&value), "{:?}", found);
        }
        prop_assert_eq!(found.mrr.is_some(), labels.contains(&true));
        prop_assert_eq!(found.mrr.is_some(), found.picked_sessions > 0);
        prop_assert_eq!(found.brier.is_some(), !labels.is_empty());
        if let (Some(first), Some(mrr)) = (found.precision_at_1, found.mrr) {
            prop_assert!(first <= mrr + 1e-12, "{:?}", found);
        }
    }

    #[test]
    fn the_order_of_rows_tells_nothing((labels, scores, sessions) in grouped()) {
        let options = EvaluateOptions::default();
        let found = evaluate(&labels, &scores, Some(&sessions), &options).unwrap();
        // Reversed as a whole: the sessions in reverse, and each within itself.
        let back = |offset: &usize| sessions.rows() - offset;
        let offsets = sessions.offsets().iter().rev().map(back).collect();
        let turned_sessions = Sessions::from_offsets(offsets).unwrap();
        let turned_labels: Vec<bool> = labels.iter().rev().copied().collect();
        let turned_scores: Vec<f64> = scores.iter().rev().copied().collect();
        let turned =
            evaluate(&turned_labels, &turned_scores, Some(&turned_sessions), &options).unwrap();
        for (a, b) in all(&found).into_iter().zip(all(&turned)) {
            prop_assert!(close(a, b), "{:?} is not {:?}", found, turned);
        }
    }

    #[test]
    fn the_truth_orders_perfectly((labels, _, sessions) in grouped()) {
        let truth: Vec<f64> = labels.iter().map(|&label| f64::from(u8::from(label))).collect();
        let options = EvaluateOptions::default();
        let found = evaluate(&labels, &truth, Some(&sessions), &options).unwrap();
        for value in [found.auc, found.average_precision, found.ndcg, found.mrr] {
            prop_assert!(close(value, value.map(|_| 1.0)), "{:?}", found);
        }
        prop_assert!(found.log_loss.unwrap_or(0.0) < 1e-12);
        prop_assert_eq!(found.calibration_error.unwrap_or(0.0), 0.0);
    }

    #[test]
    fn a_constant_scorer_has_no_skill((labels, _) in rows(60), p in 0.0..=1.0) {
        let scores = vec![p; labels.len()];
        let found = evaluate(&labels, &scores, None, &EvaluateOptions::default()).unwrap();
        let share = labels.iter().filter(|&&label| label).count() as f64 / labels.len() as f64;
        prop_assert_eq!(found.auc, found.auc.map(|_| 0.5));
        let expected = found.average_precision.map(|_| share);
        prop_assert!(close(found.average_precision, expected));
    }

    #[test]
    fn a_reliability_table_holds_every_row((labels, p) in rows(80), bins in 1_usize..20) {
        for binning in [Binning::EqualWidth(bins), Binning::EqualMass(bins)] {
            let table = reliability(&labels, &p, binning).unwrap();
            prop_assert!(table.len() <= bins);
            prop_assert_eq!(table.iter().map(|bin| bin.rows).sum::<usize>(), labels.len());
            prop_assert!(table.iter().all(|bin| bin.rows > 0 && bin.min <= bin.max));
            prop_assert!(table.windows(2).all(|pair| pair[0].max <= pair[1].min));
            let mean: f64 = table.iter().map(|bin| bin.rows as f64 * bin.predicted).sum();
            prop_assert!((mean - p.iter().sum::<f64>()).abs() < 1e-9);
            let error = calibration_error(&labels, &p, binning).unwrap();
            prop_assert!(error.is_none_or(|e| (0.0..=1.0).contains(&e)));
        }
    }

    #[test]
    fn a_constant_loses_least_at_the_base_rate((labels, _) in rows(40), p in 0.0..=1.0) {
        prop_assume!(!labels.is_empty());
        let share = labels.iter().filter(|&&label| label).count() as f64 / labels.len() as f64;
        let of = |p| log_loss(&labels, &vec![p; labels.len()]).unwrap().unwrap();
        prop_assert!(of(share) <= of(p) + 1e-12);
    }

    #[test]
    fn one_item_sessions_make_the_choice_a_binary_one((labels, p) in rows(40)) {
        let sessions = Sessions::equal(labels.len(), 1).unwrap();
        let choice = choice_log_loss(&labels, &p, &sessions).unwrap();
        prop_assert!(close(choice, log_loss(&labels, &p).unwrap()));
    }
}
