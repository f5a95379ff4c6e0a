#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod data;
mod inference;
mod jobs;
mod judging;
mod reference;
mod repeated;
mod request;
mod tasks;
mod training;
mod triggers;
mod verdict;
mod waiting;
mod watch;
mod worker;

pub use data::{DataOptions, DatedSession, SessionData, training_sessions};
pub use judging::{Judge, JudgingOptions};
pub use repeated::Repeated;
pub use request::{FitRequest, L2, TrainingRequest};
pub use training::{TrainingError, TrainingOptions, train};
pub use triggers::{TriggerOptions, retrain};
pub use verdict::Switches;
pub use waiting::standing;
pub use watch::{WatchError, WatchOptions, WatchRequest, Watcher};
pub use worker::{StopReport, Worker, WorkerOptions};
