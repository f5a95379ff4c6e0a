//! The little of SVG that a report needs.
//!
//! Our own and no library's: three charts are axes, dots, lines and text, and a library that has no
//! fonts places text by guess, where here all of it is anchored at what it belongs to.

use std::fmt::Write;

/// Colours that stay apart for the colour-blind. Source: Okabe and Ito, *Color universal design*.
pub const BLUE: &str = "#0072B2";
/// The second colour.
pub const VERMILLION: &str = "#D55E00";
/// Text.
pub const INK: &str = "#222222";
/// Text that matters less.
pub const GREY: &str = "#666666";
/// Grid lines.
pub const PALE: &str = "#E3E3E3";

/// Where a text stands to its point.
#[derive(Clone, Copy)]
pub enum Anchor {
    /// It begins there.
    Start,
    /// It is centred there.
    Middle,
    /// It ends there.
    End,
}

/// A drawing, in pixels from the upper left.
pub struct Drawing {
    width: f64,
    body: String,
}

impl Drawing {
    /// An empty one.
    pub fn new(width: f64) -> Self {
        Self {
            width,
            body: String::new(),
        }
    }

    /// The file's text, for a drawing so high.
    pub fn finish(self, height: f64, title: &str) -> String {
        let width = self.width;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
             width=\"{width}\" height=\"{height}\" role=\"img\" \
             font-family=\"system-ui, 'DejaVu Sans', Helvetica, Arial, sans-serif\">\n\
             <title>{}</title>\n\
             <rect width=\"{width}\" height=\"{height}\" fill=\"#FFFFFF\"/>\n{}</svg>\n",
            escape(title),
            self.body
        )
    }

    /// A line.
    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), colour: &str, width: f64) {
        self.stroke(from, to, colour, width, "");
    }

    /// A dashed line.
    pub fn dashes(&mut self, from: (f64, f64), to: (f64, f64), colour: &str) {
        self.stroke(from, to, colour, 1.5, " stroke-dasharray=\"5 4\"");
    }

    fn stroke(&mut self, from: (f64, f64), to: (f64, f64), colour: &str, width: f64, more: &str) {
        let ((x1, y1), (x2, y2)) = (from, to);
        // Writing to a string cannot fail.
        let _ = writeln!(
            self.body,
            "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" \
             stroke=\"{colour}\" stroke-width=\"{width}\"{more}/>"
        );
    }

    /// Lines from point to point.
    pub fn path(&mut self, points: &[(f64, f64)], colour: &str) {
        let points: Vec<String> = points
            .iter()
            .map(|(x, y)| format!("{x:.1},{y:.1}"))
            .collect();
        let _ = writeln!(
            self.body,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            points.join(" ")
        );
    }

    /// A dot, with what it says when pointed at.
    pub fn dot(&mut self, (x, y): (f64, f64), radius: f64, colour: &str, says: &str) {
        let _ = writeln!(
            self.body,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\" fill=\"{colour}\">\
             <title>{}</title></circle>",
            escape(says)
        );
    }

    /// A text of `size` pixels on its base line.
    pub fn text(&mut self, at: (f64, f64), size: f64, colour: &str, anchor: Anchor, text: &str) {
        self.write(at, size, colour, anchor, text, "");
    }

    /// A heading.
    pub fn heading(&mut self, at: (f64, f64), size: f64, text: &str) {
        self.write(at, size, INK, Anchor::Start, text, " font-weight=\"600\"");
    }

    /// A text that runs upwards, centred.
    pub fn upwards(&mut self, at: (f64, f64), size: f64, colour: &str, text: &str) {
        let turn = format!(" transform=\"rotate(-90 {:.1} {:.1})\"", at.0, at.1);
        self.write(at, size, colour, Anchor::Middle, text, &turn);
    }

    fn write(
        &mut self,
        (x, y): (f64, f64),
        size: f64,
        colour: &str,
        anchor: Anchor,
        text: &str,
        more: &str,
    ) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let _ = writeln!(
            self.body,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"{size}\" fill=\"{colour}\" \
             text-anchor=\"{anchor}\"{more}>{}</text>",
            escape(text)
        );
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// A scale from numbers to pixels, with round numbers to mark.
pub struct Scale {
    low: f64,
    high: f64,
    step: f64,
    from: f64,
    to: f64,
}

impl Scale {
    /// Holds `low..=high` with about `marks` marks, from pixel `from` to pixel `to`.
    pub fn new((low, high): (f64, f64), marks: f64, from: f64, to: f64) -> Self {
        let span = (high - low).max(1e-9);
        let power = 10_f64.powf((span / marks).log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .map(|factor| factor * power)
            .into_iter()
            .find(|step| span / step <= marks)
            .unwrap_or(10.0 * power);
        Self {
            // A hair is left out, so that 0.30000000000000004 does not need another mark.
            low: (low / step + 1e-9).floor() * step,
            high: (high / step - 1e-9).ceil() * step,
            step,
            from,
            to,
        }
    }

    /// The pixel of a number; one beyond an end is at that end.
    pub fn at(&self, x: f64) -> f64 {
        let part = (x - self.low) / (self.high - self.low).max(1e-12);
        self.from + part.clamp(0.0, 1.0) * (self.to - self.from)
    }

    /// The numbers to mark, as they are written.
    pub fn marks(&self) -> Vec<(f64, String)> {
        let count = ((self.high - self.low) / self.step).round() as usize;
        let digits = (-self.step.log10().floor()).max(0.0) as usize;
        (0..=count)
            .map(|i| self.low + i as f64 * self.step)
            .map(|x| {
                // Not "-0.0".
                let x = if x.abs() < self.step / 2.0 { 0.0 } else { x };
                (x, format!("{x:.digits$}"))
            })
            .collect()
    }

    /// The largest number.
    pub fn high(&self) -> f64 {
        self.high
    }
}
