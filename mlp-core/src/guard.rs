//! Whether a model that answers a share of the traffic does harm there.

use serde::{Deserialize, Serialize};

/// How a canary is watched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GuardOptions {
    /// The probability that a canary which is no worse is ever rolled back, however often one
    /// looks. Over 0 and under 1. Default 0.025.
    pub alpha: f64,
    /// Answered sessions of its own after which a canary has passed. Default 500.
    pub enough: usize,
}

impl Default for GuardOptions {
    fn default() -> Self {
        Self {
            alpha: 0.025,
            enough: 500,
        }
    }
}

/// Which of the two models answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arm {
    /// The champion.
    Champion,
    /// The canary.
    Canary,
}

/// What the guard found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GuardVerdict {
    /// The canary is worse, beyond noise: it goes.
    RollBack,
    /// It has had enough answers and was not found worse.
    Pass,
    /// It waits for more answers.
    Watch,
}

/// How an arm's users answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ArmCounts {
    /// Answered sessions, not explored.
    pub answered: usize,
    /// Of them, those with a pick.
    pub picked: usize,
    /// Of them, those whose pick was ranked first.
    pub first: usize,
}

/// What the guard found, with the evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GuardReport {
    /// What follows.
    pub verdict: GuardVerdict,
    /// How the champion's users answered meanwhile.
    pub champion: ArmCounts,
    /// How the canary's users answered.
    pub canary: ArmCounts,
    /// The evidence against the canary: by so much the answers are likelier if it is worse than if
    /// it is not. Rolls back at `1 / alpha`.
    pub evidence: f64,
    /// The part of the evidence that comes of the pick rate.
    pub by_pick_rate: f64,
    /// The part that comes of the rank of what was picked.
    pub by_first_place: f64,
}

/// A guard's share was out of range.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("the canary's share of traffic is `{0}`, must be over 0 and under 1")]
pub struct ShareError(pub f64);

/// Watches a canary that answers a random share of sessions beside the champion, by two measures:
/// whether users pick at all, and whether they pick what was ranked first. May be asked after every
/// session.
///
/// Each measure is a bet against "the canary is not worse". For a relative loss `δ` the bet holds
/// that the champion's rate is `p`, as its earlier answers say, and the canary's `(1 − δ) p`; a
/// session multiplies the stake by `P(answer | arm) / P(answer)` under `P(answer) = (1 − w) p +
/// w (1 − δ) p` for a share `w`. The arm is drawn independently of the user, so that in expectation
/// the stake stays as it is where both arms are alike, and falls where the canary is better, even
/// while the rates of both change with time. The evidence is the mean over both measures and five
/// `δ`; by Ville's inequality it ever reaches `1 / alpha` with a probability of at most `alpha`.
///
/// Sources: Turner, Ly and Grünwald, *Generic E-variables for exact sequential k-sample tests that
/// allow for optional stopping*, Journal of Statistical Planning and Inference 230 (2024); Ville,
/// *Étude critique de la notion de collectif*, 1939.
///
/// Explored sessions are left out: what they show is no model's. A session without an answer is
/// left out too, so the answers have to be as frequent in both arms.
///
/// ```
/// use mlp_core::{Arm, Guard, GuardOptions, GuardVerdict};
///
/// let mut guard = Guard::new(0.2, &GuardOptions::default())?;
/// for i in 0..500 {
///     match i % 5 {
///         // Nobody picks what the canary ranks first.
///         0 => guard.push(Arm::Canary, Some(7)),
///         // Every second user of the champion's does.
///         _ => guard.push(Arm::Champion, Some(i % 2)),
///     }
/// }
/// assert_eq!(guard.report().verdict, GuardVerdict::RollBack);
/// # Ok::<(), mlp_core::ShareError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Guard {
    options: GuardOptions,
    pick_rate: Measure,
    first_place: Measure,
    champion: ArmCounts,
    canary: ArmCounts,
}

