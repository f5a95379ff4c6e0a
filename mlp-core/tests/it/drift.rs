//! The statistics, streaming detectors and policies of `mlp_core::drift`.

mod calibration;
mod edges;
mod golden;
mod power;
mod profile;
mod properties;
mod simulation;
mod streams;

/// Whether two numbers are the same to so much of the larger.
fn near(found: f64, expected: f64, relative: f64) -> bool {
    (found - expected).abs() <= relative * found.abs().max(expected.abs())
}
