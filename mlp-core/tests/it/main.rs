//! Integration tests of `mlp-core`, one binary.

mod choice;
mod features;
mod fit;
mod gate;
mod metrics;
mod ranker;
mod schema;
mod solver;
mod support;
mod validation;
