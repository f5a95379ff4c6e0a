//! Profiles, and windows held against them: what stands where, and what does not fit.

use mlp_core::drift::{
    Counts, DriftReport, DriftVerdict, FeatureCounts, FeatureDrift, FeatureKind, Numbers, Policy,
    Profile, ProfileBuilder, ProfileError, SCORE, Values, Window, check, check_counts, onset,
};
use mlp_core::{Row, Schema, Value};
use mlp_data::Streams;
use rand::RngExt;
use serde_json::json;

use super::simulation::{numbers, uniform};
use crate::support::{inline, noise, reading, travel};

/// A profile of rows of one number each.
fn profile_of(schema: &Schema, values: impl IntoIterator<Item = Value>) -> Profile {
    let mut profile = ProfileBuilder::new(&schema.user);
    for (i, value) in values.into_iter().enumerate() {
        profile.push(&Row(vec![value]), None, i as i64);
    }
    profile.finish()
}

fn numeric(profile: &Profile, feature: usize) -> &Numbers {
    match &profile.features[feature].values {
        Values::Numeric(numbers) => numbers,
        Values::Levels(_) => panic!("levels"),
    }
}

/// One value of interest beside one that makes each request another.
fn paired(kind: &str) -> Schema {
    let fields = format!("{{ name = \"x\", {kind} }}, {{ name = \"apart\", type = \"float\" }}");
    inline(&fields, "{ name = \"length\", type = \"float\" }", "")
}

/// A profile and a report of requests with those values, and a second value that differs.
fn held(
    schema: &Schema,
    then: impl IntoIterator<Item = Value>,
    now: impl IntoIterator<Item = Value>,
    policy: Policy,
) -> (Profile, DriftReport) {
    let row =
        |(i, value): (usize, Value)| Row(vec![value, Value::Float(noise(i) + i as f64 * 1e-9)]);
    let mut profile = ProfileBuilder::new(&schema.user);
    for row in then.into_iter().enumerate().map(row) {
        profile.push(&row, None, 0);
    }
    let profile = profile.finish();
    let mut window = Window::new(&profile, &schema.user).unwrap();
    for row in now.into_iter().enumerate().map(row) {
        window.push(&row, None, 0);
    }
    let report = check(&window, policy);
    let read: DriftReport = serde_json::from_str(&serde_json::to_string(&report).unwrap()).unwrap();
    assert_eq!(read, report);
    (profile, report)
}

#[test]
fn the_bins_are_tenths_and_the_knots_what_was_there() {
    let profile = profile_of(&numbers(1), (1..=1000).map(|i| Value::Float(f64::from(i))));
    let found = numeric(&profile, 0);
    assert_eq!(
        found.bounds(),
        [
            100.0, 200.0, 300.0, 400.0, 500.0, 600.0, 700.0, 800.0, 900.0
        ]
    );
    assert_eq!(found.bins(), [100; 10]);
    assert_eq!((found.count(), found.knots.len()), (1000, 1000));
    assert_eq!(
        (found.extremes(), found.median()),
        (Some((1.0, 1000.0)), Some(500.0))
    );
    assert_eq!((profile.from_us, profile.to_us), (Some(0), Some(999)));
}

#[test]
fn of_many_values_at_most_2_000_are_kept_with_their_ranks() {
    let values = (0..30_011).map(|i| Value::Float(f64::from(i * 7919 % 30_011)));
    let profile = profile_of(&numbers(1), values);
    let found = numeric(&profile, 0);
    assert_eq!((found.knots.len(), found.count()), (2000, 30_011));
    assert_eq!(found.extremes(), Some((0.0, 30_010.0)));
    for (knot, at_most) in found.knots.iter().zip(&found.at_most) {
        assert_eq!(knot + 1.0, *at_most as f64);
    }
    for count in found.bins() {
        assert!(count.abs_diff(3001) <= 16, "{count}");
    }
    let json = serde_json::to_string(&profile).unwrap();
    assert_eq!(serde_json::from_str::<Profile>(&json).unwrap(), profile);
}

