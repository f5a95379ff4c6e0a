#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod config;
pub mod dataset;
mod date;
mod hash;
pub mod labeller;
mod location;
mod sample;
pub mod shipped;
mod stream;
mod tsv;
mod user;

pub use config::{
    CellFault, ConfigError, FileFault, LineFault, LocationConfig, LocationProfile, Parsed,
    UserConfig, UserProfile, Warning,
};
pub use date::{Date, DateError};
pub use location::Location;
pub use sample::{Mix, UserPool, UserSampler, sample_catalog};
pub use stream::Streams;
pub use user::{Behaviour, SimulatedUser, User};
