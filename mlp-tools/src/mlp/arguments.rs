//! What was typed, as clap reads it, and what clap alone does not refuse.

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Command, CommandFactory, FromArgMatches};

use super::Cli;

/// Flags that change nothing without another one.
struct Need {
    commands: &'static [&'static str],
    flags: &'static [&'static str],
    /// One of these is needed; none: the flags are never used.
    one_of: &'static [&'static str],
    why: &'static str,
}

const NEEDS: [Need; 4] = [
    Need {
        commands: &["evaluate"],
        flags: &["l2", "scaling", "k_best", "family", "seed"],
        one_of: &["split", "simulated"],
        why: "it is about a model that is trained here",
    },
    Need {
        commands: &["evaluate"],
        flags: &["user_configs", "location_configs"],
        one_of: &["simulated"],
        why: "it is about the simulation",
    },
    Need {
        commands: &["up", "worker"],
        flags: &["webhook_ca"],
        one_of: &["webhook"],
        why: "it is about the webhook's host",
    },
    Need {
        commands: &["demo", "simulate"],
        flags: &["database"],
        one_of: &[],
        why: "this command makes a database of its own",
    },
];

/// Reads the arguments.
pub fn parse(argv: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    let mut command = negative_numbers(Cli::command());
    let mut matches = command.try_get_matches_from_mut(argv)?;
    if let Some((name, given)) = matches.subcommand()
        && let Some(fault) = unmet(name, given)
    {
        let command = command.find_subcommand_mut(name);
        let mut whole = Cli::command();
        let command = command.unwrap_or(&mut whole);
        return Err(command.error(ErrorKind::MissingRequiredArgument, fault));
    }
    Cli::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
}

/// Takes `-1` for a number everywhere, so that its flag can name what it may be.
fn negative_numbers(command: Command) -> Command {
    command
        .mut_args(|arg| match arg.get_action().takes_values() {
            true => arg.allow_negative_numbers(true),
            false => arg,
        })
        .mut_subcommands(negative_numbers)
}

/// What is said of a flag that changes nothing. Variables are no flags: they speak to all commands.
fn unmet(name: &str, given: &ArgMatches) -> Option<String> {
    let typed = |id: &&&str| given.value_source(id) == Some(ValueSource::CommandLine);
    let is_there = |id: &&str| {
        // Empty, as Compose hands on what is not set.
        let mut values = given.get_raw(id).into_iter().flatten();
        given.value_source(id) != Some(ValueSource::DefaultValue) && values.any(|v| !v.is_empty())
    };
    let flag = |id: &str| format!("`--{}`", id.replace('_', "-"));
    let of_command = NEEDS.iter().filter(|need| need.commands.contains(&name));
    of_command
        .filter(|need| !need.one_of.iter().any(is_there))
        .find_map(|need| {
            let id = flag(need.flags.iter().find(typed)?);
            let others: Vec<String> = need.one_of.iter().map(|id| flag(id)).collect();
            Some(match others.is_empty() {
                true => format!("{id} changes nothing here: {}", need.why),
                false => format!("{id} needs {}: {}", others.join(" or "), need.why),
            })
        })
}

