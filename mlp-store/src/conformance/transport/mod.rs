//! What every transport must do: one function per case, the same for every medium.
//!
//! A medium's tests write [`transport_tests!`](crate::transport_tests) once, which makes one
//! `#[test]` per case; [`CASES`] is the list. Publishers start their sessions through
//! [`Announcing`](crate::Announcing), as the API does.

mod kinds;
mod leases;
mod list;
mod losses;
mod settling;
mod stage;
mod taking;

use std::sync::Arc;

use mlp_core::Schema;

use super::Limits;
use crate::traits::Store;
use crate::transport::Transport;
use crate::types::TaskId;

pub use list::CASES;
pub use stage::Stage;

/// A store, and what lies between those who start tasks and those who do them. Each value is one
/// store, empty at first, which nobody else uses; where it goes, all that it left goes too.
pub trait Medium: Send + Sync {
    /// One more process's way to the store and to the others.
    fn join(&self, schema: &Arc<Schema>, limits: &Limits, seat: Seat) -> Joined;

    /// Loses what was told and not received, where it can.
    fn lose(&self);

    /// How many messages nobody has received, or acknowledged before they left; 0 where there are
    /// none.
    fn waiting(&self) -> u32;

    /// A task that was started, to be cleaned up after.
    fn owns(&self, task_id: TaskId);

    /// What it can do and others cannot.
    fn capabilities(&self) -> Capabilities;
}

/// How a process joins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seat {
    /// Whether it takes tasks; else it starts them.
    pub works: bool,
    /// Whether the medium is out of its reach, though the store is not.
    pub cut_off: bool,
}

/// What a process has that joined.
pub struct Joined {
    /// Its handle of the store.
    pub store: Arc<dyn Store>,
    /// Its end of the transport.
    pub transport: Arc<dyn Transport>,
}

/// How media may differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Whether messages are sent, which can be lost, and its transports have a status.
    pub carries: bool,
}

/// One case.
#[derive(Clone, Copy)]
pub struct Case {
    /// Its name, which says what holds.
    pub name: &'static str,
    /// Panics where it does not hold.
    pub run: fn(&Stage),
}

/// Runs the case of that name.
///
/// # Panics
///
/// Where it does not hold, or there is none of that name.
pub fn run(name: &str, medium: Box<dyn Medium>, schema: Arc<Schema>) {
    let case = CASES.iter().find(|case| case.name == name);
    let Some(case) = case else {
        panic!("there is no case `{name}`");
    };
    (case.run)(&Stage::new(medium, schema));
}

/// Makes a `#[test]` of every case; `$medium` makes a boxed
/// [`Medium`](crate::conformance::transport::Medium), `$schema` is a schema.
#[macro_export]
macro_rules! transport_tests {
    ($medium:expr, $schema:expr) => {
        $crate::transport_list!(transport_test, $medium, $schema);
    };
}

/// Makes the tests.
#[doc(hidden)]
#[macro_export]
macro_rules! transport_test {
    ([$medium:expr, $schema:expr] $($group:ident: $($name:ident)*;)*) => {
        $($(
            #[test]
            fn $name() {
                $crate::conformance::transport::run(stringify!($name), $medium, $schema);
            }
        )*)*
    };
}
