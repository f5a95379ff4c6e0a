//! `mlp evaluate`: how good a model is.

mod judged;
mod print;
mod report;
mod split;
mod svg;

use std::path::{Path, PathBuf};

use clap::Args;
use mlp_core::metrics::{
    BootstrapOptions, EvaluateOptions, Evaluation, EvaluationWithIntervals, Interval, Predictions,
    Segment, Statistic, evaluate_with_intervals, mean_interval,
};
use mlp_core::replay::{Replay, ReplayReport};
use mlp_core::{Artifact, Family, Session};
use mlp_store::{Clock, Store, SystemClock};
use mlp_worker::{DataOptions, SessionData, TrainingOptions};
use serde_json::json;

use super::arguments::whole;
use super::context::Context;
use super::error::{Error, Result};
use super::fitting::Fitting;
use super::models::find;
use super::seed::Configs;
use super::simulate::{Outcome, Simulation, simulate};
pub use judged::Judged;
use print::Column;
use report::{Report, coefficients};
use split::{SplitName, split};

/// Say how good a model is on the judging sessions: explored, answered, and never learned from.
/// Intervals are of 95 %, by resampling sessions.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  mlp evaluate --report model.svg\n  mlp evaluate --model 2 --json model-2.json\n  \
    mlp evaluate --by budget\n  mlp evaluate --replay --model 2 --model 3 --artifact mine.json\n  \
    mlp evaluate --split user --l2 cv --k-best 12\n  mlp evaluate --simulated --sessions 1000 --seeds 5"
)]
pub struct Evaluate {
    /// The model; several may be named. Default: the champion
    #[arg(long, value_name = "ID", conflicts_with = "simulated")]
    model: Vec<i64>,

    /// A model from a file that `mlp models export` wrote, or any like it; several may be named
    #[arg(long, value_name = "FILE", conflicts_with = "simulated")]
    artifact: Vec<PathBuf>,

    /// Rank the lists that the judging sessions saw anew, and say what the models are worth on
    /// them: log loss of the choice, precision@1, MRR; "too few" where that cannot be said
    #[arg(long, conflicts_with_all = ["by", "report"])]
    replay: bool,

    /// Also evaluate slices of users by this field: each level, or the quarters of a number
    #[arg(long, value_name = "FIELD")]
    by: Option<String>,

    /// How many times sessions are drawn anew for the intervals
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    resamples: u32,

    /// Train and test on the simulated domain instead, beside the simulation's own truth; needs no
    /// database
    #[arg(long)]
    simulated: bool,

    /// Train on a part of the explored sessions that models learn from and test on the rest, which
    /// are kept apart by this: how good a way to fit is; no model is kept
    #[arg(long, value_enum, value_name = "BY", conflicts_with_all = ["model", "artifact", "simulated"])]
    split: Option<SplitName>,

    /// The share that is tested on
    #[arg(long, default_value_t = 0.2, requires = "split", value_name = "SHARE")]
    test_share: f64,

    /// Simulated sessions to train on
    #[arg(long, default_value_t = 1000, requires = "simulated", value_parser = clap::value_parser!(u32).range(10..=1_000_000))]
    sessions: u32,

    /// Simulated sessions of fresh users to test on
    #[arg(long, default_value_t = 2000, requires = "simulated", value_parser = clap::value_parser!(u32).range(10..=1_000_000))]
    test_sessions: u32,

    /// How many seeds to average over
    #[arg(long, default_value_t = 5, requires = "simulated", value_parser = clap::value_parser!(u32).range(1..=1000))]
    seeds: u32,

    /// The kind of model that is trained here, with `--simulated` or `--split`
    #[arg(long, value_enum, default_value = "choice")]
    family: FamilyName,

    /// With `--simulated` the first seed, with `--split` what decides which sessions are tested on
    #[arg(long, default_value_t = 1, value_parser = whole::<u64>(0, u64::MAX))]
    seed: u64,

    /// Also write the figures as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Also draw a report: the figures, reliability, lift and coefficients, as SVG
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,

    // The headings hold for all that follows: these stand last.
    #[command(
        flatten,
        next_help_heading = "Of a model that is trained here, with --simulated or --split"
    )]
    fitting: Fitting,

    #[command(flatten, next_help_heading = "Of the simulation, with --simulated")]
    configs: Configs,
}

