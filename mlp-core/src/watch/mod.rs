//! Watching: how well a model does, with answers and without them.

mod quality;
mod report;

pub use quality::{QualityOptions, SeenList, expected_pick, quality};
pub use report::{Delay, Explored, PickRate, Quality, WatchReport, Window};
