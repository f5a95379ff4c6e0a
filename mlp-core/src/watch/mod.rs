//! Watching: how well a model does, with answers and without them.

mod report;

pub use report::{Delay, Explored, PickRate, Quality, WatchReport, Window};
