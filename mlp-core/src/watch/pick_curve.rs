//! What becomes of lists of which a model expects so much.

use serde::{Deserialize, Serialize};

/// How often lists are picked from, by what a model expects of them: `most · σ(shift + slope ·
/// ln(p / (1 − p)))` with the logistic function `σ`, of an expectation `p` as
/// [`expected_pick`](super::expected_pick) has it.
///
/// A model learns from lists of any quality, and its expectation of the best ones runs up to 1. But
/// some users leave whatever they are shown: that share, `1 − most`, no list can win, and no utility
/// of an item can say it. It is the upper asymptote of M. A. Barton and F. M. Lord, *An upper
/// asymptote for the three-parameter logistic item-response model*, ETS Research Report 81-20 (1981);
/// shift and slope are those of J. Platt, *Probabilistic outputs for support vector machines* (1999).
///
/// ```
/// use mlp_core::watch::PickCurve;
///
/// let curve = PickCurve { most: 0.9, shift: 0.0, slope: 1.0 };
/// assert!((curve.rate(0.5) - 0.45).abs() < 1e-12);
/// assert!((curve.rate(1.0) - 0.9).abs() < 1e-9);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PickCurve {
    /// What the best lists reach, over 0 and at most 1.
    pub most: f64,
    /// Over 0 where the model expects too little.
    pub shift: f64,
    /// Under 1 where it is too sure.
    pub slope: f64,
}

impl PickCurve {
    /// The fewest lists that a curve is fitted to.
    pub const LEAST: usize = 100;

    /// So many lists tell what the best ones reach; of fewer it is off by more than a twentieth at
    /// times.
    pub const ENOUGH: usize = 500;

    /// The most that are looked at, the last of them.
    pub(crate) const MOST: usize = 20_000;

    /// Of lists of which the model expects `expected` (0 to 1), and whether one of their items was
    /// picked, shape `(n_lists,)` both; of the greatest likelihood but for a penalty on shift and slope
    /// that is worth about one list, by expectation and maximisation over who would leave any list.
    /// Of fewer than [`PickCurve::ENOUGH`] the height is `most`, where that is known (over 0, at most
    /// 1): it is a habit of the users, not of the model. `None` of fewer than [`PickCurve::LEAST`], or
    /// where all or none of them are picked from.
    pub fn fit(expected: &[f64], picked: &[bool], most: Option<f64>) -> Option<Self> {
        let n = expected.len().min(picked.len());
        let from = n.saturating_sub(Self::MOST);
        let lists: Vec<(f64, bool)> = (expected[from..n].iter())
            .map(|p| log_odds(*p))
            .zip(picked[from..n].iter().copied())
            .collect();
        let picks = lists.iter().filter(|list| list.1).count();
        if lists.len() < Self::LEAST || picks == 0 || picks == lists.len() {
            return None;
        }
        let known = most.filter(|most| lists.len() < Self::ENOUGH && *most > 0.0 && *most <= 1.0);
        let mut curve = Self {
            most: known.unwrap_or(0.95),
            shift: 0.0,
            slope: 1.0,
        };
        for _ in 0..ROUNDS {
            let before = curve;
            curve = curve.improved(&lists);
            curve.most = known.unwrap_or(curve.most);
            if before.is_near(&curve) {
                break;
            }
        }
        let is_sound = [curve.most, curve.shift, curve.slope]
            .iter()
            .all(|x| x.is_finite());
        is_sound.then_some(curve)
    }

    /// What such a list is picked from, 0 to 1.
    pub fn rate(&self, expected: f64) -> f64 {
        self.most * self.attracted(log_odds(expected))
    }

    /// The probability that who would pick at all picks here.
    fn attracted(&self, log_odds: f64) -> f64 {
        sigmoid(self.shift + self.slope * log_odds)
    }

