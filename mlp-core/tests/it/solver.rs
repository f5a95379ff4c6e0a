//! Minimising a loss: derivatives, minima, and data that have none.

#![allow(clippy::unwrap_used)]

use mlp_core::solver::{
    Cholesky, LogisticLoss, MAX_NEWTON, Objective, Options, Order, Solution, SolveError,
    covariance, minimise,
};
use ndarray::{Array2, arr2};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Standard-uniform features around 0, and labels that lean on them.
fn data(n: usize, p: usize, seed: u64) -> (Array2<f64>, Vec<bool>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let features = Array2::from_shape_fn((n, p), |_| 4.0 * rng.random::<f64>() - 2.0);
    let labels = (features.rows().into_iter())
        .map(|row| {
            let z: f64 = (row.iter().zip(1..)).map(|(x, i)| x / f64::from(i)).sum();
            rng.random::<f64>() < 1.0 / (1.0 + (1.0 - z).exp())
        })
        .collect();
    (features, labels)
}

fn solve(features: &Array2<f64>, labels: &[bool], l2: f64) -> Result<Solution, SolveError> {
    let loss = LogisticLoss::new(features.view(), labels).unwrap();
    let mut ridge = vec![l2; features.ncols()];
    ridge.push(0.0);
    minimise(&loss, &ridge, loss.origin(), &Options::default())
}

#[track_caller]
fn assert_near(found: &[f64], expected: &[f64], within: f64) {
    assert_eq!(found.len(), expected.len());
    let far = |(a, b): (&f64, &f64)| (a - b).abs() > within;
    assert!(
        !found.iter().zip(expected).any(far),
        "{found:?}, not {expected:?}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn derivatives_are_differences(seed in any::<u64>(), n in 1_usize..600, p in 0_usize..30) {
        let (features, labels) = data(n, p, seed);
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 1);
        let counts = (0..n).map(|_| rng.random::<f64>() * 2.0).collect();
        let loss = LogisticLoss::new(features.view(), &labels).unwrap().counted(counts).unwrap();
        let weights: Vec<f64> = (0..=p).map(|_| rng.random::<f64>() - 0.5).collect();
        let at = loss.evaluate(&weights, Order::Second);
        let hessian = at.hessian.as_ref().unwrap();
        prop_assert_eq!(hessian, &hessian.t());
        let first = loss.evaluate(&weights, Order::First);
        prop_assert_eq!((first.value, &first.gradient, first.hessian), (at.value, &at.gradient, None));
        let scale = 1e-6 * n as f64;
        for j in 0..=p {
            let moved = |by: f64| {
                let mut weights = weights.clone();
                weights[j] += by;
                loss.evaluate(&weights, Order::First)
            };
            let (low, high) = (moved(-1e-5), moved(1e-5));
            prop_assert!(((high.value - low.value) / 2e-5 - at.gradient[j]).abs() < scale);
            for k in 0..=p {
                let slope = (high.gradient[k] - low.gradient[k]) / 2e-5;
                prop_assert!((slope - hessian[[j, k]]).abs() < scale, "{} {}", slope, hessian[[j, k]]);
            }
        }
    }

    #[test]
    fn a_factor_solves(seed in any::<u64>(), n in 1_usize..12) {
        let (root, _) = data(n + 3, n, seed);
        let matrix = root.t().dot(&root);
        let factor = Cholesky::new(&matrix).unwrap();
        let x: Vec<f64> = (0..n).map(|i| i as f64 - 2.0).collect();
        let b = matrix.dot(&ndarray::arr1(&x)).to_vec();
        for (found, x) in factor.solve(&b).iter().zip(&x) {
            prop_assert!((found - x).abs() < 1e-6);
        }
        let unit = matrix.dot(&factor.inverse());
        prop_assert!((&unit - &Array2::<f64>::eye(n)).iter().all(|d| d.abs() < 1e-6));
    }
}

#[test]
fn a_minimum_is_flat_and_every_pass_is_told() {
    let (features, labels) = data(5000, 7, 1);
    for l2 in [0.0, 1.0, 100.0] {
        let found = solve(&features, &labels, l2).unwrap();
        assert!(found.converged && found.gradient <= 1e-10, "{found:?}");
        assert!(
            found.passes > found.iterations && found.passes < 15,
            "{found:?}"
        );
        let loss = LogisticLoss::new(features.view(), &labels).unwrap();
        let at = loss.evaluate(&found.weights, Order::First);
        for (j, (g, w)) in at.gradient.iter().zip(&found.weights).enumerate() {
            let penalty = if j < 7 { l2 * w } else { 0.0 };
            assert!((g + penalty).abs() <= 5000.0 * 1e-10);
        }
    }
}

