//! Choices that have no estimate, or are refused.

use mlp_core::choice::{ChoiceError, ChoiceFit, ChoiceOptions, Choices, Outside, estimate};
use mlp_core::metrics::Sessions;
use ndarray::Array2;

use super::data;
use crate::support::noise;

/// Situations of two alternatives with these features and the first or the second one chosen.
fn pairs(features: &Array2<f64>, chosen: Vec<Option<usize>>) -> Choices<'_> {
    let situations = Sessions::equal(features.nrows(), 2).unwrap();
    let outside = match chosen.contains(&None) {
        true => Outside::Present,
        false => Outside::Absent,
    };
    Choices::new(features.view(), situations, chosen, outside).unwrap()
}

fn with_l2(choices: &Choices, l2: f64) -> Result<ChoiceFit, ChoiceError> {
    let options = ChoiceOptions {
        l2,
        ..ChoiceOptions::default()
    };
    estimate(choices, &options)
}

#[test]
fn separable_choices_have_no_estimate_without_a_penalty() {
    // The first feature tells every choice, the second none.
    let features = Array2::from_shape_fn((80, 2), |(row, column)| match column {
        0 => noise(row / 2) + f64::from(u8::from(row % 2 == row / 2 % 2)),
        _ => noise(row + 500),
    });
    let chosen: Vec<_> = (0..40).map(|s| Some(s % 2)).collect();
    let choices = pairs(&features, chosen.clone());
    let error = with_l2(&choices, 0.0).unwrap_err();
    assert_eq!(error, ChoiceError::Separable { coefficient: 0 });
    assert_eq!(
        error.to_string(),
        "coefficient 0 grows without end: its feature tells some choices apart without exception; leave it out, or set `l2` over 0"
    );
    let mut last = 0.0;
    for l2 in [10.0, 1.0, 1e-2, 1e-6] {
        let fit = with_l2(&choices, l2).unwrap();
        assert!(fit.converged && fit.coefficients[0] > last, "{l2}");
        last = fit.coefficients[0];
    }
    // One exception is enough for an estimate.
    let mut chosen = chosen;
    chosen[7] = Some(1 - 7 % 2);
    assert!(with_l2(&pairs(&features, chosen), 0.0).unwrap().converged);
}

/// A feature that only some situations have, and that is chosen wherever it is there.
#[test]
fn quasi_separable_choices_have_no_estimate_either() {
    let features = Array2::from_shape_fn((400, 2), |(row, column)| match column {
        0 => noise(row * 3),
        _ => f64::from(u8::from(row % 40 == 0)),
    });
    let first_is_better = |s: usize| noise(s * 6) + noise(s + 300) > noise(s * 6 + 3) + 0.5;
    let chosen = (0..200)
        .map(|s| Some(usize::from(s % 20 != 0 && !first_is_better(s))))
        .collect();
    let choices = pairs(&features, chosen);
    assert_eq!(
        with_l2(&choices, 0.0),
        Err(ChoiceError::Separable { coefficient: 1 })
    );
    assert!(with_l2(&choices, 0.1).unwrap().converged);
}

#[test]
fn what_does_not_differ_cannot_be_told() {
    let collinear = Err(ChoiceError::Collinear { coefficient: 1 });
    for second in [
        |_: usize, _: f64| 3.0,
        |_: usize, first: f64| 2.0 * first - 1.0,
        // The same for both alternatives: who chooses, not what.
        |row: usize, _: f64| noise(row / 2),
    ] {
        let features = Array2::from_shape_fn((80, 2), |(row, column)| {
            let first = noise(row * 3 + 1);
            [first, second(row, first)][column]
        });
        let choices = pairs(&features, (0..40).map(|s| Some(s * s % 3 % 2)).collect());
        assert_eq!(with_l2(&choices, 0.0), collinear);
        let fit = with_l2(&choices, 1.0).unwrap();
        assert!(fit.converged && fit.coefficients.iter().all(|c| c.is_finite()));
    }
    // Who chooses tells how many choose none.
    let features = Array2::from_shape_fn((80, 1), |(row, _)| noise(row / 2));
    let chosen = (0..40).map(|s| (s % 3 != 0).then_some(0)).collect();
    assert!(with_l2(&pairs(&features, chosen), 0.0).unwrap().converged);
}

#[test]
fn a_constant_needs_somebody_who_takes_none() {
    let data = data(60, Outside::Absent);
    let constant = ChoiceOptions {
        constant: true,
        ..ChoiceOptions::default()
    };
    assert_eq!(
        estimate(&data.choices(Outside::Absent), &constant)
            .unwrap_err()
            .to_string(),
        "`constant` is `1`: there is no outside option to tell it by"
    );
    // There is one, and nobody takes it: the constant grows.
    let choices = data.choices(Outside::Present);
    let separable = Err(ChoiceError::Separable { coefficient: 3 });
    assert_eq!(estimate(&choices, &constant), separable);
    let held = ChoiceOptions {
        constant_l2: 0.1,
        ..constant
    };
    let fit = estimate(&choices, &held).unwrap();
    assert!(fit.converged && fit.coefficients[3] > 3.0);
}

