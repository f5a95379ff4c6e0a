//! `mlp up` under the real traffic generator, beside a server that does nothing.

use std::time::Duration;

use mlp_tools::traffic::Client;

use crate::args::Wanted;
use crate::process::{Server, scratch};
use crate::row::{Row, median, note};
use crate::traffic::{Report, send};

pub const NAMES: [&str; 5] = [
    "sessions_per_s",
    "start_p99_ms_at_1250",
    "start_p99_ms_at_half",
    "clients_1000",
    "mlp_up_peak_rss_mb",
];

const REPEATS: usize = 3;
const SECONDS: f64 = 3.0;

/// Users at once.
const PARALLEL: [u32; 5] = [8, 32, 64, 128, 256];

/// Half of what is promised, in sessions per second.
const HALF_OF_GOAL: f64 = 1250.0;

pub fn run(wanted: &Wanted) -> Vec<Row> {
    eprintln!("==> serving");
    let pair = Pair::start();
    let sweep = pair.sweep();
    let mut rows = vec![
        Row::new(
            NAMES[0],
            (sweep.ours, "sessions/s"),
            ("empty hyper handler", sweep.empty),
        )
        .at_least(2500.0)
        .held_to("0 errors", sweep.clean),
    ];
    let half = (sweep.ours / 2.0).max(HALF_OF_GOAL);
    for (name, rate) in [(NAMES[1], HALF_OF_GOAL), (NAMES[2], half)] {
        if wanted.has(name) {
            rows.push(pair.open_loop(name, rate));
        }
    }
    if wanted.has(NAMES[3]) || wanted.has(NAMES[4]) {
        rows.push(pair.crowd(sweep.ours));
        let (ours, empty) = (&pair.ours.process, &pair.empty.process);
        let reference = ("empty hyper handler", empty.peak_rss_mb());
        rows.push(Row::new(NAMES[4], (ours.peak_rss_mb(), "MB"), reference).at_most(100.0));
    }
    rows
}

/// The server and its peer; the one that is not asked costs nothing.
struct Pair {
    ours: Server,
    empty: Server,
}

struct Sweep {
    ours: f64,
    empty: f64,
    clean: bool,
}

impl Pair {
    fn start() -> Self {
        let pair = Self {
            ours: Server::up(&scratch("up")),
            empty: Server::empty(),
        };
        pair.ours.ready();
        pair.empty.ready();
        await_champion(&pair.ours);
        for server in [&pair.ours, &pair.empty] {
            send(server, 2.0, &["-p", "32"]);
        }
        pair
    }

    /// The best of several numbers of users at once, each the median of its repeats.
    fn sweep(&self) -> Sweep {
        let mut runs: Vec<(u32, Report, Report)> = Vec::new();
        for _ in 0..REPEATS {
            for parallel in PARALLEL {
                let flags = ["-p", &parallel.to_string()];
                let ours = send(&self.ours, SECONDS, &flags);
                runs.push((parallel, ours, send(&self.empty, SECONDS, &flags)));
            }
        }
        let of = |parallel: u32, pick: fn(&(u32, Report, Report)) -> f64| {
            median(runs.iter().filter(|run| run.0 == parallel).map(pick))
        };
        let (mut best, mut best_empty) = (0.0_f64, 0.0_f64);
        for parallel in PARALLEL {
            let ours = of(parallel, |run| run.1.sessions_per_s);
            let empty = of(parallel, |run| run.2.sessions_per_s);
            let p99 = of(parallel, |run| run.1.latency_ms.start.p99);
            note(format_args!(
                "-p {parallel}: {ours:.0} sessions/s (start p99 {p99:.1} ms), empty {empty:.0}"
            ));
            (best, best_empty) = (best.max(ours), best_empty.max(empty));
        }
        Sweep {
            ours: best,
            empty: best_empty,
            clean: runs.iter().all(|run| run.1.is_clean()),
        }
    }

    /// Sessions that arrive at this rate, whether or not the server keeps up.
    fn open_loop(&self, name: &'static str, rate: f64) -> Row {
        let rate_flag = format!("{rate:.0}");
        let (mut ours, mut empty) = (Vec::new(), Vec::new());
        for repeat in 0..REPEATS {
            let seed = (repeat + 1).to_string();
            let flags = ["--rate", &rate_flag, "--seed", &seed];
            ours.push(send(&self.ours, 2.0 * SECONDS, &flags));
            empty.push(send(&self.empty, 2.0 * SECONDS, &flags));
        }
        for report in &ours {
            note(format_args!(
                "open loop at {rate:.0}/s: {:.0} sessions/s, start p50 {:.2} p99 {:.2} ms, {} missed, {} errors, {} busy",
                report.sessions_per_s,
                report.latency_ms.start.p50,
                report.latency_ms.start.p99,
                report.missed,
                report.errors,
                report.busy,
            ));
        }
        let p99 = |reports: &[Report]| median(reports.iter().map(|r| r.latency_ms.start.p99));
        let reference = format!("empty hyper handler, {rate:.0} sessions/s");
        let clean = ours.iter().all(Report::is_clean);
        Row::new(name, (p99(&ours), "ms"), (reference, p99(&empty)))
            .at_most(20.0)
            .held_to("0 missed or failed", clean)
    }

    /// A thousand users at once.
    fn crowd(&self, best: f64) -> Row {
        let runs: Vec<Report> = (0..REPEATS)
            .map(|_| send(&self.ours, SECONDS, &["-p", "1000"]))
            .collect();
        // For its memory.
        send(&self.empty, SECONDS, &["-p", "1000"]);
        for run in &runs {
            note(format_args!(
                "-p 1000: {:.0} sessions/s, start p50 {:.0} p99 {:.0} ms, {} errors, {} busy, {} lost",
                run.sessions_per_s,
                run.latency_ms.start.p50,
                run.latency_ms.start.p99,
                run.errors,
                run.busy,
                run.lost
            ));
        }
        let value = median(runs.iter().map(|run| run.sessions_per_s));
        let clean = runs.iter().all(Report::is_clean);
        Row::new(NAMES[3], (value, "sessions/s"), ("sessions_per_s", best))
            .held_to("0 errors, 0 lost", clean)
    }
}

/// Waits for the first model, so that its training is not part of what is measured.
pub fn await_champion(server: &Server) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let url = format!("http://127.0.0.1:{}", server.port);
        let mut client = Client::new(url.parse().unwrap());
        loop {
            let models: serde_json::Value = client.get_json("/models").await.unwrap();
            if models.to_string().contains("\"champion\"") {
                return;
            }
            server.check();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
}
