//! Simulated users that talk to the API, as a library: the binary `traffic_generator`, the demo,
//! the benchmark and the crash test are made of it.
//!
//! [`Client`] speaks the API over one connection. A [`Plan`] says who comes, how many at once and
//! for how long; [`run`] carries it out, tells an [`Observer`] and returns a [`Report`].
//!
//! Left out: TLS, HTTP/2, anything that is not the inference API's four steps.

mod args;
mod cli;
mod client;
pub(crate) mod connection;
mod dotenv;
mod error;
mod observe;
mod pause;
mod plan;
mod progress;
mod report;
mod run;
mod session;
mod shown;
mod summary;
mod target;
mod tickets;

pub use args::{Args, MixName, Settings, rewrite_argv};
pub use cli::main;
pub use client::{Client, Reply, State};
pub use dotenv::DotEnv;
pub use error::Error;
pub use observe::{Ending, Event, Observer, Shared, Silent, Step};
pub use pause::Pause;
pub use plan::{Arrivals, Plan, PlanBuilder, PlanError, Users};
pub use report::{Latencies, Quantiles, Report};
pub use run::run;
pub use shown::Shown;
pub use target::{Target, TargetError};

/// Locks, whether or not another thread has panicked meanwhile: counts stay usable.
pub(crate) fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
