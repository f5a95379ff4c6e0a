//! What holds of any data.

use mlp_core::drift::{
    Base, BinnedPair, Bins, Correction, Sample, Smoothing, chi2, greatest_difference, hellinger,
    jensen_shannon, ks, ks_of_counts, psi, total_variation, wasserstein,
};
use proptest::prelude::*;

use super::near;

/// Values with many ties or few, some far out.
fn values(most: usize) -> impl Strategy<Value = Vec<f64>> {
    let coarse = (-8_i32..8).prop_map(f64::from);
    let fine = -10.0_f64..10.0;
    let far = (-6.0_f64..6.0).prop_map(|x| x.powi(5));
    prop_oneof![
        prop::collection::vec(coarse.clone(), 1..most),
        prop::collection::vec(prop_oneof![coarse, fine, far], 1..most),
    ]
}

fn counts() -> impl Strategy<Value = (Vec<u64>, Vec<u64>)> {
    (1_usize..12).prop_flat_map(|bins| {
        let side = move || {
            let some = prop::collection::vec(prop_oneof![Just(0_u64), 0_u64..200], bins);
            some.prop_filter("counts", |c| c.iter().sum::<u64>() > 0)
        };
        (side(), side())
    })
}

fn sample(values: &[f64]) -> Sample {
    Sample::new(values.to_vec()).unwrap()
}

/// The distance by looking at every value.
fn slow_ks(a: &[f64], b: &[f64]) -> f64 {
    let share =
        |of: &[f64], x: f64| of.iter().filter(|v| **v <= x).count() as f64 / of.len() as f64;
    let both = a.iter().chain(b);
    both.map(|x| (share(a, *x) - share(b, *x)).abs())
        .fold(0.0, f64::max)
}

/// The share of the orders of n and m values that are at least so far apart, by all of them.
fn slow_p(n: usize, m: usize, distance: f64) -> f64 {
    let (mut as_far, mut all) = (0.0, 0.0);
    for order in 0_u32..1 << (n + m) {
        if order.count_ones() as usize != n {
            continue;
        }
        let (mut x, mut y, mut furthest) = (0, 0, 0_usize);
        for place in 0..n + m {
            if order >> place & 1 == 1 {
                x += 1
            } else {
                y += 1
            }
            furthest = furthest.max((x * m).abs_diff(y * n));
        }
        all += 1.0;
        as_far += f64::from(u8::from(furthest as f64 >= distance * (n * m) as f64 - 0.5));
    }
    as_far / all
}

