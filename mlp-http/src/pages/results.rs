//! The ranked results with the reasons of each score, to choose from.

use maud::{Markup, PreEscaped, html};
use mlp_core::{Entity, FieldType, Row, Schema, Value};
use mlp_store::TaskId;

use super::{Place, Shell, words};

/// Reasons that are shown without being asked for.
const REASONS: usize = 4;

/// One ranked item.
#[derive(Debug, Clone)]
pub(crate) struct Offered {
    pub item_id: i64,
    pub score: f32,
    /// `None` where the item is gone.
    pub row: Option<Row>,
    /// Each feature's part of the log-odds, by name; empty without a model.
    pub reasons: Vec<(String, f64)>,
}

/// What the user said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answered {
    Nothing,
    NoneOfThese,
    Chose(i64),
}

/// What this process has counted since it started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Lists of results that were shown.
    pub shown: u64,
    pub picks: u64,
    /// Answers "none of these".
    pub nones: u64,
}

impl Tally {
    /// The share of answers that were a pick; `None` without answers.
    pub fn rate(self) -> Option<f64> {
        let answers = self.picks + self.nones;
        (answers > 0).then(|| self.picks as f64 / answers as f64)
    }
}

/// The results of one inference.
#[derive(Debug, Clone)]
pub(crate) struct Offer {
    pub task_id: TaskId,
    pub model_id: Option<i64>,
    /// By descending score.
    pub results: Vec<Offered>,
    pub answered: Answered,
    pub tally: Tally,
}

/// The page of them.
pub(crate) fn results(shell: Shell<'_>, schema: &Schema, offer: &Offer) -> String {
    let items = words::plain(&schema.item.table);
    let common = common(&offer.results);
    let main = html! {
        (thanks(schema, offer))
        h1 { "The best " (items) " for you" }
        p { (origin(offer)) }
        @if offer.results.is_empty() {
            p .notice { "There are no " (items) " to rank yet." }
        } @else {
            form method="post" action={ "/try/" (offer.task_id) } accept-charset="utf-8" {
                ol .results {
                    @for (rank, result) in offer.results.iter().enumerate() {
                        (one(schema, offer, &common, rank + 1, result))
                    }
                }
                p {
                    button .second type="submit" name=(schema.item.id_name()) value="-1" { "None of these" }
                    " " a href="/" { "Ask again" }
                }
            }
        }
    };
    shell.page(Place::Try, "Results", &main)
}

fn origin(offer: &Offer) -> Markup {
    html! {
        @match offer.model_id {
            Some(model) => {
                "Ranked by model " (model) ". A score is the probability, as the model sees it, that this one would be picked if it were shown alone. "
                "A share of all lists is drawn at random, so that later models can be compared on them."
            }
            None => "There is no model yet: the order is random, and what you choose is what the first one learns from."
        }
    }
}

fn thanks(schema: &Schema, offer: &Offer) -> Markup {
    let what = match offer.answered {
        Answered::Nothing => return html! {},
        Answered::NoneOfThese => "none of these".to_owned(),
        Answered::Chose(id) => {
            let found = offer.results.iter().find(|r| r.item_id == id);
            found.map_or_else(
                || format!("{} {id}", words::title(&schema.item.name)),
                |r| name(&schema.item, r),
            )
        }
    };
    let tally = offer.tally;
    html! {
        section #thanks .notice.good role="status" aria-labelledby="thanks-title" {
            h2 #thanks-title { "Thank you" }
            p { "You chose: " strong { (what) } ". You may change your mind below; the last choice stands." }
            p {
                "Since this server started: lists shown: " (words::count(tally.shown)) "; answers: "
                (words::count(tally.picks + tally.nones))
                @if let Some(rate) = tally.rate() { "; pick rate: " strong #pick-rate { (words::percent(rate)) } }
                ". " a href="/" { "Ask again" }
            }
        }
    }
}

/// What an item is called: its first text, or its number.
fn name(item: &Entity, result: &Offered) -> String {
    let text = result.row.as_ref().and_then(|row| {
        let columns = item.columns.iter().zip(row.values());
        columns.into_iter().find_map(|(_, value)| match value {
            Value::Text(text) if !text.trim().is_empty() => Some(text.to_string()),
            _ => None,
        })
    });
    text.unwrap_or_else(|| format!("{} {}", words::title(&item.name), result.item_id))
}

