//! What was typed.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, ValueEnum};
use mlp_data::{Date, Mix, UserConfig, UserSampler};

use super::pause::Pause;
use super::plan::{Arrivals, Plan};
use super::target::Target;

/// Where a server started by `mlp up` listens.
const DEFAULT_URL: &str = "http://127.0.0.1:4789";

const EXAMPLES: &str = "\
Examples:
  # one user, as people behave, until Ctrl-C
  traffic_generator

  # 500 sessions of 8 users who never wait, with a report
  traffic_generator -p 8 -n 500 --no-sleep --json report.json

  # 100 arrivals per second for half a minute, whether or not the server keeps up
  traffic_generator --rate 100 --duration 30 --no-sleep

  # users who wait 0.1 to 3 seconds, of whom 7 in 10 answer
  traffic_generator --domain api.example.org -p 20 -d 0.7 -tmin 0.1 -tmax 3

A closed loop (without --rate) has -p users, each of whom waits, asks, looks and chooses, again and
again. An open loop (--rate) has a schedule; latencies count from it, so that the time in which a
slow server made users queue is in them. Arrivals keep their schedule to about 2 ms.

The server is named by --url or --domain, else by URL or DOMAIN in the environment, else in `.env`.

Exit status: 0 after a run, 1 where it failed or no session was completed, 2 for wrong arguments.";

/// Simulated users for a recommendation API: they ask, look at the results and pick one or none.
#[derive(Clone, Debug, Parser)]
#[command(name = "traffic_generator", version, after_help = EXAMPLES, max_term_width = 100)]
#[command(allow_negative_numbers = true)]
pub struct Args {
    /// Profiles of users, a TSV file
    #[arg(long, value_name = "FILE", default_value = "config/user.tsv")]
    pub config: PathBuf,

    /// The server's URL; http only [env: URL] [default: http://127.0.0.1:4789]
    #[arg(long, value_name = "URL", conflicts_with = "domain")]
    pub url: Option<String>,

    /// The server's bare host name, meaning http://DOMAIN, port 80 [env: DOMAIN]
    #[arg(long, value_name = "DOMAIN")]
    pub domain: Option<String>,

    /// Users at once; with --rate the most sessions at once [default: 1, with --rate 256]
    #[arg(short, long, value_name = "USERS")]
    pub parallel: Option<u32>,

    /// Probability that a user answers; one who does not sends no selection
    #[arg(
        short = 'd',
        long = "answer",
        value_name = "PROBABILITY",
        default_value_t = 1.0
    )]
    pub answer: f64,

    /// Shortest wait before a session and before selecting, in seconds; also -tmin
    #[arg(long, value_name = "SECONDS", default_value_t = 0.1)]
    pub tmin: f64,

    /// Longest wait, in seconds; also -tmax
    #[arg(long, value_name = "SECONDS", default_value_t = 3.0)]
    pub tmax: f64,

    /// Number of sessions; 0 is without end
    #[arg(short = 'n', long, value_name = "SESSIONS", default_value_t = 0)]
    pub sessions: u64,

    /// First shape parameter of the waits, which are Beta(a, b) between tmin and tmax
    #[arg(short, value_name = "SHAPE", default_value_t = 2.0)]
    pub a: f64,

    /// Second shape parameter of the waits
    #[arg(short, value_name = "SHAPE", default_value_t = 5.0)]
    pub b: f64,

    /// Seed: the same one makes the same users, whatever -p is
    #[arg(long, default_value_t = 42)]
    pub seed: u64,

    /// Never wait: each request follows at once
    #[arg(long)]
    pub no_sleep: bool,

    /// Open loop: this many sessions arrive per second; replaces the wait before a session
    #[arg(long, value_name = "PER_SECOND")]
    pub rate: Option<f64>,

    /// How the arrivals of an open loop are spaced
    #[arg(long, value_enum, default_value_t = Arrivals::Poisson)]
    pub arrivals: Arrivals,

    /// Stop after so many seconds
    #[arg(long, value_name = "SECONDS")]
    pub duration: Option<f64>,

    /// How often each profile comes up: evenly, or in proportion to its meta_n
    #[arg(long, value_enum, default_value_t = MixName::Even)]
    pub mix: MixName,

    /// The day after which users arrive
    #[arg(long, value_name = "DATE", default_value = "2026-01-01")]
    pub start_date: Date,

    /// Write the report as JSON; `-` is standard output
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// Looks up a setting by name, such as in the environment or in a `.env` file.
pub type Settings<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A [`Mix`] as it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MixName {
    /// Every profile equally often.
    Even,
    /// Each profile in proportion to its `meta_n`.
    MetaN,
}

