use mlp_tools::traffic::{Pause, PlanError};
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

proptest! {
    #[test]
    fn waits_stay_between_tmin_and_tmax(
        low in 0.0..100.0_f64,
        span in 0.0..100.0_f64,
        a in prop_oneof![1e-9..1e-3_f64, 0.1..20.0_f64, 1e3..1e6_f64],
        b in prop_oneof![1e-9..1e-3_f64, 0.1..20.0_f64, 1e3..1e6_f64],
        seed: u64,
    ) {
        let high = low + span;
        let pause = Pause::new(low, high, a, b).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        for _ in 0..20 {
            let seconds = pause.draw(&mut rng).as_secs_f64();
            prop_assert!(seconds >= low - 1e-9 && seconds <= high + 1e-9, "{seconds}");
        }
    }
}

#[test]
fn the_mean_wait_is_that_of_the_beta_distribution() {
    let pause = Pause::new(1.0, 8.0, 2.0, 5.0).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let draws = 20_000;
    let total: f64 = (0..draws).map(|_| pause.draw(&mut rng).as_secs_f64()).sum();
    // E = 1 + 7 · 2/7 = 3; the standard error is 7 · 0.16 / √20000 = 0.008.
    let mean = total / f64::from(draws);
    assert!((mean - 3.0).abs() < 0.04, "{mean}");
}

#[test]
fn impossible_waits_are_refused() {
    let order = Pause::new(3.0, 1.0, 2.0, 5.0).unwrap_err();
    assert_eq!(
        order.to_string(),
        "`tmin` is `3`, must not be above `tmax`, which is `1`"
    );
    for (min, max, a, b) in [
        (-1.0, 1.0, 2.0, 5.0),
        (0.0, f64::NAN, 2.0, 5.0),
        (0.0, f64::INFINITY, 2.0, 5.0),
        (0.0, 1.0, 0.0, 5.0),
        (0.0, 1.0, 2.0, -5.0),
        (0.0, 1.0, f64::INFINITY, 5.0),
    ] {
        let error = Pause::new(min, max, a, b).unwrap_err();
        let expected = matches!(error, PlanError::Pause { .. } | PlanError::Shape { .. });
        assert!(expected, "{error}");
    }
}
