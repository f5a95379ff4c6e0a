//! The gate and the guard in the shipped domain, whose users are simulated.

use mlp_core::metrics::precision_at_1;
use mlp_core::watch::expected_pick;
use mlp_core::{
    Arm, Artifact, Because, Catalog, Comparison, Family, FitOptions, GateOptions, Guard,
    GuardOptions, GuardVerdict, Lineage, LinearModel, PairTable, Ranker, Row, Schema, Scratch,
    Session, fit, fit_logistic, paired_models,
};
use mlp_data::{
    Location, LocationConfig, Mix, SimulatedUser, Streams, UserConfig, UserSampler, labeller,
    sample_catalog, shipped,
};
use rand::{Rng, RngExt};

use crate::support::travel;

/// Items shown in a session.
const SHOWN: usize = 10;

struct World {
    schema: Schema,
    streams: Streams,
    users: UserSampler,
    items: Vec<Location>,
    rows: Vec<Row>,
}

impl World {
    fn new(seed: u64) -> Self {
        let schema = travel();
        let users = UserConfig::from_reader("user.tsv", shipped::USERS.as_bytes()).unwrap();
        let items = LocationConfig::from_reader("location.tsv", shipped::LOCATIONS.as_bytes());
        let streams = Streams::new(seed, "gate");
        let items = sample_catalog(&items.unwrap().value, &mut streams.stream(0));
        let row = |item| {
            let body = serde_json::to_value(item).unwrap();
            schema.item.row_from_json(&body).unwrap()
        };
        Self {
            users: UserSampler::new(&users.value, Mix::Even, mlp_data::Date::FIRST_OF_2026),
            rows: items.iter().map(row).collect(),
            schema,
            streams,
            items,
        }
    }

    fn user(&self, rng: &mut impl Rng) -> (SimulatedUser, Vec<f64>) {
        let user = self.users.sample(rng);
        let body = serde_json::to_value(&user.user).unwrap();
        let mut numbers = Vec::new();
        let row = self.schema.user.row_from_json(&body).unwrap();
        self.schema.user.numbers(&row, &mut numbers);
        (user, numbers)
    }

    /// Sessions of fresh users who were shown random items.
    fn sessions(&self, stream: u64, n: usize) -> Vec<Session> {
        let mut rng = self.streams.stream(stream);
        let mut numbers: Vec<Vec<f64>> = vec![Vec::new(); self.rows.len()];
        for (row, numbers) in self.rows.iter().zip(&mut numbers) {
            self.schema.item.numbers(row, numbers);
        }
        (0..n)
            .map(|_| {
                let (user, user_numbers) = self.user(&mut rng);
                let shown: Vec<usize> = (0..SHOWN)
                    .map(|_| rng.random_range(0..self.items.len()))
                    .collect();
                let items: Vec<Location> = shown.iter().map(|i| self.items[*i].clone()).collect();
                Session {
                    user: user_numbers,
                    shown: shown.iter().map(|i| numbers[*i].clone()).collect(),
                    picked: labeller::choose(&user, &items, &mut rng),
                }
            })
            .collect()
    }

    fn table(&self, stream: u64, n: usize) -> PairTable {
        PairTable::new(&self.schema.features, &self.sessions(stream, n))
    }

    fn model(&self, stream: u64, n: usize) -> LinearModel {
        let options = FitOptions {
            test_share: 0.0,
            ..FitOptions::default()
        };
        let sessions = self.sessions(stream, n);
        let artifact = fit_logistic(&self.schema, &sessions, &options, Lineage::default());
        artifact.unwrap().model(&self.schema).unwrap()
    }
}

/// A champion that is by `gain` of precision@1 worse than the challenger, measured on `test`
/// sessions: between it and one of few sessions, where the gain is the wanted one.
fn champion(world: &World, new: &LinearModel, gain: f64, test: usize) -> (f64, LinearModel) {
    let poor = world.model(1, 100);
    let test = world.table(3, test);
    let first = |model: &LinearModel| {
        let p = model.probabilities(&test);
        precision_at_1(test.labels(), &p, test.sessions())
            .unwrap()
            .unwrap()
    };
    let between = |t: f64| LinearModel {
        family: Family::Logistic,
        bias: new.bias + t * (poor.bias - new.bias),
        weights: (new.weights.iter().zip(&poor.weights))
            .map(|(new, poor)| new + t * (poor - new))
            .collect(),
    };
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..12 {
        let middle = (low + high) / 2.0;
        match first(new) - first(&between(middle)) < gain {
            true => low = middle,
            false => high = middle,
        }
    }
    let champion = between(low);
    (first(new) - first(&champion), champion)
}

/// Gives the gain in precision@1, and after how many of 2,000 sessions each run promoted, looking
/// after every session.
fn promotions(runs: u64, test: usize) -> (f64, Vec<usize>) {
    let world = World::new(7);
    let new = world.model(2, 2_000);
    let (gain, old) = champion(&world, &new, 0.05, test);
    let mut after: Vec<usize> = (0..runs)
        .filter_map(|run| {
            let pairs = paired_models(&old, &new, &world.table(100 + run, 2_000)).unwrap();
            let mut comparison = Comparison::new(&GateOptions::default());
            let promoted = pairs.iter().position(|pair| {
                comparison.push(pair);
                comparison.because() == Because::Better
            });
            promoted.map(|position| position + 1)
        })
        .collect();
    after.sort_unstable();
    (gain, after)
}

