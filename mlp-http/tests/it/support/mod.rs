//! A server with a store of its own, a worker beside it, and a client.

mod client;
mod domain;
pub mod looks;
mod server;

pub use client::{Client, Reply};
pub use domain::{Domain, domains};
pub use server::{Server, Setup, install};
