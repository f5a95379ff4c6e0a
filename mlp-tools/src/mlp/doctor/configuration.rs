//! What the flags and the environment say, each by itself.

use std::net::SocketAddr;

use mlp_store::postgres::PostgresConfig;

use super::check::{Check, Finding, On};
use super::subject::{Said, Subject};
use crate::mlp::settings;
use crate::mlp::up::Retraining;
use crate::mlp::webhook;

pub const CHECKS: [Check; 4] = [
    Check {
        name: "config.values",
        on: On::All,
        needs: &[],
        look: values,
    },
    Check {
        name: "config.schema",
        on: On::All,
        needs: &[],
        look: schema,
    },
    Check {
        name: "config.database",
        on: On::All,
        needs: &[],
        look: database,
    },
    Check {
        name: "config.precedence",
        on: On::All,
        needs: &[],
        look: precedence,
    },
];

/// Where the API listens by default.
pub const BIND: &str = "127.0.0.1:4789";

/// A setting that can be wrong by itself.
struct Value {
    name: &'static str,
    said: fn(&Said) -> Option<&String>,
    check: fn(&str) -> Result<(), String>,
    advice: &'static str,
    /// Whether it may hold a password or a token, and is not printed.
    is_secret: bool,
}

const VALUES: [Value; 10] = [
    Value {
        name: "MLP_BIND",
        said: |said| said.bind.as_ref(),
        check: |text| match text.parse::<SocketAddr>() {
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        },
        advice: "write an IP address and a port, as 127.0.0.1:4789 or 0.0.0.0:4789",
        is_secret: false,
    },
    Value {
        name: "MLP_DRAIN_S",
        said: |said| said.drain.as_ref(),
        check: |text| number(text, |n| settings::drain(n).map(drop)),
        advice: "write seconds from 0 to 3600; without it they are 10",
        is_secret: false,
    },
    Value {
        name: "MLP_SETTLE_S",
        said: |said| said.settle.as_ref(),
        check: |text| number(text, |n| settings::settle(n).map(drop)),
        advice: "write seconds from 0 to 2592000, which are 30 days; without it they are 60",
        is_secret: false,
    },
    Value {
        name: "MLP_EXPLORATION",
        said: |said| said.exploration.as_ref(),
        check: |text| match text {
            "" => Ok(()),
            text => number(text, |n| settings::exploration(n).map(drop)),
        },
        advice: "write a share from 0 to 1, as 0.05 for 5 %",
        is_secret: false,
    },
    Value {
        name: "MLP_LEASE_S",
        said: |said| said.lease.as_ref(),
        check: |text| number(text, |n| settings::lease(n).map(drop)),
        advice: "write seconds from 0.5 to 3600; without it they are 10",
        is_secret: false,
    },
    Value {
        name: "MLP_RETRAIN_EVERY_S",
        said: |said| said.retrain_every.as_ref(),
        check: |text| {
            number(text, |retrain_every| {
                retraining(Retraining {
                    retrain_every,
                    ..Retraining::default()
                })
            })
        },
        advice: "write seconds from 1 to 31622400, which are 366 days, or 0 for never",
        is_secret: false,
    },
    Value {
        name: "MLP_RETRAIN_ANSWERS",
        said: |said| said.retrain_answers.as_ref(),
        check: |text| match text.parse::<usize>() {
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        },
        advice: "write a whole number of answers, or 0 for never",
        is_secret: false,
    },
    Value {
        name: "MLP_RETRAIN_ON_LOSS",
        said: |said| said.retrain_on_loss.as_ref(),
        check: |text| match text.parse::<bool>() {
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        },
        advice: "write true or false",
        is_secret: false,
    },
    Value {
        name: "MLP_RETRAIN_COOLDOWN_S",
        said: |said| said.retrain_cooldown.as_ref(),
        check: |text| {
            number(text, |retrain_cooldown| {
                retraining(Retraining {
                    retrain_cooldown,
                    ..Retraining::default()
                })
            })
        },
        advice: "write seconds from 1 to 31622400, which are 366 days; without it they are 600",
        is_secret: false,
    },
    Value {
        name: "MLP_WEBHOOK_URL",
        said: |said| said.webhook.as_ref(),
        check: |text| match webhook::address(text, None) {
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        },
        advice: "write https://HOST[:PORT]/PATH, or http:// where the way there is safe",
        is_secret: true,
    },
];

fn number(text: &str, check: fn(f64) -> crate::mlp::error::Result<()>) -> Result<(), String> {
    let number = text.parse().map_err(|_| "it is not a number".to_owned())?;
    check(number).map_err(|error| error.to_string())
}

