//! Profiles of users.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use super::error::{ConfigError, FileFault};
use super::table::{Column, Kind, Layout, Row, SHARE, file_error};
use super::{Parsed, Span};
use crate::Behaviour;

/// Users that all profiles may make together.
const MAX_USERS: u64 = 1_000_000;
/// People that the largest groups of all these users may make together.
const MAX_PEOPLE: u64 = 20_000_000;

const WEIGHT: Kind = Kind::Real(0.0, 1e6);
const MONEY: Kind = Kind::Real(0.0, 1e9);
const AGE: Kind = Kind::Whole(0, 150);

/// The columns, in the order in which [`UserProfile::from_row`] takes them apart.
const COLUMNS: [Column; 33] = [
    ("meta_n", Kind::Whole(0, MAX_USERS as u32), 1.0),
    ("people_min", Kind::Whole(1, 1000), 1.0),
    ("people_max", Kind::Whole(1, 1000), 10.0),
    ("age_min", AGE, 0.0),
    ("age_max", AGE, 99.0),
    ("minor_age", AGE, 18.0),
    ("budget_min", MONEY, 50.0),
    ("budget_max", MONEY, 10_000.0),
    ("nights_min", Kind::Whole(0, 3650), 1.0),
    ("nights_max", Kind::Whole(0, 3650), 14.0),
    ("start_date_tolerance_min", Kind::Whole(0, 36_500), 1.0),
    ("start_date_tolerance_max", Kind::Whole(0, 36_500), 30.0),
    ("spa_thr", SHARE, 0.5),
    ("pool_thr", SHARE, 0.5),
    ("pet_friendly_thr", SHARE, 0.5),
    ("lakes_thr", SHARE, 0.5),
    ("mountains_thr", SHARE, 0.5),
    ("sport_thr", SHARE, 0.5),
    ("budget_tolerance", Kind::Real(0.0, 1000.0), 0.0),
    ("facilities_tolerance", SHARE, 0.0),
    ("environment_tolerance", SHARE, 0.0),
    ("family_tolerance", WEIGHT, 1.0),
    ("weight_spa", WEIGHT, 1.0),
    ("weight_pool", WEIGHT, 1.0),
    ("weight_pet", WEIGHT, 1.0),
    ("weight_lake", WEIGHT, 1.0),
    ("weight_mountains", WEIGHT, 1.0),
    ("weight_sport", WEIGHT, 1.0),
    ("weight_score_facilities", WEIGHT, 1.0),
    ("weight_score_environment", WEIGHT, 1.0),
    ("weight_score_users", WEIGHT, 1.0),
    ("exploration_tolerance", SHARE, 0.5),
    ("ignore_tolerance", SHARE, 0.99),
];

/// The parsed profiles of users.
#[derive(Clone, Debug)]
pub struct UserConfig {
    profiles: Vec<UserProfile>,
    sha256: String,
}

impl UserConfig {
    /// Reads `path`, which also names the file in messages.
    pub fn from_path(path: &Path) -> Result<Parsed<UserConfig>, ConfigError> {
        let name = path.display().to_string();
        match File::open(path) {
            Ok(file) => UserConfig::from_reader(&name, file),
            Err(source) => Err(ConfigError::Read { file: name, source }),
        }
    }

    /// Reads a table; `name` is its name in messages.
    ///
    /// ```
    /// use mlp_data::UserConfig;
    ///
    /// let parsed = UserConfig::from_reader("user.tsv", "meta_comment\tpool_thr\nSwimmers\t0.9\n".as_bytes())?;
    /// assert_eq!(parsed.value.profiles()[0].name(), "Swimmers");
    ///
    /// let error = UserConfig::from_reader("user.tsv", "pool_thr\n# often\n1.5\n".as_bytes()).unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "user.tsv, line 3, column `pool_thr`: `1.5` is out of range, expected 0 to 1"
    /// );
    /// # Ok::<(), mlp_data::ConfigError>(())
    /// ```
    pub fn from_reader(name: &str, reader: impl Read) -> Result<Parsed<UserConfig>, ConfigError> {
        let layout = Layout {
            kind: "user",
            columns: &COLUMNS,
        };
        let table = layout.read(name, reader)?;
        let profiles: Vec<_> = table.rows.into_iter().map(UserProfile::from_row).collect();
        check_size(name, &profiles)?;
        Ok(Parsed {
            value: UserConfig {
                profiles,
                sha256: table.sha256,
            },
            warnings: table.warnings,
        })
    }

