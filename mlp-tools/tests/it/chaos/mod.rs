//! Two API processes and three workers on one PostgreSQL, under traffic, while everything is killed,
//! stopped and cut: nothing that was acknowledged is lost, nothing is done twice, nothing is stuck.
//!
//! The clients write what they ask and what they are told to files, durably, before they go on. In
//! the end that is compared with the database, row by row, and with what both APIs answer then; see
//! [`verdict`] for what is counted. While something is out of order clients may see 503, no connection,
//! a closed one, or nothing in time. Anything else is a wrong answer.
//!
//! `MLP_CHAOS_SECONDS`, `MLP_CHAOS_FAULTS` and `MLP_CHAOS_SEED` make it longer:
//! `scripts/chaos.sh`.

pub mod client;
pub mod dice;
mod faults;
pub mod system;
pub mod verdict;
mod wrong;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use postgres::Client;
use uuid::Uuid;

use crate::process::get;
use client::{Tally, User};
use faults::{Fault, Faults};
use system::System;
use verdict::{Promises, Verdict, judge};

/// Short, so that many leases end within the test.
const LEASE: Duration = Duration::from_millis(1500);

const USERS: usize = 6;

struct Plan {
    /// Faults go on for so long, and until there were so many.
    time: Duration,
    faults: usize,
    seed: u64,
}

struct Outcome {
    system: System,
    promises: Promises,
    tally: Tally,
    verdict: Verdict,
    report: String,
    /// Sessions whose results, read in the end, are not those that were seen first.
    changed: usize,
    stale: usize,
}

