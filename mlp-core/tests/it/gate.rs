//! When a challenger replaces the champion.

#![allow(clippy::unwrap_used)]

use mlp_core::{
    Because, Comparison, GateOptions, GateReport, LinearModel, PairTable, Paired, Session, gate,
    loss_change,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::support::{inline, noise};

/// Sessions of four items in which `size` draws the pick.
fn judging(n: usize, picks: bool) -> PairTable {
    let schema = inline(
        r#"{ name = "mood", type = "float" }"#,
        r#"{ name = "size", type = "float" }"#,
        "",
    );
    let sessions: Vec<Session> = (0..n)
        .map(|s| {
            let sizes: Vec<f64> = (0..4).map(|i| 4.0 * noise(s * 4 + i) - 2.0).collect();
            let best = (0..4).max_by(|a, b| {
                let liking = |i: usize| sizes[i] + 2.0 * noise(7000 + s * 4 + i);
                liking(*a).total_cmp(&liking(*b))
            });
            Session {
                user: vec![0.0],
                shown: sizes.iter().map(|size| vec![*size]).collect(),
                picked: best.filter(|_| picks),
            }
        })
        .collect();
    PairTable::new(&schema.features, &sessions)
}

fn model(bias: f64, size: f64) -> LinearModel {
    LinearModel {
        family: mlp_core::Family::Logistic,
        bias,
        weights: vec![0.0, size],
    }
}

fn verdict(
    champion: Option<&LinearModel>,
    challenger: &LinearModel,
    table: &PairTable,
    least: usize,
) -> GateReport {
    let options = GateOptions {
        min_sessions: least,
        ..GateOptions::default()
    };
    gate(champion, challenger, table, &options).unwrap()
}

#[test]
fn verdicts() {
    let (many, few, unpicked, none) = (
        judging(400, true),
        judging(20, true),
        judging(200, false),
        judging(0, true),
    );
    let good = model(-1.5, 1.0);
    let flat = model(-1.1, 0.0);
    // The right order with probabilities that are far off, and the wrong order with fair ones.
    let loud = model(-1.5, 20.0);
    let reversed = model(-1.2, -0.1);
    let no_champion = None;
    for (what, champion, challenger, table, least, expected) in [
        (
            "the better one",
            Some(&flat),
            &good,
            &many,
            100,
            Because::Better,
        ),
        (
            "the worse one",
            Some(&good),
            &flat,
            &many,
            100,
            Because::Worse,
        ),
        (
            "the same again",
            Some(&good),
            &good,
            &many,
            100,
            Because::NotWorthwhile,
        ),
        (
            "same order, worse log loss",
            Some(&good),
            &loud,
            &many,
            100,
            Because::Worse,
        ),
        (
            "better log loss, worse first place",
            Some(&loud),
            &reversed,
            &many,
            100,
            Because::WorseFirstPlace,
        ),
        (
            "few sessions, noise",
            Some(&flat),
            &good,
            &few,
            20,
            Because::Undecided,
        ),
        (
            "too few sessions",
            Some(&flat),
            &good,
            &few,
            21,
            Because::FewSessions,
        ),
        (
            "too few sessions, and worse",
            Some(&good),
            &flat,
            &few,
            100,
            Because::FewSessions,
        ),
        (
            "no picks",
            Some(&flat),
            &good,
            &unpicked,
            100,
            Because::FewPicks,
        ),
        (
            "no sessions",
            Some(&flat),
            &good,
            &none,
            0,
            Because::FewSessions,
        ),
        (
            "no champion",
            no_champion,
            &reversed,
            &many,
            100,
            Because::NoChampion,
        ),
        (
            "no champion, no sessions",
            None,
            &good,
            &none,
            100,
            Because::NoChampion,
        ),
    ] {
        let report = verdict(champion, challenger, table, least);
        assert_eq!(report.because, expected, "{what}: {report:?}");
        assert_eq!(report.verdict, expected.verdict(), "{what}");
    }
}

#[test]
fn a_challenger_that_is_never_found_better_does_not_wait_for_ever() {
    let options = GateOptions {
        max_sessions: 3000,
        worthwhile: 0.0,
        ..GateOptions::default()
    };
    let mut comparison = Comparison::new(&options);
    let mut because = Vec::new();
    for i in 0..3000 {
        comparison.push(&pair(if i % 2 == 0 { 0.5 } else { -0.5 }, Some(0.0)));
        if because.last() != Some(&comparison.because()) {
            because.push(comparison.because());
        }
    }
    use Because::{Exhausted, FewSessions, Undecided};
    assert_eq!(because, [FewSessions, Undecided, Exhausted]);
}

#[test]
fn one_session_counts_for_no_more_than_the_clip() {
    let run = |outlier: f64| {
        let mut comparison = Comparison::new(&GateOptions::default());
        for i in 0..400 {
            comparison.push(&pair(if i % 2 == 0 { 0.3 } else { -0.1 }, Some(0.0)));
        }
        comparison.push(&pair(outlier, Some(0.0)));
        comparison
    };
    assert_eq!(run(-36.0).improvement(), run(-4.0).improvement());
    assert_eq!(run(36.0).improvement(), run(4.0).improvement());
    assert_eq!(run(-36.0).because(), Because::Better);
}

fn pair(improvement: f64, first_place: Option<f64>) -> Paired {
    Paired {
        improvement,
        first_place,
    }
}

/// Runs of sessions whose differences have random signs, watched after each of 20,000 sessions;
/// gives how many of `runs` ever promoted.
fn promoted_by_chance(runs: u64) -> usize {
    let options = GateOptions {
        max_sessions: usize::MAX,
        worthwhile: 0.0,
        ..GateOptions::default()
    };
    let promoted = |run: u64| {
        let mut rng = ChaCha8Rng::seed_from_u64(run);
        let mut comparison = Comparison::new(&options);
        (0..20_000).any(|_| {
            // Magnitudes as between two models of the same list: mostly small, some large.
            let size = -0.3 * rng.random::<f64>().max(1e-300).ln();
            let sign = if rng.random::<bool>() { 1.0 } else { -1.0 };
            let first = [-1.0, 0.0, 0.0, 0.0, 1.0][rng.random_range(0..5)];
            comparison.push(&pair(sign * size, rng.random_bool(0.8).then_some(first)));
            comparison.because() == Because::Better
        })
    };
    (0..runs).filter(|run| promoted(*run)).count()
}

/// Issue: at most 5 % of 400. Of 60 with 2.5 %, more than 7 happen once in 2,000 times.
#[test]
fn chance_is_not_promoted_however_often_one_looks() {
    let promoted = promoted_by_chance(60);
    assert!(promoted <= 7, "{promoted} of 60");
}

#[test]
#[ignore = "400 runs of 20,000 sessions: scripts/verify.sh gate"]
fn chance_is_promoted_in_at_most_5_percent_of_400_runs() {
    let promoted = promoted_by_chance(400);
    println!("promoted by chance: {promoted} of 400");
    assert!(promoted <= 20, "{promoted} of 400");
}

#[test]
fn the_report_has_both_models_numbers() {
    let table = judging(200, true);
    let (old, new) = (model(-1.1, 0.0), model(-1.5, 1.0));
    let report = verdict(Some(&old), &new, &table, 100);
    let (champion, challenger) = (old.evaluate(&table).unwrap(), new.evaluate(&table).unwrap());
    assert_eq!((report.sessions, report.picked), (200, 200));
    let improvement = report.improvement.unwrap();
    let losses = report.champion_log_loss.zip(report.challenger_log_loss);
    let (before, after) = losses.unwrap();
    assert!((improvement.mean - (before - after)).abs() < 1e-12);
    assert!(improvement.low < improvement.mean && improvement.mean < improvement.high);
    let first = report.first_place.unwrap();
    let expected = challenger.precision_at_1.unwrap() - champion.precision_at_1.unwrap();
    assert!((first.mean - expected).abs() < 1e-12);
    assert_eq!(report.champion_precision_at_1, champion.precision_at_1);
    assert_eq!(report.challenger_precision_at_1, challenger.precision_at_1);
    assert!(report.challenger_log_loss < report.champion_log_loss);
    let first = verdict(None, &new, &table, 100);
    assert_eq!(
        (first.champion_log_loss, first.champion_precision_at_1),
        (None, None)
    );
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["verdict"], "promote");
    assert_eq!(serde_json::from_value::<GateReport>(json).unwrap(), report);
    assert_eq!(GateOptions::default().min_sessions, 100);
}

