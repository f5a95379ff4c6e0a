//! The statistics of `mlp_core::metrics`.

#![allow(clippy::unwrap_used)]

mod edges;
mod golden;
mod intervals;
mod properties;
mod slices;
mod ties;

/// Equal but for the last few bits.
#[track_caller]
fn assert_close(found: Option<f64>, expected: Option<f64>, what: &str) {
    let close = match (found, expected) {
        (Some(a), Some(b)) => (a - b).abs() <= 1e-9,
        (a, b) => a == b,
    };
    assert!(close, "{what}: found {found:?}, expected {expected:?}");
}
