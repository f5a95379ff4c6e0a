//! Against SciPy, NannyML and evidently; `golden.json` names the call behind each value.

use std::collections::BTreeMap;

use mlp_core::drift::{
    Base, BinnedPair, Bins, Chi2, Correction, Ks, Levels, Sample, Smoothing, chi2, chi2_survival,
    greatest_difference, hellinger, jensen_shannon, ks, ks_of_counts, psi, total_variation,
    wasserstein, wasserstein_normalised,
};
use serde::Deserialize;

use super::near;

#[derive(Deserialize)]
struct Golden {
    drift: Vec<Case>,
    kolmogorov: Vec<(u64, f64, f64)>,
    exact: Vec<Exact>,
    chi2_sf: Vec<(f64, usize, f64)>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    #[serde(flatten)]
    values: Values,
    ref_counts: Vec<u64>,
    cur_counts: Vec<u64>,
    expected: BTreeMap<String, Option<f64>>,
    nannyml: BTreeMap<String, f64>,
    evidently: BTreeMap<String, f64>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Values {
    Numeric {
        r#ref: Vec<f64>,
        cur: Vec<f64>,
        inner_edges: Vec<f64>,
    },
    Categorical {
        r#ref: Vec<String>,
        cur: Vec<String>,
    },
}

#[derive(Deserialize)]
struct Exact {
    n: u64,
    m: u64,
    statistic: f64,
    p: f64,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("golden.json")).unwrap()
}

