//! Integration tests of `mlp-core`, one binary.

mod features;
mod fit;
mod gate;
mod guard;
mod metrics;
mod ranker;
mod schema;
mod simulated;
mod support;
mod validation;
