//! Charts as SVG, drawn by plotters.
//!
//! Plotters gives colours as attributes. Of those a style sheet has the last word, so that each
//! colour here is a name by which `pages.css` finds what it paints, for light and for dark. Text is
//! text, in the reader's own font; its place does not depend on fonts that a server may not have.

use maud::{Markup, PreEscaped, html};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

const SIZE: (u32, u32) = (560, 230);

/// Colours that stay apart for the colour-blind. Source: Okabe and Ito, *Color universal design*.
const BLUE: RGBColor = RGBColor(0x00, 0x72, 0xB2);
const ORANGE: RGBColor = RGBColor(0xD5, 0x5E, 0x00);
const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
const PALE: RGBColor = RGBColor(0xE3, 0xE3, 0xE3);

const TEXT: i32 = 19;

/// One of the two colours that are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shade {
    First,
    Second,
}

impl Shade {
    fn colour(self) -> RGBColor {
        match self {
            Self::First => BLUE,
            Self::Second => ORANGE,
        }
    }

    /// The class of a sample of it in HTML.
    fn class(self) -> &'static str {
        match self {
            Self::First => "sample first",
            Self::Second => "sample second",
        }
    }
}

/// A line from left to right, with gaps where there is no number.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub name: &'static str,
    pub shade: Shade,
    pub points: Vec<(f64, Option<f64>)>,
}

/// Lines over time.
#[derive(Debug, Clone)]
pub(super) struct Lines {
    /// What it shows, in a few words.
    pub title: &'static str,
    /// What it says, in a sentence, for who does not see it.
    pub says: String,
    pub lines: Vec<Line>,
    /// Areas between a lower and an upper bound: `(x, low, high)`.
    pub band: Vec<(f64, f64, f64)>,
    /// What the area is called.
    pub band_name: Option<&'static str>,
    /// Where something changed, and what.
    pub marks: Vec<(f64, String)>,
    /// In minutes before now, so at most 0.
    pub from: f64,
    pub y: (f64, f64),
    pub y_label: fn(f64) -> String,
}

type Drawn = Result<(), Box<dyn std::error::Error>>;

/// The picture with its title and legend.
pub(super) fn lines(chart: &Lines) -> Markup {
    let drawing = svg(chart.title, &chart.says, |area| draw_lines(chart, area));
    html! {
        figure .chart {
            figcaption {
                strong { (chart.title) }
                @if chart.lines.len() + usize::from(chart.band_name.is_some()) > 1 {
                    " " span .legend {
                        @for line in &chart.lines {
                            span { span class=(line.shade.class()) {} (line.name) }
                        }
                        @if let Some(name) = chart.band_name { span { span .sample.band {} (name) } }
                    }
                }
            }
            (drawing)
        }
    }
}

fn svg(
    title: &str,
    says: &str,
    draw: impl FnOnce(&DrawingArea<SVGBackend<'_>, Shift>) -> Drawn,
) -> Markup {
    let mut text = String::new();
    let area = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
    let drawn = draw(&area).and_then(|()| Ok(area.present()?));
    drop(area);
    if let Err(error) = drawn {
        tracing::warn!(%error, "a chart cannot be drawn");
        return html! { p .help { "This cannot be drawn; the numbers are below." } };
    }
    let words = html! { title { (title) } desc { (says) } }.into_string();
    let said = html! { span aria-label={ (title) ". " (says) } {} }.into_string();
    // The attribute as maud escaped it.
    let label = said
        .trim_start_matches("<span ")
        .trim_end_matches("></span>");
    match text.split_once('>') {
        Some((head, body)) => PreEscaped(format!("{head} role=\"img\" {label}>{words}{body}")),
        None => html! {},
    }
}

fn draw_lines(chart: &Lines, area: &DrawingArea<SVGBackend<'_>, Shift>) -> Drawn {
    let from = chart.from.min(-1.0);
    let (low, high) = chart.y;
    let high = if high > low { high } else { low + 1.0 };
    let mut context = ChartBuilder::on(area)
        .margin(6)
        .margin_right(24)
        .margin_top(20)
        .x_label_area_size(30)
        .y_label_area_size(70)
        .build_cartesian_2d(from..0.0, low..high)?;
    context
        .configure_mesh()
        .disable_x_mesh()
        .max_light_lines(0)
        .x_labels(6)
        .y_labels(5)
        .x_label_formatter(&|x| before(*x))
        .y_label_formatter(&|y| (chart.y_label)(*y))
        .axis_style(INK)
        .bold_line_style(PALE)
        .label_style(("sans-serif", TEXT).into_font().color(&INK))
        .draw()?;
    let lower = chart.band.iter().map(|(x, low, _)| (*x, *low));
    let upper = chart.band.iter().rev().map(|(x, _, high)| (*x, *high));
    let around: Vec<(f64, f64)> = lower.chain(upper).collect();
    context.draw_series([Polygon::new(around, BLUE.mix(0.2).filled())])?;
    for (x, what) in &chart.marks {
        context.draw_series([PathElement::new(
            vec![(*x, low), (*x, high)],
            INK.stroke_width(1),
        )])?;
        // Near an end, a centred word would be cut.
        let anchor = match (x - from) / -from {
            share if share > 0.85 => HPos::Right,
            share if share < 0.15 => HPos::Left,
            _ => HPos::Center,
        };
        let style = TextStyle::from(("sans-serif", TEXT).into_font())
            .color(&INK)
            .pos(Pos::new(anchor, VPos::Bottom));
        context.draw_series([Text::new(what.clone(), (*x, high), style)])?;
    }
    for line in &chart.lines {
        let colour = line.shade.colour();
        for run in line.points.split(|(_, y)| y.is_none()) {
            let run: Vec<(f64, f64)> = run.iter().filter_map(|(x, y)| Some((*x, (*y)?))).collect();
            if let [alone] = run[..] {
                context.draw_series([Circle::new(alone, 3, colour.filled())])?;
            } else {
                context.draw_series(LineSeries::new(run, colour.stroke_width(2)))?;
            }
        }
    }
    Ok(())
}

/// `−30 min`, `now`.
fn before(minutes: f64) -> String {
    let ago = -minutes;
    match ago {
        a if a < 0.05 => "now".to_owned(),
        a if a < 1.0 => format!("−{:.0} s", a * 60.0),
        a if a < 180.0 => format!("−{:.0} min", a),
        a if a < 3.0 * 1440.0 => format!("−{:.0} h", a / 60.0),
        a => format!("−{:.0} d", a / 1440.0),
    }
}

/// Two histograms in the same bins, side by side.
#[derive(Debug, Clone)]
pub(super) struct Pair<'a> {
    pub title: &'a str,
    pub says: String,
    /// Shape `(n_bins,)`, as the two others.
    pub labels: &'a [String],
    pub first: &'a [f64],
    pub second: &'a [f64],
}

