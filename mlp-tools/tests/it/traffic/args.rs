use std::ffi::OsString;

use mlp_data::UserConfig;
use mlp_tools::traffic::{Args, Settings, rewrite_argv};
use proptest::prelude::*;

fn read(line: &str) -> Result<Args, clap::Error> {
    read_with(line, &[])
}

fn read_with(line: &str, settings: &[Settings<'_>]) -> Result<Args, clap::Error> {
    let argv = format!("traffic_generator {line}");
    Args::read(argv.split_whitespace().map(OsString::from), settings)
}

/// What is printed for a command line that cannot be run.
fn refusal(line: &str) -> String {
    let config = UserConfig::from_reader("user.tsv", super::PROFILES.as_bytes()).unwrap();
    let result = read(line).and_then(|args| args.plan(&config.value));
    let error = result.expect_err(line);
    assert_eq!(error.exit_code(), 2, "{line}");
    error.to_string()
}

#[test]
fn every_flag_is_read_as_written() {
    let args = read(
        "--config a.tsv --url http://h:1 -p 3 -d 0.5 -tmin 0.2 -tmax=4 -n 7 -a 1.5 -b 2.5 \
         --seed 9 --no-sleep --rate 20 --duration 1.5 --json out.json --mix meta-n",
    )
    .unwrap();
    assert_eq!(args.config.to_str(), Some("a.tsv"));
    assert_eq!(args.url.as_deref(), Some("http://h:1"));
    assert_eq!((args.parallel, args.answer), (Some(3), 0.5));
    assert_eq!((args.tmin, args.tmax), (0.2, 4.0));
    assert_eq!((args.sessions, args.seed), (7, 9));
    assert_eq!((args.a, args.b), (1.5, 2.5));
    assert!(args.no_sleep);
    assert_eq!((args.rate, args.duration), (Some(20.0), Some(1.5)));
    assert_eq!(args.json.unwrap().to_str(), Some("out.json"));
}

#[test]
fn the_defaults_are_the_documented_ones() {
    let args = read("").unwrap();
    assert_eq!(args.config.to_str(), Some("config/user.tsv"));
    assert_eq!((args.parallel, args.answer), (None, 1.0));
    assert_eq!((args.tmin, args.tmax), (0.1, 3.0));
    assert_eq!((args.a, args.b, args.seed), (2.0, 5.0, 42));
    assert_eq!((args.sessions, args.rate, args.duration), (0, None, None));
    assert!(!args.no_sleep);
}

#[test]
fn wrong_flags_say_what_is_wrong() {
    for (line, part) in [
        ("-d 1.5", "`1.5` must be from 0 to 1"),
        ("-d -0.5", "`-0.5` must be from 0 to 1"),
        ("-d NaN", "must be from 0 to 1"),
        ("-p 0", "must be from 1 to"),
        ("-p many", "invalid value 'many'"),
        ("-n -3", "invalid value '-3'"),
        ("-tmin 5 -tmax 1", "must not be above `tmax`"),
        ("-tmin -1", "`tmin` is `-1` seconds"),
        ("-tmax", "a value is required"),
        ("-a 0", "shape `a`"),
        ("-b nan --no-sleep", "shape `b`"),
        ("--rate 0", "rate `0`"),
        ("--rate inf", "rate `inf`"),
        ("--duration -1", "duration `-1`"),
        ("--mix odd", "meta-n"),
        ("--start-date soon", "--start-date"),
        ("--url https://h", "TLS is not built in"),
        ("--url http://", "host is missing"),
        ("--url ftp://h", "scheme must be `http`"),
        ("--url http://h:0", "port must be from 1 to 65535"),
        ("--url http://u:p@h", "password in the URL"),
        ("--domain http://h", "bare host name"),
        ("--domain h --url http://h", "cannot be used with"),
        ("--nope", "unexpected argument"),
    ] {
        let text = refusal(line);
        assert!(text.contains(part), "{line}: {text}");
    }
}

#[test]
fn the_server_comes_from_flags_then_settings_then_the_default() {
    let empty = |_: &str| Some(String::new());
    let both = |name: &str| Some(format!("{}.example", name.to_lowercase()));
    let domain_only = |name: &str| (name == "DOMAIN").then(|| "d.example".to_owned());
    let target = |line: &str, settings: &[Settings<'_>]| {
        let args = read_with(line, settings).unwrap();
        args.target().unwrap().to_string()
    };
    assert_eq!(target("", &[]), "http://127.0.0.1:4789");
    assert_eq!(target("", &[&empty]), "http://127.0.0.1:4789");
    assert_eq!(target("", &[&both]), "http://url.example");
    assert_eq!(target("", &[&domain_only, &both]), "http://d.example");
    assert_eq!(target("", &[&empty, &domain_only]), "http://d.example");
    assert_eq!(target("--domain t.example", &[&both]), "http://t.example");
    let with_path = read("--url http://[::1]:81/api/")
        .unwrap()
        .target()
        .unwrap();
    assert_eq!(
        (with_path.host(), with_path.port(), with_path.prefix()),
        ("::1", 81, "/api")
    );
    assert_eq!(with_path.to_string(), "http://[::1]:81/api");
}

#[test]
fn help_has_examples_and_the_old_forms() {
    let help = read("--help").unwrap_err();
    assert_eq!(help.exit_code(), 0);
    let text = help.to_string();
    for part in ["Examples:", "-tmin 0.1 -tmax 3", "--rate", "Exit status"] {
        assert!(text.contains(part), "{part}");
    }
}

proptest! {
    #[test]
    fn only_the_old_forms_are_rewritten(
        argv in prop::collection::vec("(-{0,2}(tmin|tmax|t|p)?(=[0-9.]{0,3})?|[a-z0-9.]{0,5})", 0..8),
    ) {
        let rewritten = rewrite_argv(argv.iter().map(OsString::from));
        prop_assert_eq!(rewritten.len(), argv.len());
        let mut options = true;
        for (before, after) in argv.iter().zip(&rewritten) {
            options &= before != "--";
            let after = after.to_str().unwrap();
            let old = before.starts_with("-tmin") || before.starts_with("-tmax");
            if options && old {
                prop_assert_eq!(after, format!("-{before}"));
            } else {
                prop_assert_eq!(after, before);
            }
        }
        // Twice is the same as once.
        prop_assert_eq!(rewrite_argv(rewritten.clone()), rewritten);
    }

    #[test]
    fn reading_the_command_line_never_panics(argv in prop::collection::vec(".{0,12}", 0..6)) {
        let argv = std::iter::once("x".into()).chain(argv.into_iter().map(OsString::from));
        if let Ok(args) = Args::read(argv, &[]) {
            let _ = args.target();
        }
    }

    #[test]
    fn waits_are_read_in_both_forms(min in 0.0..1.0_f64, max in 1.0..9.0_f64) {
        for line in [
            format!("-tmin {min} -tmax {max}"),
            format!("-tmin={min} -tmax={max}"),
            format!("--tmin {min} --tmax={max}"),
        ] {
            let args = read(&line).unwrap();
            prop_assert_eq!((args.tmin, args.tmax), (min, max));
        }
    }
}
