//! Integration tests of the tools.
#![allow(clippy::unwrap_used)]

mod crash;
mod faulty;
mod process;
mod traffic;
mod words;