    /// One round: how likely each list without a pick came to someone who would pick at all; then the
    /// best curve for that, by a step of Newton's.
    fn improved(&self, lists: &[(f64, bool)]) -> Self {
        let mut open = 0.0;
        let (mut g, mut h) = ([-self.shift, 1.0 - self.slope], [1.0, 0.0, 1.0]);
        for &(x, picked) in lists {
            let s = self.attracted(x);
            let weight = match picked {
                true => 1.0,
                false => self.most * (1.0 - s) / (1.0 - self.most * s),
            };
            open += weight;
            let residual = weight * (f64::from(u8::from(picked)) - s);
            let curvature = weight * s * (1.0 - s);
            g = [g[0] + residual, g[1] + residual * x];
            h = [
                h[0] + curvature,
                h[1] + curvature * x,
                h[2] + curvature * x * x,
            ];
        }
        let determinant = h[0] * h[2] - h[1] * h[1];
        let step = [
            (h[2] * g[0] - h[1] * g[1]) / determinant,
            (h[0] * g[1] - h[1] * g[0]) / determinant,
        ];
        // A step that is too long where the curve is nearly flat comes in parts.
        let length = step[0].abs().max(step[1].abs()).max(1.0);
        Self {
            most: open / lists.len() as f64,
            shift: self.shift + step[0] / length,
            slope: self.slope + step[1] / length,
        }
    }

    fn is_near(&self, other: &Self) -> bool {
        let off = [
            self.most - other.most,
            self.shift - other.shift,
            self.slope - other.slope,
        ];
        off.iter().all(|x| x.abs() < 1e-7)
    }
}

/// Enough for a rate that is right to three digits.
const ROUNDS: usize = 200;

fn log_odds(p: f64) -> f64 {
    const EDGE: f64 = 1e-12;
    let p = p.clamp(EDGE, 1.0 - EDGE);
    (p / (1.0 - p)).ln()
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `n` lists with expectations spread over (0, 1), picked from as often as the curve says: of
    /// equal expectations the first ones.
    fn lists(curve: PickCurve, levels: usize, each: usize) -> (Vec<f64>, Vec<bool>) {
        let level = |i: usize| (i as f64 + 0.5) / levels as f64;
        let of = |p: f64| {
            let picks = (curve.rate(p) * each as f64).round() as usize;
            (0..each).map(move |k| (p, k < picks))
        };
        (0..levels).flat_map(|i| of(level(i))).unzip()
    }

    #[test]
    fn the_curve_that_made_them_is_found() {
        for made in [
            PickCurve {
                most: 0.9,
                shift: 0.0,
                slope: 1.0,
            },
            PickCurve {
                most: 0.8,
                shift: 0.5,
                slope: 1.5,
            },
            PickCurve {
                most: 1.0,
                shift: -0.4,
                slope: 0.7,
            },
        ] {
            let (expected, picked) = lists(made, 100, 200);
            let found = PickCurve::fit(&expected, &picked, None).unwrap();
            for p in [0.05, 0.3, 0.6, 0.9, 0.99, 0.999] {
                let (a, b) = (made.rate(p), found.rate(p));
                assert!((a - b).abs() < 0.015, "{made:?} {found:?} at {p}: {a} {b}");
            }
        }
    }

    #[test]
    fn what_cannot_be_fitted_is_not() {
        assert_eq!(PickCurve::fit(&[0.5; 99], &[true; 99], None), None);
        assert_eq!(PickCurve::fit(&[0.5; 200], &[true; 200], None), None);
        assert_eq!(PickCurve::fit(&[0.5; 200], &[false; 200], None), None);
        // Expectations out of range do no harm.
        let picked: Vec<bool> = (0..200).map(|i| i % 3 == 0).collect();
        for odd in [0.0, 1.0, -3.0, 7.0, f64::NAN] {
            if let Some(curve) = PickCurve::fit(&[odd; 200], &picked, None) {
                let rate = curve.rate(0.5);
                assert!((0.0..=1.0).contains(&rate), "{odd}: {curve:?}");
            }
        }
    }

    #[test]
    fn few_lists_take_the_height_that_is_known() {
        let made = PickCurve {
            most: 0.8,
            shift: 0.0,
            slope: 1.0,
        };
        let height = |lists: (Vec<f64>, Vec<bool>), most| {
            PickCurve::fit(&lists.0, &lists.1, most).map(|curve| curve.most)
        };
        assert_eq!(height(lists(made, 20, 20), Some(0.9)), Some(0.9));
        assert_ne!(height(lists(made, 20, 20), None), Some(0.9));
        assert_ne!(height(lists(made, 20, 20), Some(7.0)), Some(7.0));
        assert_ne!(height(lists(made, 20, 50), Some(0.9)), Some(0.9));
    }
}
