//! When a canary is rolled back.

use mlp_core::{Arm, Guard, GuardOptions, GuardVerdict};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The shares of a model's users who pick, and who pick what it ranks first.
#[derive(Clone, Copy)]
struct Rates {
    picked: f64,
    first: f64,
}

/// What was measured in the shipped domain: a trained model, and random scores.
const GOOD: Rates = Rates {
    picked: 0.89,
    first: 0.313,
};
const BROKEN: Rates = Rates {
    picked: 0.816,
    first: 0.107,
};
/// The share of the sessions that the canary answers.
const SHARE: f64 = 0.1;

/// Watches a canary for `most` of its answered sessions; gives after how many it was rolled back.
fn watch(seed: u64, champion: Rates, canary: Rates, share: f64, most: usize) -> Option<usize> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut guard = Guard::new(share, &GuardOptions::default()).unwrap();
    let mut answered = 0;
    while answered < most {
        let (arm, rates) = match rng.random_bool(share) {
            true => (Arm::Canary, canary),
            false => (Arm::Champion, champion),
        };
        answered += usize::from(arm == Arm::Canary);
        let lot: f64 = rng.random();
        let picked = match lot {
            _ if lot < rates.first => Some(0),
            _ if lot < rates.picked => Some(3),
            _ => None,
        };
        guard.push(arm, picked);
        if guard.verdict() == GuardVerdict::RollBack {
            return Some(answered);
        }
    }
    None
}

/// Of `runs`, how many were rolled back within `most` of the canary's sessions, and after how many
/// in the median.
fn rolled_back(
    runs: u64,
    champion: Rates,
    canary: Rates,
    share: f64,
    most: usize,
) -> (usize, Option<usize>) {
    let mut after: Vec<usize> = (0..runs)
        .filter_map(|seed| watch(seed, champion, canary, share, most))
        .collect();
    after.sort_unstable();
    (after.len(), after.get(after.len() / 2).copied())
}

/// Of 60 with 95 %, fewer than 51 happen once in 1,000 times.
#[test]
fn a_broken_canary_goes_soon() {
    let (gone, median) = rolled_back(60, GOOD, BROKEN, SHARE, 300);
    assert!(gone >= 51, "{gone} of 60, median {median:?}");
}

/// Of 60 with 5 %, more than 9 happen once in 1,000 times.
#[test]
fn an_equal_canary_stays() {
    let (gone, median) = rolled_back(60, GOOD, GOOD, SHARE, 500);
    assert!(gone <= 9, "{gone} of 60, median {median:?}");
}

#[test]
#[ignore = "400 runs of each case: scripts/verify.sh gate"]
fn the_guard_in_400_runs() {
    for share in [0.05, 0.1, 0.5] {
        let (broken, median) = rolled_back(400, GOOD, BROKEN, share, 300);
        let (equal, _) = rolled_back(400, GOOD, GOOD, share, 500);
        let (both_poor, _) = rolled_back(400, BROKEN, BROKEN, share, 500);
        println!(
            "share {share}: a broken canary is rolled back in {broken} of 400 within 300 of its \
             sessions, median {median:?}; an equal one in {equal} and {both_poor} of 400 within 500"
        );
        assert!(broken >= 380 && equal <= 20 && both_poor <= 20);
    }
}

#[test]
fn a_better_canary_passes_after_enough_answers() {
    let mut guard = Guard::new(0.5, &GuardOptions::default()).unwrap();
    for i in 0..999 {
        let canary = i % 2 == 0;
        assert_eq!(guard.verdict(), GuardVerdict::Watch, "{i}");
        match canary {
            true => guard.push(Arm::Canary, Some(0)),
            false => guard.push(Arm::Champion, None),
        }
    }
    let report = guard.report();
    assert_eq!(report.verdict, GuardVerdict::Pass);
    assert_eq!((report.canary.answered, report.canary.first), (500, 500));
    assert_eq!((report.champion.answered, report.champion.picked), (499, 0));
    assert!(report.evidence < 1e-3, "{report:?}");
}

/// Each measure alone finds what it can see.
#[test]
fn the_evidence_names_its_measure() {
    let run = |canary: Option<usize>| {
        let mut guard = Guard::new(0.5, &GuardOptions::default()).unwrap();
        for _ in 0..150 {
            guard.push(Arm::Champion, Some(1));
            guard.push(Arm::Canary, canary);
        }
        guard.report()
    };
    let unpicked = run(None);
    assert_eq!(unpicked.verdict, GuardVerdict::RollBack);
    assert!(unpicked.by_pick_rate > 1e6 && unpicked.by_first_place < 10.0);
    let json = serde_json::to_string(&unpicked).unwrap();
    assert!(json.contains("\"roll_back\""), "{json}");
    assert_eq!(run(Some(2)).verdict, GuardVerdict::Watch);
}

/// Long after the verdict the stakes leave the range of numbers, which JSON does not write.
#[test]
fn evidence_without_bound_is_still_a_number() {
    let mut guard = Guard::new(0.5, &GuardOptions::default()).unwrap();
    for _ in 0..20_000 {
        guard.push(Arm::Champion, Some(0));
        guard.push(Arm::Canary, None);
    }
    let report = guard.report();
    assert!(report.evidence.is_finite() && report.evidence > 1e300);
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(
        serde_json::from_str::<mlp_core::GuardReport>(&json).unwrap(),
        report
    );
}

#[test]
fn a_share_of_nothing_or_of_all_is_refused() {
    for share in [0.0, 1.0, -0.1, f64::NAN] {
        let error = Guard::new(share, &GuardOptions::default()).unwrap_err();
        assert!(error.to_string().contains("over 0 and under 1"), "{error}");
    }
}
