//! How good a model gets on the simulated domain, beside the truth that only a simulation knows.

use std::collections::HashMap;

use mlp_core::metrics::Predictions;
use mlp_core::{
    Catalog, FitOptions, Lineage, LinearModel, Ranker, Row, Schema, Scratch, Session, fit,
};
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
    /// How the model is fitted, on all training sessions: `test_share` is no matter.
    pub fit: FitOptions,
}

/// What one seed gave.
pub struct Outcome {
    /// The model, on users that it never saw.
    pub judged: Judged,
    /// Their sessions.
    pub sessions: Vec<Session>,
    /// The labeller's own probability of each shown item to be picked, shape `(n_rows,)`. An item
    /// that is shown twice is as likely in either place: only their sum is the user's.
    ///
    /// It differs from catalogue to catalogue: over seeds 1 to 40, each tested on 4,000 sessions, its
    /// ROC AUC is 0.938 with a standard deviation of 0.0043, its log loss 0.1446 with 0.0047, its
    /// precision@1 0.674 with 0.0092. So a model is judged by its gap to the truth of the same draws,
    /// and no figure of one catalogue is held against one of another.
    pub truth: Vec<f64>,
    /// How good the best ten of all items are, by the user's own scores: see [`ndcg_of_all`].
    pub ndcg_of_all: f64,
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
    let draw = |purpose: u64, n: usize| -> Result<Draws> {
        let (mut truth, mut users) = (Vec::new(), Vec::new());
        let mut rng = streams.stream(purpose);
        let sessions = (0..n)
            .map(|_| {
                let user = sampler.sample(&mut rng);
                let shown = draw_shown(catalog.len(), simulation.shown, &mut rng);
                let session = session(
                    &travel, &user, &shown, &catalog, &items, &mut truth, &mut rng,
                );
                users.push(user);
                session
            })
            .collect::<Result<_>>()?;
        Ok((sessions, truth, users))
    };
    let (train, ..) = draw(1, simulation.sessions)?;
    let (test, truth, users) = draw(2, simulation.test_sessions)?;
    // All of the training sessions are fitted on: the test has sessions of its own.
    let options = FitOptions {
        test_share: 0.0,
        ..simulation.fit.clone()
    };
    let artifact = fit(schema, &train, &options, Lineage::default())?;
    let model = artifact.model(schema)?;
    Ok(Outcome {
        ndcg_of_all: ndcg_of_all(schema, &model, &catalog, &users)?,
        judged: Judged::new(schema, artifact, &test)?,
        sessions: test,
        truth,
    })
}

/// The list that a live system would show: its discounted gain, of the user's own scores, over that
/// of the best possible list, as a mean over the users who like anything at all.
pub fn ndcg_of_all(
    schema: &Schema,
    model: &LinearModel,
    locations: &[Location],
    users: &[SimulatedUser],
) -> Result<f64> {
    const SHOWN: usize = 10;
    let travel = Travel::new(schema);
    let rows: Vec<Row> = (locations.iter())
        .map(|location| travel.item_row(location))
        .collect::<Result<_>>()?;
    let ranker = Ranker::new(
        &schema.features,
        model,
        &Catalog::new(&schema.item, 1, (0..).zip(&rows)),
    );
    let gain = |scores: &mut dyn Iterator<Item = f64>| -> f64 {
        let discounted = scores.zip(2..).map(|(s, at)| s / f64::from(at).log2());
        discounted.sum()
    };
    let (mut scratch, mut ranked, mut scores) = (Scratch::default(), Vec::new(), Vec::new());
    let (mut sum, mut n) = (0.0, 0);
    for user in users {
        labeller::scores(user, locations, &mut scores);
        let numbers = travel.user_numbers(&user.user)?;
        ranker.top(&numbers, SHOWN, &mut scratch, &mut ranked);
        let found = gain(&mut ranked.iter().map(|r| scores[r.item_id as usize]));
        scores.sort_by(|a, b| b.total_cmp(a));
        let best = gain(&mut scores.iter().copied().take(SHOWN));
        if best > 0.0 {
            (sum, n) = (sum + found / best, n + 1);
        }
    }
    Ok(sum / f64::from(n.max(1)))
}

/// Sessions, the true probability of each of their rows, and who asked.
type Draws = (Vec<Session>, Vec<f64>, Vec<SimulatedUser>);

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
    share_between_equals(shown, &mut probabilities);
    truth.extend(probabilities);
    Ok(Session {
        user: travel.user_numbers(&user.user)?,
        shown: shown.iter().map(|i| items[*i].clone()).collect(),
        picked: labeller::choose(user, &locations, rng),
    })
}

/// Gives each place of an item that is shown more than once the same part of its probability: the
/// labeller takes the first of equals, which no model of users and items could foresee.
fn share_between_equals(shown: &[usize], probabilities: &mut [f64]) {
    let mut totals: HashMap<usize, (f64, f64)> = HashMap::new();
    for (item, probability) in shown.iter().zip(&*probabilities) {
        let (sum, places) = totals.entry(*item).or_default();
        (*sum, *places) = (*sum + probability, *places + 1.0);
    }
    for (item, probability) in shown.iter().zip(probabilities) {
        if let Some((sum, places)) = totals.get(item) {
            *probability = sum / places;
        }
    }
}
