//! The simulated user: scores what is shown and picks one location, or none.
//!
//! The rule is `DESIGN.md`, section 4. A location scores 0 where it is over
//! `budget × (1 + budget_tolerance)`, where too little of the wished facilities (spa, pool, pets,
//! sport) or environment (lake, mountains, sport) is there, or where there are children and
//! `family_rating` is under `family_tolerance`. The others score
//!
//! ```text
//! weight_score_facilities  · (family_rating + service_rating + facilities met)
//! + weight_score_environment · (outdoor_rating + food_rating + leisure_rating + environment met)
//! + weight_score_users       · user_score
//! ```
//!
//! "Met" counts wishes that are fulfilled. The share that a tolerance is held against is that
//! count over the sum of the wishes' weights; who wishes nothing is content.

use rand::{Rng, RngExt};

use crate::sample::happens;
use crate::{Behaviour, Location, SimulatedUser, User};

/// How much `user` likes `location`: 0 where it is out of the question.
pub fn score(user: &SimulatedUser, location: &Location) -> f64 {
    Judge::new(&user.user, &user.behaviour).score(&Traits::of(location))
}

/// Scores of all `locations` into `out`, shape `(n_locations,)`.
pub fn scores(user: &SimulatedUser, locations: &[Location], out: &mut Vec<f64>) {
    let judge = Judge::new(&user.user, &user.behaviour);
    out.clear();
    out.extend(locations.iter().map(|l| judge.score(&Traits::of(l))));
}

/// The exact probability that each of `locations` is chosen into `out`, shape `(n_locations,)`.
///
/// What is missing to 1 is the probability of no choice.
pub fn choice_probabilities(user: &SimulatedUser, locations: &[Location], out: &mut Vec<f64>) {
    scores(user, locations, out);
    let total: f64 = out.iter().sum();
    let Some(best) = best(out) else {
        return;
    };
    let answers = user.behaviour.ignore_tolerance;
    let explores = user.behaviour.exploration_tolerance;
    for (index, value) in out.iter_mut().enumerate() {
        let is_best = if index == best { 1.0 } else { 0.0 };
        *value = answers * ((1.0 - explores) * is_best + explores * *value / total);
    }
}

/// The index of the location that `user` chooses from `locations`, or `None` for none of them.
pub fn choose(
    user: &SimulatedUser,
    locations: &[Location],
    rng: &mut (impl Rng + ?Sized),
) -> Option<usize> {
    let mut values = Vec::with_capacity(locations.len());
    scores(user, locations, &mut values);
    choose_scored(&user.behaviour, &values, rng)
}

/// The index of the choice among locations with these scores, shape `(n_locations,)`.
pub(crate) fn choose_scored(
    behaviour: &Behaviour,
    scores: &[f64],
    rng: &mut (impl Rng + ?Sized),
) -> Option<usize> {
    let best = best(scores)?;
    if !happens(behaviour.ignore_tolerance, rng) {
        return None;
    }
    if !happens(behaviour.exploration_tolerance, rng) {
        return Some(best);
    }
    let mut left = rng.random::<f64>() * scores.iter().sum::<f64>();
    for (index, &score) in scores.iter().enumerate() {
        left -= score;
        if left < 0.0 {
            return Some(index);
        }
    }
    // Rounding can leave a remainder after the last score.
    Some(best)
}

/// The first of the highest scores, or `None` where no score is above 0.
fn best(scores: &[f64]) -> Option<usize> {
    let mut best = None;
    let mut highest = 0.0;
    for (index, &score) in scores.iter().enumerate() {
        if score > highest {
            highest = score;
            best = Some(index);
        }
    }
    best
}

const SPA: u8 = 1;
const POOL: u8 = 2;
const PETS: u8 = 4;
const SPORT: u8 = 8;
const LAKE: u8 = 16;
const MOUNTAINS: u8 = 32;
const FACILITIES: u8 = SPA | POOL | PETS | SPORT;
const ENVIRONMENT: u8 = LAKE | MOUNTAINS | SPORT;

fn flags(list: [(bool, u8); 6]) -> u8 {
    list.iter().map(|&(set, flag)| u8::from(set) * flag).sum()
}

/// What a location's score depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Traits {
    price: f64,
    family: f64,
    /// Family and service ratings.
    facilities: f64,
    /// Outdoor, food and leisure ratings.
    environment: f64,
    user_score: f64,
    has: u8,
}

impl Traits {
    pub(crate) fn of(location: &Location) -> Traits {
        Traits {
            price: location.price,
            family: location.family_rating,
            facilities: location.family_rating + location.service_rating,
            environment: location.outdoor_rating + location.food_rating + location.leisure_rating,
            user_score: location.user_score,
            has: flags([
                (location.has_spa, SPA),
                (location.has_pool, POOL),
                (location.animals, PETS),
                (location.has_sport, SPORT),
                (location.near_lake, LAKE),
                (location.near_mountains, MOUNTAINS),
            ]),
        }
    }
}

/// A user's rule, ready to be applied to many locations.
pub(crate) struct Judge<'a> {
    behaviour: &'a Behaviour,
    price_limit: f64,
    family_least: f64,
    wishes: u8,
    /// Wishes that must be fulfilled on either side.
    facilities_least: u32,
    environment_least: u32,
}

impl<'a> Judge<'a> {
    pub(crate) fn new(user: &User, behaviour: &'a Behaviour) -> Judge<'a> {
        let b = behaviour;
        let weights = [
            (user.spa, SPA, b.weight_spa),
            (user.pool, POOL, b.weight_pool),
            (user.pet_friendly, PETS, b.weight_pet),
            (user.sport, SPORT, b.weight_sport),
            (user.lake, LAKE, b.weight_lake),
            (user.mountain, MOUNTAINS, b.weight_mountains),
        ];
        let least = |side: u8, tolerance: f64| -> u32 {
            let on_side = weights.iter().filter(|w| w.0 && w.1 & side != 0);
            least_met(on_side.map(|w| w.2).sum(), tolerance)
        };
        Judge {
            behaviour,
            price_limit: user.budget * (1.0 + b.budget_tolerance),
            family_least: if user.children_num > 0 {
                b.family_tolerance
            } else {
                f64::NEG_INFINITY
            },
            wishes: flags(weights.map(|(set, flag, _)| (set, flag))),
            facilities_least: least(FACILITIES, b.facilities_tolerance),
            environment_least: least(ENVIRONMENT, b.environment_tolerance),
        }
    }

    pub(crate) fn score(&self, location: &Traits) -> f64 {
        let met = self.wishes & location.has;
        let facilities = (met & FACILITIES).count_ones();
        let environment = (met & ENVIRONMENT).count_ones();
        let out_of_question = location.price > self.price_limit
            || location.family < self.family_least
            || facilities < self.facilities_least
            || environment < self.environment_least;
        if out_of_question {
            return 0.0;
        }
        let b = self.behaviour;
        b.weight_score_facilities * (location.facilities + f64::from(facilities))
            + b.weight_score_environment * (location.environment + f64::from(environment))
            + b.weight_score_users * location.user_score
    }
}

/// The fewest fulfilled wishes whose share of `wished`, a sum of weights, reaches `tolerance`.
fn least_met(wished: f64, tolerance: f64) -> u32 {
    if wished <= 0.0 {
        return 0;
    }
    // No side has more than four wishes, so that five cannot be met.
    (0..5)
        .find(|&met| f64::from(met) / wished >= tolerance)
        .unwrap_or(5)
}
