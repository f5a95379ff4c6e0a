//! The rows of the table.

use std::path::Path;

use serde::Serialize;

/// One measurement beside its peer and its limit.
#[derive(Debug, Serialize)]
pub struct Row {
    pub name: &'static str,
    pub value: f64,
    pub unit: &'static str,
    /// What it is held against, measured in the same run.
    pub reference: String,
    pub reference_value: f64,
    /// `value / reference_value`, or the median of that over rounds.
    pub ratio: f64,
    pub goal: Option<String>,
    pub met: Option<bool>,
}

impl Row {
    /// A measurement beside its peer, without a goal.
    pub fn new(
        name: &'static str,
        (value, unit): (f64, &'static str),
        (reference, reference_value): (impl Into<String>, f64),
    ) -> Self {
        Self {
            name,
            value,
            unit,
            reference: reference.into(),
            reference_value,
            ratio: value / reference_value,
            goal: None,
            met: None,
        }
    }

    /// The median of the rounds' ratios: what disturbs a round is in both of its numbers.
    pub fn with_ratio(self, ratio: f64) -> Self {
        Self { ratio, ..self }
    }

    pub fn at_least(self, limit: f64) -> Self {
        let met = self.value >= limit;
        self.held_to(format!(">= {limit}"), met)
    }

    pub fn at_most(self, limit: f64) -> Self {
        let met = self.value <= limit;
        self.held_to(format!("<= {limit}"), met)
    }

    pub fn ratio_at_most(self, limit: f64) -> Self {
        let met = self.ratio <= limit;
        self.held_to(format!("ratio <= {limit}"), met)
    }

    pub fn ratio_at_least(self, limit: f64) -> Self {
        let met = self.ratio >= limit;
        self.held_to(format!("ratio >= {limit}"), met)
    }

    /// One more goal; the row is met when all of its goals are.
    pub fn held_to(mut self, goal: impl Into<String>, met: bool) -> Self {
        let goal = goal.into();
        self.goal = Some(match self.goal {
            None => goal,
            Some(others) => format!("{others}, {goal}"),
        });
        self.met = Some(met && self.met.unwrap_or(true));
        self
    }
}

/// The median, which must be of something.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let (below, above) = ((values.len() - 1) / 2, values.len() / 2);
    f64::midpoint(values[below], values[above])
}

/// The value below which this share of the others is; of something.
pub fn quantile(values: &[f64], share: f64) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * share).round() as usize]
}

/// Says on standard error what was found on the way.
pub fn note(text: std::fmt::Arguments<'_>) {
    eprintln!("    {text}");
}

/// The table as text.
pub fn table(rows: &[Row]) -> String {
    let header = [
        "name",
        "value",
        "unit",
        "reference",
        "reference_value",
        "ratio",
        "goal",
        "met",
    ];
    let mut lines = vec![header.map(str::to_owned)];
    lines.extend(rows.iter().map(|row| {
        [
            row.name.to_owned(),
            number(row.value),
            row.unit.to_owned(),
            row.reference.clone(),
            number(row.reference_value),
            number(row.ratio),
            row.goal.clone().unwrap_or_else(|| "-".to_owned()),
            match row.met {
                Some(true) => "yes",
                Some(false) => "NO",
                None => "-",
            }
            .to_owned(),
        ]
    }));
    let widths: [usize; 8] =
        std::array::from_fn(|i| lines.iter().map(|line| line[i].len()).max().unwrap_or(0));
    let mut text = String::new();
    for line in &lines {
        for (i, (cell, width)) in line.iter().zip(widths).enumerate() {
            // Numbers to the right.
            match i {
                1 | 4 | 5 => text += &format!("{cell:>width$}  "),
                _ => text += &format!("{cell:<width$}  "),
            }
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

/// Four significant digits are more than a machine repeats.
fn number(x: f64) -> String {
    match x.abs() {
        a if a >= 1000.0 => format!("{x:.0}"),
        a if a >= 100.0 => format!("{x:.1}"),
        a if a >= 10.0 => format!("{x:.2}"),
        a if a >= 0.1 => format!("{x:.3}"),
        _ => format!("{x:.5}"),
    }
}

/// Writes the rows as a JSON list.
pub fn write_json(path: &Path, rows: &[Row]) -> std::io::Result<()> {
    let mut text = serde_json::to_string_pretty(rows)?;
    text.push('\n');
    std::fs::write(path, text)
}
