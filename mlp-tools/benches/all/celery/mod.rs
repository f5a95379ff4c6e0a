//! Tasks over RabbitMQ and Redis: ours, beside the same broker without any work, and beside Python's
//! own worker.

mod bare;
mod ours;
mod python;

use mlp_store::conformance::services::Space;

use crate::args::Wanted;
use crate::row::{Row, median, note};

pub const NAMES: [&str; 2] = ["celery_tasks", "celery_tasks_python"];

const REPEATS: usize = 5;

/// Tasks of one run.
const TASKS: usize = 20_000;

/// Tasks that are started and not settled yet, at most.
const UNDER_WAY: usize = 2_048;

pub fn run(wanted: &Wanted) -> Vec<Row> {
    eprintln!("==> celery");
    let ours = ours::Ours::open();
    let sample = ours.sample();
    let (mut rates, mut bares) = (Vec::new(), Vec::new());
    for _ in 0..REPEATS {
        rates.push(ours.rate(TASKS));
        bares.push(bare::rate(&Space::shared(), &sample, TASKS));
    }
    note(format_args!("{rates:.0?} tasks/s, bare {bares:.0?}"));
    let rate = median(rates);
    let mut rows = Vec::new();
    if wanted.has(NAMES[0]) {
        let reference = "publish, consume, acknowledge by lapin, the same messages";
        let row = Row::new(NAMES[0], (rate, "tasks/s"), (reference, median(bares)));
        rows.push(row.at_least(8_000.0).ratio_at_least(0.6));
    }
    if wanted.has(NAMES[1]) {
        let python = python::rate();
        let row = Row::new(NAMES[1], (rate, "tasks/s"), ("Python's own worker", python));
        rows.push(row.ratio_at_least(1.0));
    }
    rows
}
