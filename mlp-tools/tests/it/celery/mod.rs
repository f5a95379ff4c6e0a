//! Celery's protocol with the real thing: publisher {ours, Python} × worker {ours, Python} × what may
//! become of a task, checked from both sides. [`outcomes`] says what is checked.
//!
//! The small matrix is on the RabbitMQ and Redis that `MLP_TEST_AMQP` and `MLP_TEST_REDIS` name,
//! this machine's by default; the full one has its own, and restarts the broker. What is ours is
//! there with the feature `celery`; without it only Python is held against itself, which is what the
//! other cells are measured by.

#[cfg(feature = "celery")]
mod chaos;
mod gate;
mod outcomes;
mod python;
mod restart;
mod stage;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Instant;

use mlp_store::conformance::services::{RabbitMq, Redis, RedisOptions, Space};

use outcomes::{Cell, OUTCOMES, Outcome};
use stage::{Side, Stage};

/// Every publisher with every worker.
fn sides() -> Vec<(Side, Side)> {
    let sides: &[Side] = if cfg!(feature = "celery") {
        &[Side::Ours, Side::Python]
    } else {
        &[Side::Python]
    };
    let pairs = sides.iter().flat_map(|p| sides.iter().map(|w| (*p, *w)));
    pairs.collect()
}

/// A publisher and a worker, and what became of their tasks.
struct Row {
    stage: Stage,
    cells: Vec<(&'static str, Cell, f64)>,
}

impl Row {
    fn run(&mut self, name: &'static str, cell: impl FnOnce(&mut Stage) -> Cell) {
        let begun = Instant::now();
        let cell = cell(&mut self.stage);
        self.cells.push((name, cell, begun.elapsed().as_secs_f64()));
    }

    fn run_all(&mut self, outcomes: &[&Outcome]) {
        for outcome in outcomes {
            self.run(outcome.name, outcome.run);
        }
    }

    /// Nothing may be left, nor be unacknowledged.
    fn close(&mut self) {
        self.run("queue empty", |stage| match stage.left_in_queue()? {
            0 => Ok(()),
            left => Err(format!("{left} messages are left")),
        });
    }
}

/// The stages are set, and play, at the same time.
fn play(space: impl Fn() -> Space + Sync, outcomes: &[&Outcome]) -> Vec<Row> {
    let space = &space;
    std::thread::scope(|scope| {
        let row = |(publisher, worker)| {
            scope.spawn(move || {
                let stage = Stage::set(publisher, worker, space());
                let mut row = Row {
                    stage,
                    cells: Vec::new(),
                };
                row.run_all(outcomes);
                row
            })
        };
        let rows: Vec<_> = sides().into_iter().map(row).collect();
        rows.into_iter().map(|row| row.join().unwrap()).collect()
    })
}

/// Prints the matrix, and panics where a cell fails.
fn verdict(rows: Vec<Row>) {
    let mut text = format!("{:<18}", "publisher -> worker");
    for (name, ..) in &rows[0].cells {
        write!(text, "  {name:>16}").unwrap();
    }
    let mut wrong = Vec::new();
    for row in &rows {
        write!(text, "\n{:<19}", row.stage.name()).unwrap();
        for (name, cell, seconds) in &row.cells {
            let word = if cell.is_ok() { "PASS" } else { "FAIL" };
            write!(text, "  {:>16}", format!("{word} {seconds:.1} s")).unwrap();
            if let Err(why) = cell {
                wrong.push(format!("{}, {name}: {why}", row.stage.name()));
            }
        }
    }
    println!("{text}");
    if !wrong.is_empty() {
        let logs = keep_logs(&rows);
        let wrong = wrong.join("\n");
        panic!("{wrong}\nthe logs are in `{}`", logs.display());
    }
}

fn keep_logs(rows: &[Row]) -> PathBuf {
    let place = tempfile::tempdir().unwrap().keep();
    for row in rows {
        let name = row.stage.name().replace(" -> ", "-");
        let _ = std::fs::copy(row.stage.log(), place.join(name));
    }
    place
}

#[test]
fn both_sides_see_what_became_of_a_task() {
    let small: Vec<&Outcome> = OUTCOMES.iter().filter(|outcome| outcome.small).collect();
    let mut rows = play(Space::shared, &small);
    rows.iter_mut().for_each(Row::close);
    verdict(rows);
}

#[test]
#[ignore = "takes minutes, and a RabbitMQ of its own: scripts/verify.sh celery"]
fn both_sides_see_what_became_of_a_task_in_every_case() {
    let mut broker = RabbitMq::start();
    let redis = Redis::start_with(RedisOptions {
        durable: true,
        tls: false,
    });
    let all: Vec<&Outcome> = OUTCOMES.iter().collect();
    let mut rows = play(|| Space::on(&broker, &redis), &all);
    restart::run(&mut rows, &mut broker);
    rows.iter_mut().for_each(Row::close);
    verdict(rows);
}
