//! What only a PostgreSQL database can get wrong.

mod content;
mod domain;
mod opening;
mod plans;
mod rights;
mod servers;
mod support;
mod views;
