//! The streaming detectors against river, to the element; `streams.json` is by `streams.py`.

use mlp_core::drift::{
    Adwin, AdwinOptions, Direction, DriftError, Measured, Observation, Outcome, PageHinkley,
    PageHinkleyOptions,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Stream {
    name: String,
    values: Vec<f64>,
    adwin: Vec<OfAdwin>,
    page_hinkley: Vec<OfPageHinkley>,
}

#[derive(Deserialize)]
struct OfAdwin {
    options: AdwinSettings,
    drifts: Vec<usize>,
    checkpoints: Vec<(usize, u64, f64)>,
}

#[derive(Deserialize)]
struct AdwinSettings {
    delta: Option<f64>,
    clock: Option<u32>,
    max_buckets: Option<usize>,
    min_window_length: Option<u32>,
    grace_period: Option<u32>,
}

#[derive(Deserialize)]
struct OfPageHinkley {
    options: PageHinkleySettings,
    drifts: Vec<usize>,
}

#[derive(Deserialize)]
struct PageHinkleySettings {
    min_instances: Option<u64>,
    delta: Option<f64>,
    threshold: Option<f64>,
    alpha: Option<f64>,
    mode: Option<String>,
}

impl AdwinSettings {
    fn options(&self) -> AdwinOptions {
        let default = AdwinOptions::default();
        AdwinOptions {
            delta: self.delta.unwrap_or(default.delta),
            clock: self.clock.unwrap_or(default.clock),
            max_buckets: self.max_buckets.unwrap_or(default.max_buckets),
            min_window_length: self.min_window_length.unwrap_or(default.min_window_length),
            grace_period: self.grace_period.unwrap_or(default.grace_period),
        }
    }
}

impl PageHinkleySettings {
    fn options(&self) -> PageHinkleyOptions {
        let default = PageHinkleyOptions::default();
        PageHinkleyOptions {
            min_instances: self.min_instances.unwrap_or(default.min_instances),
            delta: self.delta.unwrap_or(default.delta),
            threshold: self.threshold.unwrap_or(default.threshold),
            alpha: self.alpha.unwrap_or(default.alpha),
            direction: match self.mode.as_deref() {
                None | Some("both") => Direction::Both,
                Some("up") => Direction::Up,
                Some("down") => Direction::Down,
                Some(other) => panic!("unknown mode `{other}`"),
            },
        }
    }
}

fn streams() -> Vec<Stream> {
    let streams: Vec<Stream> = serde_json::from_str(include_str!("streams.json")).unwrap();
    assert_eq!(streams.len(), 9);
    streams
}

fn measured(values: &[f64]) -> Vec<Measured> {
    values.iter().map(|x| Measured::new(*x).unwrap()).collect()
}

fn outcomes(values: &[f64]) -> Vec<Outcome> {
    let outcome = |x: &f64| match *x {
        0.0 => Outcome::Right,
        1.0 => Outcome::Wrong,
        other => panic!("`{other}` is no outcome"),
    };
    values.iter().map(outcome).collect()
}

/// Where it sees drift, and index, width and mean where river was asked for them.
fn watched<T: Observation>(
    options: AdwinOptions,
    stream: &[T],
    number: impl Fn(T::Mean) -> f64,
) -> (Vec<usize>, Vec<(usize, u64, f64)>) {
    let mut detector = Adwin::new(options).unwrap();
    let (mut drifts, mut checkpoints) = (Vec::new(), Vec::new());
    for (i, x) in stream.iter().enumerate() {
        let drift = detector.update(*x);
        if drift {
            drifts.push(i);
        }
        if drift || i % 97 == 96 {
            let mean = number(detector.mean().unwrap());
            checkpoints.push((i, detector.width(), mean));
        }
    }
    (drifts, checkpoints)
}

#[test]
fn adwin_agrees_with_river_to_the_element() {
    let mut drifts = 0;
    for stream in streams() {
        for case in &stream.adwin {
            let options = case.options.options();
            let found = watched(options, &measured(&stream.values), Measured::get);
            assert_eq!(found.0, case.drifts, "{}, {options:?}", stream.name);
            assert_eq!(found.1, case.checkpoints, "{}, {options:?}", stream.name);
            drifts += found.0.len();
            if stream.name.starts_with("bernoulli") {
                let of_errors = watched(options, &outcomes(&stream.values), |rate| rate.get());
                assert_eq!(found, of_errors, "{}, {options:?}", stream.name);
            }
        }
    }
    assert!(drifts > 20, "{drifts}");
}

#[test]
fn page_hinkley_agrees_with_river_to_the_element() {
    let mut drifts = 0;
    for stream in streams() {
        for case in &stream.page_hinkley {
            let options = case.options.options();
            let mut detector = PageHinkley::new(options).unwrap();
            let values = measured(&stream.values).into_iter().enumerate();
            let found: Vec<usize> = values
                .filter_map(|(i, x)| detector.update(x).then_some(i))
                .collect();
            assert_eq!(found, case.drifts, "{}, {options:?}", stream.name);
            drifts += found.len();
        }
    }
    assert!(drifts > 20, "{drifts}");
}

#[test]
fn a_detector_begins_anew_after_a_drift() {
    let mut detector = Adwin::default();
    assert!(detector.mean().is_none() && detector.width() == 0);
    let calm = std::iter::repeat_n(Outcome::Right, 500);
    let bad = std::iter::repeat_n(Outcome::Wrong, 500);
    let drift = calm.chain(bad).position(|outcome| detector.update(outcome));
    assert!(drift.is_some_and(|at| (500..600).contains(&at)));
    assert!(detector.width() > 1);
    detector.update(Outcome::Right);
    assert_eq!(detector.width(), 1);

    let mut detector = PageHinkley::default();
    assert!(detector.mean().is_none());
    let one = |x| Measured::new(x).unwrap();
    let stream = (0..1000).map(|i| one(if i < 500 { 0.0 } else { 3.0 }));
    let drift = stream.into_iter().position(|x| detector.update(x));
    assert!(drift.is_some_and(|at| (500..600).contains(&at)));
    detector.update(one(7.0));
    assert_eq!((detector.seen(), detector.mean()), (1, Some(one(7.0))));
}

#[test]
fn settings_out_of_range_are_refused() {
    let refused = |options| Adwin::<Measured>::new(options).unwrap_err().to_string();
    let default = AdwinOptions::default();
    let of_delta = |delta| refused(AdwinOptions { delta, ..default });
    assert_eq!(of_delta(0.0), "delta is `0`, must be over 0 and under 1");
    assert_eq!(
        of_delta(f64::NAN),
        "delta is `NaN`, must be over 0 and under 1"
    );
    let clock = refused(AdwinOptions {
        clock: 0,
        ..default
    });
    assert_eq!(clock, "clock is `0`, must be at least 1");
    let buckets = refused(AdwinOptions {
        max_buckets: 0,
        ..default
    });
    assert_eq!(buckets, "max_buckets is `0`, must be at least 1");
    let window = refused(AdwinOptions {
        min_window_length: 0,
        ..default
    });
    assert_eq!(window, "min_window_length is `0`, must be at least 1");

    let refused = |options| {
        PageHinkley::<Measured>::new(options)
            .unwrap_err()
            .to_string()
    };
    let default = PageHinkleyOptions::default();
    let alpha = refused(PageHinkleyOptions {
        alpha: 1.5,
        ..default
    });
    assert_eq!(alpha, "alpha is `1.5`, must be over 0 and at most 1");
    let threshold = refused(PageHinkleyOptions {
        threshold: -1.0,
        ..default
    });
    assert_eq!(
        threshold,
        "threshold is `-1`, must be finite and at least 0"
    );
    let value = f64::INFINITY;
    assert_eq!(
        Measured::new(value),
        Err(DriftError::NotFinite { index: 0, value })
    );
}

#[test]
fn the_largest_numbers_end_no_detector() {
    let mut adwin = Adwin::new(AdwinOptions {
        clock: 1,
        max_buckets: 1,
        ..AdwinOptions::default()
    })
    .unwrap();
    let mut page_hinkley = PageHinkley::default();
    for i in 0..500 {
        let x = Measured::new(if i % 3 == 0 { f64::MAX } else { -f64::MAX }).unwrap();
        adwin.update(x);
        page_hinkley.update(x);
    }
    assert!(adwin.width() > 0);
}

#[test]
fn one_bucket_of_a_size_is_enough() {
    let options = AdwinOptions {
        clock: 1,
        max_buckets: 1,
        min_window_length: 1,
        ..AdwinOptions::default()
    };
    let mut detector = Adwin::new(options).unwrap();
    let mut drifts = 0;
    for i in 0..3000 {
        let x = f64::from(i / 100 % 2) * 5.0 + f64::from(i * 7919 % 1009) / 1009.0;
        drifts += usize::from(detector.update(Measured::new(x).unwrap()));
    }
    assert!(drifts >= 20, "{drifts}");
}
