//! Integration tests of `mlp-core`, one binary.

mod metrics;
mod probe;
