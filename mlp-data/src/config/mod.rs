//! Configurations: TSV files in which a row is a profile.

mod error;
mod location;
mod table;
mod user;

pub(crate) use error::shown;
pub use error::{CellFault, ConfigError, FileFault, LineFault, Warning};
pub use location::{LocationConfig, LocationProfile};
pub use user::{UserConfig, UserProfile};

/// A parsed configuration and what was odd about the file.
#[derive(Clone, Debug)]
pub struct Parsed<T> {
    /// The configuration.
    pub value: T,
    /// Oddities that did not stop the parser, in the order of the file.
    pub warnings: Vec<Warning>,
}

/// The half-open range `[min, max)`, or exactly `min` where both are equal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Span<T> {
    pub(crate) min: T,
    pub(crate) max: T,
}

impl Span<f64> {
    /// Reads two validated cells.
    pub(crate) fn real(min: f64, max: f64) -> Span<f64> {
        Span { min, max }
    }
}

impl Span<u32> {
    /// Reads two validated cells that hold whole numbers within `u32`.
    pub(crate) fn whole(min: f64, max: f64) -> Span<u32> {
        Span {
            min: min as u32,
            max: max as u32,
        }
    }
}
