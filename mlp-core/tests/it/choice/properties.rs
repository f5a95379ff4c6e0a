//! What must hold for any choices.

use mlp_core::choice::{ChoiceFit, ChoiceOptions, Choices, Outside, estimate};
use mlp_core::metrics::Sessions;
use ndarray::{Array2, Axis};
use proptest::prelude::*;

use super::{Data, data};

/// Random situations, of which any alternative or none may have been chosen.
fn any_data() -> impl Strategy<Value = Data> {
    let situation = (
        prop::collection::vec(prop::array::uniform2(-2.0..2.0), 1..5),
        any::<prop::sample::Index>(),
        prop::bool::weighted(0.3),
        0.1..3.0,
    );
    prop::collection::vec(situation, 3..40).prop_map(|situations| {
        let lengths = situations.iter().map(|(rows, ..)| rows.len());
        let numbers: Vec<f64> = (situations.iter())
            .flat_map(|(rows, ..)| rows.iter().flatten().copied())
            .collect();
        let n_rows = numbers.len() / 2;
        Data {
            features: Array2::from_shape_vec((n_rows, 2), numbers).unwrap(),
            situations: Sessions::from_lengths(lengths).unwrap(),
            chosen: (situations.iter())
                .map(|(rows, at, none, _)| (!none).then(|| at.index(rows.len())))
                .collect(),
            available: vec![true; n_rows],
            weights: situations.iter().map(|(.., weight)| *weight).collect(),
        }
    })
}

fn fit(choices: &Choices) -> ChoiceFit {
    let options = ChoiceOptions {
        l2: 0.5,
        constant: true,
        constant_l2: 0.5,
        ..ChoiceOptions::default()
    };
    estimate(choices, &options).unwrap()
}

fn covariance(fit: &ChoiceFit) -> &Array2<f64> {
    fit.covariance.as_ref().unwrap()
}

#[track_caller]
fn assert_same(a: &ChoiceFit, b: &ChoiceFit) {
    let pairs = a.coefficients.iter().zip(&b.coefficients);
    for (a, b) in pairs.chain(covariance(a).iter().zip(covariance(b))) {
        assert!((a - b).abs() < 1e-7, "{a} {b}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn the_gradient_of_the_penalised_likelihood_is_zero(data in any_data()) {
        let choices = data.choices(Outside::Present).with_weights(data.weights.clone()).unwrap();
        let fit = fit(&choices);
        prop_assert!(fit.converged && fit.gradient < 1e-9);
        // By differences of the log-likelihood that probabilities give.
        let p = fit.probabilities(&choices).unwrap();
        let mut slopes = [0.0; 3];
        for (s, range) in data.situations.ranges().enumerate() {
            let total: f64 = p[range.clone()].iter().sum();
            prop_assert!(total > 0.0 && total < 1.0);
            for row in range.clone() {
                let y = f64::from(u8::from(data.chosen[s] == Some(row - range.start)));
                for (slope, x) in slopes.iter_mut().zip(data.features.row(row).iter().chain(&[1.0])) {
                    *slope += data.weights[s] * (y - p[row]) * x;
                }
            }
        }
        for (slope, c) in slopes.iter().zip(&fit.coefficients) {
            prop_assert!((slope - 0.5 * c).abs() < 1e-6);
        }
    }

    #[test]
    fn a_weight_of_two_is_to_be_there_twice(data in any_data()) {
        let twice = Data {
            features: ndarray::concatenate![Axis(0), data.features, data.features],
            situations: Sessions::from_lengths(
                data.situations.ranges().chain(data.situations.ranges()).map(|r| r.len())).unwrap(),
            chosen: [data.chosen.clone(), data.chosen.clone()].concat(),
            available: [data.available.clone(), data.available.clone()].concat(),
            weights: Vec::new(),
        };
        let weighted = data.choices(Outside::Present).with_weights(vec![2.0; data.chosen.len()]).unwrap();
        assert_same(&fit(&weighted), &fit(&twice.choices(Outside::Present)));
    }

    #[test]
    fn what_is_not_available_might_as_well_not_be_there(data in any_data(), drop in prop::collection::vec(any::<bool>(), 200)) {
        let mut masked = Data { features: data.features.clone(), situations: data.situations.clone(), ..data };
        let (mut kept, mut lengths, mut chosen) = (Vec::new(), Vec::new(), Vec::new());
        for (s, range) in masked.situations.ranges().enumerate() {
            let pick = masked.chosen[s].unwrap_or(0) + range.start;
            let stays: Vec<usize> = range.clone().filter(|row| *row == pick || !drop[*row]).collect();
            range.for_each(|row| masked.available[row] = stays.contains(&row));
            chosen.push(masked.chosen[s].map(|_| stays.iter().position(|row| *row == pick).unwrap()));
            lengths.push(stays.len());
            kept.extend(stays);
        }
        let features = masked.features.select(Axis(0), &kept);
        let removed = Choices::new(features.view(), Sessions::from_lengths(lengths).unwrap(), chosen, Outside::Present).unwrap();
        let choices = masked.choices(Outside::Present);
        let fitted = fit(&choices);
        assert_same(&fitted, &fit(&removed));
        for (p, available) in fitted.probabilities(&choices).unwrap().iter().zip(&masked.available) {
            prop_assert_eq!(*p > 0.0, *available);
        }
    }

    #[test]
    fn a_warm_start_ends_in_the_same_place(data in any_data(), start in prop::array::uniform3(-30.0..30.0)) {
        let choices = data.choices(Outside::Present);
        let cold = fit(&choices);
        let options = ChoiceOptions {
            l2: 0.5,
            constant: true,
            constant_l2: 0.5,
            start: Some(start.to_vec()),
            ..ChoiceOptions::default()
        };
        assert_same(&cold, &estimate(&choices, &options).unwrap());
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let data = data(3000, Outside::Present);
    let choices = data.choices(Outside::Present);
    let bits = |threads| {
        let threads = rayon::ThreadPoolBuilder::new().num_threads(threads);
        let fit = threads.build().unwrap().install(|| fit(&choices));
        let numbers = fit.coefficients.iter().chain(covariance(&fit));
        numbers.map(|x| x.to_bits()).collect::<Vec<_>>()
    };
    let one = bits(1);
    for threads in [2, 3, 7] {
        assert_eq!(bits(threads), one, "{threads} threads");
    }
}
