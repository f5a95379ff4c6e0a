//! Pick rates, realised and expected.

use maud::{Markup, html};
use mlp_core::watch::{PickRate, WatchReport};

use super::health::champion_rate;
use super::view::{Stored, View};
use crate::pages::chart::{Line, Lines, Shade, lines};
use crate::pages::words;

pub(super) fn section(view: &View, stored: &Stored) -> Markup {
    html! {
        section aria-labelledby="picks" {
            h2 #picks { "Pick rate" }
            @match stored.newest() {
                None => p { "No report yet: it comes with the first look at the traffic." },
                Some(newest) => {
                    @if stored.reports.iter().filter_map(champion_rate).any(|r| r.rate.is_some()) {
                        div .charts { (lines(&chart(view, stored))) (explored(newest)) }
                    } @else {
                        p { "No answer has come to a list that a model ordered." }
                        (explored(newest))
                    }
                    (models(newest))
                }
            }
        }
    }
}

fn chart(view: &View, stored: &Stored) -> Lines {
    let x = |us: i64| -((view.now_us - us).max(0) as f64) / 60e6;
    let reports: Vec<&WatchReport> = stored.reports.iter().rev().collect();
    let line = |of: fn(&PickRate) -> Option<f64>| {
        let points = reports
            .iter()
            .map(|r| (x(r.created_us), champion_rate(r).and_then(of)));
        points.collect::<Vec<_>>()
    };
    let band: Vec<(f64, f64, f64)> = reports
        .iter()
        .filter_map(|r| {
            let rate = champion_rate(r)?;
            Some((x(r.created_us), rate.low?, rate.high?))
        })
        .collect();
    let (realised, expected) = (line(|r| r.rate), line(|r| r.expected));
    let all = realised.iter().chain(&expected).filter_map(|(_, y)| *y);
    let all = all.chain(band.iter().flat_map(|(_, low, high)| [*low, *high]));
    let (low, high) = all.fold((1.0_f64, 0.0_f64), |(low, high), y| {
        (low.min(y), high.max(y))
    });
    let changes = reports
        .windows(2)
        .filter(|pair| pair[0].model_id != pair[1].model_id);
    let marks = changes.filter_map(|pair| {
        Some((
            x(pair[1].created_us),
            format!("model {}", pair[1].model_id?),
        ))
    });
    let said = |points: &[(f64, Option<f64>)]| {
        let last = points.iter().rev().find_map(|(_, y)| *y);
        last.map_or_else(|| "unknown".to_owned(), words::percent)
    };
    Lines {
        title: "Pick rate of the champion",
        says: format!("Now {}, expected {}", said(&realised), said(&expected)),
        lines: vec![
            Line {
                name: "realised",
                shade: Shade::First,
                points: realised,
            },
            Line {
                name: "expected by the model",
                shade: Shade::Second,
                points: expected,
            },
        ],
        band,
        band_name: Some("95 % interval"),
        marks: marks.collect(),
        from: reports.first().map_or(-1.0, |r| x(r.created_us)),
        y: ((low - 0.05).max(0.0), (high + 0.05).min(1.0)),
        y_label: |y| format!("{:.0} %", y * 100.0),
    }
}

fn or_dash(x: Option<f64>, write: fn(f64) -> String) -> String {
    x.map_or_else(|| "–".to_owned(), write)
}

fn between(low: Option<f64>, high: Option<f64>, write: fn(f64) -> String) -> String {
    match (low, high) {
        (Some(low), Some(high)) => format!("{} to {}", write(low), write(high)),
        _ => "–".to_owned(),
    }
}

fn explored(report: &WatchReport) -> Markup {
    let quality = &report.quality;
    html! {
        dl .numbers {
            div { dt { "Coverage: shown lists that were answered" } dd { (or_dash(quality.coverage, words::percent)) } }
            @if let Some(delay) = quality.delay {
                div { dt { "Time to an answer, median" } dd { (words::seconds(delay.p50_s)) } }
                div { dt { "Time to an answer, 90th percentile" } dd { (words::seconds(delay.p90_s)) } }
            }
            @if let Some(explored) = &quality.explored {
                div { dt { "Random lists, to judge by" } dd { (words::count(explored.sessions)) } }
                div { dt { "Log loss on them" } dd {
                    (or_dash(explored.log_loss, words::number)) " "
                    span .quiet { (between(explored.log_loss_low, explored.log_loss_high, words::number)) }
                } }
                div { dt { "Pick was the model's first" } dd {
                    (or_dash(explored.precision_at_1, words::percent)) " "
                    span .quiet { (between(explored.precision_at_1_low, explored.precision_at_1_high, words::percent)) }
                } }
            }
        }
    }
}

fn models(report: &WatchReport) -> Markup {
    html! {
        @if !report.quality.models.is_empty() {
            div .scroll tabindex="0" role="region" aria-label="Pick rates by model" {
                table {
                    caption { span { "Pick rates by model at the last look; intervals are of 95 %." } }
                    thead { tr {
                        th scope="col" { "Model" } th scope="col" { "Shown" } th scope="col" { "Answered" }
                        th scope="col" { "Picked" } th scope="col" { "Pick rate" } th scope="col" { "Interval" }
                        th scope="col" { "Expected" } th scope="col" { "Expected of all shown" }
                    } }
                    tbody {
                        @for m in &report.quality.models {
                            tr {
                                th scope="row" { (m.model_id) }
                                td { (words::count(m.shown)) } td { (words::count(m.answered)) } td { (words::count(m.picked)) }
                                td { (or_dash(m.rate, words::percent)) } td { (between(m.low, m.high, words::percent)) }
                                td { (or_dash(m.expected, words::percent)) } td { (or_dash(m.expected_shown, words::percent)) }
                            }
                        }
                    }
                }
            }
        }
    }
}
