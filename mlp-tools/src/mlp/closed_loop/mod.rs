//! `mlp simulate`: the closed loop, round after round, beside other ways to retrain.

mod exam;
mod play;
mod policy;

use clap::Args;
use serde::Serialize;

use super::arguments::whole;
use super::context::Context;
use super::error::{Error, Result};
use super::seed::Configs;
use exam::Quality;
use policy::Policy;

/// Play the closed loop with simulated users, round after round, once for each way to retrain
#[derive(Args, Debug)]
#[command(
    after_help = "Each round is served, answered and stored as always, in a database of its own; only the \
    users are simulated. After it a model is trained on what the store has. Four ways to go on:\n  \
    never     the first model stays\n  \
    gated     the gate decides, as in production\n  \
    always    every new model is promoted\n  \
    greedy    every new model is promoted, trained on the newest 900 sessions, none explored\n\n\
    Quality is measured on lists drawn at random, for users that no model saw.\n\n\
    Examples:\n  mlp simulate\n  mlp simulate --rounds 5 --seeds 1 --policy gated --json loop.json"
)]
pub struct Simulate {
    /// Rounds
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,

    /// Sessions in a round
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(10..=100_000))]
    per_round: u32,

    /// How many seeds; each is another catalog and other users
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    seeds: u32,

    /// The first seed
    #[arg(long, default_value_t = 1, value_parser = whole::<u64>(0, u64::MAX))]
    seed: u64,

    /// Only these ways to retrain
    #[arg(long, value_enum)]
    policy: Vec<Policy>,

    #[command(flatten)]
    configs: Configs,

    /// Also write every round as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<std::path::PathBuf>,
}

/// One policy with one seed.
#[derive(Debug, Clone, Serialize)]
struct Story {
    policy: Policy,
    seed: u64,
    /// Promotions after the first model's.
    promotions: usize,
    /// Sessions that were explored for judging.
    judging: usize,
    /// The champion's, before the first round and after each.
    quality: Vec<Quality>,
    /// The simulated users' own.
    truth: Quality,
}

/// Runs the command.
pub fn run(simulate: &Simulate, context: &Context) -> Result<()> {
    let policies = match simulate.policy.as_slice() {
        [] => &Policy::ALL,
        some => some,
    };
    let jobs: Vec<(Policy, u64)> = (simulate.seed..simulate.seed + u64::from(simulate.seeds))
        .flat_map(|seed| policies.iter().map(move |policy| (*policy, seed)))
        .collect();
    let plan = play::Plan {
        rounds: simulate.rounds as usize,
        per_round: simulate.per_round as usize,
        users: simulate.configs.users()?,
        locations: simulate.configs.locations()?,
    };
    let stories = on_all_cores(&jobs, |(policy, seed)| {
        play::play(&context.schema, &plan, *policy, *seed)
    })?;
    say!(
        "{} rounds of {} sessions, mean of {} seeds; on random lists for fresh users",
        simulate.rounds,
        simulate.per_round,
        simulate.seeds
    );
    for policy in policies {
        let those: Vec<&Story> = stories.iter().filter(|s| s.policy == *policy).collect();
        print(*policy, &those);
    }
    if let Some(path) = &simulate.json {
        let text = serde_json::to_string_pretty(&stories).map_err(Error::run)?;
        std::fs::write(path, text + "\n").map_err(Error::file("write", path))?;
    }
    Ok(())
}

/// The results in the order of `jobs`, whoever did them.
fn on_all_cores<J: Sync, T: Send>(
    jobs: &[J],
    work: impl Fn(&J) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let one = || {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let Some(job) = jobs.get(at) else { break };
            done.push((at, work(job)));
        }
        done
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut all: Vec<(usize, Result<T>)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(one)).collect();
        let joined = threads.into_iter().map(std::thread::ScopedJoinHandle::join);
        joined.flatten().flatten().collect()
    });
    all.sort_by_key(|(at, _)| *at);
    if all.len() < jobs.len() {
        return Err(Error::run("a thread of the simulation panicked"));
    }
    all.into_iter().map(|(_, result)| result).collect()
}

/// Of the rounds: the first model, the first round, then a handful up to the last.
fn told(rounds: usize) -> Vec<usize> {
    let step = rounds.div_ceil(5).max(1);
    let mut told: Vec<usize> = (0..=rounds).step_by(step).collect();
    if told.last() != Some(&rounds) {
        told.push(rounds);
    }
    if rounds > 1 && step > 1 {
        told.insert(1, 1);
    }
    told
}

fn print(policy: Policy, stories: &[&Story]) {
    let Some(first) = stories.first() else { return };
    let count = |of: fn(&Story) -> usize| -> Vec<usize> { stories.iter().map(|s| of(s)).collect() };
    say!(
        "\n{} (from {} random sessions): promotions {:?}, judging sessions {:?}",
        policy.name(),
        policy.first_sessions(),
        count(|s| s.promotions),
        count(|s| s.judging),
    );
    say!("{:<10}{}", "round", Quality::HEADER);
    for round in told(first.quality.len() - 1) {
        let of: Vec<Quality> = stories.iter().map(|s| s.quality[round]).collect();
        say!("{round:<10}{}", Quality::mean(&of));
    }
    let truths: Vec<Quality> = stories.iter().map(|s| s.truth).collect();
    say!("{:<10}{}", "truth", Quality::mean(&truths));
}
