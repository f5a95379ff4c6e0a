//! The report, for people.

use std::fmt::Write;

use super::report::{Quantiles, Report};

/// The report in a few lines.
pub(crate) fn summary(report: &Report) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_summary(&mut text, report);
    text
}

fn write_summary(out: &mut String, report: &Report) -> std::fmt::Result {
    writeln!(
        out,
        "sessions   {} in {:.2} s, {:.1}/s",
        report.sessions, report.seconds, report.sessions_per_s
    )?;
    let none = report.answered - report.picked;
    let silent = report.sessions - report.answered;
    writeln!(
        out,
        "answers    {} picked, {none} none of these, {silent} silent",
        report.picked
    )?;
    writeln!(
        out,
        "trouble    {} errors, {} busy, {} sessions given up, {} lost, {} unfinished",
        report.errors, report.busy, report.failed, report.lost, report.unfinished
    )?;
    for (reason, count) in &report.reasons {
        writeln!(out, "           {count} × {reason}")?;
    }
    if report.missed > 0 {
        writeln!(
            out,
            "           {} arrivals never served: the latencies are too good",
            report.missed
        )?;
    }
    write_latencies(out, report)
}

fn write_latencies(out: &mut String, report: &Report) -> std::fmt::Result {
    writeln!(
        out,
        "{:<10} {:>9} {:>9} {:>9} {:>9}",
        "latency ms", "p50", "p90", "p99", "max"
    )?;
    let latencies = &report.latency_ms;
    let rows = [
        ("session", latencies.session),
        ("start", latencies.start),
        ("status", latencies.status),
        ("results", latencies.results),
        ("select", latencies.select),
    ];
    for (
        name,
        Quantiles {
            p50, p90, p99, max, ..
        },
    ) in rows
    {
        writeln!(
            out,
            "{name:<10} {p50:>9.2} {p90:>9.2} {p99:>9.2} {max:>9.2}"
        )?;
    }
    Ok(())
}
