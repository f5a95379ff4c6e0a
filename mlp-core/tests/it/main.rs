//! Integration tests of `mlp-core`, one binary.
#![allow(clippy::unwrap_used)]

mod choice;
mod features;
mod fit;
mod gate;
mod guard;
mod metrics;
mod ranker;
mod replay;
mod schema;
mod simulated;
mod solver;
mod split;
mod support;
mod validation;
mod watch;
