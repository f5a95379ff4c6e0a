//! What changed, in words.

use super::check::By;
use super::counts::FeatureCounts;
use super::policy::Policy;
use super::profile::{FeatureProfile, LEAST_REFERENCE, Numbers, Values};
use super::report::{DriftReport, DriftVerdict, FeatureDrift};

/// How many features a sentence says the change of; the others are only named.
const EXPLAINED: usize = 3;

/// What changed in a feature.
pub(crate) fn change(
    feature: &FeatureProfile,
    counts: &FeatureCounts,
    by: By,
    median: Option<f64>,
) -> String {
    let (m, n) = (feature.count(), counts.count());
    let missing = || {
        let then = percent(feature.missing, m + feature.missing);
        format!(
            "missing {then} → {}",
            percent(counts.missing, n + counts.missing)
        )
    };
    match (&feature.values, by) {
        (_, By::Missing) => missing(),
        _ if m == 0 || n == 0 => "no values to compare".to_owned(),
        (Values::Numeric(numbers), By::Range) if counts.below + counts.above > 0 => {
            outside(numbers, counts)
        }
        (Values::Numeric(numbers), _) => numeric(numbers, counts, median),
        (Values::Levels(levels), By::Range) => {
            let unseen = levels.counts.iter().zip(&counts.bins).enumerate();
            let unseen = unseen.filter(|(_, (r, _))| **r == 0);
            match unseen.max_by_key(|(_, (_, c))| **c) {
                Some((at, (_, c))) if *c > 0 => format!(
                    "level `{}` never seen before, {} of {}",
                    levels.names[at],
                    number(*c as f64),
                    number(n as f64)
                ),
                _ => "no level that was never seen".to_owned(),
            }
        }
        (Values::Levels(levels), By::Level(at)) => level(&levels.names, &levels.counts, counts, at),
        (Values::Levels(levels), _) => level(
            &levels.names,
            &levels.counts,
            counts,
            furthest(&levels.counts, &counts.bins),
        ),
    }
}

fn outside(numbers: &Numbers, counts: &FeatureCounts) -> String {
    let n = number(counts.count() as f64);
    match numbers.extremes() {
        Some((_, max)) if counts.above > 0 && counts.above >= counts.below => format!(
            "{} of {n} over the greatest ever seen, {}",
            number(counts.above as f64),
            number(max)
        ),
        Some((min, _)) => format!(
            "{} of {n} under the least ever seen, {}",
            number(counts.below as f64),
            number(min)
        ),
        None => "no values to compare".to_owned(),
    }
}

/// The medians, or, where these are the same, the bin whose share changed most.
fn numeric(numbers: &Numbers, counts: &FeatureCounts, median: Option<f64>) -> String {
    let medians = match (numbers.median(), median) {
        (Some(then), Some(now)) => Some((number(then), number(now))),
        _ => None,
    };
    match medians {
        Some((then, now)) if then != now || numbers.edges.is_empty() => {
            format!("median {then} → {now}")
        }
        _ => {
            let bins = numbers.bins();
            let bin = furthest(&bins, &counts.bins);
            let name = &bounds(numbers)[bin];
            shares(name, &bins, counts, bin)
        }
    }
}

/// `true: 12 % → 48 %`, ``level `novel`: …``.
fn level(names: &[String], reference: &[u64], counts: &FeatureCounts, at: usize) -> String {
    // Of two truth values the one that people speak of.
    match *names == ["false", "true"] {
        true => shares("true", reference, counts, 1),
        false => shares(&format!("level `{}`", names[at]), reference, counts, at),
    }
}

/// `over 3: 12 % → 16 %`.
fn shares(name: &str, reference: &[u64], counts: &FeatureCounts, at: usize) -> String {
    let then = percent(reference[at], reference.iter().sum());
    let now = percent(counts.bins[at], counts.count());
    format!("{name}: {then} → {now}")
}