#[test]
fn repeated_requests_count_once() {
    let schema = numbers(1);
    let mut profile = ProfileBuilder::new(&schema.user);
    for i in 0..5000 {
        let row = Row(vec![Value::Float(f64::from(i % 170))]);
        assert_eq!(profile.push(&row, None, 0), i < 170);
    }
    let profile = profile.finish();
    assert_eq!((profile.requests, profile.distinct), (5000, 170));
    assert_eq!(numeric(&profile, 0).count(), 170);
    let mut window = Window::new(&profile, &schema.user).unwrap();
    for i in 0..300 {
        window.push(&Row(vec![Value::Float(f64::from(i % 100))]), None, i.into());
    }
    assert_eq!((window.len(), window.times()[99]), (100, 99));
    let report = check(&window, Policy::one_look());
    assert_eq!(
        (report.verdict, report.features[0].p),
        (DriftVerdict::TooFew, None)
    );
    assert_eq!(
        report.sentence,
        "No verdict: the reference has 170 distinct requests, at least 1,000 are needed"
    );
}

/// Categories, booleans, dates that are no features, a list of which nothing is kept, missing values
/// that have a default.
#[test]
fn of_another_domain() {
    let schema = reading();
    let mut profile = ProfileBuilder::new(&schema.user);
    let row = |i: usize, poetry: bool| {
        let mut body = json!({
            "nickname": "N", "shelves": [1], "patience": noise(i), "hours": i % 100,
            "genre": if poetry { "poetry" } else { "novel" },
        });
        if i.is_multiple_of(4) {
            body["member"] = json!(i.is_multiple_of(8));
        }
        schema.user.row_from_json(&body).unwrap()
    };
    for i in 0..1009 {
        profile.push(&row(i, false), Some(noise(i)), 0);
    }
    let profile = profile.finish();
    let features = profile.features.iter();
    let features: Vec<_> = features
        .map(|f| (f.name.as_str(), f.kind(), f.missing))
        .collect();
    assert_eq!(
        features,
        [
            ("genre", FeatureKind::Category, 0),
            ("patience", FeatureKind::Numeric, 0),
            ("hours", FeatureKind::Numeric, 0),
            ("member", FeatureKind::Category, 756),
            (SCORE, FeatureKind::Numeric, 0),
        ]
    );
    let mut window = Window::new(&profile, &schema.user).unwrap();
    for i in 0..200 {
        window.push(&row(i, i % 10 == 0), None, 0);
    }
    let report = check(&window, Policy::continuous());
    assert_eq!(report.verdict, DriftVerdict::Drift);
    let drifted: Vec<_> = report.features.iter().filter(|f| f.drifted).collect();
    assert_eq!((drifted.len(), drifted[0].name.as_str()), (1, "genre"));
    assert_eq!(
        drifted[0].change,
        "level `poetry` never seen before, 20 of 200"
    );
    assert_eq!(drifted[0].statistics.out_of_range, 0.1);
    // No request of the window had a score.
    let score = &report.features[4];
    assert_eq!((score.statistics.ks, score.p), (None, Some(1.0)));
    assert_eq!(onset(&window, &report), Some(0));
}

#[test]
fn a_profile_of_other_columns_is_an_error() {
    let profile = profile_of(&numbers(1), [Value::Float(1.0)]);
    assert_eq!(
        Window::new(&profile, &travel().user).unwrap_err(),
        ProfileError::Columns {
            found: 1,
            expected: 14
        }
    );
    let other = inline(
        "{ name = \"x0\", type = \"bool\" }",
        "{ name = \"length\", type = \"float\" }",
        "",
    );
    let error = Window::new(&profile, &other.user).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the reference profile has `x0` where the schema here has `x0`, or its values are of another kind"
    );
}

#[test]
fn a_forged_profile_is_an_error() {
    let schema = numbers(1);
    let sound = profile_of(&schema, (0..50).map(|i| Value::Float(f64::from(i))));
    let sound = serde_json::to_value(&sound).unwrap();
    for (part, value) in [
        ("knots", json!([1.0])),
        ("knots", json!(vec![1.0; 50])),
        ("at_most", json!(vec![u64::MAX; 50])),
        ("equal", json!(vec![2; 50])),
        ("edges", json!([49])),
        ("edges", json!([3, 2])),
    ] {
        let mut forged = sound.clone();
        forged["features"][0]["values"]["numeric"][part] = value;
        let forged: Profile = serde_json::from_value(forged).unwrap();
        let error = Window::new(&forged, &schema.user).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the reference profile of `x0` contradicts itself",
            "{part}"
        );
    }
}

