//! Conditional logit.

#![allow(clippy::unwrap_used)]

mod edges;
mod properties;

use mlp_core::choice::{ChoiceOptions, Choices, Outside, estimate};
use mlp_core::metrics::Sessions;
use ndarray::Array2;
use serde::Deserialize;

use crate::support::noise;

/// What statsmodels and scipy found; see `choice/golden.py`.
const GOLDEN: &str = include_str!("choice/golden.json");

#[derive(Deserialize)]
struct Golden {
    outside: bool,
    constant: bool,
    weighted: bool,
    l2: f64,
    coefficients: Vec<f64>,
    standard_errors: Vec<f64>,
    log_likelihood: f64,
    null_log_likelihood: f64,
}

/// Choices that own their features.
#[derive(Debug)]
struct Data {
    features: Array2<f64>,
    situations: Sessions,
    chosen: Vec<Option<usize>>,
    available: Vec<bool>,
    weights: Vec<f64>,
}

/// The situations of `golden.py`.
fn data(n: usize, outside: Outside) -> Data {
    let (mut numbers, mut lengths, mut chosen) = (Vec::new(), Vec::new(), Vec::new());
    let mut available = Vec::new();
    for s in 0..n {
        let k = 2 + s % 3;
        let mut best = (0, f64::NEG_INFINITY);
        for i in 0..k {
            let at = s * 4 + i;
            let x = [
                3.0 * noise(at) - 1.0,
                noise(2000 + at),
                f64::from(u8::from(i == 0)),
            ];
            available.push(i == s % k || noise(7000 + at) > 0.2);
            let liking = x[0] - 2.0 * x[1] + 0.3 * x[2] + 4.0 * noise(4000 + 5 * at).powi(2);
            if available.last() == Some(&true) && liking > best.1 {
                best = (i, liking);
            }
            numbers.extend(x);
        }
        lengths.push(k);
        chosen.push((outside == Outside::Absent || best.1 >= 1.5).then_some(best.0));
    }
    Data {
        features: Array2::from_shape_vec((available.len(), 3), numbers).unwrap(),
        situations: Sessions::from_lengths(lengths).unwrap(),
        chosen,
        available,
        weights: (0..n).map(|s| (1 + s % 3) as f64).collect(),
    }
}

impl Data {
    fn choices(&self, outside: Outside) -> Choices<'_> {
        let (features, situations) = (self.features.view(), self.situations.clone());
        Choices::new(features, situations, self.chosen.clone(), outside)
            .unwrap()
            .with_availability(self.available.clone())
            .unwrap()
    }
}

#[track_caller]
fn assert_close(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let close = |(a, b): (&f64, &f64)| (a - b).abs() <= tolerance * b.abs().max(1.0);
    assert!(
        found.iter().zip(expected).all(close),
        "{what}: {found:?}, not {expected:?}"
    );
}

#[test]
fn estimates_are_those_of_statsmodels_and_scipy() {
    let golden: Vec<Golden> = serde_json::from_str(GOLDEN).unwrap();
    assert_eq!(golden.len(), 7);
    for expected in golden {
        let outside = match expected.outside {
            true => Outside::Present,
            false => Outside::Absent,
        };
        let data = data(120, outside);
        let mut choices = data.choices(outside);
        if expected.weighted {
            choices = choices.with_weights(data.weights.clone()).unwrap();
        }
        let options = ChoiceOptions {
            l2: expected.l2,
            constant: expected.constant,
            constant_l2: if expected.constant { expected.l2 } else { 0.0 },
            ..ChoiceOptions::default()
        };
        let fit = estimate(&choices, &options).unwrap();
        let Golden { weighted, l2, .. } = expected;
        let what = format!("{outside:?}, weighted {weighted}, l2 {l2}");
        assert!(fit.converged && fit.iterations <= 10, "{what}");
        assert!(fit.gradient < 1e-10, "{what}: {}", fit.gradient);
        assert_close(&fit.coefficients, &expected.coefficients, 1e-9, &what);
        assert_close(
            &fit.standard_errors().unwrap(),
            &expected.standard_errors,
            1e-8,
            &what,
        );
        assert_close(
            &[fit.log_likelihood, fit.null_log_likelihood],
            &[expected.log_likelihood, expected.null_log_likelihood],
            1e-10,
            &what,
        );
    }
}