#[test]
fn a_model_without_numbers_is_an_error() {
    let table = judging(200, true);
    let options = GateOptions::default();
    assert!(gate(None, &model(f64::NAN, 0.0), &table, &options).is_err());
    assert!(
        gate(
            Some(&model(f64::NAN, 0.0)),
            &model(0.0, 0.0),
            &table,
            &options
        )
        .is_err()
    );
}

#[test]
fn a_rise_of_the_loss_is_seen_and_chance_is_not() {
    let losses = |seed: u64, n: usize, mean: f64| -> Vec<f64> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        (0..n).map(|_| 2.0 * mean * rng.random::<f64>()).collect()
    };
    let options = GateOptions::default();
    let change = |after: &[f64]| loss_change(&losses(0, 800, 1.2), after, &options);
    let worse = change(&losses(1, 800, 1.5)).unwrap();
    assert!(worse.rose(), "{worse:?}");
    assert!((worse.before.mean - 1.2).abs() < 0.1 && (worse.after.mean - 1.5).abs() < 0.1);
    assert!(!change(&losses(1, 800, 0.9)).unwrap().rose());
    assert_eq!(change(&losses(1, 99, 1.5)), None);
    // Both sides are wrong in 5 % at most: of 200 runs, over 20 happen once in 1,000 times.
    let risen = |seed: &u64| {
        let (before, after) = (losses(2 * seed, 300, 1.2), losses(2 * seed + 1, 300, 1.2));
        loss_change(&before, &after, &options).unwrap().rose()
    };
    assert!((0..200).filter(risen).count() <= 20);
}
