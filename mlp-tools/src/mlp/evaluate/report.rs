//! An evaluation as a picture: the figures, reliability, lift, coefficients.

use mlp_core::Artifact;
use mlp_core::metrics::{
    Binning, EvaluationWithIntervals, LiftPoint, Predictions, ReliabilityBin, Statistic, lift,
    reliability,
};

use super::super::error::Result;
use super::svg::{Anchor, BLUE, Drawing, GREY, INK, PALE, Scale, VERMILLION};

/// What is drawn.
pub struct Report {
    /// The headline.
    pub title: String,
    /// What was judged on what.
    pub subtitle: String,
    /// The figures.
    pub found: EvaluationWithIntervals,
    /// Bins of equal counts: most probabilities are small, and equal widths would leave one dot.
    pub reliability: Vec<ReliabilityBin>,
    /// The lift curve; `None` without a pick.
    pub lift: Option<Vec<LiftPoint>>,
    /// The model's coefficients.
    pub coefficients: Vec<Coefficient>,
}

/// A weight of a scaled feature.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Coefficient {
    /// The feature.
    pub name: String,
    /// The weight.
    pub weight: f64,
    /// Its standard error, where the artifact has one.
    pub standard_error: Option<f64>,
}

/// An artifact's coefficients, the largest first.
pub fn coefficients(artifact: &Artifact) -> Vec<Coefficient> {
    let error = |at: usize| artifact.standard_errors.as_ref()?.get(at).copied();
    let mut all: Vec<Coefficient> = (artifact.features.iter().zip(&artifact.weights).enumerate())
        .map(|(at, (name, &weight))| Coefficient {
            name: name.clone(),
            weight,
            standard_error: error(at),
        })
        .collect();
    all.sort_by(|a, b| b.weight.abs().total_cmp(&a.weight.abs()));
    all
}

const RELIABILITY_BINS: usize = 12;
const LIFT_POINTS: usize = 20;

impl Report {
    /// Computes what is drawn.
    pub fn new(
        title: String,
        subtitle: String,
        found: EvaluationWithIntervals,
        predictions: &Predictions,
        coefficients: Vec<Coefficient>,
    ) -> Result<Self> {
        let (labels, p) = (predictions.labels(), predictions.probabilities());
        Ok(Self {
            title,
            subtitle,
            found,
            reliability: reliability(labels, p, Binning::EqualMass(RELIABILITY_BINS))?,
            lift: lift(labels, p, LIFT_POINTS)?,
            coefficients,
        })
    }

    /// The SVG file's text.
    pub fn svg(&self) -> String {
        let mut drawing = Drawing::new(WIDTH);
        drawing.heading((MARGIN, 46.0), 22.0, &self.title);
        drawing.text((MARGIN, 70.0), 13.0, GREY, Anchor::Start, &self.subtitle);
        figures(&mut drawing, 106.0, &self.found);
        reliability_chart(&mut drawing, Frame::new(76.0, 350.0), &self.reliability);
        lift_chart(&mut drawing, Frame::new(566.0, 350.0), self.lift.as_deref());
        let end = coefficient_chart(&mut drawing, 736.0, &self.coefficients);
        drawing.finish(end + 30.0, &self.title)
    }
}

const WIDTH: f64 = 960.0;
const MARGIN: f64 = 40.0;

/// The figures in two columns, from `top` on.
fn figures(drawing: &mut Drawing, top: f64, found: &EvaluationWithIntervals) {
    let rows = Statistic::ALL.len() / 2;
    for (i, statistic) in Statistic::ALL.into_iter().enumerate() {
        let x = if i < rows { MARGIN } else { WIDTH / 2.0 + 20.0 };
        let y = top + 24.0 * (i % rows) as f64;
        drawing.text((x, y), 14.0, INK, Anchor::Start, statistic.title());
        let value = statistic.of(&found.evaluation);
        let value = value.map_or("undefined".to_owned(), |x| format!("{x:.4}"));
        drawing.text((x + 226.0, y), 14.0, INK, Anchor::End, &value);
        if let Some(interval) = found.intervals.get(&statistic) {
            let text = format!("95 %: {:.4} to {:.4}", interval.low, interval.high);
            drawing.text((x + 244.0, y), 12.0, GREY, Anchor::Start, &text);
        }
    }
}

