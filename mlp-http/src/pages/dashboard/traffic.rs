//! Requests and latencies over the last hour.

use maud::{Markup, html};

use super::view::View;
use crate::metrics::Stretch;
use crate::pages::chart::{Line, Lines, Shade, lines};
use crate::pages::words;

/// Rows of the table that is there for who does not see the charts.
const ROWS: usize = 15;

pub(super) fn section(view: &View) -> Markup {
    let all: u64 = view.traffic.iter().map(|s| s.requests).sum();
    html! {
        section aria-labelledby="traffic" {
            h2 #traffic { "Traffic" }
            @if all == 0 {
                p { "No user has asked anything of this process yet." }
            } @else {
                div .charts {
                    (lines(&requests(&view.traffic)))
                    (lines(&latency(&view.traffic)))
                }
                (table(&view.traffic))
            }
        }
    }
}

fn x(stretch: &Stretch) -> f64 {
    -stretch.ago_s / 60.0
}

fn from(traffic: &[Stretch]) -> f64 {
    // A few points alone would stand as far apart as a whole hour.
    traffic.first().map_or(0.0, x).min(-10.0)
}

fn rate(stretch: &Stretch, n: u64) -> f64 {
    n as f64 / stretch.span_s.max(1.0) * 60.0
}

fn requests(traffic: &[Stretch]) -> Lines {
    let line = |of: fn(&Stretch) -> u64| {
        traffic
            .iter()
            .map(|s| (x(s), Some(rate(s, of(s)))))
            .collect()
    };
    let most = traffic
        .iter()
        .map(|s| rate(s, s.requests))
        .fold(1.0, f64::max);
    let failures: u64 = traffic.iter().map(|s| s.failures).sum();
    let now = traffic.last().map_or(0.0, |s| rate(s, s.requests));
    Lines {
        title: "Requests per minute",
        says: format!(
            "At most {}, now {}; {} failed in all",
            words::number(most),
            words::number(now),
            words::count(failures)
        ),
        lines: vec![
            Line {
                name: "all",
                shade: Shade::First,
                points: line(|s| s.requests),
            },
            Line {
                name: "failed",
                shade: Shade::Second,
                points: line(|s| s.failures),
            },
        ],
        band: Vec::new(),
        band_name: None,
        marks: Vec::new(),
        from: from(traffic),
        y: (0.0, most * 1.1),
        y_label: words::number,
    }
}

fn latency(traffic: &[Stretch]) -> Lines {
    let line = |of: fn(&Stretch) -> Option<f64>| {
        traffic
            .iter()
            .map(|s| (x(s), of(s).map(|t| t * 1e3)))
            .collect()
    };
    let most = traffic.iter().filter_map(|s| s.p99_s).fold(0.001, f64::max);
    Lines {
        title: "Latency in ms",
        says: format!("The 99th percentile was at most {}", words::seconds(most)),
        lines: vec![
            Line {
                name: "median",
                shade: Shade::First,
                points: line(|s| s.p50_s),
            },
            Line {
                name: "99th percentile",
                shade: Shade::Second,
                points: line(|s| s.p99_s),
            },
        ],
        band: Vec::new(),
        band_name: None,
        marks: Vec::new(),
        from: from(traffic),
        y: (0.0, most * 1.1e3),
        y_label: words::number,
    }
}

fn table(traffic: &[Stretch]) -> Markup {
    let time = |t: Option<f64>| t.map_or_else(|| "–".to_owned(), words::seconds);
    html! {
        details #traffic-numbers {
            summary { "Traffic in numbers" }
            div .scroll tabindex="0" role="region" aria-label="Traffic in numbers" {
                table {
                    caption { span { "The last minutes, the newest first. Asks after the state of a task are left out." } }
                    thead { tr {
                        th scope="col" { "Minutes ago" } th scope="col" { "Requests" } th scope="col" { "Failed" }
                        th scope="col" { "Median" } th scope="col" { "99th percentile" }
                    } }
                    tbody {
                        @for s in traffic.iter().rev().take(ROWS) {
                            tr {
                                th scope="row" { (format!("{:.0}", s.ago_s / 60.0)) }
                                td { (words::count(s.requests)) } td { (words::count(s.failures)) }
                                td { (time(s.p50_s)) } td { (time(s.p99_s)) }
                            }
                        }
                    }
                }
            }
        }
    }
}