/// Of 4 with 90 %, none happens once in 10,000 times.
#[test]
fn a_better_challenger_is_promoted() {
    let (gain, after) = promotions(4, 2_000);
    assert!(gain > 0.03 && gain <= 0.05, "{gain}");
    assert!(!after.is_empty(), "gain {gain}");
}

#[test]
#[ignore = "400 runs of 2,000 sessions: scripts/verify.sh gate"]
fn a_challenger_better_by_a_twentieth_is_promoted_in_400_runs() {
    let (gain, after) = promotions(400, 20_000);
    println!(
        "better by {gain:.3} of precision@1: promoted in {} of 400 within 2,000 sessions, median {:?}",
        after.len(),
        after.get(after.len() / 2)
    );
    assert!(gain <= 0.05, "the test is too easy: {gain}");
    assert!(after.len() >= 360);
}

/// Runs in which a tenth of the users see random lists, the others the champion's best; gives how
/// many rolled the canary back within 300 of its answered sessions, or one that is the champion's
/// twin within 500.
fn rolled_back(runs: u64, broken: bool) -> usize {
    const SHARE: f64 = 0.1;
    let world = World::new(8);
    let model = world.model(1, 1_000);
    let items = (1..).zip(&world.rows);
    let catalog = Catalog::new(&world.schema.item, 1, items);
    let ranker = Ranker::new(&world.schema.features, &model, &catalog);
    let (mut scratch, mut ranked) = (Scratch::default(), Vec::new());
    let mut run = |run: u64| {
        let mut rng = world.streams.stream(10_000 + run);
        let mut guard = Guard::new(SHARE, &GuardOptions::default()).unwrap();
        let most = if broken { 300 } else { 500 };
        while guard.report().canary.answered < most {
            let (user, numbers) = world.user(&mut rng);
            let arm = match rng.random_bool(SHARE) {
                true => Arm::Canary,
                false => Arm::Champion,
            };
            let shown: Vec<Location> = if broken && arm == Arm::Canary {
                (0..SHOWN)
                    .map(|_| world.items[rng.random_range(0..world.items.len())].clone())
                    .collect()
            } else {
                ranker.top(&numbers, SHOWN, &mut scratch, &mut ranked);
                (ranked.iter())
                    .map(|r| world.items[r.item_id as usize - 1].clone())
                    .collect()
            };
            guard.push(arm, labeller::choose(&user, &shown, &mut rng));
            if guard.verdict() == GuardVerdict::RollBack {
                return true;
            }
        }
        false
    };
    (0..runs).filter(|r| run(*r)).count()
}

/// Of 8 with 95 %, fewer than 5 happen once in 2,500 times.
#[test]
fn a_canary_of_random_scores_goes() {
    let broken = rolled_back(8, true);
    assert!(broken >= 5, "{broken} of 8");
}

#[test]
#[ignore = "400 runs of each case: scripts/verify.sh gate"]
fn canaries_in_400_runs() {
    let (broken, equal) = (rolled_back(400, true), rolled_back(400, false));
    println!("rolled back: {broken} of 400 broken canaries, {equal} of 400 equal ones");
    assert!(broken >= 380 && equal <= 20);
}

/// How many of `n` fresh users pick from the ten items that the model puts first, and how many it
/// expects to, by itself and along its curve.
fn best_lists(world: &World, artifact: &Artifact, n: usize) -> (f64, f64, f64) {
    let model = artifact.model(&world.schema).unwrap();
    let rows = (1..).zip(&world.rows);
    let catalog = Catalog::new(&world.schema.item, 1, rows);
    let ranker = Ranker::new(&world.schema.features, &model, &catalog);
    let (mut scratch, mut ranked) = (Scratch::default(), Vec::new());
    let mut rng = world.streams.stream(4);
    let (mut picks, mut own, mut curved) = (0.0, 0.0, 0.0);
    for _ in 0..n {
        let (user, numbers) = world.user(&mut rng);
        ranker.top(&numbers, SHOWN, &mut scratch, &mut ranked);
        let shown: Vec<Location> = (ranked.iter())
            .map(|r| world.items[r.item_id as usize - 1].clone())
            .collect();
        picks += f64::from(u8::from(
            labeller::choose(&user, &shown, &mut rng).is_some(),
        ));
        let scores: Vec<f32> = ranked.iter().map(|r| r.score).collect();
        let expected = expected_pick(&scores);
        own += expected;
        curved += artifact.pick_curve.unwrap().rate(expected);
    }
    let n = n as f64;
    (picks / n, own / n, curved / n)
}

/// One user of ten ignores whatever is shown: a model that takes its own word for the best lists
/// expects nearly everybody to pick, and an operator would see a fault for ever.
#[test]
fn what_a_model_expects_of_its_best_lists_comes_true() {
    for family in [Family::Choice, Family::Logistic] {
        let (mut off, mut own_off) = (0.0, 0.0);
        for seed in 0..5 {
            let world = World::new(300 + seed);
            let options = FitOptions {
                family,
                ..FitOptions::default()
            };
            let sessions = world.sessions(1, 1000);
            let artifact = fit(&world.schema, &sessions, &options, Lineage::default()).unwrap();
            let (found, own, curved) = best_lists(&world, &artifact, 2000);
            println!("{family:?}: picked {found:.3}, expected {own:.3}, by the curve {curved:.3}");
            assert!((curved - found).abs() < 0.06, "{found} {curved}");
            (off, own_off) = (off + (curved - found) / 5.0, own_off + (own - found) / 5.0);
        }
        assert!(off.abs() < 0.04, "{off}");
        // A logistic model's pairs are too modest by about as much: see the lines that are printed.
        assert!(own_off > 0.05 || family == Family::Logistic, "{own_off}");
    }
}
