//! Drift.

mod calibration;
mod power;
mod simulation;
