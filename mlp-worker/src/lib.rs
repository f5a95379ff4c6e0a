#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod data;
mod inference;
mod tasks;
mod training;
mod worker;

pub use data::{DataOptions, SessionData};
pub use tasks::TrainingRequest;
pub use training::{TrainingError, TrainingOptions, train};
pub use worker::{StopReport, Worker, WorkerOptions};