#[test]
fn the_same_bytes_on_any_number_of_threads() {
    let (features, labels) = data(20_000, 6, 2);
    let on = |threads| {
        let threads = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let found = threads.unwrap().install(|| solve(&features, &labels, 1.0));
        let found = found.unwrap();
        (found.value.to_bits(), found.weights)
    };
    let one = on(1);
    for threads in [2, 3, 8] {
        assert_eq!(on(threads), one, "{threads} threads");
    }
}

#[test]
fn another_layout_gives_the_same_minimum() {
    let (features, labels) = data(2000, 5, 3);
    let mut columns = Array2::zeros(ndarray::ShapeBuilder::f(features.dim()));
    columns.assign(&features);
    let (a, b) = (
        solve(&features, &labels, 1.0),
        solve(&columns, &labels, 1.0),
    );
    assert_near(&a.unwrap().weights, &b.unwrap().weights, 1e-12);
}

#[test]
fn more_weights_than_a_hessian_is_made_for() {
    let (few, labels) = data(1500, 8, 4);
    let expected = solve(&few, &labels, 1.0).unwrap().weights;
    // What is always 0 changes nothing, but for the method.
    let mut many = Array2::zeros((1500, MAX_NEWTON + 5));
    many.slice_mut(ndarray::s![.., ..8]).assign(&few);
    let found = solve(&many, &labels, 1.0).unwrap();
    assert!(found.converged, "{found:?}");
    assert_near(&found.weights[..8], &expected[..8], 1e-7);
    assert_near(&found.weights[MAX_NEWTON + 5..], &expected[8..], 1e-7);
    assert!(found.weights[8..MAX_NEWTON + 5].iter().all(|w| *w == 0.0));
    assert_eq!(
        solve(&many, &labels, 0.0),
        Err(SolveError::TooMany {
            weights: MAX_NEWTON + 6
        })
    );
}

#[test]
fn a_count_is_a_repetition() {
    let (features, labels) = data(300, 3, 5);
    let count = |row: usize| [0, 1, 2, 3][row % 4];
    let rows: Vec<usize> = (0..300).flat_map(|row| vec![row; count(row)]).collect();
    let repeated = features.select(ndarray::Axis(0), &rows);
    let relabelled: Vec<bool> = rows.iter().map(|row| labels[*row]).collect();
    let expected = solve(&repeated, &relabelled, 0.5).unwrap();
    let counts = (0..300).map(|row| count(row) as f64).collect();
    let loss = LogisticLoss::new(features.view(), &labels)
        .unwrap()
        .counted(counts)
        .unwrap();
    assert_eq!(loss.n_rows(), rows.len() as f64);
    let found = minimise(
        &loss,
        &[0.5, 0.5, 0.5, 0.0],
        loss.origin(),
        &Options::default(),
    )
    .unwrap();
    assert_near(&found.weights, &expected.weights, 1e-9);
}

#[test]
fn a_start_at_the_minimum_is_the_end() {
    let (features, labels) = data(3000, 4, 6);
    let found = solve(&features, &labels, 1.0).unwrap();
    let loss = LogisticLoss::new(features.view(), &labels).unwrap();
    let ridge = [1.0, 1.0, 1.0, 1.0, 0.0];
    let again = minimise(&loss, &ridge, found.weights.clone(), &Options::default()).unwrap();
    assert_eq!((again.iterations, again.passes), (0, 1));
    assert_eq!(again.weights, found.weights);
    // From far away, where whole steps overshoot.
    let far = minimise(
        &loss,
        &ridge,
        vec![30.0, -30.0, 30.0, 9.0, -40.0],
        &Options::default(),
    );
    assert_near(&far.unwrap().weights, &found.weights, 1e-8);
}

