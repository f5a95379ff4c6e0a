//! The API's description as a page that needs nothing from outside.

use std::fmt::Write as _;

use maud::PreEscaped;
use mlp_core::Schema;
use serde_json::Value as Json;

use super::{Place, Shell};
use crate::auth::Guard;
use crate::openapi::{example, meaning};
use crate::routes::{Route, Scope};
use crate::shapes::definitions;

/// A text made safe for a page.
fn safe(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// The page at `/docs`.
pub(crate) fn docs(shell: Shell<'_>, schema: &Schema, routes: &[Route], guard: &Guard) -> String {
    let mut body = format!(
        "<div class=\"docs\"><h1>mlp: {} <span class=\"quiet\">{}</span></h1>\
         <p>JSON in, JSON out; a slash at the end of a path makes no difference. \
         The same as <a href=\"/openapi.json\">OpenAPI</a>.</p>",
        safe(&schema.name),
        env!("CARGO_PKG_VERSION"),
    );
    let mut scope = None;
    for route in routes {
        let group = group(route);
        if scope != Some(group) {
            let _ = write!(body, "<h2>{group}</h2>");
            scope = Some(group);
        }
        body.push_str(&entry(schema, route, guard));
    }
    body.push_str("<h2>shapes</h2>");
    if let Json::Object(shapes) = definitions(schema) {
        for (name, shape) in &shapes {
            let text = serde_json::to_string_pretty(shape).unwrap_or_default();
            let _ = write!(
                body,
                "<details id=\"{0}\"><summary><code>{0}</code></summary><div><pre>{1}</pre></div></details>",
                safe(name),
                safe(&text)
            );
        }
    }
    body.push_str("</div>");
    shell.page(Place::Docs, "API", &PreEscaped(body))
}

fn group(route: &Route) -> &'static str {
    match route.scope {
        Scope::Public if route.path.starts_with("/inference") => "inference",
        Scope::Public if route.path.starts_with("/try") => "pages",
        Scope::Public | Scope::Ops => "service",
        Scope::Form | Scope::Dashboard => "pages",
        Scope::Content => "content",
        Scope::Training => "training",
        Scope::Models => "models",
        Scope::Drift => "drift",
    }
}

fn entry(schema: &Schema, route: &Route, guard: &Guard) -> String {
    let mut text = format!(
        "<details><summary><b>{}</b> <code>{}</code></summary><div><p>{}.</p>",
        route.method,
        safe(&route.path),
        safe(&route.summary)
    );
    if guard.protects(route) {
        text.push_str("<p class=\"quiet\">Needs <code>Authorization: Bearer …</code></p>");
    }
    text.push_str("<table>");
    for parameter in route.parameters {
        let about = parameter.about(schema);
        let more = about.shape["description"].as_str().unwrap_or_default();
        let _ = write!(
            text,
            "<tr><td><code>{}</code></td><td>{} <span class=\"quiet\">({}{}{more})</span></td></tr>",
            safe(about.name),
            safe(about.text),
            about.place,
            if more.is_empty() { "" } else { "; " },
        );
    }
    let _ = write!(
        text,
        "<tr><td><code>{}</code></td><td>{}</td></tr>",
        route.success(),
        answer(route)
    );
    for status in route.failures {
        let _ = write!(
            text,
            "<tr><td><code>{status}</code></td><td>{}</td></tr>",
            safe(meaning(*status))
        );
    }
    text.push_str("</table>");
    if let Some(body) = route.body.and_then(|shape| example(schema, shape)) {
        let body = serde_json::to_string_pretty(&body).unwrap_or_default();
        let _ = write!(text, "<pre>{}</pre>", safe(&body));
    }
    text.push_str("</div></details>");
    text
}

/// The answer's shape, linked where it has a name.
fn answer(route: &Route) -> String {
    let reference = route.answer.reference();
    let name = |value: &Json| {
        let name = value["$ref"].as_str()?.rsplit('/').next()?.to_owned();
        Some(format!("<a href=\"#{name}\">{name}</a>"))
    };
    let media_type = route.answer.media_types().first().unwrap_or(&"no body");
    name(&reference)
        .or_else(|| name(&reference["items"]).map(|n| format!("a list of {n}")))
        .or_else(|| name(&reference["anyOf"][0]).map(|n| format!("{n} or null")))
        .unwrap_or_else(|| (*media_type).to_owned())
}
