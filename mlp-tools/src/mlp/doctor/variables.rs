//! The environment and `.env`.

use std::collections::BTreeSet;
use std::path::Path;

use clap::CommandFactory;

use super::check::{Check, Finding, On};
use super::subject::Subject;

pub const CHECKS: [Check; 2] = [
    Check {
        name: "config.dotenv",
        on: On::All,
        needs: &[],
        look: dotenv,
    },
    Check {
        name: "config.variables",
        on: On::All,
        needs: &[],
        look: variables,
    },
];

/// Variables of ours that no flag has.
const WITHOUT_FLAG: [&str; 3] = [
    crate::mlp::settings::TOKEN_VARIABLE,
    "CELERY_BROKER_URL_FILE",
    "CELERY_BACKEND_URL_FILE",
];

/// Names of Celery's own settings, under which it may be looked for in vain, and ours.
const OF_CELERY: [(&str, &str); 3] = [
    ("CELERY_RESULT_BACKEND", "CELERY_BACKEND_URL"),
    ("CELERY_BROKER", "CELERY_BROKER_URL"),
    ("BROKER_URL", "CELERY_BROKER_URL"),
];

/// What our own tests and scripts use.
const OF_TESTS: [&str; 3] = ["MLP_TEST_", "MLP_CHAOS_", "MLP_CRASHES"];

/// The most wrong letters in what counts as a typing error.
const TYPOS: usize = 3;

fn dotenv(subject: &Subject) -> Vec<Finding> {
    let found = match &subject.dotenv {
        Ok(()) if Path::new(".env").exists() => Finding::ok("`.env` is read"),
        Ok(()) => Finding::ok("no `.env` in this directory"),
        Err(fault) => Finding::fail(
            fault,
            "mend it: each line is NAME=VALUE; a value with spaces, `#` or `$` stands in single quotes. \
             What stands below that line is not read, so that other findings may follow from it",
        ),
    };
    found.into()
}

fn variables(_: &Subject) -> Vec<Finding> {
    let known = known();
    let ours = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let unknown = ours.filter(|name| {
        let is_ours =
            name.starts_with("MLP_") && !OF_TESTS.iter().any(|prefix| name.starts_with(prefix));
        // Celery's own programs have others, which are nobody's typing error.
        let is_meant = || name.starts_with("CELERY_") && nearest(name, &known).is_some();
        !known.contains(name) && (is_ours || is_meant())
    });
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    // Who has both has Python's programs beside ours.
    let of_celery = OF_CELERY
        .iter()
        .filter(|(theirs, ours)| is_set(theirs) && !is_set(ours))
        .map(|(theirs, _)| (*theirs).to_owned());
    let unknown: BTreeSet<String> = unknown
        .filter(|name| !OF_CELERY.iter().any(|(theirs, _)| theirs == name))
        .chain(of_celery)
        .collect();
    if unknown.is_empty() {
        return Finding::ok("every MLP_ variable is known").into();
    }
    let warn = |name: &String| {
        let advice = match meant(name, &known) {
            Some(meant) => format!("did you mean {meant}? What {name} says is not read"),
            None => {
                format!("take {name} away: nothing reads it; `mlp up --help` has those that are")
            }
        };
        Finding::warn(format!("{name} is not a variable of mlp"), advice)
    };
    unknown.iter().map(warn).collect()
}

/// Every variable that a flag of any command has, and those that none has.
fn known() -> BTreeSet<String> {
    let mut names: BTreeSet<String> = WITHOUT_FLAG.map(str::to_owned).into();
    let mut commands = vec![crate::mlp::Cli::command()];
    while let Some(command) = commands.pop() {
        let variables = command.get_arguments().filter_map(clap::Arg::get_env);
        names.extend(variables.map(|name| name.to_string_lossy().into_owned()));
        commands.extend(command.get_subcommands().cloned());
    }
    names
}

/// What a name was to be.
fn meant<'a>(name: &str, known: &'a BTreeSet<String>) -> Option<&'a str> {
    let of_celery = OF_CELERY.iter().find(|(theirs, _)| *theirs == name);
    let of_celery = of_celery.map(|(_, ours)| *ours);
    of_celery.or_else(|| nearest(name, known).map(String::as_str))
}

fn nearest<'a>(name: &str, known: &'a BTreeSet<String>) -> Option<&'a String> {
    let far = known.iter().map(|other| (distance(name, other), other));
    let near = far.filter(|(distance, _)| *distance <= TYPOS);
    near.min().map(|(_, other)| other)
}

/// Levenshtein's distance: letters that are put in, left out or exchanged.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other) in b.iter().enumerate() {
            let exchanged = diagonal + usize::from(letter != *other);
            diagonal = row[j + 1];
            row[j + 1] = exchanged.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_known_name_is_suggested() {
        let known = known();
        for name in [
            "MLP_BIND",
            "MLP_TOKEN",
            "MLP_LOG",
            "MLP_LEASE_S",
            "MLP_SCHEMA",
            "MLP_CELERY_CA_FILE",
            "CELERY_BROKER_URL",
            "CELERY_BACKEND_URL_FILE",
            "CELERY_QUEUE",
        ] {
            assert!(known.contains(name), "{name}: {known:?}");
        }
        for (typed, meant) in [
            ("MLP_BNID", Some("MLP_BIND")),
            ("MLP_TOKEN_FLIE", Some("MLP_TOKEN_FILE")),
            ("MLP_DATADIR", Some("MLP_DATA_DIR")),
            ("MLP_SOMETHING_ELSE", None),
            ("CELERY_RESULT_BACKEND", Some("CELERY_BACKEND_URL")),
            ("BROKER_URL", Some("CELERY_BROKER_URL")),
            ("CELERY_TASK_ALWAYS_EAGER", None),
        ] {
            assert_eq!(super::meant(typed, &known), meant, "{typed}");
        }
        for (_, ours) in OF_CELERY {
            assert!(known.contains(ours), "{ours}");
        }
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
    }
}