/// Every statistic of a case by its name in the file.
fn found(case: &Case) -> BTreeMap<&'static str, Option<f64>> {
    let mut found = BTreeMap::new();
    let (reference, current) = match &case.values {
        Values::Numeric {
            r#ref,
            cur,
            inner_edges,
        } => {
            let (a, b) = (sample(r#ref), sample(cur));
            let bins = Bins::of_quantiles(&a, 10).unwrap();
            assert_eq!(bins.edges(), inner_edges, "{}", case.name);
            let test = ks(&a, &b).unwrap();
            found.extend([
                ("ks_statistic", Some(test.statistic())),
                ("ks_statistic_location", Some(test.argument())),
                ("ks_p_auto", Some(test.p())),
                ("ks_p_exact", test.p_exact()),
                ("ks_p_asymp", Some(test.p_asymptotic())),
                ("wasserstein1", wasserstein(&a, &b)),
                (
                    "wasserstein1_over_refstd_ddof0",
                    wasserstein_normalised(&a, &b),
                ),
            ]);
            assert_eq!(bins.count(r#ref), bins.count_sorted(&a), "{}", case.name);
            (bins.count(r#ref), bins.count(cur))
        }
        Values::Categorical { r#ref, cur } => {
            let levels = Levels::of(r#ref);
            (levels.count(r#ref), levels.count(cur))
        }
    };
    let pair = match &case.values {
        Values::Numeric { .. } => BinnedPair::new(&reference, &current),
        Values::Categorical { .. } => BinnedPair::of_levels(&reference, &current),
    };
    let pair = pair.unwrap();
    assert_eq!(pair.reference(), case.ref_counts, "{}", case.name);
    assert_eq!(pair.current(), case.cur_counts, "{}", case.name);
    let plain: Chi2 = chi2(pair, Correction::None).unwrap();
    found.extend([
        ("chi2_statistic", Some(plain.statistic)),
        ("chi2_p", Some(plain.p)),
        ("chi2_dof", Some(plain.degrees as f64)),
        ("psi_eps0.0001", psi(pair, Smoothing::Floor(1e-4))),
        ("psi_eps1e-06", psi(pair, Smoothing::Floor(1e-6))),
        ("psi_laplace0.5", psi(pair, Smoothing::Half)),
        ("js_distance_base2", jensen_shannon(pair, Base::Two)),
        ("js_distance_basee", jensen_shannon(pair, Base::E)),
        ("hellinger", hellinger(pair)),
        ("l_infinity", greatest_difference(pair)),
        ("tvd", total_variation(pair)),
    ]);
    let yates = chi2(pair, Correction::Yates).unwrap();
    if plain.degrees == 1 {
        found.insert("chi2_yates_statistic", Some(yates.statistic));
        found.insert("chi2_yates_p", Some(yates.p));
    } else {
        assert_eq!(yates, plain, "{}", case.name);
    }
    found
}

fn sample(values: &[f64]) -> Sample {
    Sample::new(values.to_vec()).unwrap()
}

/// p-values to 1e-6 of themselves, all else to 1e-9.
fn agree(name: &str, found: Option<f64>, expected: Option<f64>) -> bool {
    match (found, expected) {
        (Some(a), Some(b)) if name.contains("_p") => near(a, b, 1e-6),
        (Some(a), Some(b)) => (a - b).abs() <= 1e-9,
        (a, b) => a == b,
    }
}

#[test]
fn every_statistic_agrees_with_scipy() {
    let cases = golden().drift;
    assert_eq!(cases.len(), 14);
    for case in cases {
        let found = found(&case);
        let names: Vec<&str> = case.expected.keys().map(String::as_str).collect();
        assert_eq!(found.keys().copied().collect::<Vec<_>>(), names);
        for (name, found) in found {
            let expected = case.expected[name];
            assert!(
                agree(name, found, expected),
                "{name} of {}: {found:?}, expected {expected:?}",
                case.name
            );
        }
    }
}

#[test]
fn nannyml_and_evidently_agree_where_their_conventions_are_ours() {
    let mut compared = 0;
    for case in golden().drift {
        let found = found(&case);
        let of_two = found.contains_key("chi2_yates_statistic");
        let theirs = case.nannyml.iter().chain(&case.evidently);
        for (name, expected) in theirs {
            let ours = match name.as_str() {
                "kolmogorov_smirnov" => "ks_statistic",
                "wasserstein" => "wasserstein1",
                "jensen_shannon" => "js_distance_base2",
                "chi2" if of_two => "chi2_yates_statistic",
                "chi2" => "chi2_statistic",
                "ks_p" => "ks_p_auto",
                "wasserstein_norm" if found["wasserstein1"] == Some(0.0) => "wasserstein1",
                "wasserstein_norm" => "wasserstein1_over_refstd_ddof0",
                "psi" => "psi_eps0.0001",
                "jensenshannon_base_e" => "js_distance_basee",
                other => other,
            };
            let found = found[ours];
            assert!(
                agree(ours, found, Some(*expected)),
                "{name} of {}: {found:?}, expected {expected}",
                case.name
            );
            compared += 1;
        }
    }
    assert_eq!(compared, 67);
}

/// The distance of two histograms of n and m values that differ in one bin by so much.
fn apart(n: u64, m: u64, distance: f64) -> Ks {
    // The reference's first `a` of n values and the other's first `b` of m are in one bin.
    let height = (distance * (n * m) as f64).round() as i128;
    let (n_, m_) = (i128::from(n), i128::from(m));
    let a = (0..=n_)
        .find(|a| (a * m_ - height) >= 0 && (a * m_ - height) % n_ == 0)
        .unwrap();
    let b = (a * m_ - height) / n_;
    let (a, b) = (a as u64, b as u64);
    ks_of_counts(BinnedPair::new(&[a, n - a], &[b, m - b]).unwrap()).unwrap()
}

#[test]
fn exact_p_values() {
    for case in golden().exact {
        let test = apart(case.n, case.m, case.statistic);
        assert!(near(test.statistic(), case.statistic, 1e-12));
        let p = test.p_exact().unwrap();
        assert!(
            near(p, case.p, 1e-9),
            "n {}, m {}, distance {}: {p}, expected {}",
            case.n,
            case.m,
            case.statistic,
            case.p
        );
    }
}

#[test]
fn chi2_survival_far_out() {
    for (statistic, degrees, expected) in golden().chi2_sf {
        let p = chi2_survival(statistic, degrees);
        assert!(
            near(p, expected, 1e-11),
            "{statistic}, {degrees} degrees: {p:e}, expected {expected:e}"
        );
    }
}

#[test]
fn kolmogorov_survival() {
    for (n, d, expected) in golden().kolmogorov {
        // Two samples of 2 n values each are as good as one of n.
        let k = (d * 2.0 * n as f64).round() as u64;
        let test = ks_of_counts(BinnedPair::new(&[k, 2 * n - k], &[0, 2 * n]).unwrap()).unwrap();
        assert_eq!(test.statistic(), d);
        let p = test.p_asymptotic();
        assert!(
            near(p, expected, 1e-6),
            "n {n}, d {d}: {p:e}, expected {expected:e}"
        );
    }
}
