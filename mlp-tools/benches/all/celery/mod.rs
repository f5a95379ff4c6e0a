//! Tasks over RabbitMQ and Redis: ours, beside the same broker without any work, and beside Python's
//! own worker.

mod bare;
mod ours;
mod python;

use mlp_store::conformance::services::Space;

use crate::args::Wanted;
use crate::row::{Row, median, note};

pub const NAMES: [&str; 2] = ["celery_tasks", "celery_tasks_python"];

/// Rounds of ours and the bare loop, one after the other: what else the machine does comes over both.
const ROUNDS: usize = 7;

/// Tasks of one run.
const TASKS: usize = 20_000;

/// Tasks that are started and not settled yet, at most.
const UNDER_WAY: usize = 2_048;

pub fn run(wanted: &Wanted) -> Vec<Row> {
    eprintln!("==> celery");
    let ours = ours::Ours::open();
    let sample = ours.sample();
    let (mut rates, mut bares, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let (mut costs, mut bare_costs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (bare, bare_cost) = with_cost(|| bare::rate(&Space::shared(), &sample, TASKS));
        let (rate, cost) = with_cost(|| ours.rate(TASKS));
        rates.push(rate);
        bares.push(bare);
        ratios.push(rate / bare);
        costs.push(cost);
        bare_costs.push(bare_cost);
    }
    note(format_args!("{rates:.0?} tasks/s, bare {bares:.0?}"));
    note(format_args!(
        "ratios {ratios:.3?}; processor time of this process, µs a task: {:.1}, bare {:.1}",
        median(costs),
        median(bare_costs)
    ));
    let rate = median(rates);
    let mut rows = Vec::new();
    if wanted.has(NAMES[0]) {
        let reference = "publish, consume, acknowledge by lapin, the same messages";
        let row = Row::new(NAMES[0], (rate, "tasks/s"), (reference, median(bares)));
        let row = row.with_ratio(median(ratios));
        rows.push(row.at_least(8_000.0).ratio_at_least(0.6));
    }
    if wanted.has(NAMES[1]) {
        let python = python::rate();
        let row = Row::new(NAMES[1], (rate, "tasks/s"), ("Python's own worker", python));
        rows.push(row.ratio_at_least(1.0));
    }
    rows
}

/// What a run of [`TASKS`] tasks gives, and the processor time that it took this process, in
/// microseconds a task; that of RabbitMQ and Redis is not among it.
fn with_cost<T>(run: impl FnOnce() -> T) -> (T, f64) {
    let before = processor_s();
    let value = run();
    (value, (processor_s() - before) / TASKS as f64 * 1e6)
}

/// Seconds of processor time of all threads of this process so far, those that ended too.
fn processor_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    // Behind the name, which may hold anything, comes field 3; 14 and 15 are ticks of 10 ms.
    let fields = stat.rsplit_once(')').unwrap().1.split_whitespace().skip(11);
    fields
        .take(2)
        .map(|ticks| ticks.parse::<f64>().unwrap() / 100.0)
        .sum()
}