#[test]
fn large_numbers_neither_overflow_nor_stop_it() {
    for factor in [1e-9, 1e9, 1e100] {
        let data = data(120, Outside::Present);
        let plain = estimate(&data.choices(Outside::Present), &ChoiceOptions::default()).unwrap();
        let mut scaled = data;
        scaled.features.column_mut(0).mapv_inplace(|x| x * factor);
        let fit = estimate(&scaled.choices(Outside::Present), &ChoiceOptions::default()).unwrap();
        let back = fit.coefficients[0] * factor;
        assert!(
            (back / plain.coefficients[0] - 1.0).abs() < 1e-6,
            "{factor}"
        );
        assert!((fit.log_likelihood / plain.log_likelihood - 1.0).abs() < 1e-9);
    }
    // Utilities of thousands.
    let data = data(120, Outside::Present);
    let choices = data.choices(Outside::Present);
    let far = ChoiceOptions {
        start: Some(vec![1e4, -1e4, 1e4]),
        ..ChoiceOptions::default()
    };
    assert!(estimate(&choices, &far).unwrap().converged);
}

#[test]
fn a_search_that_is_stopped_says_so() {
    let data = data(120, Outside::Present);
    let choices = data.choices(Outside::Present);
    let one = ChoiceOptions {
        max_iterations: 1,
        ..ChoiceOptions::default()
    };
    let stopped = estimate(&choices, &one).unwrap();
    assert!(!stopped.converged && stopped.iterations == 1 && stopped.gradient > 1e-5);
    let full = estimate(&choices, &ChoiceOptions::default()).unwrap();
    let warm = ChoiceOptions {
        start: Some(full.coefficients.clone()),
        ..one
    };
    let warm = estimate(&choices, &warm).unwrap();
    assert!(warm.converged && warm.iterations <= 1);
    assert!(full.log_likelihood > stopped.log_likelihood);
}

#[test]
fn what_is_refused() {
    let data = data(6, Outside::Absent);
    let new = |chosen: Vec<Option<usize>>, outside| {
        let (features, situations) = (data.features.view(), data.situations.clone());
        Choices::new(features, situations, chosen, outside).map_err(|e| e.to_string())
    };
    let refused = |result: Result<Choices, String>| result.unwrap_err();
    let all = || data.chosen.clone();
    assert_eq!(
        refused(new(all()[1..].to_vec(), Outside::Absent)),
        "`chosen` has 5 entries where 6 are needed"
    );
    let mut wrong = all();
    wrong[3] = Some(2);
    assert_eq!(
        refused(new(wrong.clone(), Outside::Absent)),
        "situation 3 chooses alternative 2 of 2"
    );
    wrong[3] = None;
    assert_eq!(
        refused(new(wrong, Outside::Absent)),
        "situation 3 chooses none of its alternatives, which needs an outside option"
    );
    let choices = || new(all(), Outside::Present).unwrap();
    let available = |available| {
        let result = choices().with_availability(available);
        result.unwrap_err().to_string()
    };
    assert_eq!(
        available(vec![true]),
        "`availability` has 1 entries where 18 are needed"
    );
    assert!(available(vec![false; 18]).starts_with("situation 0 chooses alternative"));
    let weights = |weights| choices().with_weights(weights).unwrap_err().to_string();
    assert_eq!(
        weights(vec![1.0, -1.0, 1.0, 1.0, 1.0, 1.0]),
        "the weight of situation 1 is `-1`: a finite number from 0 is needed"
    );
    let weightless = choices().with_weights(vec![0.0; 6]).unwrap();
    assert_eq!(
        with_l2(&weightless, 1.0).unwrap_err().to_string(),
        "there is nothing to estimate: 3 features, situations of weight 0"
    );
    let mut bad = data.features.clone();
    bad[[4, 1]] = f64::NAN;
    let error = Choices::new(bad.view(), data.situations.clone(), all(), Outside::Absent);
    assert_eq!(
        error.unwrap_err().to_string(),
        "feature 1 of row 4 is `NaN`: a finite number is needed"
    );
    for (l2, shown) in [(-1.0, "-1"), (f64::NAN, "NaN")] {
        assert_eq!(
            with_l2(&choices(), l2).unwrap_err().to_string(),
            format!("`l2` is `{shown}`: a finite number from 0 is needed")
        );
    }
    let start = ChoiceOptions {
        start: Some(vec![0.0; 4]),
        ..ChoiceOptions::default()
    };
    assert_eq!(
        estimate(&choices(), &start).unwrap_err().to_string(),
        "`start` has 4 entries where 3 are needed"
    );
}
