//! The worker: claims tasks from the store and does them.
//!
//! Inferences are ranked in batches by [`mlp_store::Live`]'s current models; trainings read the
//! answered sessions, fit a model, compare it with the champion and leave the verdict with its
//! evidence in the store. Every result is kept under the task's lease: a worker that was too slow
//! is refused, so that a task executed twice has one effect.
//!
//! What it leaves out: the API. Worker and API meet in the store.

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