#[test]
fn what_happens_to_numbers() {
    let schema = paired("type = \"float\", default = 0");
    let float = |x: f64| Value::Float(x);
    let calm = |n: usize| (0..n).map(move |i| float(100.0 * noise(i)));
    for (now, change, by_range) in [
        // 30 of 500 are beyond what was ever seen.
        (
            (0..500)
                .map(|i| float(if i < 30 { 9800.0 } else { 100.0 * noise(i) }))
                .collect::<Vec<_>>(),
            "30 of 500 over the greatest ever seen, 99.9",
            true,
        ),
        (
            (0..500)
                .map(|i| float(if i < 30 { -3.5 } else { 100.0 * noise(i) }))
                .collect(),
            "30 of 500 under the least ever seen, 0",
            true,
        ),
        (
            calm(500)
                .map(|x| float(x.number().unwrap() / 2.0))
                .collect(),
            "median 49.95 → 24.83",
            false,
        ),
        (
            (0..500)
                .map(|i| {
                    if i < 100 {
                        Value::Null
                    } else {
                        float(100.0 * noise(i))
                    }
                })
                .collect(),
            "missing 0 % → 20 %",
            false,
        ),
    ] {
        let (_, report) = held(&schema, calm(1009), now, Policy::continuous());
        let found = &report.features[0];
        assert_eq!((found.change.as_str(), found.drifted), (change, true));
        assert_eq!(found.statistics.out_of_range > 0.0, by_range);
        let sentence =
            format!("Drift in `x` ({change}); by chance a look says so at most once in 14,400");
        assert_eq!(report.sentence, sentence);
        assert!(!report.features[1].drifted);
    }
}

#[test]
fn what_happens_to_levels() {
    let bools = |share: usize| move |i: usize| Value::Bool(i % 100 < share);
    let schema = paired("type = \"bool\"");
    let then = (0..2000).map(bools(12));
    let (_, report) = held(
        &schema,
        then.clone(),
        (0..500).map(bools(48)),
        Policy::one_look(),
    );
    assert_eq!(report.features[0].change, "true: 12 % → 48 %");
    assert_eq!(report.features[0].bars.labels, ["false", "true"]);
    assert_eq!(report.features[0].bars.window, [0.52, 0.48]);
    assert_eq!(report.verdict, DriftVerdict::Drift);
    let (_, report) = held(&schema, then, (0..500).map(bools(12)), Policy::one_look());
    assert_eq!(
        (report.verdict, report.features[0].p),
        (DriftVerdict::Calm, Some(1.0))
    );
    assert_eq!(
        report.sentence,
        "No drift: 500 requests differ from the reference by no more than chance in 2 features"
    );
}

/// A value for each position.
type Sequence = fn(usize) -> Value;

/// What is constant, missing, of one level or heavily tied has a report, and no false alarm.
#[test]
fn degenerate_features_are_calm() {
    let cases: [(&str, Sequence); 6] = [
        ("type = \"float\", default = 0", |_| Value::Float(7.0)),
        ("type = \"float\", default = 0", |_| Value::Null),
        ("type = \"float\", default = 0", |i| {
            Value::Float(if i % 50 == 0 { noise(i) } else { 0.0 })
        }),
        ("type = \"int\", min = 0, default = 0", |i| {
            Value::Int((noise(i) * 3.0) as i64)
        }),
        (
            "type = \"category\", levels = [\"a\", \"b\", \"c\"], default = \"a\"",
            |_| Value::Level(1),
        ),
        ("type = \"bool\", default = false", |_| Value::Null),
    ];
    for (kind, value) in cases {
        let schema = paired(kind);
        for n in [0, 1, 49, 50, 500] {
            for policy in [Policy::one_look(), Policy::continuous()] {
                let (_, report) = held(&schema, (0..1009).map(value), (0..n).map(value), policy);
                let wanted = if n < 50 {
                    DriftVerdict::TooFew
                } else {
                    DriftVerdict::Calm
                };
                assert_eq!(report.verdict, wanted, "{kind} {n} {report:#?}");
            }
        }
    }
}

