//! What every store must do: one function per case, the same for every backend and schema.
//!
//! A backend's tests write [`conformance_tests!`](crate::conformance_tests) once, which makes one
//! `#[test]` per case and schema; [`CASES`] is the list.

mod bench;
mod catalog;
mod concurrency;
mod content;
mod durability;
mod learning;
mod leases;
mod list;
pub mod postgres;
mod queue;
mod registry;
mod requests;
mod results;
mod retention;
mod sample;
pub mod services;
mod signals;
mod traffic;
pub mod transport;

use std::sync::Arc;
use std::time::Duration;

use mlp_core::Schema;

use crate::traits::Store;

pub use bench::Bench;
pub use list::CASES;
pub use sample::{reading, sample_row, travel};

/// A backend under test. Each value is one store, empty at first, which nobody else uses.
pub trait Backend: Send + Sync {
    /// Opens the store, again where it was open before: as a process does that starts beside
    /// others, or after them.
    fn open(&self, schema: &Arc<Schema>, limits: &Limits) -> Arc<dyn Store>;

    /// Lets the store's clock go on: at once, or by waiting.
    fn pass_time(&self, duration: Duration);

    /// What it can do and others cannot.
    fn capabilities(&self) -> Capabilities;
}

/// How backends may differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Whether `wait_for_settled` names all that this very handle made final; others may say
    /// `incomplete` instead.
    pub names_settled: bool,
    /// Whether nobody who waits is woken without news.
    pub is_quiet: bool,
}

/// With which limits a case wants its store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// See [`StoreOptions::max_attempts`](crate::StoreOptions::max_attempts).
    pub max_attempts: u32,
    /// See [`StoreOptions::max_pending`](crate::StoreOptions::max_pending).
    pub max_pending: u64,
    /// See [`StoreOptions::abandon_after`](crate::StoreOptions::abandon_after).
    pub abandon_after: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_attempts: 3,
            max_pending: 1000,
            abandon_after: Duration::from_secs(600),
        }
    }
}

/// One case.
#[derive(Clone, Copy)]
pub struct Case {
    /// Its name, which says what holds.
    pub name: &'static str,
    /// Panics where it does not hold.
    pub run: fn(&Bench),
}

/// Runs the case of that name.
///
/// # Panics
///
/// Where it does not hold, or there is none of that name.
pub fn run(name: &str, backend: Box<dyn Backend>, schema: Arc<Schema>) {
    let case = CASES.iter().find(|case| case.name == name);
    let Some(case) = case else {
        panic!("there is no case `{name}`");
    };
    (case.run)(&Bench::new(backend, schema));
}

/// Makes a `#[test]` of every case for both schemas; `$backend` makes a boxed
/// [`Backend`](crate::conformance::Backend).
#[macro_export]
macro_rules! conformance_tests {
    ($backend:expr) => {
        mod travel {
            use super::*;
            $crate::conformance_list!(conformance_test, travel, $backend);
        }
        mod reading {
            use super::*;
            $crate::conformance_list!(conformance_test, reading, $backend);
        }
    };
}

/// Makes the tests of one schema.
#[doc(hidden)]
#[macro_export]
macro_rules! conformance_test {
    ([$schema:ident, $backend:expr] $($group:ident: $($name:ident)*;)*) => {
        $($(
            #[test]
            fn $name() {
                let schema = $crate::conformance::$schema();
                $crate::conformance::run(stringify!($name), $backend, schema);
            }
        )*)*
    };
}
