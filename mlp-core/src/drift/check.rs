//! Holding a window against a profile.

use super::chi2::{Correction, chi2, chi2_survival};
use super::counts::{Counts, FeatureCounts, Told};
use super::hellinger::hellinger;
use super::jensen_shannon::{Base, jensen_shannon};
use super::ks::ks_of_counts;
use super::mismatch::ProfileError;
use super::pair::BinnedPair;
use super::policy::Policy;
use super::profile::{FeatureProfile, LEAST_REFERENCE, Profile, Values};
use super::psi::{Smoothing, psi};
use super::report::{Bars, DriftReport, DriftVerdict, FeatureDrift, OtherRules, Statistics};
use super::tails::{divergence, ks_p, part_p, part_tail};
use super::total_variation::total_variation;
use super::window::Window;
use super::words;

/// Tests of each feature and window, each at the same share of the false alarms.
const TESTS: f64 = 4.0;

/// The fewest values that the Kolmogorov–Smirnov test is asked about.
const LEAST_KS: u64 = 20;

/// Whether the requests of `window` differ from its profile's by more than chance.
///
/// Each feature has four tests:
///
/// - *numbers*: the Kolmogorov–Smirnov distance; the power divergence of the counts in bins; how many
///   are beyond the least and the greatest value of the reference, exactly; the share that is
///   missing, exactly;
/// - *levels*: the share of each level, exactly; the power divergence; how many are levels that the
///   reference never saw, exactly; the share that is missing, exactly.
///
/// It alarms where the least of all the probabilities, times tests, features and windows, is under
/// what the policy allows of a look.
pub fn check(window: &Window<'_>, policy: Policy) -> DriftReport {
    let spans: Vec<Counts> = (policy.lengths().iter())
        .enumerate()
        .filter(|(i, length)| *i == 0 || **length < window.len())
        .map(|(_, length)| window.counts(*length))
        .collect();
    report(window.profile(), &spans, policy)
}

/// As [`check`], of counts alone, one for each of [`Policy::lengths`] (or the first of them): the
/// Kolmogorov–Smirnov distance is then that of the bins, and the median is not told.
///
/// # Errors
///
/// Where the profile is unsound, or the counts are not in its bins.
pub fn check_counts(
    profile: &Profile,
    spans: &[Counts],
    policy: Policy,
) -> Result<DriftReport, ProfileError> {
    profile.validate_bins()?;
    for counts in spans {
        counts.check(profile)?;
    }
    Ok(report(profile, spans, policy))
}

/// What a test of a feature found most unlikely.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum By {
    /// The distribution as a whole.
    Whole,
    /// Values out of the range.
    Range,
    /// The share that is missing.
    Missing,
    /// A level, by its position.
    Level(usize),
}

/// The probabilities of one feature in one window, without any correction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Found {
    pub least: f64,
    pub by: By,
    ks: Option<(f64, f64)>,
    binned: Option<f64>,
    range: Option<f64>,
}

fn report(profile: &Profile, spans: &[Counts], policy: Policy) -> DriftReport {
    let requests = spans.first().map_or(0, |counts| counts.requests);
    let enough = profile.distinct >= LEAST_REFERENCE && requests >= Policy::LEAST as u64;
    let alpha = policy.per_look();
    let family = TESTS * profile.features.len() as f64 * policy.lengths().len() as f64;
    let (mut features, mut others) = (Vec::new(), OtherRules::default());
    for (i, feature) in profile.features.iter().enumerate() {
        let tested: Vec<(Found, &FeatureCounts)> = (spans.iter())
            .map(|span| (test(feature, &span.features[i]), &span.features[i]))
            .collect();
        let Some((found, counts)) = least_likely(&tested) else {
            continue;
        };
        // The better of two windows is our choice, not that of the other rules.
        let (whole, all) = &tested[0];
        others.add(feature, whole, all);
        let judged = enough.then_some((family, alpha));
        features.push(describe(feature, counts, &found, judged));
    }
    let verdict = match () {
        () if !enough => DriftVerdict::TooFew,
        () if features.iter().any(|f| f.drifted) => DriftVerdict::Drift,
        () => DriftVerdict::Calm,
    };
    let mut report = DriftReport {
        verdict,
        sentence: String::new(),
        policy: policy.kind(),
        alpha,
        reference_requests: profile.distinct,
        window_requests: requests,
        features,
        others,
    };
    report.sentence = words::sentence(&report);
    report
}

/// The window that is least like the reference, and of equals the first.
fn least_likely<'a>(tested: &[(Found, &'a FeatureCounts)]) -> Option<(Found, &'a FeatureCounts)> {
    let least = tested.iter().min_by(|a, b| a.0.least.total_cmp(&b.0.least));
    least.copied()
}

