//! The solver beside scikit-learn's on the same million rows, to the same largest gradient:
//! `scripts/learn-bench.sh` runs it.
#![allow(clippy::unwrap_used)] // What cannot be measured ends the run.

mod npy;

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use mlp_core::solver::{LogisticLoss, Objective, Options, Order, Solution, minimise_logistic};
use mlp_core::{Entity, Family, FitOptions, Lineage, PairTable, Schema, Session, Solver, fit};
use mlp_data::{
    Date, LocationConfig, Mix, Streams, UserConfig, UserSampler, labeller, sample_catalog, shipped,
};
use ndarray::{Array2, Axis};
use rand::RngExt;
use serde::Deserialize;

/// The penalty on the standardised features' weights.
const L2: f64 = 1.0;

/// Each is timed so often, unless LEARN_BENCH_REPEATS says otherwise; what is told is the median.
const REPEATS: usize = 5;

/// Sessions of ten rows each, around those that [`Solver::LINFA_CELLS`] parts.
const SMALL: [usize; 4] = [30, 100, 300, 1000];

/// What scikit-learn is told as `tol`: its default, and one at which weights have settled.
const TOLERANCES: [f64; 2] = [1e-4, 1e-7];

fn main() {
    // `cargo test` runs benchmarks too, without their `--bench`.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let setting = |name, default| match std::env::var(name) {
        Ok(number) => number.parse().unwrap(),
        Err(_) => default,
    };
    let rows = setting("LEARN_BENCH_ROWS", 1_000_000);
    let repeats = setting("LEARN_BENCH_REPEATS", REPEATS);
    println!(
        "medians of {repeats} fits each, in turns; load of the machine {}",
        load().unwrap_or_default()
    );
    println!(
        "data        rows     features  tol    ours s  sklearn s  ratio  goal     met  gradient ours, sklearn  objective gap  passes"
    );
    compare("synthetic", synthetic(rows, 40), repeats);
    compare("travel", table(&travel_sessions(rows / 10)), repeats);
    println!(
        "\nwho fits small data: up to {} numbers linfa does",
        Solver::LINFA_CELLS
    );
    println!("data        rows     numbers  linfa s  ours s  ratio");
    for sessions in SMALL {
        small(sessions, repeats);
    }
    println!("load of the machine {}", load().unwrap_or_default());
}

/// Runnable threads, as means over 1, 5 and 15 minutes; where the system tells them.
fn load() -> Option<String> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    Some(text.split(' ').take(3).collect::<Vec<_>>().join(" "))
}