/// A constant that becomes another one, a level that becomes another, values where there were none.
#[test]
fn degenerate_features_drift_too() {
    let category = "type = \"category\", levels = [\"a\", \"b\", \"c\"], default = \"a\"";
    for (kind, then, now, change) in [
        (
            "type = \"float\", default = 0",
            Value::Float(7.0),
            Value::Float(8.0),
            "60 of 60 over the greatest ever seen, 7",
        ),
        (
            "type = \"float\", default = 0",
            Value::Null,
            Value::Float(8.0),
            "missing 100 % → 0 %",
        ),
        (
            category,
            Value::Level(1),
            Value::Level(2),
            "level `c` never seen before, 60 of 60",
        ),
    ] {
        let (_, report) = held(
            &paired(kind),
            vec![then; 1009],
            vec![now; 60],
            Policy::continuous(),
        );
        assert_eq!(
            (
                report.features[0].drifted,
                report.features[0].change.as_str()
            ),
            (true, change)
        );
    }
}

/// The counts that a window makes are those that a database would: what they say is the same, but for
/// what only values tell.
#[test]
fn counts_say_what_values_say() {
    let schema = travel();
    let travel = super::simulation::Travel::new();
    let mut rng = Streams::new(5, "counts").stream(0);
    let profile = travel.profile(1500, &mut rng);
    let mut window = Window::new(&profile, &schema.user).unwrap();
    for _ in 0..400 {
        travel.push(&mut window, &travel.meta_n, &mut rng);
    }
    let by_values = check(&window, Policy::one_look());
    let counts = window.counts(usize::MAX);
    let bare = Counts {
        requests: counts.requests,
        features: (counts.features.iter())
            .map(|f| FeatureCounts::new(f.bins.clone(), f.below, f.above, f.missing))
            .collect(),
    };
    let by_counts =
        check_counts(&profile, std::slice::from_ref(&bare), Policy::one_look()).unwrap();
    for (values, counts) in by_values.features.iter().zip(&by_counts.features) {
        assert_eq!(values.bars, counts.bars);
        assert_eq!(values.statistics.chi2_p, counts.statistics.chi2_p);
        assert_eq!(
            values.statistics.out_of_range_p,
            counts.statistics.out_of_range_p
        );
        // Where the distance is greatest at the end of a bin, both are it, each with its rounding.
        let ks = |found: &FeatureDrift| found.statistics.ks.unwrap_or(0.0);
        assert!(ks(values) >= ks(counts) - 1e-12);
    }
    let mut wrong = bare;
    wrong.features[0].bins.push(1);
    let error = check_counts(&profile, &[wrong], Policy::one_look()).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("the counts of `people_num` have"),
        "{error}"
    );
}

#[test]
fn the_onset_is_where_the_requests_change() {
    let schema = numbers(2);
    let streams = Streams::new(7, "onset");
    let mut off = Vec::new();
    for run in 0..40 {
        let mut rng = streams.stream(run);
        let mut profile = ProfileBuilder::new(&schema.user);
        for _ in 0..2000 {
            profile.push(&uniform(2, &mut rng), None, 0);
        }
        let profile = profile.finish();
        let mut window = Window::new(&profile, &schema.user).unwrap();
        for i in 0..1000 {
            let shift = if i < 600 { 0.0 } else { 0.3 };
            let row = Row(vec![
                Value::Float(rng.random::<f64>() * (1.0 - shift) + shift),
                Value::Float(rng.random()),
            ]);
            window.push(&row, None, i);
        }
        let report = check(&window, Policy::continuous());
        off.push(onset(&window, &report).unwrap().abs_diff(600));
    }
    off.sort_unstable();
    println!("the onset is off by {off:?}");
    assert!(off[20] <= 10 && off[36] <= 40, "{off:?}");
}

/// Explored requests have no score, in calm times too: that is no change of it.
#[test]
fn a_score_that_is_not_there_moves_no_onset() {
    let schema = numbers(1);
    let mut rng = Streams::new(7, "absent").stream(0);
    let mut profile = ProfileBuilder::new(&schema.user);
    for _ in 0..2000 {
        let score = Some(rng.random::<f64>());
        profile.push(&uniform(1, &mut rng), score, 0);
    }
    let profile = profile.finish();
    let mut window = Window::new(&profile, &schema.user).unwrap();
    for i in 0..600 {
        let shift = if i < 300 { 0.0 } else { 0.4 };
        let score = rng.random::<f64>() * (1.0 - shift) + shift;
        let score = (i % 2 == 0).then_some(score);
        window.push(&uniform(1, &mut rng), score, i);
    }
    let report = check(&window, Policy::continuous());
    assert!(report.features[1].drifted && !report.features[0].drifted);
    let found = onset(&window, &report).unwrap();
    assert!(found.abs_diff(300) <= 40, "{found}");
}
