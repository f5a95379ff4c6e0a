//! Profiles of locations.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::error::{ConfigError, FileFault};
use super::table::{Column, Kind, Layout, Row, SHARE, file_error};
use super::{Parsed, Span};

/// Locations that all profiles may make together.
const MAX_LOCATIONS: u64 = 1_000_000;

const MONEY: Kind = Kind::Real(0.0, 1e9);
const RATING: Kind = Kind::Real(0.0, 1e6);

/// The columns, in the order in which [`LocationProfile::from_row`] takes them apart.
const COLUMNS: [Column; 25] = [
    ("meta_n", Kind::Whole(0, MAX_LOCATIONS as u32), 1.0),
    ("threshold_child", SHARE, 0.5),
    ("threshold_breakfast", SHARE, 0.5),
    ("threshold_lunch", SHARE, 0.5),
    ("threshold_dinner", SHARE, 0.5),
    ("price_min", MONEY, 50.0),
    ("price_max", MONEY, 500.0),
    ("threshold_pool", SHARE, 0.5),
    ("threshold_spa", SHARE, 0.5),
    ("threshold_animals", SHARE, 0.5),
    ("threshold_lake", SHARE, 0.5),
    ("threshold_mountain", SHARE, 0.5),
    ("threshold_sport", SHARE, 0.5),
    ("family_min", RATING, 0.0),
    ("family_max", RATING, 1.0),
    ("outdoor_min", RATING, 0.0),
    ("outdoor_max", RATING, 1.0),
    ("food_min", RATING, 0.0),
    ("food_max", RATING, 1.0),
    ("leisure_min", RATING, 0.0),
    ("leisure_max", RATING, 1.0),
    ("service_min", RATING, 0.0),
    ("service_max", RATING, 1.0),
    ("score_min", RATING, 0.0),
    ("score_max", RATING, 1.0),
];

/// The parsed profiles of locations.
#[derive(Clone, Debug)]
pub struct LocationConfig {
    profiles: Vec<LocationProfile>,
    sha256: String,
}

impl LocationConfig {
    /// Reads `path`, which also names the file in messages.
    pub fn from_path(path: &Path) -> Result<Parsed<LocationConfig>, ConfigError> {
        let name = path.display().to_string();
        match File::open(path) {
            Ok(file) => LocationConfig::from_reader(&name, file),
            Err(source) => Err(ConfigError::Read { file: name, source }),
        }
    }

    /// Reads a table; `name` is its name in messages.
    ///
    /// ```
    /// use mlp_data::LocationConfig;
    ///
    /// let error = LocationConfig::from_reader("x.tsv", "price_min\tprice_max\n90\t80\n".as_bytes()).unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "x.tsv, line 2, column `price_min`: `90` is more than `price_max`, which is `80`"
    /// );
    /// ```
    pub fn from_reader(
        name: &str,
        reader: impl Read,
    ) -> Result<Parsed<LocationConfig>, ConfigError> {
        let layout = Layout {
            kind: "location",
            columns: &COLUMNS,
        };
        let table = layout.read(name, reader)?;
        let profiles: Vec<_> = table
            .rows
            .into_iter()
            .map(LocationProfile::from_row)
            .collect();
        check_size(name, &profiles)?;
        Ok(Parsed {
            value: LocationConfig {
                profiles,
                sha256: table.sha256,
            },
            warnings: table.warnings,
        })
    }

    /// The profiles in the order of the file, at least one.
    pub fn profiles(&self) -> &[LocationProfile] {
        &self.profiles
    }

    /// Locations in a catalogue of `meta_n` of each profile, at least 1.
    pub fn catalog_size(&self) -> usize {
        self.profiles.iter().map(|p| p.meta_n as usize).sum()
    }

    /// SHA-256 of the file, in hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }
}

fn check_size(file: &str, profiles: &[LocationProfile]) -> Result<(), ConfigError> {
    let total: u64 = profiles.iter().map(|p| u64::from(p.meta_n)).sum();
    let (what, limit) = ("locations", MAX_LOCATIONS);
    if total == 0 {
        Err(file_error(file, FileFault::NothingToSample))
    } else if total > limit {
        Err(file_error(file, FileFault::TooMany { what, total, limit }))
    } else {
        Ok(())
    }
}

