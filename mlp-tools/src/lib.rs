//! The binaries `mlp`, `dataset_generator` and `traffic_generator`, as a library.

pub mod dataset;
pub mod mlp;
pub mod traffic;
