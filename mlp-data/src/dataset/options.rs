//! What a data set is made from.

use std::path::PathBuf;

use super::DatasetError;
use crate::{Date, LocationConfig, Mix, UserConfig};

/// Sessions that a data set may have.
pub const MAX_SESSIONS: u64 = 1_000_000_000_000;
/// Locations that a session may show.
pub const MAX_LOCATIONS_PER_SESSION: u32 = 100_000;
/// Threads that may compute.
pub const MAX_THREADS: usize = 256;

/// What a data set is made from. The outcome depends on all of it but `dir` and `threads`.
#[derive(Clone, Debug)]
pub struct Options {
    /// Profiles of users.
    pub users: UserConfig,
    /// Profiles of locations.
    pub locations: LocationConfig,
    /// Directory of the files, made where it is missing; default `dataset`.
    pub dir: PathBuf,
    /// Number of sessions, 1 to [`MAX_SESSIONS`]; default 1000.
    pub n_user: u64,
    /// Locations shown in a session, 1 to [`MAX_LOCATIONS_PER_SESSION`]; default 10.
    pub n_loc_per_user: u32,
    /// The day that arrivals are counted from; default 2026-01-01.
    pub start_date: Date,
    /// Seed of all random draws; default 42.
    pub seed: u64,
    /// Threads that compute, 1 to [`MAX_THREADS`]; default 1, since the time goes into the copy
    /// of finished rows to the system, which is one thread's work whatever this is. With 1 that
    /// thread computes as well, and nothing crosses from one core to another.
    pub threads: usize,
    /// How often each profile comes up; default [`Mix::Even`].
    pub mix: Mix,
    /// Whether each session has a user of its own instead of one from the pool of `meta_n` users
    /// of each profile; default false.
    pub fresh_users: bool,
    /// Whether the locations of a session are all different; default false.
    pub distinct: bool,
}

impl Options {
    /// The defaults, with these profiles.
    pub fn new(users: UserConfig, locations: LocationConfig) -> Options {
        Options {
            users,
            locations,
            dir: PathBuf::from("dataset"),
            n_user: 1000,
            n_loc_per_user: 10,
            start_date: Date::FIRST_OF_2026,
            seed: 42,
            threads: 1,
            mix: Mix::Even,
            fresh_users: false,
            distinct: false,
        }
    }

    pub(super) fn check(&self) -> Result<(), DatasetError> {
        in_range("n_user", self.n_user, MAX_SESSIONS)?;
        let most = u64::from(MAX_LOCATIONS_PER_SESSION);
        in_range("n_loc_per_user", u64::from(self.n_loc_per_user), most)?;
        in_range("threads", self.threads as u64, MAX_THREADS as u64)?;
        let catalog = self.locations.catalog_size();
        if self.distinct && self.n_loc_per_user as usize > catalog {
            return Err(DatasetError::Option {
                option: "n_loc_per_user",
                value: self.n_loc_per_user.to_string(),
                limit: format!("at most {catalog}, the size of the catalogue, with `distinct`"),
            });
        }
        Ok(())
    }
}

fn in_range(option: &'static str, value: u64, most: u64) -> Result<(), DatasetError> {
    if (1..=most).contains(&value) {
        return Ok(());
    }
    Err(DatasetError::Option {
        option,
        value: value.to_string(),
        limit: format!("1 to {most}"),
    })
}

/// How far a data set has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Labelled rows written.
    pub rows: u64,
    /// Labelled rows to be written.
    pub total: u64,
}
