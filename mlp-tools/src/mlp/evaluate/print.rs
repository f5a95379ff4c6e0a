//! Evaluations as tables for a terminal.

use mlp_core::metrics::{EvaluationWithIntervals, Segment, Statistic};
use mlp_core::replay::{Answer, ReplayReport};

/// A named evaluation.
pub type Column = (String, EvaluationWithIntervals);

/// Prints a row for each statistic, a column for each evaluation.
pub fn evaluations(columns: &[Column]) {
    let mut header = format!("{:<18}", "");
    for (name, found) in columns {
        header += &format!("{name:>12}");
        if !found.intervals.is_empty() {
            header += &format!("{:>20}", "95 % interval");
        }
    }
    say!("{}", header.trim_end());
    for statistic in Statistic::ALL {
        let mut line = format!("{:<18}", statistic.title());
        for (_, found) in columns {
            line += &match statistic.of(&found.evaluation) {
                Some(x) => format!("{x:>12.4}"),
                None => format!("{:>12}", "undefined"),
            };
            if !found.intervals.is_empty() {
                line += &format!("{:>20}", interval(found, statistic));
            }
        }
        say!("{}", line.trim_end());
    }
}

fn interval(found: &EvaluationWithIntervals, statistic: Statistic) -> String {
    (found.intervals.get(&statistic))
        .map(|i| format!("{:.4} to {:.4}", i.low, i.high))
        .unwrap_or_default()
}

/// What is told of each segment.
const OF_SEGMENTS: [Statistic; 3] = [Statistic::Auc, Statistic::LogLoss, Statistic::PrecisionAt1];

/// Prints a row for each segment.
pub fn segments(field: &str, found: &[(Segment, EvaluationWithIntervals)]) {
    let widest = found.iter().map(|(s, _)| s.name.chars().count()).max();
    let width = widest.unwrap_or(0).max(field.len() + 3);
    let mut header = format!(
        "\n{:<width$}{:>10}{:>8}",
        format!("by {field}"),
        "sessions",
        "picks"
    );
    for statistic in OF_SEGMENTS {
        header += &format!("{:>12}{:>20}", statistic.title(), "95 % interval");
    }
    say!("{header}");
    for (segment, found) in found {
        let (sessions, picks) = (found.evaluation.sessions, found.evaluation.picked_sessions);
        let mut line = format!("{:<width$}{sessions:>10}{picks:>8}", segment.name);
        for statistic in OF_SEGMENTS {
            line += &match statistic.of(&found.evaluation) {
                Some(x) => format!("{x:>12.4}"),
                None => format!("{:>12}", "undefined"),
            };
            line += &format!("{:>20}", interval(found, statistic));
        }
        say!("{}", line.trim_end());
    }
}

type Question = (&'static str, fn(&ReplayReport) -> Answer);

const QUESTIONS: [Question; 3] = [
    ("log loss of the choice", |r| r.log_loss),
    ("precision@1", |r| r.precision_at_1),
    ("MRR", |r| r.mrr),
];

/// Prints what candidates are worth on random lists.
pub fn replays(columns: &[(String, ReplayReport)]) {
    let cell = |(_, report): &(String, ReplayReport), of: fn(&ReplayReport) -> Answer| {
        of(report).to_string()
    };
    let widths: Vec<usize> = (columns.iter())
        .map(|column| {
            let cells = QUESTIONS
                .iter()
                .map(|(_, of)| cell(column, *of).chars().count());
            cells.max().unwrap_or(0).max(column.0.chars().count()) + 3
        })
        .collect();
    let mut header = format!("\n{:<24}", "on random lists");
    for ((name, _), width) in columns.iter().zip(&widths) {
        header += &format!("{name:<width$}");
    }
    say!("{}", header.trim_end());
    for (question, of) in QUESTIONS {
        let mut line = format!("{question:<24}");
        for (column, width) in columns.iter().zip(&widths) {
            line += &format!("{:<width$}", cell(column, of));
        }
        say!("{}", line.trim_end());
    }
}
