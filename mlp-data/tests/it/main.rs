//! Tests of the public API.

mod config;
mod dataset;
mod labeller;
mod reader;
mod replay;
mod sampler;

use mlp_data::{Date, LocationConfig, UserConfig, shipped};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

fn users(table: &str) -> UserConfig {
    let parsed = UserConfig::from_reader("user.tsv", table.as_bytes()).expect("a configuration");
    parsed.value
}

fn shipped_users() -> UserConfig {
    users(shipped::USERS)
}

fn locations(table: &str) -> LocationConfig {
    let parsed = LocationConfig::from_reader("location.tsv", table.as_bytes());
    parsed.expect("a configuration").value
}

fn shipped_locations() -> LocationConfig {
    locations(shipped::LOCATIONS)
}

fn new_year() -> Date {
    Date::new(2026, 1, 1).expect("a date")
}

/// Pearson's statistic of counts against probabilities that sum to 1; where nothing is expected,
/// nothing may be.
fn chi_squared(counts: &[u64], probabilities: &[f64]) -> f64 {
    assert_eq!(counts.len(), probabilities.len());
    let total = counts.iter().sum::<u64>() as f64;
    let mut statistic = 0.0;
    for (&count, &p) in counts.iter().zip(probabilities) {
        if p == 0.0 {
            assert_eq!(count, 0, "what cannot happen has happened");
        } else {
            let expected = p * total;
            statistic += (count as f64 - expected).powi(2) / expected;
        }
    }
    statistic
}

/// `scipy.stats.chi2.ppf(0.999, range(1, 12))`, SciPy 1.14: a fair sample stays below it in
/// 99.9 % of runs.
fn limit(degrees_of_freedom: usize) -> f64 {
    const LIMITS: [f64; 11] = [
        10.828, 13.816, 16.266, 18.467, 20.515, 22.458, 24.322, 26.124, 27.877, 29.588, 31.264,
    ];
    LIMITS[degrees_of_freedom - 1]
}