/// Where a chart is drawn.
#[derive(Clone, Copy)]
struct Frame {
    left: f64,
    top: f64,
}

impl Frame {
    const WIDTH: f64 = 340.0;
    const HEIGHT: f64 = 280.0;

    fn new(left: f64, top: f64) -> Self {
        Self { left, top }
    }

    fn right(self) -> f64 {
        self.left + Self::WIDTH
    }

    fn bottom(self) -> f64 {
        self.top + Self::HEIGHT
    }

    fn across(self, range: (f64, f64)) -> Scale {
        Scale::new(range, 5.0, self.left, self.right())
    }

    fn upwards(self, range: (f64, f64)) -> Scale {
        Scale::new(range, 5.0, self.bottom(), self.top)
    }

    fn head(self, drawing: &mut Drawing, title: &str, says: &str) {
        drawing.heading((self.left - 36.0, self.top - 38.0), 16.0, title);
        drawing.text(
            (self.left - 36.0, self.top - 18.0),
            12.0,
            GREY,
            Anchor::Start,
            says,
        );
    }

    fn axes(self, drawing: &mut Drawing, x: (&Scale, &str), y: (&Scale, &str)) {
        for (value, label) in x.0.marks() {
            let at = x.0.at(value);
            drawing.line((at, self.top), (at, self.bottom()), PALE, 1.0);
            let place = (at, self.bottom() + 18.0);
            drawing.text(place, 12.0, GREY, Anchor::Middle, &label);
        }
        for (value, label) in y.0.marks() {
            let at = y.0.at(value);
            drawing.line((self.left, at), (self.right(), at), PALE, 1.0);
            drawing.text((self.left - 8.0, at + 4.0), 12.0, GREY, Anchor::End, &label);
        }
        let middle = self.left + Self::WIDTH / 2.0;
        drawing.text(
            (middle, self.bottom() + 40.0),
            12.0,
            INK,
            Anchor::Middle,
            x.1,
        );
        let middle = self.top + Self::HEIGHT / 2.0;
        drawing.upwards((self.left - 46.0, middle), 12.0, INK, y.1);
    }

    fn nothing(self, drawing: &mut Drawing, says: &str) {
        let place = (self.left, self.top + Self::HEIGHT / 2.0);
        drawing.text(place, 13.0, GREY, Anchor::Start, says);
    }
}

fn reliability_chart(drawing: &mut Drawing, frame: Frame, table: &[ReliabilityBin]) {
    frame.head(
        drawing,
        "Reliability",
        "Bins of equal counts with 95 % intervals; on the dashes, promises are kept",
    );
    if table.is_empty() {
        return frame.nothing(drawing, "no rows to judge by");
    }
    // The confidence is a constant in range.
    let interval = |bin: &ReliabilityBin| bin.interval(0.95).unwrap_or((0.0, 1.0));
    let most = (table.iter()).fold(0.0, |most: f64, bin| {
        most.max(bin.predicted).max(interval(bin).1)
    });
    let (x, y) = (frame.across((0.0, most)), frame.upwards((0.0, most)));
    frame.axes(
        drawing,
        (&x, "promised probability of a pick"),
        (&y, "observed share of picks"),
    );
    let end = x.high().min(1.0);
    drawing.dashes((x.at(0.0), y.at(0.0)), (x.at(end), y.at(end)), GREY);
    for bin in table {
        let (low, high) = interval(bin);
        let at = x.at(bin.predicted);
        drawing.line((at, y.at(low)), (at, y.at(high)), BLUE, 2.0);
        let says = format!(
            "{} rows: promised {:.4}, observed {:.4} ({low:.4} to {high:.4})",
            bin.rows, bin.predicted, bin.observed
        );
        drawing.dot((at, y.at(bin.observed)), 4.0, BLUE, &says);
    }
}