/// Whole fits of the travel task by linfa, polished, and by our solver alone.
fn small(sessions: usize, repeats: usize) {
    let (schema, sessions) = (schema(), travel_sessions(sessions));
    let seconds = |solver| {
        let options = FitOptions {
            family: Family::Logistic,
            l2: L2.into(),
            solver,
            ..FitOptions::default()
        };
        let begun = Instant::now();
        let fitted = fit(&schema, &sessions, &options, Lineage::default()).unwrap();
        (begun.elapsed().as_secs_f64(), fitted.lineage.solver)
    };
    let (mut linfa, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..repeats.max(1) {
        let (time, solver) = seconds(Solver::Linfa);
        assert!(solver.contains("linfa"), "{solver}");
        linfa.push(time);
        ours.push(seconds(Solver::Newton).0);
    }
    let (linfa, ours) = (median(linfa.into_iter()), median(ours.into_iter()));
    let rows: usize = sessions.iter().map(|session| session.shown.len()).sum();
    println!(
        "travel      {rows:<7}  {:<7}  {linfa:>7.4}  {ours:>6.4}  {:>5.1}",
        rows * schema.features.names().len(),
        linfa / ours
    );
}

/// What `learn.py` tells of a fit.
#[derive(Deserialize)]
struct Told {
    seconds: f64,
    /// Shape `(n_features + 1,)`, the constant last.
    weights: Vec<f64>,
}

fn compare(name: &str, (features, labels): (Array2<f64>, Vec<bool>), repeats: usize) {
    let features = standardised(features);
    let place = tempfile::tempdir().unwrap();
    npy::write_f64(&place.path().join("features.npy"), &features);
    npy::write_bool(&place.path().join("labels.npy"), &labels);
    for tolerance in TOLERANCES {
        // In turns, so that what else the machine does is met by both.
        let (mut told, mut fits): (Vec<Told>, Vec<(f64, Solution)>) = Default::default();
        for _ in 0..repeats.max(1) {
            told.extend(by_sklearn(place.path(), tolerance));
            let theirs = point(&features, &labels, &told[0].weights);
            let options = options(theirs, tolerance);
            let begun = Instant::now();
            let found = minimise_logistic(features.view(), &labels, L2, None, &options);
            fits.push((begun.elapsed().as_secs_f64(), found.unwrap()));
        }
        let theirs = point(&features, &labels, &told[0].weights);
        let options = options(theirs, tolerance);
        let ours = median(fits.iter().map(|fit| fit.0));
        let reference = median(told.iter().map(|told| told.seconds));
        let solution = &fits[0].1;
        let (value, gradient) = point(&features, &labels, &solution.weights);
        assert!(solution.converged && gradient <= options.tolerance * 1.001);
        println!(
            "{name:<10}  {:<7}  {:<8}  {tolerance:<5.0e}  {ours:>6.3}  {reference:>9.3}  {:>5.3}  ratio<=1  {:<3}  {gradient:.2e}, {:.2e}      {:+.3e}     {}",
            features.nrows(),
            features.ncols(),
            ours / reference,
            if ours <= reference { "yes" } else { "NO" },
            theirs.1,
            value - theirs.0,
            solution.passes,
        );
    }
}

/// To the gradient that scikit-learn reached, which may be under what it was told.
fn options(theirs: (f64, f64), tolerance: f64) -> Options {
    Options {
        tolerance: theirs.1.min(tolerance),
        ..Options::default()
    }
}

/// The objective and the largest component of its gradient per row, by the same code for both.
fn point(features: &Array2<f64>, labels: &[bool], weights: &[f64]) -> (f64, f64) {
    let loss = LogisticLoss::new(features.view(), labels).unwrap();
    let mut at = loss.evaluate(weights, Order::First);
    let (_, slopes) = weights.split_last().unwrap();
    for (gradient, w) in at.gradient.iter_mut().zip(slopes) {
        at.value += L2 / 2.0 * w * w;
        *gradient += L2 * w;
    }
    let most = at
        .gradient
        .iter()
        .fold(0.0, |most: f64, g| most.max(g.abs()));
    (at.value, most / labels.len() as f64)
}

fn by_sklearn(place: &Path, tolerance: f64) -> Vec<Told> {
    let python = std::env::var_os("MLP_LEARN_PYTHON")
        .expect("MLP_LEARN_PYTHON names a Python with scikit-learn: scripts/learn-bench.sh does");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/learn/learn.py");
    let output = Command::new(python)
        .arg(script)
        .arg(place)
        .args([L2.to_string(), tolerance.to_string(), "1".to_owned()])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    match serde_json::from_str(&text) {
        Ok(told) => told,
        Err(_) => panic!("{text}{}", String::from_utf8_lossy(&output.stderr)),
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Normal-like features of unlike sizes, some correlated, and labels of a logistic model on them.
fn synthetic(n: usize, p: usize) -> (Array2<f64>, Vec<bool>) {
    let mut rng = Streams::new(1, "learn").stream(0);
    let weights: Vec<f64> = (0..p).map(|_| rng.random::<f64>() - 0.5).collect();
    let mut features = Array2::zeros((n, p));
    let mut labels = Vec::with_capacity(n);
    for mut row in features.rows_mut() {
        let common: f64 = rng.random::<f64>() - 0.5;
        let mut z = -2.0;
        for (j, (x, w)) in row.iter_mut().zip(&weights).enumerate() {
            let sum: f64 = (0..4).map(|_| rng.random::<f64>() - 0.5).sum();
            let own = 1.7 * sum + if j % 4 == 0 { 3.0 * common } else { 0.0 };
            z += w * own;
            *x = own * 10_f64.powi(j as i32 % 5 - 2) + j as f64;
        }
        labels.push(rng.random::<f64>() < 1.0 / (1.0 + (-z).exp()));
    }
    (features, labels)
}

fn schema() -> Schema {
    Schema::parse("travel.toml", include_str!("../../../config/travel.toml")).unwrap()
}

fn table(sessions: &[Session]) -> (Array2<f64>, Vec<bool>) {
    let table = PairTable::new(&schema().features, sessions);
    (table.features().to_owned(), table.labels().to_vec())
}

/// Fresh users of the shipped profiles, each shown ten items at random.
fn travel_sessions(sessions: usize) -> Vec<Session> {
    let schema = schema();
    let locations = LocationConfig::from_reader("location.tsv", shipped::LOCATIONS.as_bytes());
    let users = UserConfig::from_reader("user.tsv", shipped::USERS.as_bytes()).unwrap();
    let streams = Streams::new(1, "learn");
    let catalog = sample_catalog(&locations.unwrap().value, &mut streams.stream(1));
    let items: Vec<Vec<f64>> = catalog
        .iter()
        .map(|item| numbers(&schema.item, item))
        .collect();
    let sampler = UserSampler::new(&users.value, Mix::Even, Date::FIRST_OF_2026);
    let mut rng = streams.stream(2);
    (0..sessions)
        .map(|_| {
            let user = sampler.sample(&mut rng);
            let at: Vec<usize> = (0..10).map(|_| rng.random_range(0..items.len())).collect();
            let offered: Vec<_> = at.iter().map(|at| catalog[*at].clone()).collect();
            Session {
                user: numbers(&schema.user, &user.user),
                shown: at.iter().map(|at| items[*at].clone()).collect(),
                picked: labeller::choose(&user, &offered, &mut rng),
            }
        })
        .collect()
}

fn numbers(entity: &Entity, value: &impl serde::Serialize) -> Vec<f64> {
    let row = entity.row_from_json(&serde_json::json!(value)).unwrap();
    let mut numbers = Vec::new();
    entity.numbers(&row, &mut numbers);
    numbers
}

fn standardised(mut features: Array2<f64>) -> Array2<f64> {
    for mut column in features.axis_iter_mut(Axis(1)) {
        let mean = column.mean().unwrap();
        let deviation = column.std(0.0);
        let scale = if deviation > 1e-9 { deviation } else { 1.0 };
        column.mapv_inplace(|x| (x - mean) / scale);
    }
    features
}
