//! Statistics of drift beside SciPy's on the same arrays, and the streaming detectors:
//! `scripts/drift-bench.sh` runs it.
#![allow(clippy::unwrap_used)]
// What cannot be measured ends the run.
// A benchmark has a clock, files and a peer, which the crate has not.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use mlp_core::drift::{
    Adwin, Base, BinnedPair, Bins, Correction, Counts, FeatureCounts, Measured, PageHinkley,
    Policy, ProfileBuilder, Sample, Smoothing, Window, check, check_counts, chi2, jensen_shannon,
    ks, psi, wasserstein,
};
use mlp_core::{Row, Schema, Value};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::Deserialize;

/// Values of each sample of the one large test.
const LARGE: usize = 1_000_000;

/// The table of which every column is tested by five statistics.
const ROWS: usize = 1_400;
const COLUMNS: usize = 380;

/// Each is timed so often; what is told is the least time, since what else runs only adds.
const REPEATS: usize = 9;

fn main() {
    // `cargo test` runs benchmarks too, without their `--bench`.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    println!(
        "name                               value  unit       peer            peer value  ratio   goal        met"
    );
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let reference: Vec<f64> = (0..LARGE).map(|_| normal(&mut rng)).collect();
    let current: Vec<f64> = (0..LARGE).map(|_| normal(&mut rng) + 0.002).collect();
    let theirs = by_scipy(&reference, &current);

    let p = large(&reference, &current);
    let seconds = least_time(|| large(&reference, &current));
    assert!(
        (p - theirs.ks.value).abs() <= 1e-6 * p,
        "{p} and {}",
        theirs.ks.value
    );
    let peer = ("scipy ks_2samp", least(&theirs.ks.seconds) * 1e3);
    row(
        "ks, 2 x 1 M, asymptotic p",
        seconds * 1e3,
        "ms",
        peer,
        Goal::Ratio(1.0),
    );

    let sum = five(&reference, &current);
    let seconds = least_time(|| five(&reference, &current));
    assert!(
        (sum - theirs.five.value).abs() <= 1e-9 * sum,
        "{sum} and {}",
        theirs.five.value
    );
    let peer = ("scipy, numpy", least(&theirs.five.seconds) * 1e3);
    row(
        "five statistics, 1,400 x 380",
        seconds * 1e3,
        "ms",
        peer,
        Goal::AtMost(50.0),
    );

    let stream: Vec<Measured> = reference
        .iter()
        .map(|x| Measured::new(*x).unwrap())
        .collect();
    let sum_of = |stream: &[Measured]| stream.iter().map(|x| x.get()).sum::<f64>();
    let plain = least_time(|| sum_of(black_box(&stream)));
    let peer = ("sum of the same", LARGE as f64 / plain / 1e6);
    let seconds = least_time(|| {
        let mut detector = Adwin::default();
        let drifts = stream.iter().filter(|x| detector.update(**x)).count();
        (drifts, detector.width())
    });
    row(
        "adwin",
        LARGE as f64 / seconds / 1e6,
        "M/s",
        peer,
        Goal::AtLeast(2.0),
    );
    let seconds = least_time(|| {
        let mut detector = PageHinkley::default();
        stream.iter().filter(|x| detector.update(**x)).count()
    });
    row(
        "page-hinkley",
        LARGE as f64 / seconds / 1e6,
        "M/s",
        peer,
        Goal::AtLeast(50.0),
    );
    checks(&mut rng);
}

/// A check of 50 features from counts, beside one that has the 1,000 requests to count first.
fn checks(rng: &mut impl RngExt) {
    const FEATURES: usize = 50;
    let schema = schema_of(FEATURES);
    let mut request = || Row((0..FEATURES).map(|_| Value::Float(normal(rng))).collect());
    let mut profile = ProfileBuilder::new(&schema.user);
    for _ in 0..10_000 {
        profile.push(&request(), None, 0);
    }
    let profile = profile.finish();
    let requests: Vec<Row> = (0..Policy::WINDOW).map(|_| request()).collect();
    let held = || {
        let mut window = Window::new(&profile, &schema.user).unwrap();
        for request in &requests {
            window.push(request, None, 0);
        }
        window
    };
    let counts = held().counts(Policy::WINDOW);
    let bare = |f: &FeatureCounts| FeatureCounts::new(f.bins.clone(), f.below, f.above, f.missing);
    let counts = [Counts {
        requests: counts.requests,
        features: counts.features.iter().map(bare).collect(),
    }];
    let whole = least_time(|| check(&held(), Policy::one_look()));
    let seconds = least_time(|| check_counts(&profile, &counts, Policy::one_look()).unwrap());
    let peer = ("counted as well", whole * 1e3);
    let name = "check of counts, 50 features";
    row(name, seconds * 1e3, "ms", peer, Goal::AtMost(1.0));
}

