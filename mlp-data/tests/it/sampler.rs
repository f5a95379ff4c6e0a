//! Samples against the distributions that they should have.

use std::collections::BTreeMap;

use mlp_data::{Date, Mix, Streams, UserPool, UserSampler, sample_catalog};

use crate::{
    chi_squared, limit, locations, new_year, rng, shipped_locations, shipped_users, users,
};

const DRAWS: usize = 20_000;

fn sample(table: &str) -> Vec<mlp_data::User> {
    let sampler = UserSampler::new(&users(table), Mix::Even, new_year());
    let mut rng = rng(7);
    (0..DRAWS).map(|_| sampler.sample(&mut rng).user).collect()
}

fn count<T: Ord>(values: impl Iterator<Item = T>) -> BTreeMap<T, u64> {
    let mut counts = BTreeMap::new();
    for value in values {
        *counts.entry(value).or_default() += 1;
    }
    counts
}

/// All of `range` come up, equally often, and nothing else.
fn assert_even(values: impl Iterator<Item = u32>, range: std::ops::Range<u32>) {
    let counts = count(values);
    assert!(counts.keys().copied().eq(range.clone()), "{counts:?}");
    let counts: Vec<_> = counts.into_values().collect();
    if counts.len() > 1 {
        let even = vec![1.0 / counts.len() as f64; counts.len()];
        assert!(
            chi_squared(&counts, &even) < limit(counts.len() - 1),
            "{counts:?}"
        );
    }
}

#[test]
fn group_sizes_ages_and_nights_are_even_below_their_maximum() {
    let drawn = sample(
        "people_min\tpeople_max\tage_min\tage_max\tnights_min\tnights_max\n3\t6\t20\t30\t2\t9\n",
    );
    assert_even(drawn.iter().map(|u| u.people_num), 3..6);
    assert_even(drawn.iter().flat_map(|u| u.people_age.clone()), 20..30);
    assert_even(drawn.iter().map(|u| u.nights), 2..9);
    assert!(
        drawn
            .iter()
            .all(|u| u.people_age.len() == u.people_num as usize)
    );
}

#[test]
fn equal_bounds_give_exactly_that() {
    let drawn = sample(
        "people_min\tpeople_max\tage_min\tage_max\tnights_min\tnights_max\tbudget_min\tbudget_max\t\
         start_date_tolerance_min\tstart_date_tolerance_max\n2\t2\t40\t40\t0\t0\t77.5\t77.5\t3\t3\n",
    );
    for user in drawn {
        assert_eq!(
            (user.people_num, user.people_age, user.nights),
            (2, vec![40, 40], 0)
        );
        assert_eq!(
            (user.budget, user.time_arrival.to_string().as_str()),
            (77.5, "2026-01-04")
        );
    }
}

#[test]
fn arrivals_are_even_and_end_with_the_calendar() {
    let drawn = sample("start_date_tolerance_min\tstart_date_tolerance_max\n5\t9\n");
    let days: Vec<_> = count(drawn.iter().map(|u| u.time_arrival))
        .into_iter()
        .collect();
    let names: Vec<_> = days.iter().map(|(day, _)| day.to_string()).collect();
    assert_eq!(
        names,
        ["2026-01-06", "2026-01-07", "2026-01-08", "2026-01-09"]
    );
    let counts: Vec<_> = days.iter().map(|(_, n)| *n).collect();
    assert!(chi_squared(&counts, &[0.25; 4]) < limit(3), "{counts:?}");

    let last = UserSampler::new(&shipped_users(), Mix::Even, Date::MAX);
    assert_eq!(last.sample(&mut rng(1)).user.time_arrival, Date::MAX);
}

#[test]
fn budgets_are_uniform() {
    let drawn = sample("budget_min\tbudget_max\n100\t500\n");
    assert!(drawn.iter().all(|u| (100.0..500.0).contains(&u.budget)));
    assert_even(drawn.iter().map(|u| (u.budget / 50.0) as u32), 2..10);
}

#[test]
fn someone_younger_than_minor_age_makes_a_family() {
    let header = "people_min\tpeople_max\tage_min\tage_max\tminor_age\n";
    for user in sample(&format!("{header}1\t3\t10\t20\t18\n")) {
        let minor = user.people_age.iter().any(|&age| age < 18);
        assert_eq!(user.children_num, u32::from(minor));
    }
    let none = sample(&format!("{header}1\t3\t0\t20\t0\n"));
    assert!(none.iter().all(|u| u.children_num == 0));
}

#[test]
fn wishes_come_with_their_probabilities() {
    let drawn = sample(
        "spa_thr\tpool_thr\tpet_friendly_thr\tlakes_thr\tmountains_thr\tsport_thr\n\
         0\t1\t0.1\t0.4\t0.7\t0.95\n",
    );
    type Wish = fn(&mlp_data::User) -> bool;
    let wishes: [(&str, Wish, f64); 6] = [
        ("spa", |u| u.spa, 0.0),
        ("pool", |u| u.pool, 1.0),
        ("pet_friendly", |u| u.pet_friendly, 0.1),
        ("lake", |u| u.lake, 0.4),
        ("mountain", |u| u.mountain, 0.7),
        ("sport", |u| u.sport, 0.95),
    ];
    for (name, wish, p) in wishes {
        let yes = drawn.iter().filter(|u| wish(u)).count() as u64;
        let counts = [yes, DRAWS as u64 - yes];
        assert!(
            chi_squared(&counts, &[p, 1.0 - p]) < limit(1),
            "{name}: {counts:?}"
        );
    }
}