/// What is binned, in an order.
fn binned(reference: &[u64], current: &[u64]) -> [f64; 7] {
    let pair = BinnedPair::new(reference, current).unwrap();
    [
        jensen_shannon(pair, Base::Two).unwrap(),
        hellinger(pair).unwrap(),
        total_variation(pair).unwrap(),
        greatest_difference(pair).unwrap(),
        psi(pair, Smoothing::Floor(1e-4)).unwrap(),
        psi(pair, Smoothing::Half).unwrap(),
        chi2(pair, Correction::None).unwrap().statistic,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_distance_is_that_of_every_value(a in values(40), b in values(40)) {
        let found = ks(&sample(&a), &sample(&b)).unwrap();
        prop_assert!((found.statistic() - slow_ks(&a, &b)).abs() < 1e-12);
        let back = ks(&sample(&b), &sample(&a)).unwrap();
        prop_assert_eq!(found.statistic(), back.statistic());
        prop_assert!(near(found.p(), back.p(), 1e-9));
        for p in [found.p(), found.p_asymptotic()] {
            prop_assert!((0.0..=1.0).contains(&p));
        }
        // The functions are as far apart there as it says.
        let at = found.argument();
        let share = |of: &[f64]| of.iter().filter(|v| **v <= at).count() as f64 / of.len() as f64;
        let apart = share(&a) - share(&b);
        prop_assert!((apart.abs() - found.statistic()).abs() < 1e-12);
        prop_assert!(apart == 0.0 || found.reference_above() == (apart > 0.0));
    }

    #[test]
    fn the_exact_p_is_the_share_of_all_orders(a in values(9), b in values(9)) {
        let found = ks(&sample(&a), &sample(&b)).unwrap();
        let slow = slow_p(a.len(), b.len(), found.statistic());
        prop_assert!(near(found.p(), slow, 1e-12), "{} and {slow}", found.p());
    }

    #[test]
    fn a_sample_is_like_itself(a in values(60)) {
        let sample = sample(&a);
        let found = ks(&sample, &sample).unwrap();
        prop_assert_eq!((found.statistic(), found.p(), found.p_asymptotic()), (0.0, 1.0, 1.0));
        prop_assert_eq!(wasserstein(&sample, &sample), Some(0.0));
        let counts = Bins::of_quantiles(&sample, 10).unwrap().count_sorted(&sample);
        prop_assert_eq!(binned(&counts, &counts), [0.0; 7]);
    }

    #[test]
    fn binned_distances_are_bounded_and_symmetric((a, b) in counts()) {
        let (there, back) = (binned(&a, &b), binned(&b, &a));
        for (x, y) in there.iter().zip(back) {
            prop_assert!((x - y).abs() <= 1e-12 * (1.0 + x), "{x} and {y}");
            prop_assert!(*x >= 0.0);
        }
        let [js, hellinger, variation, greatest, ..] = there;
        for distance in [js, hellinger, variation, greatest] {
            prop_assert!(distance <= 1.0);
        }
        // H² ≤ TV ≤ √2 H, and no bin differs by more than all together.
        prop_assert!(hellinger * hellinger <= variation + 1e-12);
        prop_assert!(variation <= std::f64::consts::SQRT_2 * hellinger + 1e-12);
        prop_assert!(greatest <= variation + 1e-12);
        let found = chi2(BinnedPair::new(&a, &b).unwrap(), Correction::None).unwrap();
        prop_assert!((0.0..=1.0).contains(&found.p));
        let total = (a.iter().sum::<u64>() + b.iter().sum::<u64>()) as f64;
        prop_assert!(found.statistic <= total * (1.0 + 1e-12));
    }

    #[test]
    fn an_order_is_all_that_ranks_and_bins_see(a in values(60), b in values(60)) {
        let map = |x: &f64| x.powi(3) + 2.0 * x;
        let mapped = |of: &[f64]| of.iter().map(map).collect::<Vec<f64>>();
        let (found, after) = (
            ks(&sample(&a), &sample(&b)).unwrap(),
            ks(&sample(&mapped(&a)), &sample(&mapped(&b))).unwrap(),
        );
        prop_assert_eq!((found.statistic(), found.p()), (after.statistic(), after.p()));
        prop_assert_eq!(map(&found.argument()), after.argument());
        // Edges that lie between two values move with the map where they are values themselves.
        let edges: Vec<f64> = sample(&a).values().iter().copied().step_by(3).collect();
        let distinct = |mut edges: Vec<f64>| { edges.dedup(); Bins::new(edges).unwrap() };
        let (bins, moved) = (distinct(edges.clone()), distinct(mapped(&edges)));
        prop_assert_eq!(bins.count(&b), moved.count(&mapped(&b)));
    }

    #[test]
    fn wasserstein_moves_with_the_values(
        a in values(40), b in values(40), shift in -50.0_f64..50.0, scale in 0.1_f64..20.0,
    ) {
        let distance = |a: &[f64], b: &[f64]| wasserstein(&sample(a), &sample(b)).unwrap();
        let moved = |of: &[f64]| of.iter().map(|x| x * scale + shift).collect::<Vec<f64>>();
        let found = distance(&a, &b);
        let large = a.iter().chain(&b).fold(100.0, |m: f64, x| m.max(x.abs()));
        let close = |x: f64, y: f64| (x - y).abs() <= 1e-12 * large * scale.max(1.0);
        prop_assert!(close(distance(&b, &a), found));
        prop_assert!(close(distance(&moved(&a), &moved(&b)), found * scale));
        let shifted: Vec<f64> = a.iter().map(|x| x + shift).collect();
        prop_assert!(close(distance(&a, &shifted), shift.abs()));
        // Never less than the means are apart.
        let mean = |of: &[f64]| of.iter().sum::<f64>() / of.len() as f64;
        prop_assert!(found >= (mean(&a) - mean(&b)).abs() - 1e-12 * large);
    }

    #[test]
    fn counts_are_as_good_as_values(a in values(80), b in values(80), bins in 2_usize..30) {
        let (a, b) = (sample(&a), sample(&b));
        let quantiles = Bins::of_quantiles(&a, bins).unwrap();
        prop_assert!(quantiles.len() <= bins.max(2));
        for side in [&a, &b] {
            prop_assert_eq!(quantiles.count_sorted(side), quantiles.count(side.values()));
        }
        let coarse = ks_of_counts(
            BinnedPair::new(&quantiles.count_sorted(&a), &quantiles.count_sorted(&b)).unwrap(),
        );
        let found = ks(&a, &b).unwrap();
        prop_assert!(coarse.unwrap().statistic() <= found.statistic());
        // With a bin for each value the test is the same.
        let mut each = [a.values(), b.values()].concat();
        each.sort_by(f64::total_cmp);
        each.dedup();
        let each = Bins::new(each).unwrap();
        let (then, now) = (each.count_sorted(&a), each.count_sorted(&b));
        let fine = ks_of_counts(BinnedPair::new(&then, &now).unwrap()).unwrap();
        prop_assert_eq!((fine.statistic(), fine.p()), (found.statistic(), found.p()));
    }
}