impl Guard {
    /// A guard of a canary that answers `share` of the sessions, over 0 and under 1, the champion
    /// the rest.
    ///
    /// # Errors
    ///
    /// Where the share is out of range.
    pub fn new(share: f64, options: &GuardOptions) -> Result<Self, ShareError> {
        if !(share > 0.0 && share < 1.0) {
            return Err(ShareError(share));
        }
        Ok(Self {
            options: options.clone(),
            pick_rate: Measure::new(share),
            first_place: Measure::new(share),
            champion: ArmCounts::default(),
            canary: ArmCounts::default(),
        })
    }

    /// Adds an answered session that was not explored, in the order of the answers: who ranked, and
    /// the rank of what was picked, from 0; `None` for "none of these".
    pub fn push(&mut self, arm: Arm, picked: Option<usize>) {
        self.pick_rate.push(arm, picked.is_some());
        self.first_place.push(arm, picked == Some(0));
        let counts = match arm {
            Arm::Champion => &mut self.champion,
            Arm::Canary => &mut self.canary,
        };
        counts.answered += 1;
        counts.picked += usize::from(picked.is_some());
        counts.first += usize::from(picked == Some(0));
    }

    /// What follows from the sessions so far.
    pub fn verdict(&self) -> GuardVerdict {
        let evidence = (self.pick_rate.evidence() + self.first_place.evidence()) / 2.0;
        if evidence >= 1.0 / self.options.alpha {
            GuardVerdict::RollBack
        } else if self.canary.answered >= self.options.enough {
            GuardVerdict::Pass
        } else {
            GuardVerdict::Watch
        }
    }

    /// The verdict and its evidence.
    pub fn report(&self) -> GuardReport {
        let (by_pick_rate, by_first_place) =
            (self.pick_rate.evidence(), self.first_place.evidence());
        // JSON has no infinity.
        let finite = |x: f64| x.min(f64::MAX);
        GuardReport {
            verdict: self.verdict(),
            champion: self.champion,
            canary: self.canary,
            evidence: finite(by_pick_rate / 2.0 + by_first_place / 2.0),
            by_pick_rate: finite(by_pick_rate),
            by_first_place: finite(by_first_place),
        }
    }
}

/// The relative losses that are bet on: from one that only many sessions show to a ruin.
const LOSSES: [f64; 5] = [0.05, 0.1, 0.2, 0.4, 0.8];

/// The bets on one rate.
#[derive(Debug, Clone)]
struct Measure {
    share: f64,
    /// The logarithms of the stakes, which may leave the range of `f64`.
    log_stakes: [f64; LOSSES.len()],
    champion: (f64, f64),
}

impl Measure {
    fn new(share: f64) -> Self {
        Self {
            share,
            log_stakes: [0.0; LOSSES.len()],
            champion: (0.0, 0.0),
        }
    }

    fn push(&mut self, arm: Arm, success: bool) {
        // Of earlier sessions alone: a bet that knows its own outcome proves nothing. Half a
        // success and half a failure are added (Krichevsky and Trofimov), so that it is inside (0, 1).
        let (successes, n) = self.champion;
        let p = (successes + 0.5) / (n + 1.0);
        for (log_stake, loss) in self.log_stakes.iter_mut().zip(LOSSES) {
            let canary = p * (1.0 - loss);
            let both = (1.0 - self.share) * p + self.share * canary;
            let rate = match arm {
                Arm::Champion => p,
                Arm::Canary => canary,
            };
            *log_stake += if success {
                (rate / both).ln()
            } else {
                ((1.0 - rate) / (1.0 - both)).ln()
            };
        }
        if arm == Arm::Champion {
            self.champion.0 += f64::from(u8::from(success));
            self.champion.1 += 1.0;
        }
    }

    fn evidence(&self) -> f64 {
        let stakes = self.log_stakes.iter().map(|log| log.exp());
        stakes.sum::<f64>() / LOSSES.len() as f64
    }
}