#[test]
fn what_is_stopped_says_so() {
    let (features, labels) = data(500, 4, 7);
    let loss = LogisticLoss::new(features.view(), &labels).unwrap();
    let options = Options {
        max_iterations: 1,
        ..Options::default()
    };
    let found = minimise(&loss, &[0.0; 5], loss.origin(), &options).unwrap();
    assert!(
        !found.converged && found.iterations == 1 && found.gradient > 1e-6,
        "{found:?}"
    );
}

#[test]
fn data_without_a_minimum() {
    // The second column is the first, times 3 and 1 more.
    let (mut features, labels) = data(400, 3, 8);
    let first = features.column(0).mapv(|x| 3.0 * x + 1.0);
    features.column_mut(1).assign(&first);
    assert!(matches!(
        solve(&features, &labels, 0.0),
        Err(SolveError::Singular { weight: 1 | 3 })
    ));
    assert!(solve(&features, &labels, 1e-3).unwrap().converged);

    // The sign of a feature tells the label: wholly, and but for one value that both labels have.
    for both in [false, true] {
        let (mut features, _) = data(400, 3, 9);
        if both {
            features
                .column_mut(2)
                .iter_mut()
                .step_by(5)
                .for_each(|x| *x = 0.0);
        }
        let mut labels: Vec<bool> = features.column(2).iter().map(|x| *x > 0.0).collect();
        labels
            .iter_mut()
            .step_by(10)
            .for_each(|label| *label = !both && *label);
        if both {
            labels
                .iter_mut()
                .skip(5)
                .step_by(10)
                .for_each(|label| *label = true);
        } else {
            labels = features.column(2).iter().map(|x| *x > 0.0).collect();
        }
        let error = solve(&features, &labels, 0.0).unwrap_err();
        assert!(
            matches!(error, SolveError::Unbounded { weight: 2, .. }),
            "{both}: {error}"
        );
        let found = solve(&features, &labels, 1e-6).unwrap();
        assert!(found.converged && found.weights[2] > 5.0, "{found:?}");
    }
}

#[test]
fn inputs_that_do_not_fit() {
    let features = arr2(&[[1.0], [2.0]]);
    let length = |what, expected, found| SolveError::Length {
        what,
        expected,
        found,
    };
    let error = LogisticLoss::new(features.view(), &[true]).unwrap_err();
    assert_eq!(error, length("labels", 2, 1));
    assert_eq!(error.to_string(), "`labels` has 1 values, must have 2");
    let loss = LogisticLoss::new(features.view(), &[true, false]).unwrap();
    let error = loss.clone().counted(vec![1.0]).unwrap_err();
    assert_eq!(error, length("counts", 2, 1));
    let at = |ridge: &[f64], start| minimise(&loss, ridge, start, &Options::default());
    assert_eq!(at(&[1.0], vec![0.0, 0.0]), Err(length("ridge", 2, 1)));
    assert_eq!(at(&[1.0, 0.0], vec![0.0]), Err(length("start", 2, 1)));
    let error = at(&[1.0, 0.0], vec![f64::NAN, 0.0]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the loss at the start is `NaN`, must be finite"
    );
}

/// Of a two-by-two table: the variance of the logarithm of its odds ratio is the sum of the cells'
/// reciprocals (Woolf, 1955), that of a row's log odds the sum of the row's.
#[test]
fn the_covariance_is_that_of_a_table_of_counts() {
    let counts = [
        (0.0, false, 12),
        (0.0, true, 5),
        (1.0, false, 7),
        (1.0, true, 20),
    ];
    let rows = counts.iter().flat_map(|(x, y, n)| vec![(*x, *y); *n]);
    let (features, labels): (Vec<f64>, Vec<bool>) = rows.unzip();
    let features = Array2::from_shape_vec((features.len(), 1), features).unwrap();
    let solution = solve(&features, &labels, 0.0).unwrap();
    let loss = LogisticLoss::new(features.view(), &labels).unwrap();
    let found = covariance(&loss, &[0.0, 0.0], &solution.weights).unwrap();
    let row: f64 = 1.0 / 12.0 + 1.0 / 5.0;
    let expected = [row + 1.0 / 7.0 + 1.0 / 20.0, -row, -row, row];
    assert_near(found.as_slice().unwrap(), &expected, 1e-8);
    // A prior of variance 1 makes surer.
    let surer = covariance(&loss, &[1.0, 0.0], &solution.weights).unwrap();
    assert!(surer[[0, 0]] < found[[0, 0]]);
}