/// [`Family`], as the command line names it.
#[derive(clap::ValueEnum, Debug, Clone, Copy)]
pub enum FamilyName {
    /// A conditional logit over what was shown, or none of it
    Choice,
    /// Logistic regression on pairs of a user and an item
    Logistic,
}

impl From<FamilyName> for Family {
    fn from(name: FamilyName) -> Self {
        match name {
            FamilyName::Choice => Self::Choice,
            FamilyName::Logistic => Self::Logistic,
        }
    }
}

impl Evaluate {
    fn bootstrap(&self) -> BootstrapOptions {
        BootstrapOptions {
            resamples: self.resamples as usize,
            ..BootstrapOptions::default()
        }
    }
}

/// What is printed and written.
#[derive(Default)]
struct Findings {
    /// Whom and what it is about.
    headline: String,
    columns: Vec<Column>,
    /// Of a simulation, sentences.
    gaps: Vec<String>,
    replays: Vec<(String, ReplayReport)>,
    segments: Vec<(Segment, EvaluationWithIntervals)>,
    report: Option<Report>,
}

/// Runs the command.
pub fn run(evaluate: &Evaluate, context: &Context) -> Result<()> {
    let findings = match evaluate.split {
        _ if evaluate.simulated => simulated(evaluate, context)?,
        Some(by) => split(evaluate, by, context)?,
        None => stored(evaluate, context)?,
    };
    // Before anything is printed: whoever reads may leave.
    if let Some(path) = &evaluate.json {
        let text = serde_json::to_string_pretty(&findings.json()).map_err(Error::run)?;
        write(path, &(text + "\n"))?;
    }
    if let (Some(path), Some(report)) = (&evaluate.report, &findings.report) {
        write(path, &report.svg())?;
    }
    say!("{}", findings.headline);
    if !findings.columns.is_empty() {
        print::evaluations(&findings.columns);
    }
    findings.gaps.iter().for_each(|gap| say!("{gap}"));
    if let Some(field) = &evaluate.by {
        print::segments(field, &findings.segments);
    }
    if evaluate.replay {
        print::replays(&findings.replays);
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).map_err(Error::file("write", path))
}

impl Findings {
    /// An object with each evaluation under its name, and what else was asked for.
    fn json(&self) -> serde_json::Map<String, serde_json::Value> {
        let mut object: serde_json::Map<_, _> = (self.columns.iter())
            .map(|(name, found)| (name.clone(), json!(found)))
            .collect();
        if !self.replays.is_empty() {
            let replays: serde_json::Map<_, _> = (self.replays.iter())
                .map(|(name, report)| (name.clone(), json!(report)))
                .collect();
            object.insert("replay".to_owned(), json!(replays));
        }
        if !self.segments.is_empty() {
            let segments: Vec<_> = (self.segments.iter())
                .map(|(segment, found)| json!({ "name": segment.name, "evaluation": found }))
                .collect();
            object.insert("segments".to_owned(), json!(segments));
        }
        if let Some(report) = &self.report {
            object.insert("reliability".to_owned(), json!(report.reliability));
            object.insert("lift".to_owned(), json!(report.lift));
            object.insert("coefficients".to_owned(), json!(report.coefficients));
        }
        object
    }
}

/// The models that were asked for, by name.
fn candidates(evaluate: &Evaluate, store: &dyn Store) -> Result<Vec<(String, Artifact)>> {
    let named = !evaluate.model.is_empty() || !evaluate.artifact.is_empty();
    let numbers: Vec<Option<i64>> = match named {
        true => evaluate.model.iter().copied().map(Some).collect(),
        false => vec![None],
    };
    let mut found = Vec::new();
    for number in numbers {
        let row = find(store, number)?;
        let name = format!("model {}", row.model_id);
        found.push((name, Artifact::from_json(&row.artifact)?));
    }
    for path in &evaluate.artifact {
        let text = std::fs::read_to_string(path).map_err(Error::file("read", path))?;
        let name = path.file_stem().unwrap_or(path.as_os_str());
        found.push((
            name.to_string_lossy().into_owned(),
            Artifact::from_json(&text)?,
        ));
    }
    Ok(found)
}

