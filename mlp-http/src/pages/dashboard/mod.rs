//! Whether the model is well, and what there is to do about it.

mod drift;
mod health;
mod quality;
mod registry;
mod traffic;
mod view;

#[cfg(test)]
mod tests;

use maud::{Markup, html};
use mlp_core::Schema;

pub(crate) use registry::{Confirm, confirm};
pub(crate) use view::{ModelView, Stored, View};

use super::{Place, Shell, words};
use health::{Health, Level, health};

/// The page.
pub(crate) fn dashboard(shell: Shell<'_>, schema: &Schema, view: &View) -> String {
    let main = html! {
        div .title {
            h1 { "Dashboard" }
            @if view.can_sign_out {
                form method="post" action="/dashboard/logout" {
                    button #sign-out .second type="submit" { "Log out" }
                }
            }
        }
        @if let Some(done) = view.done { p .notice.good role="status" { (done) } }
        div #live data-refresh="10" { (live(schema, view)) }
    };
    shell.page(Place::Dashboard, "Dashboard", &main)
}

fn live(schema: &Schema, view: &View) -> Markup {
    let Health {
        level,
        word,
        sentence,
    } = health(view);
    let class = match level {
        Level::Good => "good",
        Level::Unknown => "unknown",
        Level::Watch => "watch",
        Level::Bad => "bad",
    };
    html! {
        p #well class={ "notice well " (class) } role="status" { strong { (word) "." } " " (words::sentence(&sentence)) }
        (tiles(schema, view))
        (traffic::section(view))
        @if let Some(stored) = &view.stored {
            (quality::section(view, stored))
            (drift::section(view, stored))
            (registry::models(view, stored))
            (registry::decisions(view, stored))
        }
        p .help {
            "As of " (words::time(view.now_us)) ". Times are UTC. "
            "Traffic and answers are this process's own; all else is the store's."
        }
    }
}

/// The numbers that one looks for first.
fn tiles(schema: &Schema, view: &View) -> Markup {
    let tally = view.tally;
    let last = view.traffic.iter().rev().find(|s| s.requests > 0);
    let speed = last.and_then(|s| s.p99_s).map(words::seconds);
    html! {
        dl .tiles {
            @if let Some(stored) = &view.stored {
                div { dt { "Model" } dd #tile-model {
                    @match stored.champion() { Some(m) => (m.model_id), None => "none" }
                } }
                div { dt { (words::title(&schema.item.table)) } dd { (words::count(stored.items)) } }
                div { dt { "Sessions" } dd #tile-sessions { (words::count(stored.users)) } }
            }
            div { dt { "Lists shown" } dd #tile-shown { (words::count(tally.shown)) } }
            div { dt { "Answers" } dd #tile-answers { (words::count(tally.picks + tally.nones)) } }
            div { dt { "Pick rate" } dd #tile-rate {
                @match tally.rate() { Some(rate) => (words::percent(rate)), None => "–" }
            } }
            div { dt { "p99 latency" } dd { (speed.unwrap_or_else(|| "–".to_owned())) } }
        }
    }
}
