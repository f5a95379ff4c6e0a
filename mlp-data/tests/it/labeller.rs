//! The simulated user's rule: each branch by hand, and choices against exact probabilities.

use std::sync::Arc;

use mlp_data::labeller::{choice_probabilities, choose, score, scores};
use mlp_data::{Behaviour, Location, SimulatedUser, User, UserSampler, sample_catalog};
use proptest::prelude::*;

use crate::{chi_squared, limit, new_year, rng, shipped_locations, shipped_users};

/// Two adults with 100 a night, who wish nothing.
fn user() -> User {
    User {
        name: "Couple".to_owned(),
        people_num: 2,
        people_age: vec![30, 31],
        children_num: 0,
        budget: 100.0,
        nights: 2,
        time_arrival: new_year(),
        pool: false,
        spa: false,
        pet_friendly: false,
        lake: false,
        mountain: false,
        sport: false,
    }
}

/// A place for 80 that offers nothing but ratings: 2 + 16 and 4 + 8 + 1, and 32.
fn location() -> Location {
    Location {
        children: false,
        breakfast: false,
        lunch: false,
        dinner: false,
        price: 80.0,
        has_pool: false,
        has_spa: false,
        animals: false,
        near_lake: false,
        near_mountains: false,
        has_sport: false,
        family_rating: 2.0,
        outdoor_rating: 4.0,
        food_rating: 8.0,
        leisure_rating: 1.0,
        service_rating: 16.0,
        user_score: 32.0,
    }
}

fn judge(user: User, behaviour: Behaviour, location: &Location) -> f64 {
    let simulated = SimulatedUser {
        user,
        behaviour: Arc::new(behaviour),
        profile: 0,
    };
    score(&simulated, location)
}

#[test]
fn ratings_add_up_under_their_weights() {
    assert_eq!(judge(user(), Behaviour::default(), &location()), 63.0);
    let weighted = Behaviour {
        weight_score_facilities: 0.5,
        weight_score_environment: 2.0,
        weight_score_users: 0.25,
        ..Behaviour::default()
    };
    // 0.5 · (2 + 16) + 2 · (4 + 8 + 1) + 0.25 · 32
    assert_eq!(judge(user(), weighted, &location()), 9.0 + 26.0 + 8.0);
}

#[test]
fn a_price_over_the_budget_and_its_tolerance_is_out() {
    let priced = |price| Location {
        price,
        ..location()
    };
    let with = |budget_tolerance, price| {
        let behaviour = Behaviour {
            budget_tolerance,
            ..Behaviour::default()
        };
        judge(user(), behaviour, &priced(price))
    };
    assert_eq!(with(0.0, 100.0), 63.0);
    assert_eq!(with(0.0, 100.01), 0.0);
    assert_eq!(with(0.5, 150.0), 63.0);
    assert_eq!(with(0.5, 150.01), 0.0);
}

#[test]
fn children_need_a_family_rating() {
    let parents = User {
        children_num: 1,
        ..user()
    };
    let with = |user: &User, family_tolerance| {
        let behaviour = Behaviour {
            family_tolerance,
            ..Behaviour::default()
        };
        judge(user.clone(), behaviour, &location())
    };
    assert_eq!(with(&parents, 2.0), 63.0);
    assert_eq!(with(&parents, 2.01), 0.0);
    assert_eq!(with(&user(), 2.01), 63.0);
}