#[test]
fn profiles_come_evenly_or_in_proportion() {
    let config = users("meta_comment\tmeta_n\nA\t10\nB\t0\nC\t30\nD\t60\n");
    for (mix, expected) in [
        (Mix::Even, [1.0 / 3.0, 0.0, 1.0 / 3.0, 1.0 / 3.0]),
        (Mix::MetaN, [0.1, 0.0, 0.3, 0.6]),
    ] {
        let sampler = UserSampler::new(&config, mix, new_year());
        let pool = UserPool::sample(&config, mix, new_year(), &mut rng(1));
        assert_eq!(pool.users().len(), 100);
        let mut rng = rng(5);
        let mut fresh = [0; 4];
        let mut drawn = [0; 4];
        for _ in 0..DRAWS {
            let user = sampler.sample(&mut rng);
            assert_eq!(user.user.name, config.profiles()[user.profile].name());
            fresh[user.profile] += 1;
            drawn[pool.users()[pool.draw(&mut rng)].profile] += 1;
        }
        assert!(
            chi_squared(&fresh, &expected) < limit(2),
            "{mix:?} {fresh:?}"
        );
        assert!(
            chi_squared(&drawn, &expected) < limit(2),
            "{mix:?} {drawn:?}"
        );
    }
}

#[test]
fn a_pool_draws_all_users_of_a_profile_alike() {
    let config = users("meta_n\n4\n6\n");
    let pool = UserPool::sample(&config, Mix::Even, new_year(), &mut rng(1));
    let mut counts = [0; 10];
    let mut rng = rng(2);
    for _ in 0..DRAWS {
        counts[pool.draw(&mut rng)] += 1;
    }
    let expected = [[0.125; 4].as_slice(), &[1.0 / 12.0; 6]].concat();
    assert!(chi_squared(&counts, &expected) < limit(9), "{counts:?}");
}

#[test]
fn a_catalogue_has_its_profiles_in_order() {
    let config = shipped_locations();
    let catalog = sample_catalog(&config, &mut rng(3));
    assert_eq!(catalog.len(), 210);
    let first_of_bern = 40;
    assert!(catalog[..40].iter().any(|l| l.price > 800.0));
    for location in &catalog[first_of_bern..70] {
        assert!((75.0..800.0).contains(&location.price));
        assert!((0.5..2.0).contains(&location.family_rating));
        assert!((1.0..2.0).contains(&location.outdoor_rating));
        assert!((1.0..6.0).contains(&location.food_rating));
        assert!((3.0..4.0).contains(&location.leisure_rating));
        assert!((0.0..1.0).contains(&location.service_rating));
        assert!((1.0..4.0).contains(&location.user_score));
    }
}

#[test]
fn a_location_offers_with_its_probabilities() {
    let names = [
        "child",
        "breakfast",
        "lunch",
        "dinner",
        "pool",
        "spa",
        "animals",
        "lake",
        "mountain",
        "sport",
    ];
    for (index, name) in names.iter().enumerate() {
        // Only one thing is offered: all others have a threshold of 0.
        let header: Vec<_> = names.iter().map(|n| format!("threshold_{n}")).collect();
        let values: Vec<_> = names
            .iter()
            .map(|n| if n == name { "0.3" } else { "0" })
            .collect();
        let table = format!(
            "meta_n\t{}\n5000\t{}\n",
            header.join("\t"),
            values.join("\t")
        );
        let mut counts = [0u64; 10];
        for l in sample_catalog(&locations(&table), &mut rng(index as u64)) {
            let offers = [
                l.children,
                l.breakfast,
                l.lunch,
                l.dinner,
                l.has_pool,
                l.has_spa,
                l.animals,
                l.near_lake,
                l.near_mountains,
                l.has_sport,
            ];
            counts
                .iter_mut()
                .zip(offers)
                .for_each(|(n, offer)| *n += u64::from(offer));
        }
        let yes = counts[index];
        assert!(
            chi_squared(&[yes, 5000 - yes], &[0.3, 0.7]) < limit(1),
            "{name} {yes}"
        );
        assert_eq!(counts.iter().sum::<u64>(), yes, "{name}");
    }
}

#[test]
fn a_user_is_the_body_of_a_request() {
    let user = UserSampler::new(&shipped_users(), Mix::Even, new_year())
        .sample(&mut rng(1))
        .user;
    let body = serde_json::to_value(&user).expect("json");
    let mut keys: Vec<_> = body
        .as_object()
        .expect("an object")
        .keys()
        .cloned()
        .collect();
    let mut expected = mlp_data::dataset::USER_COLUMNS.map(str::to_owned).to_vec();
    keys.sort();
    expected.sort();
    assert_eq!(keys, expected);
    assert_eq!(
        serde_json::from_value::<mlp_data::User>(body).expect("a user"),
        user
    );
}

#[test]
fn an_api_result_reads_as_a_location() {
    let catalog = sample_catalog(&shipped_locations(), &mut rng(1));
    let mut row = serde_json::to_value(&catalog[0]).expect("json");
    let object = row.as_object_mut().expect("an object");
    let columns: Vec<_> = object.keys().cloned().collect();
    let mut expected = mlp_data::dataset::LOCATION_COLUMNS
        .map(str::to_owned)
        .to_vec();
    expected.sort();
    assert_eq!(columns, expected);
    object.insert("score".to_owned(), 0.97.into());
    object.insert("location_id".to_owned(), 152.into());
    assert_eq!(
        serde_json::from_value::<mlp_data::Location>(row).expect("a location"),
        catalog[0]
    );
}

#[test]
fn streams_do_not_overlap() {
    use rand::Rng;
    let mut seen = std::collections::HashSet::new();
    for seed in [0, 1, u64::MAX] {
        for purpose in ["", "pool", "sessions"] {
            let streams = Streams::new(seed, purpose);
            for number in [0, 1, u64::MAX] {
                assert!(seen.insert(streams.stream(number).next_u64()));
            }
        }
    }
}
