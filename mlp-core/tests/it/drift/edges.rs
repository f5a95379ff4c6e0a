//! What cannot be answered, what is refused, and ties, constants and tiny samples.

use mlp_core::drift::{
    Base, BinnedPair, Bins, Correction, DriftError, Levels, Sample, Smoothing, chi2,
    greatest_difference, hellinger, jensen_shannon, ks, ks_of_counts, psi, total_variation,
    wasserstein, wasserstein_normalised,
};

fn sample(values: &[f64]) -> Sample {
    Sample::new(values.to_vec()).unwrap()
}

#[test]
fn nothing_is_known_of_no_values() {
    let (none, one) = (sample(&[]), sample(&[1.0]));
    for (a, b) in [(&none, &one), (&one, &none), (&none, &none)] {
        assert_eq!(ks(a, b), None);
        assert_eq!(wasserstein(a, b), None);
        assert_eq!(wasserstein_normalised(a, b), None);
    }
    assert_eq!(Bins::of_quantiles(&none, 10), None);
    assert_eq!((none.median(), none.std(), none.min()), (None, None, None));
    for (a, b) in [(&[0, 0], &[1, 2]), (&[1, 2], &[0, 0]), (&[0, 0], &[0, 0])] {
        let pair = BinnedPair::new(a, b).unwrap();
        assert_eq!(chi2(pair, Correction::None), None);
        assert_eq!(psi(pair, Smoothing::Half), None);
        assert_eq!(psi(pair, Smoothing::Floor(1e-4)), None);
        assert_eq!(jensen_shannon(pair, Base::Two), None);
        assert_eq!(hellinger(pair), None);
        assert_eq!(total_variation(pair), None);
        assert_eq!(greatest_difference(pair), None);
        assert_eq!(ks_of_counts(pair), None);
    }
    let no_bins = BinnedPair::new(&[], &[]).unwrap();
    assert_eq!(psi(no_bins, Smoothing::Half), None);
    let pair = BinnedPair::new(&[1], &[1]).unwrap();
    assert_eq!(psi(pair, Smoothing::Floor(0.0)), None);
    assert_eq!(psi(pair, Smoothing::Floor(f64::NAN)), None);
}

#[test]
fn what_is_not_finite_is_refused_where_it_stands() {
    for value in [f64::INFINITY, f64::NEG_INFINITY] {
        let refused = DriftError::NotFinite { index: 2, value };
        assert_eq!(Sample::new(vec![0.0, 1.0, value]), Err(refused.clone()));
        assert_eq!(Bins::new(vec![0.0, 1.0, value]), Err(refused));
    }
    let refused = Bins::new(vec![f64::NAN]).unwrap_err().to_string();
    assert_eq!(refused, "value 0 is `NaN`, must be finite");
    let refused = Bins::new(vec![0.0, 1.0, 1.0]).unwrap_err().to_string();
    assert_eq!(refused, "edge 2 is `1`, must be over the edge before it");
    let refused = BinnedPair::new(&[u64::MAX, 1], &[0, 1]).unwrap_err();
    let expected = "there are over 9007199254740992 values in the bins";
    assert_eq!(refused.to_string(), expected);
}

#[test]
fn minus_nothing_is_nothing() {
    let test = ks(&sample(&[0.0, -0.0]), &sample(&[-0.0])).unwrap();
    assert_eq!((test.statistic(), test.p()), (0.0, 1.0));
    assert!(test.argument().is_sign_positive());
}

#[test]
fn the_ends_of_what_a_number_can_be() {
    let (a, b) = (sample(&[-f64::MAX, f64::MAX]), sample(&[f64::MAX]));
    assert_eq!(ks(&a, &b).unwrap().statistic(), 0.5);
    assert_eq!(wasserstein(&a, &b), None);
    assert_eq!(wasserstein(&a, &a), Some(0.0));
    assert_eq!(a.median(), Some(0.0));
    let tiny = sample(&[0.0, 5e-324]);
    assert_eq!(Bins::of_quantiles(&tiny, 10).unwrap().len(), 2);
}

#[test]
fn bins_of_what_has_few_values() {
    // Two values of which one is common: what is over it is still told apart.
    let mostly = sample(&[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
    let bins = Bins::of_quantiles(&mostly, 10).unwrap();
    assert_eq!(bins.edges(), [0.0]);
    assert_eq!(bins.count_sorted(&mostly), [11, 1]);
    assert_eq!(Bins::of_quantiles(&mostly, 0), Some(bins));
    let all = Bins::new(vec![]).unwrap();
    assert_eq!((all.len(), all.count(&[1.0, 2.0])), (1, vec![2]));
}

#[test]
fn unseen_levels_share_a_bin() {
    let levels = Levels::of(["b", "a", "a", ""]);
    assert_eq!(levels.names(), ["", "a", "b"]);
    assert_eq!(levels.count(["c", "", "B", "b"]), [1, 0, 1, 2]);
    assert_eq!(Levels::default().count(["a"]), [1]);
    let (three, four) = ([1, 2, 0], [1, 2, 0, 0]);
    let pair = BinnedPair::of_levels(&three, &four);
    let refused = DriftError::BinMismatch {
        reference: 2,
        current: 3,
    };
    assert_eq!(pair, Err(refused));
}

#[test]
fn exact_has_its_limit_and_auto_its_rule() {
    // 10,001 and 10,000 have no common divisor.
    let counts = [[10_001, 0], [9_500, 500], [10_000, 0]];
    let large = ks_of_counts(BinnedPair::new(&counts[0], &counts[1]).unwrap()).unwrap();
    assert!(large.p_exact().is_some());
    assert_eq!(large.p(), large.p_asymptotic());
    let small = ks_of_counts(BinnedPair::new(&counts[2], &counts[1]).unwrap()).unwrap();
    assert_eq!(Some(small.p()), small.p_exact());
    let huge = [1_u64 << 40, 1];
    let huge = ks_of_counts(BinnedPair::new(&huge, &[1, 1 << 40]).unwrap()).unwrap();
    let other = [(1_u64 << 40) + 7, 0];
    assert!(huge.p() < 1e-300);
    let pair = BinnedPair::new(&other, &[1 << 39, 1 << 39]).unwrap();
    assert_eq!(ks_of_counts(pair).unwrap().p_exact(), None);
}

#[test]
fn the_smallest_samples() {
    let (a, b) = (sample(&[1.0]), sample(&[2.0]));
    let test = ks(&a, &b).unwrap();
    assert_eq!((test.statistic(), test.argument()), (1.0, 1.0));
    assert!(test.reference_above());
    assert_eq!(test.p_exact(), Some(1.0));
    // Of the 6 orders of 2 and 2 values, 2 have all of one side first.
    let test = ks(&sample(&[1.0, 2.0]), &sample(&[3.0, 4.0])).unwrap();
    assert!((test.p() - 1.0 / 3.0).abs() < 1e-15);
}