    /// The profiles in the order of the file, at least one.
    pub fn profiles(&self) -> &[UserProfile] {
        &self.profiles
    }

    /// Users in a pool of `meta_n` of each profile, at least 1.
    pub fn pool_size(&self) -> usize {
        self.profiles.iter().map(|p| p.meta_n as usize).sum()
    }

    /// SHA-256 of the file, in hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }
}

fn check_size(file: &str, profiles: &[UserProfile]) -> Result<(), ConfigError> {
    let users: u64 = profiles.iter().map(|p| u64::from(p.meta_n)).sum();
    let largest = |p: &UserProfile| u64::from(p.meta_n) * u64::from(p.people.max);
    let people: u64 = profiles.iter().map(largest).sum();
    let too_many =
        |what, total, limit| Err(file_error(file, FileFault::TooMany { what, total, limit }));
    if users == 0 {
        Err(file_error(file, FileFault::NothingToSample))
    } else if users > MAX_USERS {
        too_many("users", users, MAX_USERS)
    } else if people > MAX_PEOPLE {
        too_many("people", people, MAX_PEOPLE)
    } else {
        Ok(())
    }
}

/// A profile of users: the ranges and probabilities that a user is drawn from.
#[derive(Clone, Debug)]
pub struct UserProfile {
    pub(crate) name: String,
    pub(crate) meta_n: u32,
    pub(crate) people: Span<u32>,
    pub(crate) age: Span<u32>,
    pub(crate) minor_age: u32,
    pub(crate) budget: Span<f64>,
    pub(crate) nights: Span<u32>,
    pub(crate) arrival: Span<u32>,
    pub(crate) spa: f64,
    pub(crate) pool: f64,
    pub(crate) pet_friendly: f64,
    pub(crate) lake: f64,
    pub(crate) mountain: f64,
    pub(crate) sport: f64,
    pub(crate) behaviour: Arc<Behaviour>,
}

impl UserProfile {
    /// The profile's name, which its users bear.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many users of this profile are in the pool; 0 leaves the profile out everywhere.
    pub fn meta_n(&self) -> u32 {
        self.meta_n
    }

    /// How users of this profile decide.
    pub fn behaviour(&self) -> &Arc<Behaviour> {
        &self.behaviour
    }

    fn from_row(row: Row<33>) -> UserProfile {
        let [
            meta_n,
            people_min,
            people_max,
            age_min,
            age_max,
            minor_age,
            rest @ ..,
        ] = row.values;
        let [
            budget_min,
            budget_max,
            nights_min,
            nights_max,
            arrival_min,
            arrival_max,
            rest @ ..,
        ] = rest;
        let [
            spa,
            pool,
            pet_friendly,
            lake,
            mountain,
            sport,
            behaviour @ ..,
        ] = rest;
        UserProfile {
            name: row.name,
            meta_n: meta_n as u32,
            people: Span::whole(people_min, people_max),
            age: Span::whole(age_min, age_max),
            minor_age: minor_age as u32,
            budget: Span::real(budget_min, budget_max),
            nights: Span::whole(nights_min, nights_max),
            arrival: Span::whole(arrival_min, arrival_max),
            spa,
            pool,
            pet_friendly,
            lake,
            mountain,
            sport,
            behaviour: Arc::new(behaviour_from(behaviour)),
        }
    }
}