#[test]
fn met_wishes_count_and_sport_counts_twice() {
    let wishing = User {
        pool: true,
        spa: true,
        pet_friendly: true,
        lake: true,
        mountain: true,
        sport: true,
        ..user()
    };
    let plain = location();
    let cases: [(&str, Location, f64); 8] = [
        ("nothing", plain.clone(), 0.0),
        (
            "pool",
            Location {
                has_pool: true,
                ..plain.clone()
            },
            10.0,
        ),
        (
            "spa",
            Location {
                has_spa: true,
                ..plain.clone()
            },
            10.0,
        ),
        (
            "pets",
            Location {
                animals: true,
                ..plain.clone()
            },
            10.0,
        ),
        (
            "lake",
            Location {
                near_lake: true,
                ..plain.clone()
            },
            100.0,
        ),
        (
            "mountains",
            Location {
                near_mountains: true,
                ..plain.clone()
            },
            100.0,
        ),
        (
            "sport",
            Location {
                has_sport: true,
                ..plain.clone()
            },
            110.0,
        ),
        (
            "not wished",
            Location {
                breakfast: true,
                children: true,
                ..plain
            },
            0.0,
        ),
    ];
    let behaviour = Behaviour {
        weight_score_facilities: 10.0,
        weight_score_environment: 100.0,
        weight_score_users: 0.0,
        ..Behaviour::default()
    };
    let ratings = 10.0 * 18.0 + 100.0 * 13.0;
    for (name, location, more) in cases {
        let found = judge(wishing.clone(), behaviour.clone(), &location);
        assert_eq!(found, ratings + more, "{name}");
        // What nobody wishes does not count.
        assert_eq!(
            judge(user(), behaviour.clone(), &location),
            ratings,
            "{name}"
        );
    }
}

#[test]
fn too_few_facilities_are_out() {
    let wishing = User {
        pool: true,
        spa: true,
        sport: true,
        ..user()
    };
    let offering = Location {
        has_pool: true,
        animals: true,
        ..location()
    };
    let with = |facilities_tolerance, weight_spa| {
        let behaviour = Behaviour {
            facilities_tolerance,
            weight_spa,
            ..Behaviour::default()
        };
        judge(wishing.clone(), behaviour, &offering)
    };
    // One of three wishes is met; the pets that are let in were not wished.
    assert_eq!(with(0.33, 1.0), 64.0);
    assert_eq!(with(0.34, 1.0), 0.0);
    // The wished side sums weights: 1 of 1 + 8 + 1.
    assert_eq!(with(0.1, 8.0), 64.0);
    assert_eq!(with(0.11, 8.0), 0.0);
    // Who wishes nothing is content.
    let strict = Behaviour {
        facilities_tolerance: 1.0,
        environment_tolerance: 1.0,
        ..Behaviour::default()
    };
    assert_eq!(judge(user(), strict, &location()), 63.0);
}

#[test]
fn too_little_environment_is_out() {
    let wishing = User {
        lake: true,
        mountain: true,
        ..user()
    };
    let with = |environment_tolerance, weight_mountains, near_mountains| {
        let behaviour = Behaviour {
            environment_tolerance,
            weight_mountains,
            ..Behaviour::default()
        };
        let offering = Location {
            near_lake: true,
            near_mountains,
            ..location()
        };
        judge(wishing.clone(), behaviour, &offering)
    };
    assert_eq!(with(0.5, 1.0, false), 64.0);
    assert_eq!(with(0.51, 1.0, false), 0.0);
    assert_eq!(with(0.51, 1.0, true), 65.0);
    assert_eq!(with(0.25, 3.0, false), 64.0);
    assert_eq!(with(0.26, 3.0, false), 0.0);
}

fn simulated(behaviour: Behaviour) -> SimulatedUser {
    SimulatedUser {
        user: user(),
        behaviour: Arc::new(behaviour),
        profile: 0,
    }
}

/// Places that score 6, 0 (too dear), 1 and 3.
fn choices() -> Vec<Location> {
    let scored = |user_score, price| Location {
        price,
        family_rating: 0.0,
        outdoor_rating: 0.0,
        food_rating: 0.0,
        leisure_rating: 0.0,
        service_rating: 0.0,
        user_score,
        ..location()
    };
    vec![
        scored(6.0, 80.0),
        scored(9.0, 101.0),
        scored(1.0, 80.0),
        scored(3.0, 80.0),
    ]
}

fn probabilities(user: &SimulatedUser, locations: &[Location]) -> Vec<f64> {
    let mut out = vec![f64::NAN; 7];
    choice_probabilities(user, locations, &mut out);
    out
}

