//! The PostgreSQL backend.

mod config;
mod dial;
#[cfg(test)]
mod tests;
mod tls;
mod url;

pub use config::PostgresConfig;
