//! Labelled data sets: making them, and reading them session by session.
//!
//! A data set is a directory with four files. Tables are separated by tabs, with lists as
//! `[23, 45]`, booleans as `True` and `False` and dates as ISO has them, as pandas reads them.
//!
//! | file | rows |
//! |---|---|
//! | [`dataset_users.tsv`](USERS) | the pool of users, or with fresh users one for each session |
//! | [`dataset_locations.tsv`](LOCATIONS) | the catalogue |
//! | [`dataset_labelled.tsv`](LABELLED) | one for each location shown: the user, the location, `label` |
//! | [`dataset_manifest.json`](MANIFEST) | where it came from, and how many rows make a session |

mod block;
mod error;
mod format;
mod generate;
mod manifest;
mod options;
mod output;
mod parse;
mod reader;

pub use error::{DatasetError, ManifestFault, RowFault, ValueFault};
pub use format::{LABEL_COLUMN, LOCATION_COLUMNS, USER_COLUMNS};
pub use generate::generate;
pub use manifest::Manifest;
pub use options::{MAX_LOCATIONS_PER_SESSION, MAX_SESSIONS, MAX_THREADS, Options, Progress};
pub use reader::{Session, SessionReader, read_locations};

/// Name of the table of users.
pub const USERS: &str = "dataset_users.tsv";
/// Name of the table of locations.
pub const LOCATIONS: &str = "dataset_locations.tsv";
/// Name of the labelled table.
pub const LABELLED: &str = "dataset_labelled.tsv";
/// Name of the manifest.
pub const MANIFEST: &str = "dataset_manifest.json";
