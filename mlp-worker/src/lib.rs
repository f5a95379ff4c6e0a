#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod data;
mod inference;
mod jobs;
mod judging;
mod reference;
mod tasks;
mod training;
mod triggers;
mod verdict;
mod watch;
mod worker;

pub use data::{DataOptions, SessionData};
pub use judging::{Judge, JudgingOptions};
pub use tasks::TrainingRequest;
pub use training::{TrainingError, TrainingOptions, train};
pub use triggers::{TriggerOptions, retrain};
pub use verdict::Switches;
pub use watch::{WatchError, WatchOptions, WatchRequest, Watcher};
pub use worker::{StopReport, Worker, WorkerOptions};