fn retraining(flags: Retraining) -> crate::mlp::error::Result<()> {
    flags.options().map(drop)
}

fn values(subject: &Subject) -> Vec<Finding> {
    let mut findings = Vec::new();
    for value in &VALUES {
        let Some(text) = (value.said)(&subject.said) else {
            continue;
        };
        if let Err(fault) = (value.check)(text) {
            let found = match value.is_secret {
                true => format!("{}: {fault}", value.name),
                false => format!("{} is `{text}`: {fault}", value.name),
            };
            findings.push(Finding::fail(found, value.advice));
        }
    }
    if let Some(Err(error)) = subject.log.as_deref().map(crate::mlp::log_filter) {
        let advice = "write MLP_LOG as a level (error, warn, info, debug) or target=level pairs";
        findings.push(Finding::fail(error.to_string(), advice));
    }
    match findings.is_empty() {
        true => Finding::ok("addresses, numbers and filters are in range").into(),
        false => findings,
    }
}

fn schema(subject: &Subject) -> Vec<Finding> {
    let found = match subject.schema() {
        Ok(schema) => Finding::ok(format!(
            "{}: {} columns of a {}, {} of a {}",
            schema.name,
            schema.user.columns.len(),
            schema.user.name,
            schema.item.columns.len(),
            schema.item.name
        )),
        Err(fault) => Finding::fail(
            fault,
            "mend the file that MLP_SCHEMA or --schema names; config/travel.toml is one that works",
        ),
    };
    found.into()
}

fn database(subject: &Subject) -> Vec<Finding> {
    let found = match subject.database() {
        Ok(database) => Finding::ok(database.to_string()),
        Err(fault) => Finding::fail(
            fault,
            "set DATABASE_URL to sqlite:PATH or postgres://USER@HOST/DATABASE, and the password by \
             DATABASE_PASS_FILE; a secret file must be readable by the user that runs mlp",
        ),
    };
    found.into()
}

/// Two that say the same thing; the first wins.
const RIVALS: [(&str, &str); 6] = [
    ("DATABASE_URL", "DATABASE_URL_FILE"),
    ("DATABASE_URL", "DATABASE_HOST"),
    ("DATABASE_URL_FILE", "DATABASE_HOST"),
    ("DATABASE_PASS_FILE", "DATABASE_PASS"),
    ("CELERY_BROKER_URL", "CELERY_BROKER_URL_FILE"),
    ("CELERY_BACKEND_URL", "CELERY_BACKEND_URL_FILE"),
];

/// Whether the URL that is given has a password of its own.
fn has_password(subject: &Subject) -> bool {
    let config = subject
        .common
        .database
        .as_deref()
        .map(|url| PostgresConfig::parse(&settings::without_driver(url)));
    config.is_some_and(|config| config.is_ok_and(|config| config.has_password()))
}

fn precedence(subject: &Subject) -> Vec<Finding> {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let mut findings = Vec::new();
    let mut warn = |winner: &str, loser: &str| {
        findings.push(Finding::warn(
            format!("{winner} and {loser} are both set: {winner} wins"),
            format!("take away {loser}, or {winner} where {loser} is what you mean"),
        ));
    };
    for (winner, loser) in RIVALS {
        if is_set(winner) && is_set(loser) {
            warn(winner, loser);
        }
    }
    if subject.said.token_file.is_some() && is_set(settings::TOKEN_VARIABLE) {
        warn("MLP_TOKEN_FILE", settings::TOKEN_VARIABLE);
    }
    let pass = ["DATABASE_PASS_FILE", "DATABASE_PASS"]
        .into_iter()
        .find(|name| is_set(name));
    if let (true, Some(pass)) = (has_password(subject), pass) {
        warn("the URL's password", pass);
    }
    let names_a_place = subject
        .common
        .database
        .as_deref()
        .is_some_and(|url| !url.is_empty())
        || is_set("DATABASE_URL_FILE")
        || is_set("DATABASE_HOST");
    let part = [
        "DATABASE_SCHEMA",
        "DATABASE_USER",
        "DATABASE_PASS",
        "DATABASE_PASS_FILE",
    ];
    if let (false, Some(part)) = (names_a_place, part.into_iter().find(|name| is_set(name))) {
        findings.push(Finding::warn(
            format!("{part} is set and DATABASE_HOST is not: SQLite is used"),
            format!("set DATABASE_HOST to use a PostgreSQL, or take away {part}"),
        ));
    }
    match findings.is_empty() {
        true => Finding::ok("no two settings contradict each other").into(),
        false => findings,
    }
}
