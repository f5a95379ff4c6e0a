//! Who may come in: the token, the address, the routes that are open.

use mlp_http::{Secret, check_exposure, opened_routes};

use super::check::{Check, Finding, On};
use super::subject::Subject;
use crate::mlp::settings::token_text;

pub const CHECKS: [Check; 3] = [
    Check {
        name: "config.token",
        on: On::All,
        needs: &[],
        look: token,
    },
    Check {
        name: "config.exposure",
        on: On::All,
        needs: &["config.token"],
        look: exposure,
    },
    Check {
        name: "config.public_routes",
        on: On::All,
        needs: &["config.schema"],
        look: public_routes,
    },
];

/// The length under which a token can be guessed: 16 random letters and digits are over 80 bits.
const LENGTH: usize = 16;

const MAKE_ONE: &str =
    "make a long random one, as by `openssl rand -hex 32`, in the file that MLP_TOKEN_FILE names";

fn token(subject: &Subject) -> Vec<Finding> {
    let text = match token_text(subject.token_file().as_deref()) {
        Ok(Some(text)) => text,
        Ok(None) => return Finding::ok("none: the API answers this machine alone").into(),
        Err(error) => {
            let advice =
                "name a file that the user who runs mlp can read, or take MLP_TOKEN_FILE away";
            return Finding::fail(error.to_string(), advice).into();
        }
    };
    let found = match Secret::new(&text) {
        Err(error) => Finding::fail(error.to_string(), MAKE_ONE),
        Ok(_) => match text.trim().len() {
            length if length < LENGTH => Finding::warn(
                format!("the token has {length} characters: it can be guessed"),
                MAKE_ONE,
            ),
            length => Finding::ok(format!("{length} characters")),
        },
    };
    found.into()
}

fn exposure(subject: &Subject) -> Vec<Finding> {
    let Some(address) = subject.bind() else {
        return Finding::skip("needs an address that can be read").into();
    };
    let has_token = matches!(token_text(subject.token_file().as_deref()), Ok(Some(_)));
    let found = match check_exposure(has_token, address) {
        Ok(()) if address.ip().to_canonical().is_loopback() => {
            Finding::ok(format!("{address} is reached from this machine alone"))
        }
        Ok(()) => Finding::ok(format!(
            "{address} is reached by others, and there is a token"
        )),
        Err(_) => Finding::fail(
            format!(
                "{address} is reached by others, and there is no token: the API will not start"
            ),
            format!("{MAKE_ONE}, or bind to 127.0.0.1"),
        ),
    };
    found.into()
}

fn public_routes(subject: &Subject) -> Vec<Finding> {
    let Some(said) = subject.said.public_routes.as_deref() else {
        return Finding::ok("the default: /metrics").into();
    };
    let Ok(schema) = subject.schema() else {
        return Vec::new();
    };
    let prefixes: Vec<String> = said.split(',').map(|part| part.trim().to_owned()).collect();
    let mut findings = Vec::new();
    let named = prefixes.iter().filter(|prefix| !prefix.is_empty());
    for prefix in named.clone().filter(|prefix| !prefix.starts_with('/')) {
        findings.push(Finding::warn(
            format!("`{prefix}` in MLP_PUBLIC_ROUTES opens nothing: it does not begin with `/`"),
            format!("write `/{prefix}`"),
        ));
    }
    let opened = opened_routes(schema, &prefixes);
    if !opened.is_empty() {
        findings.push(Finding::warn(
            format!("everybody may call {}", opened.join(", ")),
            "take from MLP_PUBLIC_ROUTES what shall need the token; only what it names is open",
        ));
    }
    match findings.is_empty() {
        true => Finding::ok(said).into(),
        false => findings,
    }
}
