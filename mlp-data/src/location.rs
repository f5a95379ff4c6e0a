//! The location: a place to stay, the item of the travel domain.

use serde::{Deserialize, Serialize};

/// A place to stay. Reads a row of an API answer, whose further fields it ignores.
///
/// Ratings have no common scale: each profile of a configuration states its own range.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Location {
    /// Fit for children.
    pub children: bool,
    /// Serves breakfast.
    pub breakfast: bool,
    /// Serves lunch.
    pub lunch: bool,
    /// Serves dinner.
    pub dinner: bool,
    /// Price of a night, in the currency of [`User::budget`](crate::User).
    pub price: f64,
    /// Has a pool.
    pub has_pool: bool,
    /// Has a spa.
    pub has_spa: bool,
    /// Lets pets in.
    pub animals: bool,
    /// Lies near a lake.
    pub near_lake: bool,
    /// Lies near mountains.
    pub near_mountains: bool,
    /// Offers sport.
    pub has_sport: bool,
    /// Rating for families, at least 0.
    pub family_rating: f64,
    /// Rating of the outdoors, at least 0.
    pub outdoor_rating: f64,
    /// Rating of the food, at least 0.
    pub food_rating: f64,
    /// Rating of leisure, at least 0.
    pub leisure_rating: f64,
    /// Rating of the service, at least 0.
    pub service_rating: f64,
    /// Other users' score, at least 0.
    pub user_score: f64,
}
