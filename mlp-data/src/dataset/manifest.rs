//! What a data set says of itself.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::error::ManifestFault;
use super::{DatasetError, MANIFEST, Options};
use crate::{Date, Mix};

const VERSION: u32 = 1;

/// What a data set says of itself: where it came from, and how to read it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this format.
    pub version: u32,
    /// Seed of all random draws.
    pub seed: u64,
    /// The day that arrivals are counted from.
    pub start_date: Date,
    /// How often each profile comes up.
    pub mix: Mix,
    /// Whether each session has a user of its own.
    pub fresh_users: bool,
    /// Whether the locations of a session are all different.
    pub distinct: bool,
    /// SHA-256 of the profiles of users, in hexadecimal.
    pub user_config_sha256: String,
    /// SHA-256 of the profiles of locations, in hexadecimal.
    pub location_config_sha256: String,
    /// Number of sessions.
    pub sessions: u64,
    /// Labelled rows of every session: rows 1 to this of the table are the first session.
    pub rows_per_session: u32,
    /// Sessions that end in a choice.
    pub sessions_with_choice: u64,
    /// Rows of the table of users.
    pub user_rows: u64,
    /// Rows of the table of locations.
    pub location_rows: u64,
    /// Rows of the labelled table.
    pub labelled_rows: u64,
}

impl Manifest {
    pub(super) fn new(options: &Options) -> Manifest {
        let user_rows = if options.fresh_users {
            options.n_user
        } else {
            options.users.pool_size() as u64
        };
        Manifest {
            version: VERSION,
            seed: options.seed,
            start_date: options.start_date,
            mix: options.mix,
            fresh_users: options.fresh_users,
            distinct: options.distinct,
            user_config_sha256: options.users.sha256().to_owned(),
            location_config_sha256: options.locations.sha256().to_owned(),
            sessions: options.n_user,
            rows_per_session: options.n_loc_per_user,
            sessions_with_choice: 0,
            user_rows,
            location_rows: options.locations.catalog_size() as u64,
            labelled_rows: options.n_user * u64::from(options.n_loc_per_user),
        }
    }

    /// Reads the manifest of the data set in `dir`.
    pub fn read(dir: &Path) -> Result<Manifest, DatasetError> {
        let path = dir.join(MANIFEST);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                let dir = dir.to_owned();
                return Err(DatasetError::NoManifest { dir });
            }
            Err(e) => return Err(DatasetError::io("read", &path)(e)),
        };
        Manifest::parse(&bytes).map_err(|source| DatasetError::Manifest { path, source })
    }

    fn parse(bytes: &[u8]) -> Result<Manifest, ManifestFault> {
        let manifest: Manifest = serde_json::from_slice(bytes)?;
        let (found, expected) = (manifest.version, VERSION);
        if found != expected {
            Err(ManifestFault::Version { found, expected })
        } else if manifest.rows_per_session == 0 {
            Err(ManifestFault::NoRows)
        } else {
            Ok(manifest)
        }
    }

    pub(super) fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut json = serde_json::to_vec_pretty(self)?;
        json.push(b'\n');
        Ok(json)
    }
}