/// The position where the shares differ most.
fn furthest(reference: &[u64], window: &[u64]) -> usize {
    let total = |counts: &[u64]| counts.iter().sum::<u64>().max(1) as f64;
    let (m, n) = (total(reference), total(window));
    let off = |at: &usize| (reference[*at] as f64 / m - window[*at] as f64 / n).abs();
    (0..reference.len())
        .max_by(|a, b| off(a).total_cmp(&off(b)))
        .unwrap_or(0)
}

/// What the bins are called.
pub(crate) fn labels(values: &Values) -> Vec<String> {
    match values {
        Values::Levels(levels) => levels.names.clone(),
        Values::Numeric(numbers) => bounds(numbers),
    }
}

fn bounds(numbers: &Numbers) -> Vec<String> {
    let bounds: Vec<String> = numbers.bounds().into_iter().map(number).collect();
    let (Some(first), Some(last)) = (bounds.first(), bounds.last()) else {
        return vec!["all".to_owned()];
    };
    let between = bounds
        .windows(2)
        .map(|ends| format!("({}, {}]", ends[0], ends[1]));
    let mut labels = vec![format!("up to {first}")];
    labels.extend(between);
    labels.push(format!("over {last}"));
    labels
}

/// The verdict.
pub(crate) fn sentence(report: &DriftReport) -> String {
    let requests = number(report.window_requests as f64);
    match report.verdict {
        DriftVerdict::TooFew if report.reference_requests < LEAST_REFERENCE => format!(
            "No verdict: the reference has {} distinct requests, at least {} are needed",
            number(report.reference_requests as f64),
            number(LEAST_REFERENCE as f64)
        ),
        DriftVerdict::TooFew => format!(
            "No verdict: the window has {requests} distinct requests, at least {} are needed",
            Policy::LEAST
        ),
        DriftVerdict::Calm => format!(
            "No drift: {requests} requests differ from the reference by no more than chance in {} features",
            report.features.len()
        ),
        DriftVerdict::Drift => format!(
            "Drift in {}; by chance a look says so at most once in {}",
            drifted(&report.features),
            number((1.0 / report.alpha).floor())
        ),
    }
}

/// The features that changed, the surest first.
fn drifted(features: &[FeatureDrift]) -> String {
    let mut drifted: Vec<&FeatureDrift> = features.iter().filter(|f| f.drifted).collect();
    drifted.sort_by(|a, b| a.p.unwrap_or(1.0).total_cmp(&b.p.unwrap_or(1.0)));
    let names = drifted.iter().enumerate().map(|(i, feature)| match i {
        0..EXPLAINED => format!("`{}` ({})", feature.name, feature.change),
        _ => format!("`{}`", feature.name),
    });
    names.collect::<Vec<_>>().join(", ")
}

/// `9,800`, `1,499.2`, `0.0123`: four digits that count, or all of a whole number.
pub(crate) fn number(x: f64) -> String {
    if !x.is_finite() || x.abs() >= 1e15 || (x != 0.0 && x.abs() < 1e-4) {
        return format!("{x:.3e}");
    }
    let decimals = if x == x.trunc() || x.abs() >= 10_000.0 {
        0
    } else {
        // From 1,000 on one decimal, under 1 as many as four digits need.
        (3 - x.abs().log10().floor() as i32).clamp(1, 8) as usize
    };
    let text = format!("{x:.decimals$}");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let fraction = fraction.trim_end_matches('0');
    let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |d| ("-", d));
    let mut grouped = String::from(sign);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if !fraction.is_empty() {
        grouped.push('.');
        grouped.push_str(fraction);
    }
    grouped
}

/// `12 %`, and `0.4 %` under one.
fn percent(part: u64, of: u64) -> String {
    let share = 100.0 * part as f64 / of.max(1) as f64;
    if share > 0.0 && share < 1.0 {
        format!("{share:.1} %")
    } else {
        format!("{share:.0} %")
    }
}
