//! `dataset_generator`: the command line around [`mlp_data::dataset`].

mod args;

use std::error::Error;
use std::ffi::OsString;
use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use indicatif::{HumanCount, ProgressBar, ProgressState, ProgressStyle};
use mlp_data::dataset::{self, Manifest, Options, Progress};
use mlp_data::{Parsed, Warning};

pub use args::Args;

/// Runs the program: exit code 0 when the data set is there, 1 when it cannot be made, 2 when the
/// command line is wrong. Errors and the progress bar go to standard error.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args = match Args::try_parse_from(arguments) {
        Ok(args) => args,
        Err(error) => {
            // Help goes to standard output, faults to standard error; neither may be there.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {}", with_sources(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let Parsed { value, warnings } = args.to_options()?;
    for warning in &warnings {
        warn(warning);
    }
    let started = Instant::now();
    let manifest = generate(&value)?;
    report(&value, &manifest, started.elapsed());
    Ok(())
}

fn generate(options: &Options) -> Result<Manifest, dataset::DatasetError> {
    // Drawn on standard error, and only where that is a terminal.
    let bar = ProgressBar::new(options.n_user * u64::from(options.n_loc_per_user));
    let template = "{wide_bar} {human_pos} of {human_len} rows, {rate} rows/s, {eta} left";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.with_key("rate", rate));
    }
    let result = dataset::generate(options, |Progress { rows, .. }| bar.set_position(rows));
    bar.finish_and_clear();
    result
}

fn rate(state: &ProgressState, out: &mut dyn fmt::Write) {
    // The bar has no way to tell of a failure to draw.
    let _ = write!(out, "{}", HumanCount(state.per_sec() as u64));
}

fn warn(warning: &Warning) {
    let _ = writeln!(io::stderr(), "warning: {warning}");
}

fn report(options: &Options, manifest: &Manifest, elapsed: Duration) {
    // A closed pipe is no reason to fail: the files are there.
    let _ = writeln!(
        io::stdout(),
        "{}: {} labelled rows in {:.2} s, {} of {} sessions with a choice, {} users, {} locations",
        options.dir.display(),
        manifest.labelled_rows,
        elapsed.as_secs_f64(),
        manifest.sessions_with_choice,
        manifest.sessions,
        manifest.user_rows,
        manifest.location_rows,
    );
}

fn with_sources(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(arguments: &[&str]) -> ExitCode {
        let all = std::iter::once("dataset_generator").chain(arguments.iter().copied());
        main(all.map(OsString::from))
    }

    fn in_config(name: &str) -> String {
        format!("{}/../config/{name}", env!("CARGO_MANIFEST_DIR"))
    }

    #[test]
    fn writes_a_data_set_with_every_flag() {
        let dir = tempfile::tempdir().expect("a directory");
        let dir = dir.path().join("a/b");
        let (users, locations) = (in_config("user_noise.tsv"), in_config("location.tsv"));
        let arguments = [
            "--user-configs",
            &users,
            "--location-configs",
            &locations,
            "--dataset-dir",
            dir.to_str().expect("text"),
            "--n-user",
            "7",
            "--n-loc-per-user",
            "3",
            "--start-date",
            "2027-02-03",
            "--seed",
            "18446744073709551615",
            "--threads",
            "2",
            "--mix",
            "meta-n",
            "--fresh-users",
            "--distinct",
        ];
        assert_eq!(code(&arguments), ExitCode::SUCCESS);
        let manifest = Manifest::read(&dir).expect("a manifest");
        assert_eq!((manifest.sessions, manifest.labelled_rows), (7, 21));
        assert_eq!(manifest.seed, u64::MAX);
        assert_eq!(manifest.start_date.to_string(), "2027-02-03");
        assert_eq!(manifest.mix, mlp_data::Mix::MetaN);
        assert!(manifest.fresh_users && manifest.distinct);
    }

    #[test]
    fn exit_codes_tell_help_faults_and_usage_apart() {
        assert_eq!(code(&["--help"]), ExitCode::SUCCESS);
        assert_eq!(code(&["--version"]), ExitCode::SUCCESS);
        for usage in [
            &["--n-user", "0"][..],
            &["--n-user", "-5"],
            &["--n-user", "1e3"],
            &["--n-loc-per-user", "0"],
            &["--n-loc-per-user", "100001"],
            &["--start-date", "2026-02-30"],
            &["--seed", "x"],
            &["--threads", "0"],
            &["--mix", "odd"],
            &["--unknown"],
            &["surplus"],
        ] {
            assert_eq!(code(usage), ExitCode::from(2), "{usage:?}");
        }
        assert_eq!(code(&["--user-configs", "/nowhere.tsv"]), ExitCode::FAILURE);
    }

    #[test]
    fn an_error_is_told_with_its_cause() {
        let args = Args::parse_from(["", "--user-configs", "/nowhere.tsv"]);
        let error = run(&args).expect_err("no such file");
        assert_eq!(
            with_sources(error.as_ref()),
            "cannot read `/nowhere.tsv`: No such file or directory (os error 2)"
        );
    }
}