fn lift_chart(drawing: &mut Drawing, frame: Frame, curve: Option<&[LiftPoint]>) {
    let says = match curve.and_then(|curve| curve.iter().find(|point| point.rows >= 0.0999)) {
        Some(tenth) => format!(
            "The best tenth of the items shown has {:.1} times its share of the picks",
            tenth.lift
        ),
        None => "Share of the picks that is among the items of the highest probability".to_owned(),
    };
    frame.head(drawing, "Lift", &says);
    let Some(curve) = curve else {
        return frame.nothing(drawing, "no picks to judge by");
    };
    let (x, y) = (frame.across((0.0, 1.0)), frame.upwards((0.0, 1.0)));
    frame.axes(
        drawing,
        (&x, "share of the items shown, best first"),
        (&y, "share of the picks among them"),
    );
    drawing.dashes((x.at(0.0), y.at(0.0)), (x.at(1.0), y.at(1.0)), GREY);
    let points: Vec<(f64, f64)> = std::iter::once((x.at(0.0), y.at(0.0)))
        .chain(curve.iter().map(|p| (x.at(p.rows), y.at(p.found))))
        .collect();
    drawing.path(&points, BLUE);
    for (point, at) in curve.iter().zip(&points[1..]) {
        let says = format!(
            "best {:.0} %: {:.1} % of the picks, lift {:.2}",
            100.0 * point.rows,
            100.0 * point.found,
            point.lift
        );
        drawing.dot(*at, 3.0, BLUE, &says);
    }
}

/// The most coefficients that are drawn.
const MOST: usize = 25;

/// The largest coefficients from `top` on; gives where they end.
fn coefficient_chart(drawing: &mut Drawing, top: f64, all: &[Coefficient]) -> f64 {
    const ROW: f64 = 22.0;
    const LABELS: f64 = 300.0;
    // Half of the length of a 95 % interval in standard errors.
    const Z: f64 = 1.96;
    let shown = &all[..all.len().min(MOST)];
    let known = shown.iter().filter(|c| c.standard_error.is_some()).count();
    let errors = match known {
        0 => "this kind of model keeps no standard errors",
        _ => "with 95 % intervals",
    };
    let says = format!(
        "Weights of the scaled features, the largest {} of {}; {errors}",
        shown.len(),
        all.len()
    );
    drawing.heading((MARGIN, top), 16.0, "Coefficients");
    drawing.text((MARGIN, top + 20.0), 12.0, GREY, Anchor::Start, &says);
    let (first, end) = (top + 52.0, top + 52.0 + ROW * shown.len() as f64);
    let half = |c: &Coefficient| Z * c.standard_error.unwrap_or(0.0);
    let low = (shown.iter()).fold(0.0, |low: f64, c| low.min(c.weight - half(c)));
    let high = (shown.iter()).fold(0.0, |high: f64, c| high.max(c.weight + half(c)));
    let scale = Scale::new((low, high), 8.0, LABELS + 20.0, WIDTH - MARGIN - 10.0);
    for (value, label) in scale.marks() {
        let at = scale.at(value);
        let colour = if value == 0.0 { GREY } else { PALE };
        drawing.line((at, first - 14.0), (at, end - 6.0), colour, 1.0);
        drawing.text((at, end + 12.0), 12.0, GREY, Anchor::Middle, &label);
    }
    for (i, coefficient) in shown.iter().enumerate() {
        let y = first + ROW * i as f64;
        let name = shortened(&coefficient.name);
        drawing.text((LABELS, y + 4.0), 12.0, INK, Anchor::End, &name);
        let colour = if coefficient.weight < 0.0 {
            VERMILLION
        } else {
            BLUE
        };
        let at = scale.at(coefficient.weight);
        match coefficient.standard_error {
            Some(_) => {
                let length = half(coefficient);
                let ends = [coefficient.weight - length, coefficient.weight + length];
                let [low, high] = ends.map(|x| scale.at(x));
                drawing.line((low, y), (high, y), colour, 2.0);
            }
            // From zero: a length to compare by.
            None => drawing.line((scale.at(0.0), y), (at, y), colour, 2.0),
        }
        let says = match coefficient.standard_error {
            Some(error) => format!(
                "{}: {:.4} ± {error:.4}",
                coefficient.name, coefficient.weight
            ),
            None => format!("{}: {:.4}", coefficient.name, coefficient.weight),
        };
        drawing.dot((at, y), 4.0, colour, &says);
    }
    end + 12.0
}

/// A name that fits its place.
fn shortened(name: &str) -> String {
    const LONGEST: usize = 34;
    if name.chars().count() <= LONGEST {
        return name.to_owned();
    }
    let head: String = name.chars().take(LONGEST - 1).collect();
    head + "…"
}