/// What a feature's tests say of one window.
fn test(feature: &FeatureProfile, counts: &FeatureCounts) -> Found {
    let (m, n) = (feature.count(), counts.count());
    let bins = feature.bins();
    let numeric = matches!(feature.values, Values::Numeric(_));
    let mut found = Found {
        least: 1.0,
        by: By::Whole,
        ks: None,
        binned: divergence(&bins, &counts.bins, numeric),
        range: None,
    };
    let mut seen = Vec::with_capacity(4);
    seen.extend(found.binned.map(|p| (p, By::Whole)));
    if numeric {
        let distance = match &counts.values {
            Some(values) => values.ks,
            None => BinnedPair::new(&bins, &counts.bins)
                .ok()
                .and_then(ks_of_counts)
                .map_or(0.0, |ks| ks.statistic()),
        };
        if m > 0 && n > 0 {
            found.ks = Some((distance, ks_p(n, m, distance)));
            let tails = [counts.below, counts.above].map(|k| part_tail(0, m, k, n));
            found.range = Some((2.0 * tails[0].min(tails[1])).min(1.0));
        }
        seen.extend(
            found
                .ks
                .filter(|_| n.min(m) >= LEAST_KS)
                .map(|ks| (ks.1, By::Whole)),
        );
    } else {
        found.range = (m > 0 && n > 0).then(|| part_tail(0, m, unseen(&bins, counts), n));
        let levels = bins.iter().zip(&counts.bins).enumerate();
        let each = levels.map(|(i, (&r, &c))| (part_p(r, m, c, n), By::Level(i)));
        let times = if bins.len() == 2 {
            1.0
        } else {
            bins.len() as f64
        };
        let least = each.min_by(|a, b| a.0.total_cmp(&b.0));
        seen.extend(least.map(|(p, by)| ((times * p).min(1.0), by)));
    }
    seen.extend(found.range.map(|p| (p, By::Range)));
    if !feature.score {
        let missing = part_p(
            feature.missing,
            m + feature.missing,
            counts.missing,
            n + counts.missing,
        );
        seen.push((missing, By::Missing));
    }
    if let Some(&(p, by)) = seen.iter().min_by(|a, b| a.0.total_cmp(&b.0)) {
        (found.least, found.by) = (p, by);
    }
    found
}

/// How many are levels that the reference never saw.
fn unseen(bins: &[u64], counts: &FeatureCounts) -> u64 {
    let unseen = bins.iter().zip(&counts.bins).filter(|(r, _)| **r == 0);
    unseen.map(|(_, c)| c).sum()
}

/// What is reported of a feature. `judged` has the number of tests, and how often a look may alarm
/// falsely.
fn describe(
    feature: &FeatureProfile,
    counts: &FeatureCounts,
    found: &Found,
    judged: Option<(f64, f64)>,
) -> FeatureDrift {
    let p = judged.map(|(family, _)| (family * found.least).min(1.0));
    let told = match &feature.values {
        Values::Numeric(numbers) => counts.told(numbers),
        Values::Levels(_) => None,
    };
    FeatureDrift {
        name: feature.name.clone(),
        kind: feature.kind(),
        drifted: p.zip(judged).is_some_and(|(p, (_, alpha))| p < alpha),
        p,
        change: words::change(feature, counts, found.by, told.map(|told| told.median)),
        bars: Bars {
            labels: words::labels(&feature.values),
            reference: shares(&feature.bins()),
            window: shares(&counts.bins),
        },
        statistics: statistics(feature, counts, found, told),
    }
}

fn statistics(
    feature: &FeatureProfile,
    counts: &FeatureCounts,
    found: &Found,
    told: Option<Told>,
) -> Statistics {
    let n = counts.count();
    let bins = feature.bins();
    let (outside, median_reference) = match &feature.values {
        Values::Numeric(numbers) => (counts.below + counts.above, numbers.median()),
        Values::Levels(_) => (unseen(&bins, counts), None),
    };
    let mut statistics = Statistics {
        requests: n + counts.missing,
        ks: found.ks.map(|ks| ks.0),
        ks_p: found.ks.map(|ks| ks.1),
        chi2_p: found.binned,
        wasserstein: told.and_then(|told| told.wasserstein),
        out_of_range: share(outside, n),
        out_of_range_p: found.range,
        missing_reference: share(feature.missing, feature.count() + feature.missing),
        missing_window: share(counts.missing, n + counts.missing),
        median_reference,
        median_window: told.map(|told| told.median),
        ..Statistics::default()
    };
    if let Ok(pair) = BinnedPair::new(&bins, &counts.bins) {
        statistics.chi2 = chi2(pair, Correction::None).map(|chi2| chi2.statistic);
        statistics.psi = psi(pair, Smoothing::Half);
        statistics.psi_p = (statistics.psi).and_then(|psi| psi_p(psi, pair));
        statistics.jensen_shannon = jensen_shannon(pair, Base::Two);
        statistics.hellinger = hellinger(pair);
        statistics.total_variation = total_variation(pair);
    }
    statistics
}

/// The p-value of a stability index with [`Smoothing::Half`]; `None` with one bin.
fn psi_p(psi: f64, pair: BinnedPair<'_>) -> Option<f64> {
    let degrees = pair.bins().checked_sub(1).filter(|d| *d > 0)?;
    let sizes = 1.0 / pair.reference_total() as f64 + 1.0 / pair.current_total() as f64;
    Some(chi2_survival(psi / sizes, degrees))
}

impl OtherRules {
    /// What each would have said of this feature, whose longest window has these counts.
    fn add(&mut self, feature: &FeatureProfile, found: &Found, counts: &FeatureCounts) {
        let bins = feature.bins();
        // As it is computed elsewhere, shares being at least 0.0001.
        let psi = BinnedPair::new(&bins, &counts.bins)
            .ok()
            .and_then(|pair| psi(pair, Smoothing::Floor(1e-4)));
        if psi.is_some_and(|psi| psi > 0.1) {
            self.psi_over_0_1.push(feature.name.clone());
        }
        let p = found.ks.map(|ks| ks.1).or(found.binned);
        if p.is_some_and(|p| p < 0.05) {
            self.ks_uncorrected.push(feature.name.clone());
        }
        self.always.push(feature.name.clone());
    }
}

fn share(part: u64, of: u64) -> f64 {
    part as f64 / of.max(1) as f64
}

fn shares(counts: &[u64]) -> Vec<f64> {
    let total = counts.iter().sum();
    counts.iter().map(|count| share(*count, total)).collect()
}