fn run(plan: &Plan) -> Outcome {
    let mut system = System::start(LEASE);
    let stop = Arc::new(AtomicBool::new(false));
    let logs: Vec<PathBuf> = (0..USERS)
        .map(|i| system.directory().join(format!("client-{i}.promises")))
        .collect();
    let users: Vec<_> = (logs.iter().enumerate())
        .map(|(i, log)| User::new(i, plan.seed, system.ports(), log, Arc::clone(&stop)))
        .map(|user| std::thread::spawn(move || user.run()))
        .collect();
    let begun = Instant::now();
    let mut faults = Faults::new(plan.seed, LEASE);
    let mean = (plan.time / plan.faults.max(1) as u32).min(Duration::from_secs(4));
    let mut next = begun + mean;
    while begun.elapsed() < plan.time || faults.total() < plan.faults {
        faults.undo(&mut system, false);
        system.supervise();
        if Instant::now() >= next {
            // One that finds nobody comes again when somebody is up.
            if faults.next(&mut system) {
                next = Instant::now() + faults.gap(mean);
            }
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let chaos = begun.elapsed();
    faults.undo(&mut system, true);
    system.supervise();
    system.wait_until_ready();
    stop.store(true, Ordering::Relaxed);
    let mut tally = Tally::default();
    for user in users {
        tally.add(user.join().unwrap());
    }
    let drained = system.drain();
    system.supervise();
    let mut promises = Promises::default();
    logs.iter().for_each(|log| promises.read(log));
    let verdict = judge(&mut system.connect(), &promises);
    let changed = read_again(&system, &promises, &mut tally);
    let stale = system.said("results were refused");
    let mut outcome = Outcome {
        system,
        promises,
        tally,
        verdict,
        report: String::new(),
        changed,
        stale,
    };
    outcome.report = report(plan, &outcome, &faults, chaos, drained);
    outcome
}

/// Reads all results again over the API, from either process by turns; how many are not as they
/// were seen first.
pub fn read_again(system: &System, promises: &Promises, tally: &mut Tally) -> usize {
    let ports = system.ports();
    let mut changed = 0;
    for (n, (task, seen)) in promises.seen.iter().enumerate() {
        let answer = get(ports[n % 2], &client::results_path(&task.to_string()));
        let answer = answer.unwrap_or_default();
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        let value = serde_json::from_str(body).unwrap_or_default();
        let ranking = client::ranking(&value);
        if ranking.is_none_or(|ranking| ranking.text != *seen) {
            changed += 1;
            tally
                .wrong
                .push(format!("results {task} in the end: {answer}, not {seen}"));
        }
    }
    changed
}

fn report(
    plan: &Plan,
    outcome: &Outcome,
    faults: &Faults,
    chaos: Duration,
    drained: Duration,
) -> String {
    let tally = &outcome.tally;
    let mut lines = vec![format!(
        "chaos: seed {}, {:.0} s, {} faults, lease {:.1} s",
        plan.seed,
        chaos.as_secs_f64(),
        faults.total(),
        LEASE.as_secs_f64()
    )];
    let mut line = |words: &str, count: usize| lines.push(format!("  {words:<48} {count:>8}"));
    for fault in Fault::ALL {
        line(fault.words(), faults.done.get(&fault).copied().unwrap_or(0));
    }
    line(
        "processes that ended by themselves",
        outcome.system.ended.len(),
    );
    line("sessions of clients", tally.sessions);
    line("requests", tally.requests);
    line("  answered with 503 and Retry-After", tally.busy);
    line("  connection refused", tally.refused);
    line("  connection closed", tally.lost);
    line("  no answer in time", tally.timed_out);
    line("starts repeated under their key", tally.repeated_starts);
    line("results read again meanwhile", tally.read_again);
    line("results read again in the end", outcome.promises.seen.len());
    line("selections changed", tally.changed);
    line("trainings asked for", tally.trainings);
    line("sessions told FAILURE", tally.failures);
    line("batches of results refused: lease ended", outcome.stale);
    lines.push(format!(
        "  slowest 503: {:.2} s; open tasks were done after {:.2} s",
        tally.slowest_busy,
        drained.as_secs_f64()
    ));
    let mut text = lines.join("\n") + "\n" + &outcome.verdict.to_string();
    for (words, count) in [
        ("results that changed after they were seen", outcome.changed),
        ("wrong answers", tally.wrong.len()),
    ] {
        let mark = if count == 0 { "" } else { "  <== FAULT" };
        text += &format!("  {words:<48} {count:>8}{mark}\n");
    }
    for ended in &outcome.system.ended {
        text += &format!("  ended by itself: {ended}\n");
    }
    for wrong in tally.wrong.iter().take(20) {
        let wrong: String = wrong.chars().take(600).collect();
        text += &format!("  wrong: {wrong}\n");
    }
    text
}

pub fn variable<T: std::str::FromStr>(name: &str, default: T) -> T {
    match std::env::var(name) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{name} is `{text}`, no number")),
        Err(_) => default,
    }
}

#[test]
fn nothing_is_lost_done_twice_or_stuck() {
    let plan = Plan {
        time: Duration::from_secs(variable("MLP_CHAOS_SECONDS", 20)),
        faults: variable("MLP_CHAOS_FAULTS", 14),
        seed: variable("MLP_CHAOS_SEED", 1),
    };
    println!("chaos: seed {}", plan.seed);
    let outcome = run(&plan);
    println!("{}", outcome.report);
    let good = outcome.verdict.faults == verdict::Faults::default()
        && outcome.tally.wrong.is_empty()
        && outcome.changed == 0;
    if !good {
        let logs = outcome.system.keep_logs();
        panic!(
            "something was lost or wrong: see above; the logs are in `{}`",
            logs.display()
        );
    }
    // So much was really tried.
    assert!(
        outcome.verdict.accepted > 20 * plan.faults,
        "hardly any traffic"
    );
    assert!(
        outcome.tally.busy + outcome.tally.refused > 0,
        "no outage was noticed"
    );
    assert!(outcome.verdict.claimed_again > 0, "no lease ended");
    assert!(outcome.stale > 0, "no worker came too late");
    planted_faults_are_found(&outcome);
}

/// A name, what is planted, and the count that must rise.
type Planted = (&'static str, &'static str, fn(&verdict::Faults) -> usize);

/// Faults that are planted into what was just found to be right: each must be found. Each is taken
/// back.
fn planted_faults_are_found(outcome: &Outcome) {
    let selected = outcome.promises.selected.keys().next().unwrap();
    let planted: [Planted; 15] = [
        (
            "a selection is lost",
            "UPDATE inferences SET selected = NULL, selected_rank = NULL WHERE task_id = $1",
            |f| f.missing_selections,
        ),
        (
            "a selection is another",
            "UPDATE inferences SET selected = selected + 1000 WHERE task_id = $1",
            |f| f.other_selections,
        ),
        (
            "a session is lost",
            "DELETE FROM inferences WHERE task_id = $1",
            |f| f.unknown.min(f.lost_keys).min(f.orphan_users),
        ),
        (
            "a task has a second effect",
            "UPDATE inferences SET ranked = ranked || 'x'::bytea WHERE task_id = $1",
            |f| f.doubled_effects,
        ),
        (
            "a task has the same effect a second time",
            "UPDATE inferences SET status = 3, ranked = ranked WHERE task_id = $1",
            |f| f.doubled_effects,
        ),
        (
            "a late settlement fails a task that had succeeded",
            "UPDATE inferences SET status = 4 WHERE task_id = $1",
            |f| f.other_end.min(f.doubled_effects),
        ),
        (
            "a task is stuck",
            "UPDATE inferences SET status = 1, open = true WHERE task_id = $1",
            |f| f.unfinished.min(f.open_inferences),
        ),
        (
            "an end leaves no trace",
            "DELETE FROM chaos.effects WHERE task_id = $1",
            |f| f.effects_without_task,
        ),
        (
            "a session is stored twice",
            "INSERT INTO inferences (user_id, task_id, creation_time, due_at, status, open)
                SELECT user_id, gen_random_uuid(), now(), now(), 3, false
                FROM inferences WHERE task_id = $1",
            |f| f.doubled_keys.min(f.shared_users),
        ),
        (
            "a key stands for another task",
            "UPDATE idempotency SET task_id = gen_random_uuid() WHERE task_id = $1",
            |f| f.other_tasks.min(f.lost_keys),
        ),
        (
            "a key comes from nowhere",
            "UPDATE idempotency SET key = 'nowhere' WHERE task_id = $1",
            |f| f.unknown_keys,
        ),
        (
            "a user is lost",
            "DELETE FROM users WHERE user_id = (SELECT user_id FROM inferences WHERE task_id = $1)",
            |f| f.orphan_inferences,
        ),
        (
            "a training is stuck",
            "INSERT INTO tasks (task_id, kind, creation_time, due_at, payload)
                VALUES ($1, 1, now(), now(), '')",
            |f| f.open_tasks,
        ),
        (
            "a training is done without its model",
            "INSERT INTO tasks (task_id, kind, creation_time, due_at, payload, status, open)
                VALUES ($1, 1, now(), now(), '', 3, false)",
            |f| f.lost_models,
        ),
        (
            "a training leaves two models",
            "INSERT INTO models_registry (task_id, creation_time, status, artifact)
                SELECT $1, now(), 'retired', '' FROM generate_series(1, 2)",
            |f| f.doubled_models,
        ),
    ];
    let mut db: Client = outcome.system.connect();
    for (name, sql, found) in planted {
        let mut plan = db.transaction().unwrap();
        let ids: [&(dyn postgres::types::ToSql + Sync); 1] = [selected as &Uuid];
        assert!(
            plan.execute(sql, &ids).unwrap() > 0,
            "{name}: nothing planted"
        );
        let faults = judge(&mut plan, &outcome.promises).faults;
        assert!(found(&faults) > 0, "{name}: not found: {faults:?}");
        plan.rollback().unwrap();
    }
    let faults = judge(&mut db, &outcome.promises).faults;
    assert_eq!(faults, verdict::Faults::default());
    // A changed ranking is also seen by who reads it again.
    let change = "UPDATE inferences SET ranked = (SELECT ranked FROM inferences
        WHERE task_id <> $1 AND length(ranked) > 50 AND ranked <> (SELECT ranked FROM inferences
            WHERE task_id = $1) LIMIT 1) WHERE task_id = $1";
    db.execute(change, &[selected]).unwrap();
    let changed = read_again(&outcome.system, &outcome.promises, &mut Tally::default());
    assert_eq!(changed, 1);
}
