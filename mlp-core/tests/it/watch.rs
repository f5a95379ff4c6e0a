//! Quality: what users did beside what the models expected.

use mlp_core::metrics::{MetricError, Sessions, choice_log_loss};
use mlp_core::replay::choice_probabilities;
use mlp_core::watch::{QualityOptions, SeenList, expected_pick, quality};
use proptest::prelude::*;

const SECOND: i64 = 1_000_000;

fn list(model_id: i64, scores: &[f32]) -> SeenList {
    SeenList {
        model_id: Some(model_id),
        explored: false,
        scores: scores.to_vec(),
        shown_us: Some(0),
        answered_us: None,
        picked: None,
    }
}

fn answered(model_id: i64, scores: &[f32], after_s: i64, picked: Option<usize>) -> SeenList {
    SeenList {
        answered_us: Some(after_s * SECOND),
        picked,
        ..list(model_id, scores)
    }
}

fn options() -> QualityOptions {
    QualityOptions::at(0)
}

#[test]
fn the_realised_rate_stands_beside_the_expected_one() {
    let (even, high) = ([0.5_f32], [0.75_f32, 0.75]);
    let mut lists: Vec<SeenList> = (0..7).map(|_| answered(2, &even, 1, Some(0))).collect();
    lists.extend((0..3).map(|_| answered(2, &even, 1, None)));
    lists.extend((0..10).map(|_| list(2, &high)));
    lists.push(answered(1, &high, 1, Some(1)));
    // Neither what was explored, nor what no model ranked, nor what nobody saw.
    lists.push(SeenList {
        explored: true,
        ..answered(2, &even, 1, None)
    });
    lists.push(SeenList {
        model_id: None,
        ..answered(2, &even, 1, None)
    });
    lists.push(list(2, &[]));
    let found = quality(&lists, &[], &options()).unwrap();
    let ids: Vec<i64> = found.models.iter().map(|m| m.model_id).collect();
    assert_eq!(ids, [1, 2]);
    let model = &found.models[1];
    assert_eq!((model.shown, model.answered, model.picked), (20, 10, 7));
    assert_eq!(model.rate, Some(0.7));
    // Wilson's formula for 7 of 10 in CPython 3, with z = 1.959963984540054.
    assert!(
        (model.low.unwrap() - 0.396_778_147_461_1).abs() < 1e-9,
        "{:?}",
        model.low
    );
    assert!(
        (model.high.unwrap() - 0.892_208_732_589).abs() < 1e-9,
        "{:?}",
        model.high
    );
    // One item with odds 1; two with odds 3 each: 6 / 7.
    assert!((model.expected.unwrap() - 0.5).abs() < 1e-7);
    let shown = (10.0 * 0.5 + 10.0 * 6.0 / 7.0) / 20.0;
    assert!((model.expected_shown.unwrap() - shown).abs() < 1e-7);
    let silent = quality(&[list(5, &even)], &[], &options()).unwrap();
    let silent = &silent.models[0];
    assert_eq!(
        (silent.rate, silent.low, silent.expected),
        (None, None, None)
    );
    assert!(silent.expected_shown.is_some());
}

#[test]
fn coverage_counts_what_is_old_enough_and_delays_are_in_seconds() {
    let shown_at = |list: SeenList, shown_us| SeenList {
        shown_us: Some(shown_us),
        ..list
    };
    let mut lists: Vec<SeenList> = [1, 2, 4, 8, 16]
        .map(|after| answered(1, &[0.5], after, None))
        .into();
    lists.extend((0..3).map(|_| list(1, &[0.5])));
    // Too young to have been answered.
    lists.extend((0..9).map(|_| shown_at(list(1, &[0.5]), 60 * SECOND)));
    let at = QualityOptions::at(59 * SECOND);
    let found = quality(&lists, &[], &at).unwrap();
    assert_eq!(found.coverage, Some(5.0 / 8.0));
    // numpy.percentile([1, 2, 4, 8, 16], [50, 90]): 4.0, 12.8.
    let delay = found.delay.unwrap();
    assert!((delay.p50_s - 4.0).abs() < 1e-12 && (delay.p90_s - 12.8).abs() < 1e-12);
    let nothing = quality(&[], &[], &at).unwrap();
    assert_eq!((nothing.coverage, nothing.delay), (None, None));
    assert!(nothing.models.is_empty() && nothing.explored.is_none());
}