/// The picture.
pub(super) fn pair(chart: &Pair<'_>) -> Markup {
    svg(chart.title, &chart.says, |area| draw_pair(chart, area))
}

fn draw_pair(chart: &Pair<'_>, area: &DrawingArea<SVGBackend<'_>, Shift>) -> Drawn {
    let bins = chart.labels.len();
    let all = chart.first.iter().chain(chart.second);
    let most = all.copied().filter(|x| x.is_finite()).fold(0.01, f64::max);
    let mut context = ChartBuilder::on(area)
        .margin(6)
        .margin_right(40)
        .margin_top(10)
        .x_label_area_size(30)
        .y_label_area_size(56)
        .build_cartesian_2d(0.0..bins.max(1) as f64, 0.0..most * 1.05)?;
    context
        .configure_mesh()
        .disable_x_mesh()
        .disable_x_axis()
        .max_light_lines(0)
        .y_labels(4)
        .y_label_formatter(&|y| format!("{:.0} %", y * 100.0))
        .axis_style(INK)
        .bold_line_style(PALE)
        .label_style(("sans-serif", TEXT).into_font().color(&INK))
        .draw()?;
    for (shares, shade, left) in [
        (chart.first, Shade::First, 0.1),
        (chart.second, Shade::Second, 0.5),
    ] {
        let bars = shares
            .iter()
            .take(bins)
            .enumerate()
            .filter(|(_, share)| share.is_finite());
        context.draw_series(bars.map(|(bin, share)| {
            let x = bin as f64 + left;
            Rectangle::new([(x, 0.0), (x + 0.4, *share)], shade.colour().filled())
        }))?;
    }
    // As many as have room: a letter is about 9 pixels wide.
    let longest = chart.labels.iter().map(|l| short(l).chars().count()).max();
    let room = (SIZE.0 as usize - 100) / (longest.unwrap_or(1) * 9 + 12).max(1);
    let each = bins.div_ceil(room.max(1)).max(1);
    let style = TextStyle::from(("sans-serif", TEXT).into_font())
        .color(&INK)
        .pos(Pos::new(HPos::Center, VPos::Top));
    for (bin, label) in chart.labels.iter().enumerate().step_by(each) {
        let (x, y) = context.backend_coord(&(bin as f64 + 0.5, 0.0));
        area.draw_text(&short(label), &style, (x, y + 6))?;
    }
    Ok(())
}

fn short(label: &str) -> String {
    const MOST: usize = 16;
    match label.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &label[..end]),
        None => label.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_is_escaped_and_has_words() {
        let labels = ["<script>\"&'".to_owned(), "b".to_owned()];
        let drawn = pair(&Pair {
            title: "<i>title\"",
            says: "a & b".to_owned(),
            labels: &labels,
            first: &[0.25, f64::NAN],
            second: &[0.75, 1.0],
        });
        let text = drawn.into_string();
        assert!(!text.contains("<script") && !text.contains("<i>"), "{text}");
        assert!(text.contains("role=\"img\" aria-label=\"&lt;i&gt;title&quot;. a &amp; b\""));
        assert!(
            text.contains("<title>&lt;i&gt;title\"")
                || text.contains("<title>&lt;i&gt;title&quot;")
        );
        assert!(!text.contains("style="));
        // One bar is no number, and not drawn.
        assert_eq!(text.matches("#0072B2").count(), 1);
        assert_eq!(text.matches("#D55E00").count(), 2);
    }

    #[test]
    fn lines_have_gaps_where_nothing_is_known() {
        let text = lines(&Lines {
            title: "t",
            says: String::new(),
            lines: vec![Line {
                name: "n",
                shade: Shade::First,
                points: vec![
                    (-5.0, Some(1.0)),
                    (-4.0, Some(2.0)),
                    (-3.0, None),
                    (-2.0, Some(1.0)),
                ],
            }],
            band: Vec::new(),
            band_name: None,
            marks: vec![(-1.0, "model 2".to_owned())],
            from: -6.0,
            y: (0.0, 0.0),
            y_label: |y| y.to_string(),
        })
        .into_string();
        assert_eq!(
            text.matches("<polyline fill=\"none\" opacity=\"1\" stroke=\"#0072B2\"")
                .count(),
            1
        );
        assert_eq!(text.matches("<circle").count(), 1);
        assert!(text.contains("model 2"));
        assert!(text.contains("now"));
    }
}
