//! A transaction that somebody holds open while tasks arrive at a fixed rate: nothing that dies
//! meanwhile can be removed.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mlp_store::conformance::postgres::Cluster;
use mlp_store::postgres::PostgresStore;
use mlp_store::{Queue, TaskId, TaskKind};

use super::server;
use crate::load::Load;
use crate::row::{Row, note, quantile};

pub const NAMES: [&str; 2] = ["postgres_held_rate", "postgres_held_pickup_p95"];

const RATE: usize = 2000;
const BATCH: usize = 20;

/// How long the transaction stays open, in seconds.
const SECONDS: &str = "BENCH_HELD_SECONDS";
const SHORT: u64 = 60;
const AROUND: Duration = Duration::from_secs(15);

/// What is told apart of the time in which it is open.
const PARTS: usize = 4;

pub fn run() -> Vec<Row> {
    let seconds = std::env::var(SECONDS).ok();
    let held = seconds.map_or(SHORT, |seconds| seconds.parse().unwrap());
    let held = Duration::from_secs(held);
    let cluster = server::start(&[]);
    let mut holder = server::plain(&cluster);
    let run = Run::new(&cluster);
    let phases = std::thread::scope(|scope| {
        scope.spawn(|| run.offer());
        scope.spawn(|| run.work());
        // Connections, plans and caches.
        run.phase("warm-up", Duration::from_secs(3));
        let mut phases = vec![run.phase("before", AROUND)];
        let hold = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM inferences LIMIT 1";
        holder.batch_execute(hold).unwrap();
        for part in ["held, 1st quarter", "held, 2nd", "held, 3rd", "held, 4th"] {
            phases.push(run.phase(part, held / PARTS as u32));
        }
        holder.batch_execute("COMMIT").unwrap();
        phases.push(run.phase("after", AROUND));
        run.over.store(true, Ordering::Relaxed);
        phases
    });
    for phase in &phases {
        note(format_args!("{}", phase.text()));
    }
    let held = &phases[1..=PARTS];
    let rate = |phases: &[Phase]| {
        let settled: usize = phases.iter().map(|phase| phase.times.len()).sum();
        let seconds: f64 = phases.iter().map(|phase| phase.seconds).sum();
        settled as f64 / seconds
    };
    let reference = ("before", rate(&phases[..1]));
    let kept = held.iter().all(|phase| phase.rate() >= 0.99 * RATE as f64);
    let goal = format!(">= {} in every quarter", 0.99 * RATE as f64);
    let last = quantile(&held[PARTS - 1].times, 0.95);
    let before = ("before", quantile(&phases[0].times, 0.95));
    vec![
        Row::new(NAMES[0], (rate(held), "tasks/s"), reference).held_to(goal, kept),
        Row::new(NAMES[1], (last, "ms in the last quarter"), before),
    ]
}

struct Run {
    load: Load,
    starter: Arc<PostgresStore>,
    worker: Arc<PostgresStore>,
    over: AtomicBool,
    /// When each was due to be offered.
    due: Mutex<HashMap<TaskId, Instant>>,
    /// From then to the claim, in milliseconds.
    taken: Mutex<Vec<f64>>,
    offered: AtomicUsize,
}

impl Run {
    fn new(cluster: &Cluster) -> Self {
        Self {
            load: Load::new(),
            starter: server::open(cluster, 4),
            worker: server::open(cluster, 4),
            over: AtomicBool::new(false),
            due: Mutex::default(),
            taken: Mutex::default(),
            offered: AtomicUsize::new(0),
        }
    }

    /// Small batches at fixed times, whether or not the others keep up. One that is late is counted
    /// from when it was acknowledged, as a pick-up is; the rate tells of lateness.
    fn offer(&self) {
        let begun = Instant::now();
        for n in 0.. {
            if self.over.load(Ordering::Relaxed) {
                return;
            }
            let at = begun + Duration::from_micros(n * 1_000_000 * BATCH as u64 / RATE as u64);
            std::thread::sleep(at.saturating_duration_since(Instant::now()));
            let (ids, starts) = self.load.starts(BATCH);
            self.load.apply(&*self.starter, &starts);
            let now = Instant::now();
            let mut due = self.due.lock().unwrap();
            due.extend(ids.into_iter().map(|id| (id, now)));
            self.offered.fetch_add(BATCH, Ordering::Relaxed);
        }
    }

    fn work(&self) {
        let (mut seen, mut early) = (0, Vec::new());
        while !self.over.load(Ordering::Relaxed) {
            let leases = self.load.claim(&*self.worker, 256);
            let now = Instant::now();
            if leases.is_empty() {
                let poll = Duration::from_millis(500);
                seen = self.worker.wait_for_work(TaskKind::Inference, seen, poll);
                continue;
            }
            self.load
                .settle(&*self.worker, &self.load.settlements(&leases));
            early.extend(leases.iter().map(|lease| (lease.task_id, now)));
            let mut due = self.due.lock().unwrap();
            let mut taken = self.taken.lock().unwrap();
            // A task may be taken before its starter hears that it is there.
            early.retain(|(id, now)| match due.remove(id) {
                Some(acknowledged) => {
                    let waited = now.saturating_duration_since(acknowledged);
                    taken.push(waited.as_secs_f64() * 1000.0);
                    false
                }
                None => true,
            });
        }
    }

    fn phase(&self, name: &'static str, time: Duration) -> Phase {
        let offered = self.offered.load(Ordering::Relaxed);
        self.taken.lock().unwrap().clear();
        let begun = Instant::now();
        std::thread::sleep(time);
        let times = std::mem::take(&mut *self.taken.lock().unwrap());
        Phase {
            name,
            seconds: begun.elapsed().as_secs_f64(),
            times,
            offered: self.offered.load(Ordering::Relaxed) - offered,
        }
    }
}

struct Phase {
    name: &'static str,
    seconds: f64,
    times: Vec<f64>,
    offered: usize,
}

impl Phase {
    fn rate(&self) -> f64 {
        self.times.len() as f64 / self.seconds
    }

    fn text(&self) -> String {
        if self.times.is_empty() {
            return format!("{}: nothing was taken", self.name);
        }
        format!(
            "{}: {:.0} tasks/s offered, {:.0} settled; pick-up p50 {:.2}, p95 {:.2}, p99 {:.2}, most {:.1} ms",
            self.name,
            self.offered as f64 / self.seconds,
            self.rate(),
            quantile(&self.times, 0.5),
            quantile(&self.times, 0.95),
            quantile(&self.times, 0.99),
            quantile(&self.times, 1.0)
        )
    }
}