fn stored(evaluate: &Evaluate, context: &Context) -> Result<Findings> {
    let store = context.open(false)?;
    let schema = &context.schema;
    let candidates = candidates(evaluate, &*store)?;
    if candidates.len() > 1 && (evaluate.report.is_some() || evaluate.by.is_some()) {
        return Err(Error::usage(
            "`--report` and `--by` are about one model: name one of them",
        ));
    }
    let data = SessionData::read(
        &*store,
        schema,
        SystemClock.now_us(),
        &DataOptions::default(),
    )?;
    let bootstrap = evaluate.bootstrap();
    let picks = data.judging.iter().filter(|s| s.picked.is_some()).count();
    let on = format!(
        "judged on {} sessions with {picks} picks",
        data.judging.len()
    );
    let alone = candidates.len() == 1;
    let mut findings = Findings {
        headline: on.clone(),
        ..Findings::default()
    };
    for (name, artifact) in candidates {
        let judged = Judged::new(schema, artifact, &data.judging)?;
        if evaluate.replay {
            findings.replays.push((name, judged.replay(&bootstrap)?));
            continue;
        }
        let found = judged.evaluate(&bootstrap)?;
        if !alone {
            findings.columns.push((name, found));
            continue;
        }
        let fitted = judged.artifact.lineage.sessions;
        findings.headline = format!("{name}, fitted on {fitted} sessions; {on}");
        look_closer(&mut findings, evaluate, context, &judged, &found)?;
        findings.columns.push(("judging".to_owned(), found));
        for (name, evaluation) in [
            ("test", judged.artifact.test),
            ("train", judged.artifact.train),
        ] {
            findings.columns.push((name.to_owned(), plain(evaluation)));
        }
    }
    Ok(findings)
}

/// An evaluation without intervals.
fn plain(evaluation: Evaluation) -> EvaluationWithIntervals {
    EvaluationWithIntervals {
        evaluation,
        ..EvaluationWithIntervals::default()
    }
}

/// Segments and report of one model, where they were asked for.
fn look_closer(
    findings: &mut Findings,
    evaluate: &Evaluate,
    context: &Context,
    judged: &Judged,
    found: &EvaluationWithIntervals,
) -> Result<()> {
    if let Some(field) = &evaluate.by {
        findings.segments = judged.by(&context.schema.user, field, &evaluate.bootstrap())?;
    }
    if evaluate.report.is_some() {
        findings.report = Some(Report::new(
            format!("{}: how good is the model?", context.schema.name),
            findings.headline.clone(),
            found.clone(),
            &judged.predictions,
            coefficients(&judged.artifact),
        )?);
    }
    Ok(())
}

fn simulated(evaluate: &Evaluate, context: &Context) -> Result<Findings> {
    let simulation = Simulation {
        sessions: evaluate.sessions as usize,
        test_sessions: evaluate.test_sessions as usize,
        shown: 10,
        seeds: evaluate.seed..evaluate.seed + u64::from(evaluate.seeds),
        fit: evaluate.fit_options(TrainingOptions::default().fit),
    };
    let (users, locations) = (evaluate.configs.users()?, evaluate.configs.locations()?);
    let outcomes = simulate(&context.schema, &users, &locations, &simulation)?;
    let bootstrap = evaluate.bootstrap();
    let mut findings = Findings {
        headline: format!(
            "trained on {} sessions of 10 items, tested on {} of fresh users; mean of {} seeds",
            evaluate.sessions, evaluate.test_sessions, evaluate.seeds
        ),
        ..Findings::default()
    };
    if evaluate.replay {
        findings.replays = replays(&outcomes, &bootstrap)?;
        return Ok(findings);
    }
    let truths = (outcomes.iter())
        .map(Outcome::truth)
        .collect::<Result<Vec<_>>>()?;
    let models: Vec<&Predictions> = outcomes.iter().map(|o| &o.judged.predictions).collect();
    if let Some(first) = outcomes
        .first()
        .filter(|_| evaluate.by.is_some() || evaluate.report.is_some())
    {
        // One seed is one model: a mean of them has no coefficients.
        let found = first.judged.evaluate(&bootstrap)?;
        let headline = std::mem::take(&mut findings.headline);
        findings.headline = format!(
            "seed {}: trained on {} simulated sessions of 10 items, tested on {} of fresh users",
            evaluate.seed, evaluate.sessions, evaluate.test_sessions
        );
        look_closer(&mut findings, evaluate, context, &first.judged, &found)?;
        findings.headline = headline;
    }
    let model = over_seeds(&models, &bootstrap)?;
    let truth = over_seeds(&truths.iter().collect::<Vec<_>>(), &bootstrap)?;
    findings.gaps = gaps(&model.evaluation, &truth.evaluation, &outcomes);
    findings.columns = vec![("model".to_owned(), model), ("truth".to_owned(), truth)];
    Ok(findings)
}

