//! What only a PostgreSQL database can get wrong.

mod content;
mod domain;
mod opening;
mod servers;
mod support;
mod views;
