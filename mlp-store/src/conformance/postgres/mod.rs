//! PostgreSQL for tests: a database of one's own on a server that is there, or a server of one's
//! own that can be stopped, killed and told to speak TLS.
//!
//! Both panic where they cannot give what was asked for: a missing service fails the run.

mod cluster;
pub(crate) mod database;
mod fill;
mod leftovers;
mod programs;
#[cfg(test)]
mod tests;

pub use cluster::Cluster;
pub use database::{SERVER_VARIABLE, TestDatabase};
pub use fill::multiply;
