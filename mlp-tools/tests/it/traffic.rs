//! The traffic generator, against a small API server in this process.

mod args;
mod client;
mod fake;
mod pause;
mod program;
mod runs;
mod trouble;

use std::path::PathBuf;

use mlp_data::{Mix, SimulatedUser, UserConfig, UserSampler};
use mlp_tools::traffic::{Plan, PlanBuilder};

use self::fake::Fake;

const PROFILES: &str = "meta_comment\tmeta_n\tpeople_min\tpeople_max\tbudget_min\tbudget_max\t\
    exploration_tolerance\tignore_tolerance\n\
    Single\t10\t1\t1\t100\t5000\t0.5\t0.8\n\
    Family\t20\t2\t5\t300\t5000\t0.2\t0.9\n";

fn sampler() -> UserSampler {
    let config = UserConfig::from_reader("user.tsv", PROFILES.as_bytes()).unwrap();
    UserSampler::new(&config.value, Mix::Even, "2026-01-01".parse().unwrap())
}

fn someone() -> SimulatedUser {
    use rand::SeedableRng;
    sampler().sample(&mut rand_chacha::ChaCha8Rng::seed_from_u64(1))
}

/// Users who never wait.
fn plan(fake: &Fake) -> PlanBuilder {
    let sampler = sampler();
    let target = fake.url().parse().unwrap();
    Plan::builder(target, move |_, rng| sampler.sample(rng))
}

fn config_file(directory: &tempfile::TempDir) -> PathBuf {
    let path = directory.path().join("user.tsv");
    std::fs::write(&path, PROFILES).unwrap();
    path
}
