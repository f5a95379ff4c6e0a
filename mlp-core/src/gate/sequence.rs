//! An interval for a mean that may be looked at after every value.

use serde::{Deserialize, Serialize};

/// A mean with an interval for what it tends to, which holds at all times at once.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The lower bound; minus infinity without values.
    pub low: f64,
    /// The mean; 0 without values.
    pub mean: f64,
    /// The upper bound; infinity without values.
    pub high: f64,
}

/// The sums of a stream of paired differences.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Stream {
    n: usize,
    sum: f64,
    squares: f64,
}

impl Stream {
    pub fn push(&mut self, value: f64) {
        self.n += 1;
        self.sum += value;
        self.squares += value * value;
    }

    pub fn len(&self) -> usize {
        self.n
    }

    /// The asymptotic confidence sequence of Robbins' normal mixture with plug-in variance:
    /// `mean ± σ̂ √(2 (n + τ) ln(1 + √(1 + n/τ) / (2 α))) / n`, each side wrong with probability `α`
    /// over all times together. `τ = tuned / (L + ln(1 + L))` with `L = −2 ln(2 α)` makes it narrowest
    /// about `tuned` values.
    ///
    /// Sources: Robbins, *Statistical methods related to the law of the iterated logarithm*, 1970;
    /// Howard, Ramdas, McAuliffe and Sekhon, *Time-uniform, nonparametric, nonasymptotic confidence
    /// sequences*, Annals of Statistics 49 (2021); the plug-in, `ρ = τ^(−1/2)` and its choice:
    /// Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, *Time-uniform central limit theory and
    /// asymptotic confidence sequences*, Annals of Statistics 52 (2024), theorem 2.2, proposition
    /// B.1 and equation 11.
    ///
    /// `σ̂²` is the mean square, not the variance about the mean: larger where the mean is not 0, and
    /// never 0 because the first values happen to agree.
    pub fn interval(&self, alpha: f64, tuned: f64) -> Interval {
        if self.n == 0 {
            return Interval {
                low: f64::NEG_INFINITY,
                mean: 0.0,
                high: f64::INFINITY,
            };
        }
        let n = self.n as f64;
        let twice = -2.0 * (2.0 * alpha).ln();
        let tau = tuned / (twice + twice.ln_1p());
        let wide = 2.0 * (n + tau) * ((1.0 + n / tau).sqrt() / (2.0 * alpha)).ln_1p();
        let margin = (self.squares / n * wide).sqrt() / n;
        let mean = self.sum / n;
        Interval {
            low: mean - margin,
            mean,
            high: mean + margin,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[f64]) -> Stream {
        let mut stream = Stream::default();
        values.iter().for_each(|v| stream.push(*v));
        stream
    }

    /// numpy: `n, a, tuned = 4, .025, 500; L = -2*np.log(2*a); tau = tuned/(L + np.log1p(L));
    /// np.sqrt(7.5*2*(n+tau)*np.log1p(np.sqrt(1+n/tau)/(2*a)))/n`
    #[test]
    fn the_margin_is_the_formula_s() {
        let interval = of(&[1.0, -2.0, 3.0, 4.0]).interval(0.025, 500.0);
        let margin = 13.895_490_146_341_39;
        assert_eq!(interval.mean, 1.5);
        assert!((interval.high - 1.5 - margin).abs() < 1e-9, "{interval:?}");
        assert!((interval.low - 1.5 + margin).abs() < 1e-9, "{interval:?}");
    }

    #[test]
    fn without_values_nothing_is_known() {
        let interval = Stream::default().interval(0.025, 500.0);
        assert_eq!(
            (interval.low, interval.high),
            (f64::NEG_INFINITY, f64::INFINITY)
        );
    }

    #[test]
    fn it_narrows_with_more_values_and_scales_with_them() {
        let pattern = [0.5, -0.3, 0.1, -0.25];
        let width = |n: usize, unit: f64| {
            let values: Vec<f64> = (0..n).map(|i| unit * pattern[i % 4]).collect();
            let interval = of(&values).interval(0.025, 500.0);
            interval.high - interval.low
        };
        assert!(width(4000, 1.0) < width(400, 1.0) && width(400, 1.0) < width(100, 1.0));
        assert!((width(400, 3.0) - 3.0 * width(400, 1.0)).abs() < 1e-12);
    }
}