#[test]
fn explored_sessions_judge_the_champion() {
    let scores = [0.6_f32, 0.2, 0.1];
    let judging: Vec<SeenList> = (0..200)
        .map(|i| answered(1, &scores, 1, [Some(0), Some(0), Some(1), None][i % 4]))
        .collect();
    let found = quality(&[], &judging, &options())
        .unwrap()
        .explored
        .unwrap();
    assert_eq!((found.sessions, found.picked), (200, 150));
    assert!((found.precision_at_1.unwrap() - 2.0 / 3.0).abs() < 1e-12);
    let (low, high) = (
        found.precision_at_1_low.unwrap(),
        found.precision_at_1_high.unwrap(),
    );
    // 1.96 √(2/3 · 1/3 / 150) = 0.075
    assert!(
        (low - 0.591).abs() < 0.02 && (high - 0.742).abs() < 0.02,
        "{low} {high}"
    );
    let odds: Vec<f64> = scores
        .iter()
        .map(|s| f64::from(*s) / (1.0 - f64::from(*s)))
        .collect();
    let total = 1.0 + odds.iter().sum::<f64>();
    let loss = |odds: f64| -(odds / total).ln();
    let expected = (2.0 * loss(odds[0]) + loss(odds[1]) + loss(1.0)) / 4.0;
    assert!((found.log_loss.unwrap() - expected).abs() < 1e-6);
    assert!(found.log_loss_low.unwrap() < expected && found.log_loss_high.unwrap() > expected);
    let items: u64 = found.reliability.iter().map(|bin| bin.2).sum();
    assert_eq!(items, 600);
    let few = quality(&[], &judging[..99], &options())
        .unwrap()
        .explored
        .unwrap();
    assert!(few.log_loss.is_some() && few.log_loss_low.is_none());
}

#[test]
fn scores_that_were_rounded_to_the_end_are_still_numbers() {
    for scores in [[1.0_f32, 1.0], [0.0, 0.0], [1.0, 0.0]] {
        let expected = expected_pick(&scores);
        assert!((0.0..=1.0).contains(&expected), "{expected}");
        let judging = [answered(1, &scores, 1, Some(1))];
        let found = quality(&[], &judging, &options())
            .unwrap()
            .explored
            .unwrap();
        assert!(found.log_loss.unwrap().is_finite());
    }
}

#[test]
fn a_score_that_is_no_number_is_a_fault() {
    let judging = [answered(1, &[f32::NAN], 1, Some(0))];
    let error = quality(&[], &judging, &options()).unwrap_err();
    assert!(matches!(
        error,
        MetricError::NotAProbability { .. } | MetricError::NotANumber { .. }
    ));
}

proptest! {
    /// Against the log-odds themselves, by the replay's own way from odds to probabilities.
    #[test]
    fn the_expected_rate_is_that_of_the_log_odds(odds in proptest::collection::vec(-8.0_f64..8.0, 1..20)) {
        let lists = Sessions::from_lengths([odds.len()]).unwrap();
        let p = choice_probabilities(&odds, &lists).unwrap();
        let scores: Vec<f32> = odds.iter().map(|u| (1.0 / (1.0 + (-u).exp())) as f32).collect();
        prop_assert!((expected_pick(&scores) - p.iter().sum::<f64>()).abs() < 1e-3);
        let none: Vec<bool> = vec![false; odds.len()];
        let loss = choice_log_loss(&none, &p, &lists).unwrap().unwrap();
        let judging = [answered(1, &scores, 1, None)];
        let found = quality(&[], &judging, &options()).unwrap().explored.unwrap();
        prop_assert!((found.log_loss.unwrap() - loss).abs() < 1e-2);
    }
}
