//! The server that runs, and the place where one would.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};

use super::check::{Check, Finding, On};
use super::http::{self, Answers};
use super::listener;
use super::subject::Subject;

pub const CHECKS: [Check; 4] = [
    Check {
        name: "version.mlp",
        on: On::All,
        needs: &[],
        look: program,
    },
    Check {
        name: "server.port",
        on: On::All,
        needs: &[],
        look: port,
    },
    Check {
        name: "server.ready",
        on: On::All,
        needs: &[],
        look: ready,
    },
    Check {
        name: "server.version",
        on: On::All,
        needs: &[],
        look: version,
    },
];

/// This program's version.
const VERSION: &str = env!("CARGO_PKG_VERSION");

fn program(_: &Subject) -> Vec<Finding> {
    Finding::ok(VERSION).into()
}

/// Whether a server could listen where it is told to.
fn port(subject: &Subject) -> Vec<Finding> {
    let Some(address) = subject.bind() else {
        return Finding::skip("needs an address that can be read").into();
    };
    if address.port() == 0 {
        return Finding::ok("any port that is free").into();
    }
    let found = match TcpListener::bind(address) {
        Ok(_) => Finding::ok(format!("{address} is free")),
        Err(error) => match error.kind() {
            ErrorKind::AddrInUse => taken(subject, address),
            ErrorKind::AddrNotAvailable => Finding::fail(
                format!("{address} is no address of this machine"),
                "let MLP_BIND name one of its addresses, 127.0.0.1, or 0.0.0.0 for all",
            ),
            ErrorKind::PermissionDenied => Finding::fail(
                format!("the user may not listen on {address}"),
                "let MLP_BIND name a port from 1024 on, and put a proxy in front",
            ),
            _ => Finding::fail(
                format!("cannot listen on {address}: {error}"),
                "let MLP_BIND name another address",
            ),
        },
    };
    found.into()
}

fn taken(subject: &Subject, address: SocketAddr) -> Finding {
    let answers = match (&subject.url, http::at(address)) {
        (None, _) => subject.server().map(|(_, answers)| answers.clone()),
        (Some(_), target) => target.map(|target| http::ask(&target)),
    };
    let whose = listener::of_port(address.port());
    match answers {
        Some(Ok(answers)) if answers.is_ours => Finding::ok(match whose {
            Some(whose) => format!("{address} is served by {whose}"),
            None => format!("{address} is served by mlp"),
        }),
        _ => Finding::fail(
            format!(
                "{address} is taken by another program: {}",
                whose.as_deref().unwrap_or("which one is not to be seen")
            ),
            "end it, or let MLP_BIND name another port",
        ),
    }
}

/// The server's answers, or why there is nothing to look at.
fn running(subject: &Subject) -> Result<(String, &Answers), Vec<Finding>> {
    match subject.server() {
        Some((target, Ok(answers))) if answers.is_ours => Ok((target.to_string(), answers)),
        Some((target, found)) if subject.url.is_some() => {
            let found = match found {
                Ok(_) => format!("what answers at {target} is no server of mlp"),
                Err(fault) => fault.clone(),
            };
            let advice = "start `mlp up` or `mlp serve` there, or mend --url";
            Err(Finding::fail(found, advice).into())
        }
        _ => Err(Finding::skip("no server of mlp runs there").into()),
    }
}

fn ready(subject: &Subject) -> Vec<Finding> {
    let (place, answers) = match running(subject) {
        Ok(running) => running,
        Err(findings) => return findings,
    };
    let found = match answers.serving {
        _ if !answers.reasons.is_empty() => Finding::fail(
            format!("{place} is not ready: {}", answers.reasons.join(", ")),
            "look at the database as that server sees it, and at its log",
        ),
        Some((0, _)) => Finding::warn(
            format!("{place} is ready, and has no items to show"),
            "`mlp items import FILE` brings some",
        ),
        Some((items, models)) => {
            Finding::ok(format!("{place} is ready: {items} items, {models} models"))
        }
        None => Finding::ok(format!("{place} is ready")),
    };
    found.into()
}

fn version(subject: &Subject) -> Vec<Finding> {
    match running(subject) {
        Ok((place, answers)) => compare(&place, answers.version.as_deref()).into(),
        // It was said by the check before.
        Err(_) => Vec::new(),
    }
}

fn compare(place: &str, theirs: Option<&str>) -> Finding {
    let numbers = |version: &str| -> Vec<u64> {
        let parts = version
            .split(['.', '-', '+'])
            .map_while(|part| part.parse().ok());
        parts.collect()
    };
    match theirs {
        None => Finding::warn(
            format!("{place} does not say its version"),
            "see whether a proxy hides /openapi.json",
        ),
        Some(theirs) if theirs == VERSION => Finding::ok(format!("{place} runs {theirs} too")),
        Some(theirs) if numbers(theirs) > numbers(VERSION) => Finding::warn(
            format!("{place} runs {theirs}, and this program is {VERSION}"),
            "install the newer one here too: an older one refuses tables that a newer one has changed",
        ),
        Some(theirs) => Finding::warn(
            format!("{place} runs {theirs}, and this program is {VERSION}"),
            "start the server again with this version",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mlp::doctor::check::Status;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        for (theirs, status, words) in [
            (Some(VERSION), Status::Ok, ""),
            (Some("10.0.0"), Status::Warn, "install the newer one"),
            (Some("0.0.9"), Status::Warn, "start the server again"),
            (None, Status::Warn, "proxy"),
        ] {
            let finding = compare("http://h", theirs);
            assert_eq!(finding.status, status, "{finding:?}");
            assert!(finding.advice.unwrap_or_default().contains(words));
        }
    }
}
