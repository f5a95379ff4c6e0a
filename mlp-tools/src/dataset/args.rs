//! The command line as it was typed, and what it means.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use mlp_data::dataset::{MAX_LOCATIONS_PER_SESSION, MAX_SESSIONS, MAX_THREADS, Options};
use mlp_data::{ConfigError, Date, LocationConfig, Mix, Parsed, UserConfig};

const EXAMPLES: &str = "\
Examples:
  dataset_generator
      1000 sessions of 10 locations each, into dataset/
  dataset_generator --n-user 100000 --fresh-users --dataset-dir /tmp/large
      a new user for every session
  dataset_generator --user-configs config/user_noise.tsv --dataset-dir noise
      sessions of unusual users

Exit codes: 0 done, 1 failed, 2 wrong usage.";

/// Makes a labelled data set: simulated users, the locations shown to them, and what they chose.
///
/// Writes dataset_users.tsv, dataset_locations.tsv, dataset_labelled.tsv and
/// dataset_manifest.json into the directory, over those that are there. The files get their names
/// when all of them are complete. The same seed and profiles give the same bytes.
#[derive(Debug, Parser)]
#[command(name = "dataset_generator", version, after_help = EXAMPLES)]
pub struct Args {
    /// Profiles of users, tab-separated
    #[arg(long, value_name = "FILE", default_value = "config/user.tsv")]
    user_configs: PathBuf,

    /// Profiles of locations, tab-separated
    #[arg(long, value_name = "FILE", default_value = "config/location.tsv")]
    location_configs: PathBuf,

    /// Directory of the files, made where it is missing
    #[arg(long, value_name = "DIR", default_value = "dataset")]
    dataset_dir: PathBuf,

    /// Number of sessions, one user in each
    #[arg(long, value_name = "N", default_value_t = 1000)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=MAX_SESSIONS))]
    n_user: u64,

    /// Locations shown in each session
    #[arg(long, value_name = "N", default_value_t = 10)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_LOCATIONS_PER_SESSION)))]
    n_loc_per_user: u32,

    /// The day that arrivals are counted from
    #[arg(long, value_name = "DATE", default_value = "2026-01-01")]
    start_date: Date,

    /// Seed of all random draws
    #[arg(long, value_name = "N", default_value_t = 42)]
    seed: u64,

    /// Threads that compute; writing is one thread's work, so that more rarely help
    #[arg(long, value_name = "N", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=MAX_THREADS as u64))]
    threads: u64,

    /// How often each profile of users comes up
    #[arg(long, value_enum, default_value_t = MixArg::Even)]
    mix: MixArg,

    /// Sample a new user for each session instead of drawing from a pool of `meta_n` a profile
    #[arg(long)]
    fresh_users: bool,

    /// Show no location twice in a session
    #[arg(long)]
    distinct: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum MixArg {
    /// Each profile equally often
    Even,
    /// Each profile in proportion to its `meta_n`
    MetaN,
}

impl Args {
    /// Reads the profiles and turns what was typed into what it means.
    pub(super) fn to_options(&self) -> Result<Parsed<Options>, ConfigError> {
        let users = UserConfig::from_path(&self.user_configs)?;
        let locations = LocationConfig::from_path(&self.location_configs)?;
        let mut warnings = users.warnings;
        warnings.extend(locations.warnings);
        let value = Options {
            dir: self.dataset_dir.clone(),
            n_user: self.n_user,
            n_loc_per_user: self.n_loc_per_user,
            start_date: self.start_date,
            seed: self.seed,
            threads: self.threads as usize,
            mix: match self.mix {
                MixArg::Even => Mix::Even,
                MixArg::MetaN => Mix::MetaN,
            },
            fresh_users: self.fresh_users,
            distinct: self.distinct,
            ..Options::new(users.value, locations.value)
        };
        Ok(Parsed { value, warnings })
    }
}
