//! Complete sessions, by the programs as they are: PostgreSQL, `mlp serve`, `mlp worker` and the
//! client share the machine.

use super::server;
use crate::process::{Server, worker};
use crate::row::{Row, median, note};
use crate::serving::await_champion;
use crate::traffic::{Report, send};

pub const NAME: &str = "postgres_sessions";

const REPEATS: usize = 3;
const SECONDS: f64 = 5.0;
const PARALLEL: [u32; 4] = [32, 128, 256, 512];

pub fn run() -> Row {
    let cluster = server::start(&[]);
    let url = server::url(&cluster);
    // Items, and a first model.
    let seed = Server::up_on(&url);
    seed.ready();
    await_champion(&seed);
    seed.process.stop();
    let (ours, empty) = (Server::serve(&url), Server::empty());
    let worker = worker(&url);
    ours.ready();
    empty.ready();
    for server in [&ours, &empty] {
        send(server, 2.0, &["-p", "64"]);
    }
    let mut client = server::plain(&cluster);
    let kept = "SELECT count(*) FROM inferences WHERE answered_at IS NOT NULL";
    let before = server::number(&mut client, kept);
    let mut runs: Vec<(u32, Report, Report)> = Vec::new();
    for _ in 0..REPEATS {
        for parallel in PARALLEL {
            let flags = ["-p", &parallel.to_string()];
            let report = send(&ours, SECONDS, &flags);
            assert!(worker.ended().is_none(), "the worker ended");
            runs.push((parallel, report, send(&empty, SECONDS / 2.0, &flags)));
        }
    }
    let (mut best, mut best_empty) = (0.0_f64, 0.0_f64);
    for parallel in PARALLEL {
        let of = |pick: fn(&(u32, Report, Report)) -> f64| {
            median(runs.iter().filter(|run| run.0 == parallel).map(pick))
        };
        let (rate, peer) = (
            of(|run| run.1.sessions_per_s),
            of(|run| run.2.sessions_per_s),
        );
        let p99 = of(|run| run.1.latency_ms.start.p99);
        note(format_args!(
            "-p {parallel}: {rate:.0} sessions/s (start p99 {p99:.1} ms), empty {peer:.0}"
        ));
        (best, best_empty) = (best.max(rate), best_empty.max(peer));
    }
    let clean = runs.iter().all(|run| run.1.is_clean());
    let told: u64 = runs.iter().map(|run| run.1.sessions).sum();
    let kept = server::number(&mut client, kept) - before;
    note(format_args!(
        "{told} sessions were acknowledged to their end, {kept} choices are in the database"
    ));
    Row::new(
        NAME,
        (best, "sessions/s"),
        ("empty hyper handler", best_empty),
    )
    .at_least(2000.0)
    .held_to("0 errors", clean)
    .held_to("every choice is kept", kept >= told as f64)
}
