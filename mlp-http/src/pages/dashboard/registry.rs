//! The models, what was decided about them, and what one may decide by hand.

use maud::{Markup, html};
use mlp_store::ModelStatus;

use super::view::{ModelView, Stored, View};
use crate::pages::{Place, Shell, words};

/// Models that are shown without being asked for.
const FIRST: usize = 10;

pub(super) fn models(view: &View, stored: &Stored) -> Markup {
    let (first, rest) = stored.models.split_at(stored.models.len().min(FIRST));
    let can_roll_back = stored
        .models
        .iter()
        .any(|m| m.status == ModelStatus::Retired);
    html! {
        section aria-labelledby="models" {
            h2 #models { "Models" }
            @if stored.models.is_empty() {
                p { "There is none yet: " code { "mlp train" } " makes the first as soon as there are answers." }
            } @else {
                (table(view, first, "Models, the newest first."))
                @if !rest.is_empty() {
                    details #older-models {
                        summary { "Older: " (rest.len()) }
                        (table(view, rest, "Older models."))
                    }
                }
                @if can_roll_back {
                    p { a #roll-back .button.second href="/dashboard/rollback" { "Roll back to the champion before" } }
                }
            }
        }
    }
}

fn status(status: ModelStatus) -> &'static str {
    match status {
        ModelStatus::RolledBack => "rolled back",
        other => other.name(),
    }
}

fn table(view: &View, models: &[ModelView], caption: &str) -> Markup {
    let number = |x: Option<f64>, write: fn(f64) -> String| x.map_or_else(|| "–".to_owned(), write);
    html! {
        div .scroll tabindex="0" role="region" aria-label=(caption) {
            table {
                caption { span { (caption) " Log loss and first picks are of later sessions than it was trained on." } }
                thead { tr {
                    th scope="col" { "Model" } th scope="col" { "State" } th scope="col" { "Traffic" }
                    th scope="col" { "Made" } th scope="col" { "Family" } th scope="col" { "Sessions" }
                    th scope="col" { "Log loss" } th scope="col" { "First was picked" } th scope="col" { "By hand" }
                } }
                tbody {
                    @for m in models {
                        tr .champion[m.status == ModelStatus::Champion] {
                            th scope="row" { (m.model_id) }
                            td {
                                @if m.status == ModelStatus::Champion { strong { "champion" } } @else { (status(m.status)) }
                                @if let Some(why) = &m.unfit { span .unfit title=(why) { ", cannot serve" } }
                            }
                            td { (words::percent(m.share)) }
                            td { (words::ago(m.created_us, view.now_us)) }
                            td { (m.family) }
                            td { (words::count(m.sessions)) }
                            td { (number(m.log_loss, words::number)) }
                            td { (number(m.precision_at_1, words::percent)) }
                            td {
                                @if m.status != ModelStatus::Champion && m.unfit.is_none() {
                                    a id={ "promote-" (m.model_id) } href={ "/dashboard/promote/" (m.model_id) } {
                                        "Promote" span .quiet-label { " model " (m.model_id) }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

pub(super) fn decisions(view: &View, stored: &Stored) -> Markup {
    html! {
        section aria-labelledby="decisions" {
            h2 #decisions { "Decisions" }
            @if stored.decisions.is_empty() {
                p { "Nothing has been decided yet." }
            } @else {
                div .scroll tabindex="0" role="region" aria-label="Decisions" {
                    table {
                        caption { span { "What was decided, by itself or by hand, the newest first." } }
                        thead { tr {
                            th scope="col" { "When" } th scope="col" { "What" } th scope="col" { "Model" } th scope="col" { "Why" }
                        } }
                        tbody {
                            @for d in &stored.decisions {
                                tr {
                                    td { time datetime=(words::time(d.created_us)) title=(words::time(d.created_us)) {
                                        (words::ago(d.created_us, view.now_us))
                                    } }
                                    th scope="row" { (d.decision.kind.name()) }
                                    td { (d.model_id) }
                                    td .why { (words::sentence(&d.decision.reason)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A decision that waits for a second thought.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Confirm<'a> {
    Promote(&'a ModelView),
    Rollback,
}

/// The page that asks for it.
pub(crate) fn confirm(shell: Shell<'_>, what: Confirm<'_>, champion: Option<i64>) -> String {
    let (title, action) = match what {
        Confirm::Promote(model) => (
            format!("Promote model {}?", model.model_id),
            format!("/dashboard/promote/{}", model.model_id),
        ),
        Confirm::Rollback => ("Roll back?".to_owned(), "/dashboard/rollback".to_owned()),
    };
    let main = html! {
        h1 { (title) }
        @match what {
            Confirm::Promote(model) => {
                p {
                    "Model " (model.model_id) ", " (status(model.status)) ", " (model.family)
                    @if model.sessions > 0 { ", trained on " (words::count(model.sessions)) " sessions" }
                    ", answers all requests from then on. "
                    @match champion {
                        Some(id) => { "Model " (id) " retires, and a rollback brings it back." }
                        None => "There is no champion now."
                    }
                }
            }
            Confirm::Rollback => {
                p { @if let Some(id) = champion { "Model " (id) " goes, and the champion that it replaced answers all requests again." } }
            }
        }
        form method="post" action=(action) {
            input type="hidden" name="champion" value=(champion.unwrap_or(0));
            p .actions {
                button type="submit" { @match what { Confirm::Promote(_) => "Promote", Confirm::Rollback => "Roll back" } }
                " " a .button.second href="/dashboard" { "Leave it" }
            }
        }
    };
    shell.page(Place::Elsewhere, &title, &main)
}
