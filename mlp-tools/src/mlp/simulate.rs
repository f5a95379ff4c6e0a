//! How good a model gets on the simulated domain, beside the truth that only a simulation knows.

use mlp_core::metrics::Predictions;
use mlp_core::{FitOptions, Lineage, Schema, Session, fit_logistic};
use mlp_data::{Location, Mix, SimulatedUser, Streams, UserSampler, labeller};
use mlp_data::{LocationConfig, UserConfig};

use super::domain::Travel;
use super::error::Result;
use super::evaluate::Judged;

/// What is simulated.
#[derive(Debug, Clone)]
pub struct Simulation {
    /// Sessions to train on.
    pub sessions: usize,
    /// Sessions of other users to test on.
    pub test_sessions: usize,
    /// Items shown in a session, drawn at random.
    pub shown: usize,
    /// The seeds: each is another catalogue, other users and other draws.
    pub seeds: std::ops::Range<u64>,
}

/// What one seed gave.
pub struct Outcome {
    /// The model, on users that it never saw.
    pub judged: Judged,
    /// Their sessions.
    pub sessions: Vec<Session>,
    /// The labeller's own probability of each shown item to be picked, shape `(n_rows,)`.
    pub truth: Vec<f64>,
}

impl Outcome {
    /// The truth as if it were a model's.
    pub fn truth(&self) -> Result<Predictions> {
        let judged = &self.judged.predictions;
        Ok(Predictions::new(
            judged.labels().to_vec(),
            self.truth.clone(),
            judged.sessions().clone(),
        )?)
    }
}

/// Trains and tests once per seed.
pub fn simulate(
    schema: &Schema,
    users: &UserConfig,
    locations: &LocationConfig,
    simulation: &Simulation,
) -> Result<Vec<Outcome>> {
    (simulation.seeds.clone())
        .map(|seed| one(schema, users, locations, simulation, seed))
        .collect()
}

fn one(
    schema: &Schema,
    users: &UserConfig,
    locations: &LocationConfig,
    simulation: &Simulation,
    seed: u64,
) -> Result<Outcome> {
    let streams = Streams::new(seed, "evaluate");
    let catalog = mlp_data::sample_catalog(locations, &mut streams.stream(0));
    let travel = Travel::new(schema);
    let items: Vec<Vec<f64>> = (catalog.iter())
        .map(|location| travel.item_numbers(location))
        .collect::<Result<_>>()?;
    let sampler = UserSampler::new(users, Mix::Even, mlp_data::Date::FIRST_OF_2026);
    let draw = |purpose: u64, n: usize| -> Result<(Vec<Session>, Vec<f64>)> {
        let mut truth = Vec::new();
        let mut rng = streams.stream(purpose);
        let sessions = (0..n)
            .map(|_| {
                let user = sampler.sample(&mut rng);
                let shown = draw_shown(catalog.len(), simulation.shown, &mut rng);
                session(
                    &travel, &user, &shown, &catalog, &items, &mut truth, &mut rng,
                )
            })
            .collect::<Result<_>>()?;
        Ok((sessions, truth))
    };
    let (train, _) = draw(1, simulation.sessions)?;
    let (test, truth) = draw(2, simulation.test_sessions)?;
    // All of the training sessions are fitted on: the test has sessions of its own.
    let options = FitOptions {
        test_share: 0.0,
        ..FitOptions::default()
    };
    let artifact = fit_logistic(schema, &train, &options, Lineage::default())?;
    Ok(Outcome {
        judged: Judged::new(schema, artifact, &test)?,
        sessions: test,
        truth,
    })
}

fn draw_shown(n: usize, k: usize, rng: &mut impl rand::Rng) -> Vec<usize> {
    use rand::RngExt;
    (0..k).map(|_| rng.random_range(0..n)).collect()
}

fn session(
    travel: &Travel,
    user: &SimulatedUser,
    shown: &[usize],
    catalog: &[Location],
    items: &[Vec<f64>],
    truth: &mut Vec<f64>,
    rng: &mut impl rand::Rng,
) -> Result<Session> {
    let locations: Vec<Location> = shown.iter().map(|i| catalog[*i].clone()).collect();
    let mut probabilities = Vec::new();
    labeller::choice_probabilities(user, &locations, &mut probabilities);
    truth.extend(probabilities);
    Ok(Session {
        user: travel.user_numbers(&user.user)?,
        shown: shown.iter().map(|i| items[*i].clone()).collect(),
        picked: labeller::choose(user, &locations, rng),
    })
}
