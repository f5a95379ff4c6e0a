//! The API server on hyper: routes, validation, batching to the store, OpenAPI, metrics.
//!
//! [`App`] answers requests from a [`Store`](mlp_store::Store) and a [`Live`](mlp_store::Live);
//! [`serve`] gives it a listener and ends it gracefully. Both belong in another program as well as
//! in `mlp up`.
//!
//! What it leaves out: the work itself. Workers take the tasks from the store, in this process or
//! in another; this crate knows nothing of them. Neither does it know the domain: paths, bodies
//! and the description follow from the [`Schema`](mlp_core::Schema).
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use mlp_http::{App, serve};
//!
//! # async fn example(
//! #     schema: Arc<mlp_core::Schema>,
//! #     store: Arc<dyn mlp_store::Store>,
//! #     live: Arc<mlp_store::Live>,
//! # ) -> Result<(), Box<dyn std::error::Error>> {
//! let app = App::builder(schema, store, live).build()?;
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:4789").await?;
//! let stop = async {
//!     tokio::signal::ctrl_c().await.ok();
//! };
//! let report = serve(listener, app, stop).await?;
//! println!("{} of {} connections were cut", report.cut, report.open);
//! # Ok(())
//! # }
//! ```

#![deny(missing_docs)]

mod answer;
mod app;
mod auth;
mod batch;
mod body;
mod dispatch;
mod docs;
mod failure;
mod fragments;
mod handlers;
mod metrics;
mod openapi;
mod options;
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
pub use auth::{DEFAULT_PUBLIC_ROUTES, ExposureError};
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