/// A profile of locations: the ranges and probabilities that a location is drawn from.
#[derive(Clone, Debug)]
pub struct LocationProfile {
    pub(crate) name: String,
    pub(crate) meta_n: u32,
    pub(crate) children: f64,
    pub(crate) breakfast: f64,
    pub(crate) lunch: f64,
    pub(crate) dinner: f64,
    pub(crate) price: Span<f64>,
    pub(crate) pool: f64,
    pub(crate) spa: f64,
    pub(crate) animals: f64,
    pub(crate) lake: f64,
    pub(crate) mountains: f64,
    pub(crate) sport: f64,
    pub(crate) family: Span<f64>,
    pub(crate) outdoor: Span<f64>,
    pub(crate) food: Span<f64>,
    pub(crate) leisure: Span<f64>,
    pub(crate) service: Span<f64>,
    pub(crate) score: Span<f64>,
}

impl LocationProfile {
    /// The profile's name, which its locations do not bear.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many locations of this profile are in the catalogue.
    pub fn meta_n(&self) -> u32 {
        self.meta_n
    }

    fn from_row(row: Row<25>) -> LocationProfile {
        let [
            meta_n,
            children,
            breakfast,
            lunch,
            dinner,
            price_min,
            price_max,
            rest @ ..,
        ] = row.values;
        let [pool, spa, animals, lake, mountains, sport, ratings @ ..] = rest;
        let [family, outdoor, food, leisure, service, score] = spans(ratings);
        LocationProfile {
            name: row.name,
            meta_n: meta_n as u32,
            children,
            breakfast,
            lunch,
            dinner,
            price: Span::real(price_min, price_max),
            pool,
            spa,
            animals,
            lake,
            mountains,
            sport,
            family,
            outdoor,
            food,
            leisure,
            service,
            score,
        }
    }
}

fn spans(bounds: [f64; 12]) -> [Span<f64>; 6] {
    std::array::from_fn(|i| Span::real(bounds[2 * i], bounds[2 * i + 1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_lands_in_its_field() {
        let at = |name| COLUMNS.iter().position(|c| c.0 == name).expect("a column") as f64;
        let p = LocationProfile::from_row(Row {
            name: String::new(),
            values: std::array::from_fn(|index| index as f64),
        });
        let found = [
            ("meta_n", f64::from(p.meta_n)),
            ("threshold_child", p.children),
            ("threshold_breakfast", p.breakfast),
            ("threshold_lunch", p.lunch),
            ("threshold_dinner", p.dinner),
            ("price_min", p.price.min),
            ("price_max", p.price.max),
            ("threshold_pool", p.pool),
            ("threshold_spa", p.spa),
            ("threshold_animals", p.animals),
            ("threshold_lake", p.lake),
            ("threshold_mountain", p.mountains),
            ("threshold_sport", p.sport),
            ("family_min", p.family.min),
            ("family_max", p.family.max),
            ("outdoor_min", p.outdoor.min),
            ("outdoor_max", p.outdoor.max),
            ("food_min", p.food.min),
            ("food_max", p.food.max),
            ("leisure_min", p.leisure.min),
            ("leisure_max", p.leisure.max),
            ("service_min", p.service.min),
            ("service_max", p.service.max),
            ("score_min", p.score.min),
            ("score_max", p.score.max),
        ];
        assert_eq!(found.len(), COLUMNS.len());
        for (name, value) in found {
            assert_eq!(value, at(name), "{name}");
        }
    }

    #[test]
    fn the_defaults_are_those_of_the_domain() {
        for (name, kind, default) in COLUMNS {
            let (min, max) = kind.limits();
            assert!((min..=max).contains(&default), "{name}");
            let expected = match name {
                "meta_n" => 1.0,
                "price_min" => 50.0,
                "price_max" => 500.0,
                _ if name.starts_with("threshold_") => 0.5,
                _ if name.ends_with("_min") => 0.0,
                _ => 1.0,
            };
            assert_eq!(default, expected, "{name}");
        }
    }
}
