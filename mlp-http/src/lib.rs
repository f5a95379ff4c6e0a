#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod answer;
mod app;
mod auth;
mod batch;
mod body;
mod cookie;
mod dispatch;
mod failure;
mod fragments;
mod handlers;
mod metrics;
mod openapi;
mod options;
mod pages;
mod query;
mod request_id;
mod router;
mod routes;
mod secret;
mod server;
mod shapes;
mod waiters;
mod wire;

pub use app::{App, AppBuilder, BuildError};
pub use auth::{DEFAULT_PUBLIC_ROUTES, ExposureError, check_exposure, opened_routes};
pub use options::Options;
pub use secret::{Secret, SecretError};
pub use server::{DrainReport, ServeError, serve};

/// The most ids that a request may name as candidates.
pub const MAX_CANDIDATES: usize = 10_000;

/// How many results are shown where the request does not say.
pub const DEFAULT_RESULTS: usize = 10;

/// How many rows a page has where the request does not say.
pub const DEFAULT_PAGE: usize = 1000;

/// How many rows a page has at most.
pub const MAX_PAGE: usize = 10_000;

/// Reports of looks at the traffic on a page, where nothing else is said.
pub const DEFAULT_REPORTS: usize = 20;

/// The most reports on a page: one has tens of kilobytes.
pub const MAX_REPORTS: usize = 200;
