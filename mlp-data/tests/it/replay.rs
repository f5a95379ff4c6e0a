//! Replay's intervals against a truth that only a simulation knows.

#![allow(clippy::unwrap_used)]

use mlp_core::metrics::Sessions;
use mlp_core::replay::{Answer, Replay, ReplayOptions, choice_probabilities};
use mlp_core::{
    Entity, FitOptions, Lineage, LinearModel, PairTable, Schema, Session, fit_logistic,
};
use mlp_data::{Date, Location, LocationConfig, Mix, Streams, UserConfig, UserSampler, labeller};
use rand::{Rng, RngExt};

const SHOWN: usize = 10;

/// A catalogue, and users who come to it.
struct World {
    schema: Schema,
    catalog: Vec<Location>,
    items: Vec<Vec<f64>>,
    users: UserSampler,
}

/// Sessions with random lists, and the chances of each row to be picked.
struct Log {
    sessions: Vec<Session>,
    chances: Vec<f64>,
}

fn numbers(entity: &Entity, value: &impl serde::Serialize) -> Vec<f64> {
    let row = entity.row_from_json(&serde_json::to_value(value).unwrap());
    let mut numbers = Vec::new();
    entity.numbers(&row.unwrap(), &mut numbers);
    numbers
}

impl World {
    fn new(streams: &Streams) -> Self {
        let schema = include_str!("../../../config/travel.toml");
        let schema = Schema::parse("travel.toml", schema).unwrap();
        let places = mlp_data::shipped::LOCATIONS.as_bytes();
        let places = LocationConfig::from_reader("location.tsv", places).unwrap();
        let people = mlp_data::shipped::USERS.as_bytes();
        let people = UserConfig::from_reader("user.tsv", people).unwrap();
        let catalog = mlp_data::sample_catalog(&places.value, &mut streams.stream(0));
        let items = catalog.iter().map(|l| numbers(&schema.item, l)).collect();
        Self {
            schema,
            items,
            catalog,
            users: UserSampler::new(&people.value, Mix::Even, Date::FIRST_OF_2026),
        }
    }

    fn log(&self, n: usize, rng: &mut impl Rng) -> Log {
        let (mut sessions, mut chances) = (Vec::new(), Vec::new());
        let mut of_list = Vec::new();
        for _ in 0..n {
            let user = self.users.sample(rng);
            let shown: Vec<usize> = (0..SHOWN)
                .map(|_| rng.random_range(0..self.catalog.len()))
                .collect();
            let places: Vec<Location> = shown.iter().map(|i| self.catalog[*i].clone()).collect();
            labeller::choice_probabilities(&user, &places, &mut of_list);
            chances.extend_from_slice(&of_list);
            sessions.push(Session {
                user: numbers(&self.schema.user, &user.user),
                shown: shown.iter().map(|i| self.items[*i].clone()).collect(),
                picked: labeller::choose(&user, &places, rng),
            });
        }
        Log { sessions, chances }
    }

    fn fit(&self, log: &Log) -> LinearModel {
        let options = FitOptions::default();
        let artifact = fit_logistic(&self.schema, &log.sessions, &options, Lineage::default());
        artifact.unwrap().model(&self.schema).unwrap()
    }

    fn candidate(&self, model: &LinearModel, log: &Log) -> (Replay, Vec<f64>) {
        let table = PairTable::new(&self.schema.features, &log.sessions);
        let log_odds: Vec<f64> = (table.features().rows().into_iter())
            .map(|row| model.log_odds(row))
            .collect();
        let replay = Replay::new(&log.sessions);
        let p = choice_probabilities(&log_odds, replay.lists()).unwrap();
        (replay, p)
    }
}

