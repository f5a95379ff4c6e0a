//! The program: parse, build, run, tell.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use mlp_data::{ConfigError, UserConfig};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;

use super::args::{Args, Settings};
use super::client::Client;
use super::error::{Error, chain};
use super::plan::Plan;
use super::progress::Progress;
use super::report::Report;
use super::run::run;
use super::summary::summary;

/// How long to look for a server before saying that there is none.
const SEARCH: Duration = Duration::from_secs(3);

/// Why a run failed.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("{}; is a server running? `mlp up` starts one", .0.chain())]
    NoServer(Error),
    #[error("cannot write `{path}`")]
    Write { path: String, source: io::Error },
    #[error("cannot start")]
    Start(#[source] io::Error),
    #[error("no session was completed")]
    Nothing,
}

/// The whole program. The settings, in layers, stand in for flags that are not there.
pub fn main(argv: impl IntoIterator<Item = OsString>, settings: &[Settings<'_>]) -> ExitCode {
    let args = match Args::read(argv, settings) {
        Ok(args) => args,
        Err(error) => return wrong_arguments(&error),
    };
    let config = match UserConfig::from_path(&args.config) {
        Ok(config) => config,
        Err(error) => return failed(&error.into()),
    };
    for warning in &config.warnings {
        tell(&format!("warning: {warning}\n"));
    }
    match args.plan(&config.value) {
        Ok(plan) => match carry_out(plan, args.json.as_deref()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => failed(&failure),
        },
        Err(error) => wrong_arguments(&error),
    }
}

fn wrong_arguments(error: &clap::Error) -> ExitCode {
    // Nothing is left to be done where even this cannot be written.
    let _ = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

fn failed(failure: &Failure) -> ExitCode {
    tell(&format!("error: {}\n", chain(failure)));
    ExitCode::FAILURE
}

fn carry_out(plan: Plan, json: Option<&Path>) -> Result<(), Failure> {
    let mut output = json.map(Output::open).transpose()?;
    // One thread: the machine's others are for the server.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::Start)?;
    let report = runtime.block_on(drive(plan))?;
    let text = summary(&report);
    match &mut output {
        Some(output) if output.is_stdout() => tell(&text),
        _ => print(&text),
    }
    if let Some(output) = &mut output {
        output.write(&report)?;
    }
    match report.sessions {
        0 if report.errors + report.busy > 0 => Err(Failure::Nothing),
        _ => Ok(()),
    }
}

async fn drive(plan: Plan) -> Result<Report, Failure> {
    find_server(&plan).await.map_err(Failure::NoServer)?;
    let interrupt = signal(SignalKind::interrupt()).map_err(Failure::Start)?;
    let terminate = signal(SignalKind::terminate()).map_err(Failure::Start)?;
    let progress = Progress::new(plan.sessions);
    let report = run(plan, progress.clone(), stopped(interrupt, terminate)).await;
    progress.finish();
    Ok(report)
}

/// Connects once, for a few seconds if need be: a server that is started together with this
/// program is waited for, a wrong address is told at once and not as a thousand errors.
async fn find_server(plan: &Plan) -> Result<(), Error> {
    let mut client = Client::shared(plan.target.clone()).with_timeout(SEARCH);
    let deadline = Instant::now() + SEARCH;
    loop {
        match client.connect().await {
            Err(_) if Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            result => return result,
        }
    }
}

/// Waits for a signal. The next one ends the process without a summary.
async fn stopped(mut interrupt: Signal, mut terminate: Signal) {
    either(&mut interrupt, &mut terminate).await;
    tell("stopping; once more to stop at once\n");
    tokio::spawn(async move {
        either(&mut interrupt, &mut terminate).await;
        std::process::exit(130);
    });
}

async fn either(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

/// Where the JSON goes; opened before the run, so that a wrong path is told before the work.
struct Output {
    path: String,
    /// `None` is standard output.
    file: Option<File>,
}

impl Output {
    fn open(path: &Path) -> Result<Self, Failure> {
        let name = path.display().to_string();
        let file = match name.as_str() {
            "-" => None,
            _ => {
                let file = OpenOptions::new()
                    .write(true)
                    .create(true)
                    .truncate(false)
                    .open(path);
                Some(file.map_err(|source| Failure::Write {
                    path: name.clone(),
                    source,
                })?)
            }
        };
        Ok(Output { path: name, file })
    }

    fn is_stdout(&self) -> bool {
        self.file.is_none()
    }

    fn write(&mut self, report: &Report) -> Result<(), Failure> {
        let written = match &mut self.file {
            None => write_json(&mut io::stdout().lock(), report),
            Some(file) => write_over(file, report),
        };
        written.map_err(|source| Failure::Write {
            path: self.path.clone(),
            source,
        })
    }
}

/// Replaces a file's content; a pipe or a device has none.
fn write_over(file: &mut File, report: &Report) -> io::Result<()> {
    if file.metadata()?.is_file() {
        file.set_len(0)?;
    }
    write_json(file, report)
}

fn write_json(to: &mut impl Write, report: &Report) -> io::Result<()> {
    let mut text = serde_json::to_vec_pretty(report)?;
    text.push(b'\n');
    to.write_all(&text)?;
    to.flush()
}

/// Like `eprint!`, but without a panic where the reader has gone.
pub(super) fn tell(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Like `print!`, but without a panic where the reader has gone.
fn print(text: &str) {
    let _ = io::stdout().lock().write_all(text.as_bytes());
}
