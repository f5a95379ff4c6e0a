//! Replay on lists whose truth is known.

#![allow(clippy::unwrap_used)]

use mlp_core::Session;
use mlp_core::metrics::{MetricError, Sessions, choice_log_loss, mrr, precision_at_1};
use mlp_core::replay::{Answer, Counted, Replay, ReplayOptions, choice_probabilities};
use proptest::prelude::*;

use crate::support::noise;

/// Sessions of four items: about one in five picks nothing, the others one of the first, mostly.
fn sessions(n: usize) -> Vec<Session> {
    (0..n)
        .map(|i| {
            let lot = noise(13 * i + 5);
            Session {
                user: vec![],
                shown: (0..4).map(|item| vec![f64::from(item)]).collect(),
                picked: (lot > 0.2).then(|| ((lot - 0.2) * 1.7 * noise(i) * 4.0) as usize % 4),
            }
        })
        .collect()
}

fn falling(n: usize) -> Vec<f64> {
    (0..4 * n)
        .map(|row| [0.4, 0.2, 0.1, 0.05][row % 4])
        .collect()
}

#[test]
fn values_are_those_of_the_metrics() {
    let sessions = sessions(300);
    let replay = Replay::new(&sessions);
    let u: Vec<f64> = (0..1200).map(|row| 3.0 * noise(row) - 1.0).collect();
    let p = choice_probabilities(&u, replay.lists()).unwrap();
    let found = replay.value(&p, &ReplayOptions::default()).unwrap();
    let labels: Vec<bool> = (sessions.iter())
        .flat_map(|s| (0..4).map(|i| s.picked == Some(i)))
        .collect();
    let lists = Sessions::equal(1200, 4).unwrap();
    for (answer, expected) in [
        (found.log_loss, choice_log_loss(&labels, &p, &lists)),
        (found.precision_at_1, precision_at_1(&labels, &p, &lists)),
        (found.mrr, mrr(&labels, &p, &lists)),
    ] {
        let (value, expected) = (answer.value().unwrap(), expected.unwrap().unwrap());
        assert!((value - expected).abs() < 1e-12, "{answer}");
        let Answer::Known { interval, .. } = answer else {
            panic!("{answer}")
        };
        assert!(interval.low < value && value < interval.high);
    }
    assert_eq!(found.sessions, 300);
    let picked = sessions.iter().filter(|s| s.picked.is_some()).count();
    assert_eq!(found.picked_sessions, picked);
    let json = serde_json::to_value(&found).unwrap();
    assert_eq!(json["mrr"]["answer"], "known");
    assert!(json["mrr"]["low"].is_f64());
    assert_eq!(
        serde_json::from_value::<mlp_core::replay::ReplayReport>(json).unwrap(),
        found
    );
}

#[test]
fn too_few_are_said() {
    let value = |n: usize| {
        let sessions = sessions(n);
        let replay = Replay::new(&sessions);
        replay
            .value(&falling(n), &ReplayOptions::default())
            .unwrap()
    };
    let few = value(99);
    assert_eq!(
        few.log_loss,
        Answer::TooFew {
            of: Counted::Sessions,
            found: 99,
            needed: 100
        }
    );
    assert!(
        few.mrr
            .to_string()
            .ends_with("sessions with a pick, at least 100 are needed")
    );
    // A hundred lists answer for the loss, but not a hundred picks.
    let hundred = value(100);
    assert!(hundred.log_loss.value().is_some());
    assert!(hundred.precision_at_1.value().is_none());
    assert_eq!(value(0).sessions, 0);

    // All picks first: no share to speak of.
    let mut certain = sessions(200);
    certain.iter_mut().for_each(|s| s.picked = Some(0));
    let replay = Replay::new(&certain);
    let p: Vec<f64> = (0..800).map(|row| [0.7, 0.1, 0.1, 0.05][row % 4]).collect();
    let found = replay.value(&p, &ReplayOptions::default()).unwrap();
    assert_eq!(
        found.precision_at_1.to_string(),
        "too few: 0 picks not ranked first, at least 10 are needed"
    );
    assert_eq!(found.mrr.to_string(), "too few: all sessions say the same");
    // No picks at all.
    certain.iter_mut().for_each(|s| s.picked = None);
    let found = Replay::new(&certain)
        .value(&p, &ReplayOptions::default())
        .unwrap();
    assert_eq!(
        found.precision_at_1.to_string(),
        "too few: 0 sessions with a pick, at least 100 are needed"
    );
}

#[test]
fn lists_without_items_are_left_out() {
    let mut some = sessions(4);
    some[1].shown.clear();
    some[1].picked = None;
    let replay = Replay::new(&some);
    assert_eq!(replay.lists().offsets(), [0, 4, 8, 12]);
}

#[test]
fn what_is_no_probability_is_refused() {
    let sessions = sessions(2);
    let replay = Replay::new(&sessions);
    let options = ReplayOptions::default();
    assert!(replay.value(&[0.2; 7], &options).is_err());
    assert!(matches!(
        replay.value(&[0.5; 8], &options),
        Err(MetricError::ExcessProbability { session: 0, .. })
    ));
    let lists = replay.lists();
    assert!(choice_probabilities(&[0.0; 7], lists).is_err());
    for bad in [f64::NAN, f64::INFINITY] {
        let refused = choice_probabilities(&[0.0, 0.0, bad, 0.0, 0.0, 0.0, 0.0, 0.0], lists);
        assert_eq!(refused, Err(MetricError::NotANumber { index: 2 }));
    }
}

proptest! {
    /// Independent pairs on the condition that at most one is picked, by enumeration.
    #[test]
    fn pairs_become_a_choice(u in prop::collection::vec(-6.0_f64..6.0, 1..7)) {
        let lists = Sessions::equal(u.len(), u.len()).unwrap();
        let found = choice_probabilities(&u, &lists).unwrap();
        let p: Vec<f64> = u.iter().map(|u| 1.0 / (1.0 + (-u).exp())).collect();
        let alone = |pick: Option<usize>| -> f64 {
            p.iter().enumerate().map(|(i, p)| if pick == Some(i) { *p } else { 1.0 - p }).product()
        };
        let all: f64 = alone(None) + (0..u.len()).map(|i| alone(Some(i))).sum::<f64>();
        for (i, found) in found.iter().enumerate() {
            prop_assert!((found - alone(Some(i)) / all).abs() < 1e-12);
        }
    }

    #[test]
    fn large_log_odds_are_stable(u in prop::collection::vec(-1e6_f64..1e6, 1..7)) {
        let lists = Sessions::equal(u.len(), u.len()).unwrap();
        let found = choice_probabilities(&u, &lists).unwrap();
        prop_assert!(found.iter().all(|p| (0.0..=1.0).contains(p)));
        prop_assert!(found.iter().sum::<f64>() <= 1.0 + 1e-12);
    }
}