/// What the candidate is worth on a list in expectation over the choice: log loss, and the sums of
/// precision@1 and MRR with the chance of a pick that they are over.
fn expected(p: &[f64], chances: &[f64]) -> [f64; 4] {
    let loss = |p: f64| -p.clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln();
    let none = (1.0 - chances.iter().sum::<f64>()).max(0.0);
    let mut sums = [
        none * loss(1.0 - p.iter().sum::<f64>()),
        0.0,
        0.0,
        1.0 - none,
    ];
    for (i, chance) in chances.iter().enumerate() {
        let above = p.iter().filter(|q| **q > p[i]).count();
        // The same item may be there twice: its rank is either one's, as likely.
        let tied = p.iter().filter(|q| **q == p[i]).count();
        let ranks = (above + 1..=above + tied).map(|rank| 1.0 / rank as f64);
        sums[0] += chance * loss(p[i]);
        sums[1] += if above == 0 {
            chance / tied as f64
        } else {
            0.0
        };
        sums[2] += chance * ranks.sum::<f64>() / tied as f64;
    }
    sums
}

/// The shares of `runs` logs of `n` sessions each whose intervals cover the truth, for log loss,
/// precision@1 and MRR; a run without an answer does not cover.
fn coverage(runs: u64, n: usize, trained_on: usize, resamples: usize, truth_of: usize) -> [f64; 3] {
    let streams = Streams::new(trained_on as u64, "replay");
    let world = World::new(&streams);
    let model = world.fit(&world.log(trained_on, &mut streams.stream(1)));
    let mut sums = [0.0; 4];
    let mut rng = streams.stream(2);
    for _ in 0..truth_of / 1000 {
        let log = world.log(1000, &mut rng);
        let (replay, p) = world.candidate(&model, &log);
        let lists: &Sessions = replay.lists();
        for rows in lists.ranges() {
            let list = expected(&p[rows.clone()], &log.chances[rows]);
            sums.iter_mut().zip(list).for_each(|(sum, x)| *sum += x);
        }
    }
    let truth = [
        sums[0] / (truth_of / 1000 * 1000) as f64,
        sums[1] / sums[3],
        sums[2] / sums[3],
    ];
    let mut covered = [0_u32; 3];
    for run in 0..runs {
        let log = world.log(n, &mut streams.stream(1000 + run));
        let (replay, p) = world.candidate(&model, &log);
        let mut options = ReplayOptions::default();
        options.bootstrap.resamples = resamples;
        options.bootstrap.seed = run;
        let found = replay.value(&p, &options).unwrap();
        let answers = [found.log_loss, found.precision_at_1, found.mrr];
        for (i, answer) in answers.into_iter().enumerate() {
            if let Answer::Known { interval, .. } = answer {
                let inside = interval.low <= truth[i] && truth[i] <= interval.high;
                covered[i] += u32::from(inside);
            }
        }
    }
    let shares = covered.map(|c| f64::from(c) / runs as f64);
    println!(
        "{runs} logs of {n} sessions, model of {trained_on}: truth {truth:.4?}, covered {shares:.4?}"
    );
    shares
}

#[test]
fn intervals_cover_the_truth() {
    // The 99.9 % band of 100 runs at 0.95: scipy.stats.binom.interval(0.999, 100, 0.95) is 87 to 100.
    for share in coverage(100, 150, 500, 400, 20_000) {
        assert!((0.87..=1.0).contains(&share), "{share}");
    }
}

/// The smallest log that is answered, and larger ones; a model of few sessions, and one of many.
#[test]
#[ignore = "minutes: scripts/verify.sh replay"]
fn intervals_cover_the_truth_in_full() {
    let mut wrong = Vec::new();
    for trained_on in [150, 1000] {
        // Of 115 sessions about 100 have a pick.
        for n in [150, 300, 1000] {
            let shares = coverage(400, n, trained_on, 2000, 300_000);
            for (share, what) in shares.iter().zip(["log loss", "precision@1", "MRR"]) {
                if !(0.92..=0.98).contains(share) {
                    wrong.push(format!(
                        "{what}, {n} sessions, model of {trained_on}: {share}"
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
