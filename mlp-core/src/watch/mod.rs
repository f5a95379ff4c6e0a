//! Watching: how well a model does, with answers and without them.

mod pick_curve;
mod quality;
mod report;

pub use pick_curve::PickCurve;
pub use quality::{QualityOptions, SeenList, expected_pick, quality};
pub use report::{Delay, Explored, PickRate, Quality, WatchReport, Window};
