//! How soon drift is found in the shipped domain, beside rules in use elsewhere.

use mlp_core::drift::{DriftReport, DriftVerdict, Policy, Window, check};
use mlp_data::Streams;
use rand::RngExt;
use rayon::prelude::*;

use super::simulation::{Travel, runs};

/// New requests between two looks.
const STEP: usize = 50;

/// A rule's name, and whether it alarms.
type Rule = (&'static str, fn(&DriftReport) -> bool);

const RULES: [Rule; 5] = [
    ("watching", |r| r.verdict == DriftVerdict::Drift),
    ("PSI > 0.1", |r| !r.others.psi_over_0_1.is_empty()),
    ("KS p < .05", |r| !r.others.ks_uncorrected.is_empty()),
    ("always", |r| !r.others.always.is_empty()),
    ("never", |r| !r.others.never.is_empty()),
];

#[derive(Clone, Copy, Debug)]
enum Change {
    Noisy,
    MetaN,
}

/// How many requests after the onset each rule first alarms, and whether it alarmed in any of the
/// looks before; looks go on to `limit`.
struct Story {
    found: [Option<usize>; RULES.len()],
    before: [bool; RULES.len()],
}

fn story(travel: &Travel, change: Change, reference: usize, limit: usize, run: u64) -> Story {
    let mut rng = Streams::new(reference as u64, &format!("power {change:?}")).stream(run);
    let profile = travel.profile(reference, &mut rng);
    let mut window = Window::new(&profile, &travel.schema.user).unwrap();
    for _ in 0..Policy::WINDOW {
        travel.push(&mut window, &travel.even, &mut rng);
    }
    let calm = check(&window, Policy::continuous());
    let before = RULES.map(|rule| rule.1(&calm));
    let mut found = [None; RULES.len()];
    for after in 1..=limit {
        let sampler = match change {
            Change::Noisy if rng.random_bool(0.05) => &travel.noisy,
            Change::Noisy => &travel.even,
            Change::MetaN => &travel.meta_n,
        };
        travel.push(&mut window, sampler, &mut rng);
        if after % STEP == 0 {
            window.keep(Policy::WINDOW);
            let report = check(&window, Policy::continuous());
            for (found, rule) in found.iter_mut().zip(RULES) {
                *found = found.or(rule.1(&report).then_some(after));
            }
        }
    }
    Story { found, before }
}

/// The share of runs in which watching finds the change within `limit` requests; prints it beside the
/// other rules, with what these make of calm requests.
fn power(change: Change, reference: usize, limit: usize, runs: u64) -> f64 {
    let travel = Travel::new();
    let stories: Vec<Story> = (0..runs)
        .into_par_iter()
        .map(|run| story(&travel, change, reference, limit, run))
        .collect();
    println!(
        "{change:?}, reference {reference}, {runs} runs: within {limit} | median | 95th | a calm look"
    );
    let share = |n: usize| 100.0 * n as f64 / runs as f64;
    for (i, (name, _)) in RULES.iter().enumerate() {
        let mut after: Vec<usize> = stories
            .iter()
            .map(|s| s.found[i].unwrap_or(usize::MAX))
            .collect();
        after.sort_unstable();
        let at = |q: f64| match after[(q * (runs - 1) as f64) as usize] {
            usize::MAX => "-".to_owned(),
            after => after.to_string(),
        };
        println!(
            "  {name:<12} {:>6.1} % | {:>5} | {:>5} | {:>5.1} %",
            share(after.iter().filter(|a| **a <= limit).count()),
            at(0.5),
            at(0.95),
            share(stories.iter().filter(|s| s.before[i]).count()),
        );
    }
    let found = stories.iter().filter(|s| s.found[0].is_some()).count();
    found as f64 / runs as f64
}

#[test]
fn drift_is_found_in_time() {
    // Where 95 % are found, 14 or fewer of 20 are so in 0.03 % of tries: scipy.stats.binom.cdf(14,
    // 20, 0.95), SciPy 1.17.1.
    assert!(power(Change::Noisy, 2000, 500, 20) >= 0.75);
    assert!(power(Change::MetaN, 2000, 1000, 20) >= 0.75);
}

#[test]
#[ignore = "full counts, in release: scripts/verify.sh drift_power"]
fn in_full() {
    for reference in [1000, 2000, 10_000] {
        let noisy = power(Change::Noisy, reference, 500, runs(2000));
        let meta_n = power(Change::MetaN, reference, 1000, runs(2000));
        assert!(noisy >= 0.95 && meta_n >= 0.95, "{noisy} {meta_n}");
    }
}
