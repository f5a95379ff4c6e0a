//! The PostgreSQL backend.

mod config;
#[cfg(test)]
mod tests;
mod tls;
mod url;

pub use config::PostgresConfig;