#[test]
fn probabilities_are_exact() {
    let mut out = vec![1.0; 9];
    scores(&simulated(Behaviour::default()), &choices(), &mut out);
    assert_eq!(out, [6.0, 0.0, 1.0, 3.0]);
    let with = |exploration_tolerance, ignore_tolerance| {
        let behaviour = Behaviour {
            exploration_tolerance,
            ignore_tolerance,
            ..Behaviour::default()
        };
        probabilities(&simulated(behaviour), &choices())
    };
    assert_eq!(with(0.0, 1.0), [1.0, 0.0, 0.0, 0.0]);
    assert_eq!(with(1.0, 1.0), [0.6, 0.0, 0.1, 0.3]);
    assert_eq!(with(1.0, 0.0), [0.0; 4]);
    // 0.75 · (0.5 · [best] + 0.5 · share)
    for (found, expected) in with(0.5, 0.75).iter().zip([0.6, 0.0, 0.0375, 0.1125]) {
        assert!((found - expected).abs() < 1e-15, "{found} {expected}");
    }
}

#[test]
fn nothing_acceptable_is_no_choice() {
    let too_dear = &choices()[1..2];
    let user = simulated(Behaviour::default());
    assert_eq!(probabilities(&user, too_dear), [0.0]);
    assert_eq!(probabilities(&user, &[]), [0.0; 0]);
    let mut rng = rng(1);
    assert!((0..1000).all(|_| choose(&user, too_dear, &mut rng).is_none()));
    assert_eq!(choose(&user, &[], &mut rng), None);
}

#[test]
fn the_first_of_the_best_is_taken() {
    let decided = simulated(Behaviour {
        exploration_tolerance: 0.0,
        ignore_tolerance: 1.0,
        ..Behaviour::default()
    });
    let places = [&choices()[1..], &choices()[3..]].concat();
    assert_eq!(choose(&decided, &places, &mut rng(1)), Some(2));
}

#[test]
fn choices_come_as_often_as_they_should() {
    for (seed, exploration_tolerance, ignore_tolerance) in [
        (1, 0.5, 0.9),
        (2, 1.0, 1.0),
        (3, 1.0, 0.4),
        (4, 0.1, 0.99),
        (5, 0.0, 0.5),
    ] {
        let user = simulated(Behaviour {
            exploration_tolerance,
            ignore_tolerance,
            ..Behaviour::default()
        });
        check_frequencies(&user, &choices(), seed);
    }
}

#[test]
fn sampled_users_choose_as_often_as_they_should() {
    let mut rng = rng(11);
    let catalog = sample_catalog(&shipped_locations(), &mut rng);
    let sampler = UserSampler::new(&shipped_users(), Default::default(), new_year());
    for seed in 0..10 {
        let user = sampler.sample(&mut rng);
        let places: Vec<_> = catalog
            .iter()
            .skip(seed as usize)
            .step_by(23)
            .cloned()
            .collect();
        check_frequencies(&user, &places, seed);
    }
}

/// The last outcome is "none of these".
fn check_frequencies(user: &SimulatedUser, locations: &[Location], seed: u64) {
    let mut expected = probabilities(user, locations);
    expected.push((1.0 - expected.iter().sum::<f64>()).max(0.0));
    let last = expected.len() - 1;
    if expected[last] < 1e-12 {
        expected[last] = 0.0;
    }
    let mut counts = vec![0; expected.len()];
    let mut rng = rng(seed);
    for _ in 0..40_000 {
        counts[choose(user, locations, &mut rng).unwrap_or(last)] += 1;
    }
    let possible = expected.iter().filter(|p| **p > 0.0).count();
    let statistic = chi_squared(&counts, &expected);
    let limit = if possible > 1 {
        limit(possible - 1)
    } else {
        0.001
    };
    assert!(
        statistic < limit,
        "{statistic} for {counts:?} and {expected:?}"
    );
}

proptest! {
    #[test]
    fn no_location_makes_the_labeller_panic(
        price in proptest::num::f64::ANY,
        user_score in proptest::num::f64::ANY,
        budget in proptest::num::f64::ANY,
        tolerance in proptest::num::f64::ANY,
        seed: u64,
    ) {
        let odd = Location { price, user_score, ..location() };
        let mut simulated = simulated(Behaviour {
            budget_tolerance: tolerance,
            ignore_tolerance: tolerance,
            exploration_tolerance: tolerance,
            ..Behaviour::default()
        });
        simulated.user.budget = budget;
        let places = [odd, location()];
        let chosen = choose(&simulated, &places, &mut rng(seed));
        prop_assert!(chosen.is_none_or(|index| index < 2));
        prop_assert_eq!(probabilities(&simulated, &places).len(), 2);
    }
}
