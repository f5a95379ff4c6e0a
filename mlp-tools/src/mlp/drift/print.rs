//! Reports as tables for a terminal.

use mlp_core::drift::{DriftReport, DriftVerdict, FeatureDrift};
use mlp_core::watch::{Quality, WatchReport};

use super::super::models::time;

/// Prints what a look found.
pub(super) fn watch(report: &WatchReport) {
    let window = &report.window;
    let model = |id: Option<i64>| id.map_or("none".to_owned(), |id| id.to_string());
    say!("champion     {}", model(report.model_id));
    say!("reference    {}", model(report.reference_model_id));
    match (window.from_us, window.to_us) {
        (Some(from), Some(to)) => say!(
            "requests     the newest {}, {} to {}",
            window.requests,
            time(from),
            time(to)
        ),
        _ => say!("requests     none"),
    }
    if let Some(since) = report.alarm_since_us {
        say!("ALARM        since {}", time(since));
    }
    say!("");
    match &report.drift {
        Some(found) => drift(found, None),
        None => say!(
            "No verdict: {}",
            report.no_drift.as_deref().unwrap_or("unknown")
        ),
    }
    say!("");
    quality(&report.quality);
}

/// Prints a report on drift, and what may help.
pub(super) fn drift(report: &DriftReport, hint: Option<&str>) {
    say!("{}", report.sentence);
    if let Some(hint) = hint {
        say!("{hint}");
    }
    let sure = match report.verdict {
        DriftVerdict::TooFew => String::new(),
        DriftVerdict::Calm | DriftVerdict::Drift => format!(
            ", wrong with a probability of at most {:.2}%",
            100.0 * report.alpha
        ),
    };
    say!(
        "{} requests against a reference of {} distinct ones{sure}",
        report.window_requests,
        report.reference_requests
    );
    say!("");
    let width = report.features.iter().map(|f| f.name.len());
    let width = width.max().unwrap_or(0).max("feature".len());
    say!(
        "  {:<width$}  {:>8}  {:>7}  {:>6}  {:>7}  {:>7}  what changed",
        "feature",
        "p",
        "PSI",
        "KS",
        "JS",
        "outside"
    );
    for feature in &report.features {
        row(feature, width);
    }
    say!("");
    say!("what other rules say of the same numbers:");
    for (rule, features) in [
        ("PSI over 0.1", &report.others.psi_over_0_1),
        ("KS, p under 0.05", &report.others.ks_uncorrected),
        ("always", &report.others.always),
        ("never", &report.others.never),
    ] {
        let said = match features.is_empty() {
            true => "calm".to_owned(),
            false => format!("drift of {}", features.join(", ")),
        };
        say!("  {rule:<18}  {said}");
    }
}

fn row(feature: &FeatureDrift, width: usize) {
    let found = &feature.statistics;
    let number = |x: Option<f64>| x.map_or("-".to_owned(), |x| format!("{x:.3}"));
    let mark = if feature.drifted { '!' } else { ' ' };
    say!(
        "{mark} {:<width$}  {:>8}  {:>7}  {:>6}  {:>7}  {:>6.1}%  {}",
        feature.name,
        feature.p.map_or("-".to_owned(), probability),
        number(found.psi),
        number(found.ks),
        number(found.jensen_shannon),
        100.0 * found.out_of_range,
        feature.change
    );
}

/// `0.73`, and `2e-9` for what is small.
fn probability(p: f64) -> String {
    match p {
        _ if p >= 0.001 => format!("{p:.3}"),
        // As small as numbers get: it is not 0.
        _ if p < 1e-300 => "<1e-300".to_owned(),
        _ => format!("{p:.0e}"),
    }
}

fn quality(quality: &Quality) {
    let percent = |x: Option<f64>| x.map_or("-".to_owned(), |x| format!("{:.1}%", 100.0 * x));
    say!(
        "{:>6}  {:>7}  {:>8}  {:>9}  {:>16}  {:>8}  {:>13}",
        "model",
        "shown",
        "answered",
        "pick rate",
        "95 % interval",
        "expected",
        "of all shown"
    );
    for model in &quality.models {
        say!(
            "{:>6}  {:>7}  {:>8}  {:>9}  {:>16}  {:>8}  {:>13}",
            model.model_id,
            model.shown,
            model.answered,
            percent(model.rate),
            match (model.low, model.high) {
                (Some(low), Some(high)) => format!("{:.1} to {:.1}%", 100.0 * low, 100.0 * high),
                _ => "-".to_owned(),
            },
            percent(model.expected),
            percent(model.expected_shown)
        );
    }
    say!(
        "answered     {} of what was shown long enough ago",
        percent(quality.coverage)
    );
    if let Some(delay) = &quality.delay {
        let (half, most) = (delay.p50_s, delay.p90_s);
        say!("after        {half:.1} s in half of the sessions, {most:.1} s in nine of ten");
    }
    if let Some(found) = &quality.explored {
        let number = |x: Option<f64>| x.map_or("-".to_owned(), |x| format!("{x:.4}"));
        let interval = |low: Option<f64>, high: Option<f64>| match (low, high) {
            (Some(low), Some(high)) => format!(" ({low:.4} to {high:.4})"),
            _ => String::new(),
        };
        say!(
            "explored     log loss {}{}, precision@1 {}{} on {} judging sessions",
            number(found.log_loss),
            interval(found.log_loss_low, found.log_loss_high),
            number(found.precision_at_1),
            interval(found.precision_at_1_low, found.precision_at_1_high),
            found.sessions
        );
    }
}

/// Prints a line for each look.
pub(super) fn history(reports: &[WatchReport]) {
    if reports.is_empty() {
        say!("no look at the traffic yet");
    }
    for report in reports {
        let verdict = match report.drift.as_ref().map(|drift| drift.verdict) {
            Some(DriftVerdict::Calm) => "calm",
            Some(DriftVerdict::Drift) => "drift",
            Some(DriftVerdict::TooFew) | None => "no verdict",
        };
        let alarm = report.alarm_since_us.map_or("", |_| "ALARM");
        let said = report.drift.as_ref().map(|drift| drift.sentence.as_str());
        say!(
            "{}  {verdict:<10}  {alarm:<5}  {}",
            time(report.created_us),
            said.or(report.no_drift.as_deref()).unwrap_or_default()
        );
    }
}

#[cfg(test)]
mod tests {
    use super::probability;

    #[test]
    fn no_probability_is_printed_as_zero() {
        let told = [0.73, 0.001, 2e-9, 1e-299, 1e-301, 0.0].map(probability);
        let wanted = ["0.730", "0.001", "2e-9", "1e-299", "<1e-300", "<1e-300"];
        assert_eq!(told, wanted);
    }
}