impl Args {
    /// Reads a command line, its first element the program's name. Where it names no server, the
    /// settings `URL` and `DOMAIN` do, the first layer that has one of them first.
    pub fn read(
        argv: impl IntoIterator<Item = OsString>,
        settings: &[Settings<'_>],
    ) -> Result<Self, clap::Error> {
        let mut args = Args::try_parse_from(rewrite_argv(argv))?;
        if args.url.is_none() && args.domain.is_none() {
            args.fill_in(settings);
        }
        Ok(args)
    }

    /// Takes the server from the settings; an empty value is none, and a URL beats a domain.
    fn fill_in(&mut self, settings: &[Settings<'_>]) {
        for layer in settings {
            let look_up = |name| layer(name).filter(|text| !text.is_empty());
            self.url = look_up("URL");
            if self.url.is_none() {
                self.domain = look_up("DOMAIN");
            }
            if self.url.is_some() || self.domain.is_some() {
                return;
            }
        }
    }

    /// The server that was meant.
    pub fn target(&self) -> Result<Target, clap::Error> {
        let target = match (&self.url, &self.domain) {
            (Some(url), _) => url.parse(),
            (None, Some(domain)) => Target::from_domain(domain),
            (None, None) => DEFAULT_URL.parse(),
        };
        target.map_err(wrong_value)
    }

    /// The plan that was meant, with users from these profiles.
    pub fn plan(&self, config: &UserConfig) -> Result<Plan, clap::Error> {
        let mix = match self.mix {
            MixName::Even => Mix::Even,
            MixName::MetaN => Mix::MetaN,
        };
        let sampler = UserSampler::new(config, mix, self.start_date);
        let mut plan = Plan::builder(self.target()?, move |_, rng| sampler.sample(rng))
            .answer(self.answer)
            .arrivals(self.arrivals)
            .seed(self.seed);
        // Checked even where it is not used: a wrong number is a mistake in any case.
        let pause = Pause::new(self.tmin, self.tmax, self.a, self.b).map_err(wrong_value)?;
        if !self.no_sleep {
            plan = plan.pause(pause);
        }
        if let Some(users) = self.parallel {
            plan = plan.parallel(users);
        }
        if self.sessions > 0 {
            plan = plan.sessions(self.sessions);
        }
        if let Some(rate) = self.rate {
            plan = plan.rate(rate);
        }
        if let Some(seconds) = self.duration {
            plan = plan.duration_s(seconds);
        }
        plan.check().map_err(wrong_value)
    }
}

fn wrong_value(error: impl std::error::Error) -> clap::Error {
    Args::command().error(ErrorKind::ValueValidation, error)
}

/// Turns `-tmin` and `-tmax`, as the old program had them, into `--tmin` and `--tmax`; everything
/// after `--` stays.
///
/// ```
/// let argv = ["traffic_generator", "-tmin", "0.1", "-tmax=3"].map(Into::into);
/// let rewritten = mlp_tools::traffic::rewrite_argv(argv);
/// assert_eq!(rewritten, ["traffic_generator", "--tmin", "0.1", "--tmax=3"]);
/// ```
pub fn rewrite_argv(argv: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut options = true;
    let rewrite = |argument: OsString| {
        options &= argument != "--";
        match argument.to_str() {
            Some(text) if options && is_old_form(text) => format!("-{text}").into(),
            _ => argument,
        }
    };
    argv.into_iter().map(rewrite).collect()
}

fn is_old_form(text: &str) -> bool {
    let name = text.split_once('=').map_or(text, |(name, _)| name);
    matches!(name, "-tmin" | "-tmax")
}