fn behaviour_from(values: [f64; 15]) -> Behaviour {
    let [budget, facilities, environment, family, weights @ ..] = values;
    let [spa, pool, pet, lake, mountains, sport, decision @ ..] = weights;
    let [by_facilities, by_environment, by_users, exploration, ignore] = decision;
    Behaviour {
        budget_tolerance: budget,
        facilities_tolerance: facilities,
        environment_tolerance: environment,
        family_tolerance: family,
        weight_spa: spa,
        weight_pool: pool,
        weight_pet: pet,
        weight_lake: lake,
        weight_mountains: mountains,
        weight_sport: sport,
        weight_score_facilities: by_facilities,
        weight_score_environment: by_environment,
        weight_score_users: by_users,
        exploration_tolerance: exploration,
        ignore_tolerance: ignore,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A profile whose columns hold 0, 1, 2 … in the table's order.
    fn counted() -> UserProfile {
        UserProfile::from_row(Row {
            name: String::new(),
            values: std::array::from_fn(|index| index as f64),
        })
    }

    #[test]
    fn every_column_lands_in_its_field() {
        let at = |name| COLUMNS.iter().position(|c| c.0 == name).expect("a column") as f64;
        let p = counted();
        let b = &p.behaviour;
        let found = [
            ("meta_n", f64::from(p.meta_n)),
            ("people_min", f64::from(p.people.min)),
            ("people_max", f64::from(p.people.max)),
            ("age_min", f64::from(p.age.min)),
            ("age_max", f64::from(p.age.max)),
            ("minor_age", f64::from(p.minor_age)),
            ("budget_min", p.budget.min),
            ("budget_max", p.budget.max),
            ("nights_min", f64::from(p.nights.min)),
            ("nights_max", f64::from(p.nights.max)),
            ("start_date_tolerance_min", f64::from(p.arrival.min)),
            ("start_date_tolerance_max", f64::from(p.arrival.max)),
            ("spa_thr", p.spa),
            ("pool_thr", p.pool),
            ("pet_friendly_thr", p.pet_friendly),
            ("lakes_thr", p.lake),
            ("mountains_thr", p.mountain),
            ("sport_thr", p.sport),
            ("budget_tolerance", b.budget_tolerance),
            ("facilities_tolerance", b.facilities_tolerance),
            ("environment_tolerance", b.environment_tolerance),
            ("family_tolerance", b.family_tolerance),
            ("weight_spa", b.weight_spa),
            ("weight_pool", b.weight_pool),
            ("weight_pet", b.weight_pet),
            ("weight_lake", b.weight_lake),
            ("weight_mountains", b.weight_mountains),
            ("weight_sport", b.weight_sport),
            ("weight_score_facilities", b.weight_score_facilities),
            ("weight_score_environment", b.weight_score_environment),
            ("weight_score_users", b.weight_score_users),
            ("exploration_tolerance", b.exploration_tolerance),
            ("ignore_tolerance", b.ignore_tolerance),
        ];
        assert_eq!(found.len(), COLUMNS.len());
        for (name, value) in found {
            assert_eq!(value, at(name), "{name}");
        }
    }

    #[test]
    fn every_default_is_within_its_limits() {
        for (name, kind, default) in COLUMNS {
            let (min, max) = kind.limits();
            assert!((min..=max).contains(&default), "{name}");
        }
    }

    #[test]
    fn the_defaults_are_those_of_the_domain() {
        let config = UserConfig::from_reader("u", "meta_n\n1\n".as_bytes()).expect("a profile");
        let p = &config.value.profiles[0];
        assert_eq!(
            (p.people.min, p.people.max, p.age.min, p.age.max),
            (1, 10, 0, 99)
        );
        assert_eq!(
            (p.minor_age, p.budget.min, p.budget.max),
            (18, 50.0, 10_000.0)
        );
        assert_eq!((p.nights.min, p.nights.max), (1, 14));
        assert_eq!((p.arrival.min, p.arrival.max), (1, 30));
        let wishes = [p.spa, p.pool, p.pet_friendly, p.lake, p.mountain, p.sport];
        assert_eq!(wishes, [0.5; 6]);
    }
}
