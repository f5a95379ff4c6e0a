#![doc = include_str!("../README.md")]
pub mod dataset;
pub mod mlp;
pub mod traffic;