/// How far the model is from the truth on the same draws, in a sentence each.
fn gaps(model: &Evaluation, truth: &Evaluation, outcomes: &[Outcome]) -> Vec<String> {
    let gap = |more: Option<f64>, less: Option<f64>| match more.zip(less) {
        Some((more, less)) => format!("{:.4}", more - less),
        None => "undefined".to_owned(),
    };
    let (auc, loss) = (
        gap(truth.auc, model.auc),
        gap(model.log_loss, truth.log_loss),
    );
    let first = gap(truth.precision_at_1, model.precision_at_1);
    let all: f64 = outcomes.iter().map(|o| o.ndcg_of_all).sum();
    vec![
        format!("gap to the truth: ROC AUC {auc}, log loss {loss}, precision@1 {first}"),
        format!(
            "NDCG of the best ten of all items, by the users' own scores: {:.4}",
            all / outcomes.len().max(1) as f64
        ),
    ]
}

/// What the models and the truth are worth on the lists of all seeds.
fn replays(
    outcomes: &[Outcome],
    bootstrap: &BootstrapOptions,
) -> Result<Vec<(String, ReplayReport)>> {
    let sessions: Vec<&Session> = outcomes.iter().flat_map(|o| &o.sessions).collect();
    let replay = Replay::new(sessions);
    let options = judged::replay_options(bootstrap);
    let models: Vec<f64> = (outcomes.iter())
        .flat_map(|o| o.judged.choices.iter().copied())
        .collect();
    let truth: Vec<f64> = (outcomes.iter())
        .flat_map(|o| o.truth.iter().copied())
        .collect();
    Ok(vec![
        ("model".to_owned(), replay.value(&models, &options)?),
        ("truth".to_owned(), replay.value(&truth, &options)?),
    ])
}

/// The mean over seeds, each with a catalogue, users and a model of its own: its interval is by how
/// the seeds differ. One seed alone has the interval of its sessions.
fn over_seeds(
    all: &[&Predictions],
    bootstrap: &BootstrapOptions,
) -> Result<EvaluationWithIntervals> {
    let options = EvaluateOptions::default();
    if let [one] = all {
        return Ok(evaluate_with_intervals(one, &options, bootstrap)?);
    }
    let evaluations = (all.iter())
        .map(|predictions| predictions.evaluate(&options))
        .collect::<Result<Vec<_>, _>>()?;
    let mut found = plain(mean(&evaluations.iter().collect::<Vec<_>>()));
    for statistic in Statistic::ALL {
        let values: Vec<f64> = evaluations.iter().filter_map(|e| statistic.of(e)).collect();
        if let Some(interval) = mean_interval(&values, bootstrap.confidence)? {
            // Student's knows no bounds, what is measured does.
            let (least, most) = statistic.range();
            let interval = Interval {
                low: interval.low.max(least),
                high: interval.high.min(most),
                ..interval
            };
            found.intervals.insert(statistic, interval);
        }
    }
    Ok(found)
}

/// The mean of each statistic over the seeds where it is defined.
fn mean(all: &[&Evaluation]) -> Evaluation {
    let of = |value: fn(&Evaluation) -> Option<f64>| {
        let defined: Vec<f64> = all.iter().filter_map(|e| value(e)).collect();
        (!defined.is_empty()).then(|| defined.iter().sum::<f64>() / defined.len() as f64)
    };
    Evaluation {
        auc: of(|e| e.auc),
        average_precision: of(|e| e.average_precision),
        accuracy: of(|e| e.accuracy),
        precision: of(|e| e.precision),
        recall: of(|e| e.recall),
        f1: of(|e| e.f1),
        log_loss: of(|e| e.log_loss),
        brier: of(|e| e.brier),
        calibration_error: of(|e| e.calibration_error),
        precision_at_1: of(|e| e.precision_at_1),
        ndcg: of(|e| e.ndcg),
        mrr: of(|e| e.mrr),
        rows: all.iter().map(|e| e.rows).sum(),
        sessions: all.iter().map(|e| e.sessions).sum(),
        picked_sessions: all.iter().map(|e| e.picked_sessions).sum(),
    }
}