/// The features whose part is the same for every result: they say nothing of their order.
fn common(results: &[Offered]) -> Vec<String> {
    let Some((first, rest)) = results.split_first() else {
        return Vec::new();
    };
    let same = |position: usize, name: &str, part: f64| {
        rest.iter().all(|r| {
            (r.reasons.get(position)).is_some_and(|(n, p)| n == name && (p - part).abs() < 1e-12)
        })
    };
    let reasons = first.reasons.iter().enumerate();
    reasons
        .filter(|(position, (name, part))| !rest.is_empty() && same(*position, name, *part))
        .map(|(_, (name, _))| name.clone())
        .collect()
}

fn one(schema: &Schema, offer: &Offer, common: &[String], rank: usize, result: &Offered) -> Markup {
    let item = &schema.item;
    let name = name(item, result);
    let chosen = offer.answered == Answered::Chose(result.item_id);
    html! {
        li .result.chosen[chosen] {
            div .head {
                h2 { span .rank { (rank) ". " } (name) @if chosen { " " span .badge { "chosen" } } }
                @if offer.model_id.is_some() {
                    p .score { "Score " strong { (format!("{:.3}", result.score)) } }
                }
            }
            (facts(item, result))
            (reasons(common, result))
            button type="submit" name=(item.id_name()) value=(result.item_id) {
                "Choose" span .quiet-label { " " (name) }
            }
        }
    }
}

fn facts(item: &Entity, result: &Offered) -> Markup {
    let Some(row) = &result.row else {
        return html! { p .help { "It is not offered any more." } };
    };
    let columns = || item.columns.iter().zip(row.values());
    let yes: Vec<String> = columns()
        .filter(|(_, value)| **value == Value::Bool(true))
        .map(|(column, _)| words::plain(&column.name))
        .collect();
    let others =
        columns().filter(|(column, _)| !matches!(column.kind, FieldType::Bool | FieldType::Text));
    html! {
        dl .facts {
            @for (column, value) in others {
                @if let Some(value) = words::value(column, value) {
                    div { dt { (words::plain(&column.name)) } dd { (value) } }
                }
            }
            @if !yes.is_empty() {
                div { dt { "has" } dd { (yes.join(", ")) } }
            }
        }
    }
}

fn reasons(common: &[String], result: &Offered) -> Markup {
    let mut own: Vec<&(String, f64)> = (result.reasons.iter())
        .filter(|(name, part)| *part != 0.0 && name != "bias" && !common.contains(name))
        .collect();
    own.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    if own.is_empty() {
        return html! {};
    }
    let most = own.first().map_or(1.0, |(_, part)| part.abs());
    let shared: f64 = (result.reasons.iter())
        .filter(|(name, _)| name == "bias" || common.contains(name))
        .map(|(_, part)| part)
        .sum();
    let telling = own
        .iter()
        .take_while(|(_, part)| part.abs() >= 0.005)
        .count();
    let (first, rest) = own.split_at(telling.min(REASONS));
    html! {
        @if !first.is_empty() {
            h3 { "Why, in log-odds" }
            ul .reasons { @for (name, part) in first { (reason(name, *part, most)) } }
        }
        details {
            summary { "All of the score" }
            ul .reasons {
                @for (name, part) in rest { (reason(name, *part, most)) }
                (reason("what all of these have in common", shared, most))
            }
            p .help { "Parts of the log-odds: their sum is the score's, before it becomes a probability." }
        }
    }
}

fn reason(name: &str, part: f64, most: f64) -> Markup {
    let does = if part < 0.0 { "lowers it" } else { "raises it" };
    html! {
        li {
            span .what { (words::plain(name)) }
            (bar(part, most))
            span .part { (does) " by " (words::signed(part).trim_start_matches(['+', '−'])) }
        }
    }
}

/// A bar from the middle, to the left where it lowers.
fn bar(part: f64, most: f64) -> Markup {
    let length = (part.abs() / most.max(1e-12) * 50.0).clamp(0.5, 50.0);
    let (class, x) = if part < 0.0 {
        ("minus", 50.0 - length)
    } else {
        ("plus", 50.0)
    };
    // Two rectangles need no library; sizes are attributes, since a style would be refused.
    html! {
        (PreEscaped(format!(
            "<svg class=\"bar\" viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\">\
             <rect class=\"axis\" x=\"49.7\" y=\"0\" width=\"0.6\" height=\"10\"/>\
             <rect class=\"{class}\" x=\"{x:.1}\" y=\"2\" width=\"{length:.1}\" height=\"6\"/></svg>"
        )))
    }
}
