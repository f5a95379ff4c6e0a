//! What a person sees where a request did not succeed.

use hyper::StatusCode;
use maud::html;

use super::{Place, Shell};

/// The page of a failure.
pub(crate) fn broken(shell: Shell<'_>, status: StatusCode, detail: &str) -> String {
    let title = status.canonical_reason().unwrap_or("That did not work");
    let main = html! {
        h1 { (title) }
        p .notice.bad { (detail) }
        p { a href="/" { "Begin anew" } }
    };
    shell.page(Place::Elsewhere, title, &main)
}
