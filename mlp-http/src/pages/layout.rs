//! What all pages have around them.

use maud::{DOCTYPE, Markup, html};

use super::assets::Assets;

/// Which page one is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Try,
    Dashboard,
    Docs,
    /// None that the navigation names.
    Elsewhere,
}

/// What is around a page's own content.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shell<'a> {
    /// The domain's name.
    pub domain: &'a str,
    pub assets: &'a Assets,
}

const NAVIGATION: [(Place, &str, &str); 3] = [
    (Place::Try, "/", "Try it"),
    (Place::Dashboard, "/dashboard", "Dashboard"),
    (Place::Docs, "/docs", "API"),
];

impl Shell<'_> {
    /// A whole page.
    pub fn page(&self, place: Place, title: &str, main: &Markup) -> String {
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (title) " · mlp: " (self.domain) }
                    // Without it, browsers ask for /favicon.ico and complain that there is none.
                    link rel="icon" href="data:,";
                    link rel="stylesheet" href={ "/assets/" (self.assets.style.name) };
                    script defer src={ "/assets/" (self.assets.script.name) } {}
                }
                body {
                    a .skip href="#main" { "Skip to the content" }
                    header .top {
                        p .brand { "mlp " span { (self.domain) } }
                        nav aria-label="Pages" {
                            @for (there, path, name) in NAVIGATION {
                                a href=(path) aria-current=[(there == place).then_some("page")] { (name) }
                            }
                        }
                    }
                    main #main tabindex="-1" { (main) }
                }
            }
        };
        page.into_string()
    }
}
