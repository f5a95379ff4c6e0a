//! Requests to hold against each other: of the shipped domain's simulated users, and of columns that
//! have nothing to do with each other.

use mlp_core::drift::{Profile, ProfileBuilder, Window};
use mlp_core::{Date, Row, Schema, Value};
use mlp_data::{Mix, Streams, User, UserConfig, UserSampler, shipped};
use rand::{Rng, RngExt};

use crate::support::{inline, travel};

/// The shipped domain: everyday users, the same in other proportions, and noisy ones.
pub struct Travel {
    pub schema: Schema,
    pub even: UserSampler,
    pub meta_n: UserSampler,
    pub noisy: UserSampler,
}

impl Travel {
    pub fn new() -> Self {
        let sampler = |source: &str, mix| {
            let config = UserConfig::from_reader("users", source.as_bytes()).unwrap();
            UserSampler::new(&config.value, mix, mlp_data::Date::FIRST_OF_2026)
        };
        Self {
            schema: travel(),
            even: sampler(shipped::USERS, Mix::Even),
            meta_n: sampler(shipped::USERS, Mix::MetaN),
            noisy: sampler(shipped::NOISY_USERS, Mix::Even),
        }
    }

    pub fn profile(&self, requests: usize, rng: &mut impl Rng) -> Profile {
        let mut profile = ProfileBuilder::new(&self.schema.user);
        for i in 0..requests {
            let row = row(&self.even.sample(rng).user);
            profile.push(&row, Some(score(&row)), i as i64);
        }
        profile.finish()
    }

    /// Adds a request of a user whom `sampler` draws.
    pub fn push(&self, window: &mut Window<'_>, sampler: &UserSampler, rng: &mut impl Rng) {
        let row = row(&sampler.sample(rng).user);
        window.push(&row, Some(score(&row)), window.len() as i64);
    }
}

/// A number that a request has in place of a model's score.
pub fn score(row: &Row) -> f64 {
    let number = |column: usize| row.values()[column].number().unwrap();
    let odds = number(7) / 500.0 - number(8) / 5.0 + number(10) - number(2) / 40.0;
    1.0 / (1.0 + (-odds).exp())
}

/// The row of a user, without the way over JSON, which takes most of a simulation's time.
pub fn row(user: &User) -> Row {
    let ages = || user.people_age.iter().map(|age| f64::from(*age));
    let n = ages().count() as f64;
    let mean = ages().sum::<f64>() / n;
    let variance = ages().map(|age| (age - mean).powi(2)).sum::<f64>() / n;
    let day = user.time_arrival.to_string();
    Row(vec![
        Value::Text(user.name.as_str().into()),
        Value::Int(user.people_num.into()),
        Value::Float(mean),
        Value::Float(variance.sqrt()),
        Value::Float(ages().fold(f64::INFINITY, f64::min)),
        Value::Float(ages().fold(0.0, f64::max)),
        Value::Int(user.children_num.into()),
        Value::Float(user.budget),
        Value::Int(user.nights.into()),
        Value::Date(day.parse().unwrap_or(Date::from_days(0).unwrap())),
        Value::Bool(user.pool),
        Value::Bool(user.spa),
        Value::Bool(user.pet_friendly),
        Value::Bool(user.lake),
        Value::Bool(user.mountain),
        Value::Bool(user.sport),
    ])
}

#[test]
fn a_row_is_that_of_the_request() {
    let travel = Travel::new();
    let mut rng = Streams::new(1, "row").stream(0);
    for _ in 0..100 {
        let user = travel.even.sample(&mut rng).user;
        let body = serde_json::to_value(&user).unwrap();
        let wanted = travel.schema.user.row_from_json(&body).unwrap();
        for (found, wanted) in row(&user).values().iter().zip(wanted.values()) {
            match (found.number(), wanted.number()) {
                (Some(found), Some(wanted)) => assert!((found - wanted).abs() < 1e-9),
                _ => assert_eq!(found, wanted),
            }
        }
    }
}

/// A schema with that many numbers of the user, and nothing else that is a feature of theirs.
pub fn numbers(n: usize) -> Schema {
    let fields: Vec<String> = (0..n)
        .map(|i| format!("{{ name = \"x{i}\", type = \"float\" }}"))
        .collect();
    let item = "{ name = \"length\", type = \"float\" }";
    inline(&fields.join(", "), item, "")
}

/// A request of independent uniform numbers.
pub fn uniform(n: usize, rng: &mut impl Rng) -> Row {
    Row((0..n).map(|_| Value::Float(rng.random())).collect())
}

/// How many runs the full counts take: so many, or what `MLP_DRIFT_RUNS` says.
// The crate has no environment; its simulations may.
#[allow(clippy::disallowed_methods)]
pub fn runs(full: u64) -> u64 {
    let told = std::env::var("MLP_DRIFT_RUNS").ok();
    told.map_or(full, |runs| runs.parse().unwrap())
}
