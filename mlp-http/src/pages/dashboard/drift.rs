//! Whether the traffic is what the model was trained on, feature by feature.

use maud::{Markup, html};
use mlp_core::drift::{DriftReport, DriftVerdict, FeatureDrift, FeatureKind, PolicyKind};

use super::view::{Stored, View};
use crate::pages::chart::{Pair, pair};
use crate::pages::words;

pub(super) fn section(view: &View, stored: &Stored) -> Markup {
    html! {
        section aria-labelledby="drift" {
            h2 #drift { "Drift" }
            @match stored.newest() {
                None => p { "No report yet: it comes with the first look at the traffic." },
                Some(report) => {
                    @match &report.drift {
                        None => p { (report.no_drift.as_deref().unwrap_or("There is no verdict.")) },
                        Some(drift) => (found(drift, &words::ago(report.created_us, view.now_us)))
                    }
                }
            }
        }
    }
}

fn found(drift: &DriftReport, looked: &str) -> Markup {
    let class = match drift.verdict {
        DriftVerdict::Calm => "good",
        DriftVerdict::Drift => "bad",
        DriftVerdict::TooFew => "unknown",
    };
    let (changed, calm): (Vec<_>, Vec<_>) = drift.features.iter().partition(|f| f.drifted);
    html! {
        p #verdict class={ "notice " (class) } { (words::sentence(&drift.sentence)) }
        p .help {
            (words::count(drift.window_requests)) " requests, last looked at " (looked) ", against "
            (words::count(drift.reference_requests)) " of the reference; "
            @match drift.policy { PolicyKind::OneLook => "one look", PolicyKind::Continuous => "continuous watching" }
            ", a false alarm of all features together with probability " (words::number(drift.alpha)) "."
        }
        (table(drift))
        @if !changed.is_empty() {
            h3 { "Changed" }
            (legend())
            div .charts { @for feature in changed { (one(feature)) } }
        }
        @if !calm.is_empty() {
            details #calm-features {
                summary { "Not changed: " (calm.len()) @if calm.len() == 1 { " feature" } @else { " features" } }
                (legend())
                div .charts { @for feature in calm { (one(feature)) } }
            }
        }
        (others(drift))
    }
}

fn legend() -> Markup {
    html! {
        p .legend {
            span { span .sample.first {} "reference" } " " span { span .sample.second {} "now" }
        }
    }
}

fn number(x: Option<f64>) -> String {
    x.map_or_else(|| "–".to_owned(), words::number)
}

fn table(drift: &DriftReport) -> Markup {
    html! {
        div .scroll tabindex="0" role="region" aria-label="Drift by feature" {
            table {
                caption { span { "Drift by feature. p is corrected for all features and tests of this look." } }
                thead { tr {
                    th scope="col" { "Feature" } th scope="col" { "Verdict" } th scope="col" { "What changed" }
                    th scope="col" { "p" } th scope="col" { "KS or chi²" } th scope="col" { "PSI" }
                    th scope="col" { "Out of range" } th scope="col" { "Missing" }
                } }
                tbody {
                    @for f in &drift.features {
                        tr .changed[f.drifted] {
                            th scope="row" { (words::plain(&f.name)) }
                            td { @if f.drifted { strong { "changed" } } @else if f.p.is_some() { "calm" } @else { "no verdict" } }
                            td { (f.change) }
                            td { (number(f.p)) }
                            td { (number(match f.kind { FeatureKind::Numeric => f.statistics.ks, FeatureKind::Category => f.statistics.chi2 })) }
                            td { (number(f.statistics.psi)) }
                            td { (words::percent(f.statistics.out_of_range)) }
                            td { (words::percent(f.statistics.missing_window)) }
                        }
                    }
                }
            }
        }
    }
}

fn one(feature: &FeatureDrift) -> Markup {
    let name = words::title(&feature.name);
    let bars = &feature.bars;
    if bars.labels.is_empty() {
        return html! {};
    }
    let says = if feature.change.is_empty() {
        "No change in words".to_owned()
    } else {
        feature.change.clone()
    };
    let share = |of: &[f64], bin: usize| {
        of.get(bin)
            .copied()
            .map_or_else(|| "–".to_owned(), words::percent)
    };
    html! {
        figure .chart {
            figcaption { span { strong { (name) } @if !feature.change.is_empty() { ": " (feature.change) } } }
            (pair(&Pair { title: &name, says, labels: &bars.labels, first: &bars.reference, second: &bars.window }))
            details id={ "drift-" (feature.name) } {
                summary { (name) " in numbers" }
                table {
                    caption { span { "The share of values in each bin." } }
                    thead { tr { th scope="col" { "Bin" } th scope="col" { "Reference" } th scope="col" { "Now" } } }
                    tbody {
                        @for (bin, label) in bars.labels.iter().enumerate() {
                            tr { th scope="row" { (label) } td { (share(&bars.reference, bin)) } td { (share(&bars.window, bin)) } }
                        }
                    }
                }
            }
        }
    }
}

/// What rules in use elsewhere would have said.
fn others(drift: &DriftReport) -> Markup {
    let said = |names: &[String]| match names {
        [] => "no alarm".to_owned(),
        names => {
            let names: Vec<String> = names.iter().map(|n| words::plain(n)).collect();
            format!("alarm about {}", names.join(", "))
        }
    };
    html! {
        details #other-rules {
            summary { "What other rules would have said" }
            dl .numbers {
                div { dt { "PSI over 0.1" } dd { (said(&drift.others.psi_over_0_1)) } }
                div { dt { "p under 0.05 for each feature" } dd { (said(&drift.others.ks_uncorrected)) } }
            }
        }
    }
}