/// A schema whose user has that many numbers.
fn schema_of(features: usize) -> Schema {
    let fields: Vec<String> = (0..features)
        .map(|i| format!("{{ name = \"x{i}\", type = \"float\" }}"))
        .collect();
    let text = format!(
        "name = \"bench\"\n[user]\nname = \"user\"\ntable = \"users\"\nfields = [{}]\n[item]\n\
         name = \"item\"\ntable = \"items\"\nfields = [{{ name = \"y\", type = \"float\" }}]\n",
        fields.join(", ")
    );
    Schema::parse("bench.toml", &text).unwrap()
}

/// The p-value from values in any order: copied and sorted, as SciPy does.
fn large(reference: &[f64], current: &[f64]) -> f64 {
    let sample = |values: &[f64]| Sample::new(values.to_vec()).unwrap();
    let (a, b) = rayon::join(|| sample(reference), || sample(current));
    ks(&a, &b).unwrap().p_asymptotic()
}

/// The sum of five statistics of all columns, from values in any order, with the p-values of two.
fn five(reference: &[f64], current: &[f64]) -> f64 {
    let columns = reference
        .par_chunks_exact(ROWS)
        .zip(current.par_chunks_exact(ROWS));
    let found: Vec<f64> = columns
        .take(COLUMNS)
        .map(|(a, b)| {
            let (a, b) = (
                Sample::new(a.to_vec()).unwrap(),
                Sample::new(b.to_vec()).unwrap(),
            );
            let bins = Bins::of_quantiles(&a, 10).unwrap();
            let (then, now) = (bins.count_sorted(&a), bins.count_sorted(&b));
            let pair = BinnedPair::new(&then, &now).unwrap();
            let test = ks(&a, &b).unwrap();
            black_box(test.p());
            test.statistic()
                + chi2(pair, Correction::None).unwrap().statistic
                + psi(pair, Smoothing::Floor(1e-4)).unwrap()
                + jensen_shannon(pair, Base::Two).unwrap()
                + wasserstein(&a, &b).unwrap()
        })
        .collect();
    found.iter().sum()
}

/// Near enough to normal, and cheap.
fn normal(rng: &mut impl RngExt) -> f64 {
    (0..6).map(|_| rng.random::<f64>() - 0.5).sum::<f64>() * std::f64::consts::SQRT_2
}

/// What `drift.py` tells.
#[derive(Deserialize)]
struct Told {
    ks: Timed,
    five: Timed,
}

#[derive(Deserialize)]
struct Timed {
    seconds: Vec<f64>,
    value: f64,
}

fn by_scipy(reference: &[f64], current: &[f64]) -> Told {
    let python = std::env::var_os("MLP_DRIFT_PYTHON")
        .expect("MLP_DRIFT_PYTHON names a Python with SciPy: scripts/drift-bench.sh does");
    let place = tempfile::tempdir().unwrap();
    for (name, values) in [("reference", reference), ("current", current)] {
        let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        std::fs::write(place.path().join(format!("{name}.f64")), bytes).unwrap();
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/drift/drift.py");
    let output = Command::new(python)
        .arg(script)
        .arg(place.path())
        .args([REPEATS, ROWS, COLUMNS].map(|n| n.to_string()))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    match serde_json::from_str(&text) {
        Ok(told) => told,
        Err(_) => panic!("{text}{}", String::from_utf8_lossy(&output.stderr)),
    }
}

enum Goal {
    Ratio(f64),
    AtMost(f64),
    AtLeast(f64),
}

fn row(name: &str, value: f64, unit: &str, peer: (&str, f64), goal: Goal) {
    let ratio = value / peer.1;
    let (goal, met) = match goal {
        Goal::Ratio(most) => (format!("ratio<={most}"), ratio <= most),
        Goal::AtMost(most) => (format!("<={most}"), value <= most),
        Goal::AtLeast(least) => (format!(">={least}"), value >= least),
    };
    let met = if met { "yes" } else { "NO" };
    println!(
        "{name:<30} {value:>9.2}  {unit:<9}  {:<15} {:>10.1}  {ratio:<6.4}  {goal:<10}  {met}",
        peer.0, peer.1
    );
}

/// The least of the times that it takes, in seconds.
fn least_time<T>(work: impl Fn() -> T) -> f64 {
    let times = (0..REPEATS).map(|_| {
        let begun = Instant::now();
        black_box(work());
        begun.elapsed().as_secs_f64()
    });
    least(&times.collect::<Vec<f64>>())
}

fn least(times: &[f64]) -> f64 {
    times.iter().copied().fold(f64::INFINITY, f64::min)
}
