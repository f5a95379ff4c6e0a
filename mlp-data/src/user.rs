//! The user: what is asked for, and how the simulation makes that user decide.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Date;

/// A request for a place to stay; as JSON, exactly the body of `POST /inference/start`.
///
/// ```
/// let json = r#"{"name":"Family","people_num":3,"people_age":[35,33,4],"children_num":1,
///     "budget":420.75,"nights":5,"time_arrival":"2026-01-15","pool":true,"spa":false,
///     "pet_friendly":false,"lake":true,"mountain":true,"sport":false}"#;
/// let user: mlp_data::User = serde_json::from_str(json)?;
/// assert_eq!(user.people_age, [35, 33, 4]);
/// assert_eq!(serde_json::to_value(&user)?, serde_json::from_str::<serde_json::Value>(json)?);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct User {
    /// The name of the profile that the user was drawn from.
    pub name: String,
    /// Size of the group, at least 1.
    pub people_num: u32,
    /// Age of each person in years, shape `(people_num,)`.
    pub people_age: Vec<u32>,
    /// 1 where anyone is a minor, else 0.
    pub children_num: u32,
    /// The most that a night may cost, in the currency of [`Location::price`](crate::Location).
    pub budget: f64,
    /// Nights to stay.
    pub nights: u32,
    /// Day of arrival.
    pub time_arrival: Date,
    /// Wishes a pool.
    pub pool: bool,
    /// Wishes a spa.
    pub spa: bool,
    /// Wishes that pets are let in.
    pub pet_friendly: bool,
    /// Wishes a lake near by.
    pub lake: bool,
    /// Wishes mountains near by.
    pub mountain: bool,
    /// Wishes sport.
    pub sport: bool,
}

/// How a simulated user decides; read by the [`labeller`](crate::labeller).
#[derive(Clone, Debug, PartialEq)]
pub struct Behaviour {
    /// Share by which a price may exceed the budget, at least 0.
    pub budget_tolerance: f64,
    /// Least share of the wished facilities that must be met, 0 to 1.
    pub facilities_tolerance: f64,
    /// Least share of the wished environment that must be met, 0 to 1.
    pub environment_tolerance: f64,
    /// Least family rating where there are children.
    pub family_tolerance: f64,
    /// Weight of the wish for a spa.
    pub weight_spa: f64,
    /// Weight of the wish for a pool.
    pub weight_pool: f64,
    /// Weight of the wish that pets are let in.
    pub weight_pet: f64,
    /// Weight of the wish for a lake.
    pub weight_lake: f64,
    /// Weight of the wish for mountains.
    pub weight_mountains: f64,
    /// Weight of the wish for sport, a facility and an environment at once.
    pub weight_sport: f64,
    /// Weight of family and service ratings and met facilities in the score.
    pub weight_score_facilities: f64,
    /// Weight of outdoor, food and leisure ratings and met environment in the score.
    pub weight_score_environment: f64,
    /// Weight of other users' score.
    pub weight_score_users: f64,
    /// Probability of a choice in proportion to the scores instead of the best, 0 to 1.
    pub exploration_tolerance: f64,
    /// Probability of answering with a choice at all, 0 to 1.
    pub ignore_tolerance: f64,
}

impl Default for Behaviour {
    /// The values that a configuration takes for missing columns.
    fn default() -> Behaviour {
        Behaviour {
            budget_tolerance: 0.0,
            facilities_tolerance: 0.0,
            environment_tolerance: 0.0,
            family_tolerance: 1.0,
            weight_spa: 1.0,
            weight_pool: 1.0,
            weight_pet: 1.0,
            weight_lake: 1.0,
            weight_mountains: 1.0,
            weight_sport: 1.0,
            weight_score_facilities: 1.0,
            weight_score_environment: 1.0,
            weight_score_users: 1.0,
            exploration_tolerance: 0.5,
            ignore_tolerance: 0.99,
        }
    }
}

/// A user together with the way that user decides, which the served model never sees.
#[derive(Clone, Debug, PartialEq)]
pub struct SimulatedUser {
    /// What is asked for.
    pub user: User,
    /// How the user decides, shared by all users of the profile.
    pub behaviour: Arc<Behaviour>,
    /// Index of the profile in its [`UserConfig`](crate::UserConfig).
    pub profile: usize,
}