/// A whole number in a range, for clap: its own says "invalid digit" of `-1` where that does not fit.
pub fn whole<T: TryFrom<u64>>(
    least: u64,
    most: u64,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static {
    move |text| {
        let number = text.parse().ok();
        let number = number.filter(|number| (least..=most).contains(number));
        number.and_then(|n| T::try_from(n).ok()).ok_or_else(|| {
            let limit = match most {
                u64::MAX => String::new(),
                most => format!(" to {most}"),
            };
            format!("must be a whole number from {least}{limit}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(argv: &[&str]) -> Result<Cli, clap::Error> {
        let all = std::iter::once("mlp").chain(argv.iter().copied());
        parse(all.map(OsString::from))
    }

    fn said(argv: &[&str]) -> String {
        match read(argv) {
            Ok(_) => "fine".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    /// Calls back with the words that lead to each command.
    fn each(command: &Command, path: &[String], see: &mut dyn FnMut(&Command, &[String])) {
        see(command, path);
        for sub in command.get_subcommands() {
            let path = [path, &[sub.get_name().to_owned()]].concat();
            each(sub, &path, see);
        }
    }

    #[test]
    fn every_flag_takes_a_negative_number_and_says_what_it_may_be() {
        let mut seen = 0;
        each(&Cli::command(), &[], &mut |command, path| {
            let flags = command
                .get_arguments()
                .filter(|arg| arg.get_action().takes_values() && arg.get_long().is_some());
            for flag in flags {
                let long = format!("--{}", flag.get_long().unwrap_or_default());
                let mut argv: Vec<&str> = path.iter().map(String::as_str).collect();
                argv.extend([long.as_str(), "-1"]);
                let said = said(&argv);
                assert!(!said.contains("unexpected argument"), "{argv:?}: {said}");
                assert!(!said.contains("invalid digit"), "{argv:?}: {said}");
                seen += 1;
            }
        });
        assert!(seen > 60, "{seen}");
        assert!(said(&["train", "--k-best", "-1"]).contains("a whole number from 0"));
        assert!(said(&["train", "--l2", "-1"]).contains("a number from 0"));
        assert!(said(&["drift", "--history", "-3"]).contains("-3 is not in 1..=10000"));
        assert!(said(&["demo", "--past", "-1"]).contains("from 1000 to 100000"));
    }

    #[test]
    fn a_flag_that_changes_nothing_is_refused() {
        for (argv, words) in [
            (
                &["evaluate", "--l2", "3"][..],
                "`--l2` needs `--split` or `--simulated`",
            ),
            (&["evaluate", "--k-best", "5"], "`--k-best` needs"),
            (&["evaluate", "--scaling", "none"], "`--scaling` needs"),
            (&["evaluate", "--family", "choice"], "`--family` needs"),
            (&["evaluate", "--seed", "3"], "`--seed` needs"),
            (
                &["evaluate", "--split", "user", "--user-configs", "x"],
                "`--user-configs` needs `--simulated`",
            ),
            (
                &["up", "--webhook-ca", "x"],
                "`--webhook-ca` needs `--webhook`",
            ),
            (
                &["worker", "--webhook", "", "--webhook-ca", "x"],
                "`--webhook-ca` needs",
            ),
            (
                &["demo", "--database", "x"],
                "`--database` changes nothing here",
            ),
            (
                &["--database", "x", "demo"],
                "`--database` changes nothing here",
            ),
        ] {
            let said = said(argv);
            assert!(said.contains(words), "{argv:?}: {said}");
            assert_eq!(read(argv).map(|_| ()).map_err(|e| e.exit_code()), Err(2));
        }
        for argv in [
            &["evaluate"][..],
            &["evaluate", "--split", "user", "--l2", "3", "--seed", "2"],
            &[
                "evaluate",
                "--simulated",
                "--k-best",
                "5",
                "--user-configs",
                "x",
            ],
            &["up", "--webhook", "https://a.example", "--webhook-ca", "x"],
            &["demo"],
            &["--database", "x", "evaluate"],
        ] {
            assert_eq!(said(argv), "fine", "{argv:?}");
        }
    }

    #[test]
    fn what_is_needed_is_there_to_be_given() {
        let mut whole = Cli::command();
        whole.build();
        for need in NEEDS {
            for name in need.commands {
                let command = whole.find_subcommand(name);
                let has = |id: &&str| {
                    command.is_some_and(|c| c.get_arguments().any(|arg| arg.get_id() == id))
                };
                for id in need.flags.iter().chain(need.one_of) {
                    assert!(has(id), "{name} has no `{id}`");
                }
            }
        }
    }
}
