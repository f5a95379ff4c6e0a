//! `mlp evaluate`: how good a model is.

use clap::Args;
use mlp_core::metrics::Evaluation;
use mlp_core::{Artifact, Family, FitOptions, PairTable};
use mlp_store::{Clock, SystemClock};
use mlp_worker::{DataOptions, SessionData};

use super::context::Context;
use super::error::{Error, Result};
use super::models::find;
use super::seed::Configs;
use super::simulate::{Simulation, simulate};

/// Say how good a model is on the judging sessions: explored, answered, and never learned from.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  mlp evaluate\n  mlp evaluate --model 2 --json model-2.json\n  \
    mlp evaluate --simulated --sessions 1000 --seeds 5"
)]
pub struct Evaluate {
    /// The model. Default: the champion
    #[arg(long, conflicts_with = "simulated")]
    model: Option<i64>,

    /// Train and test on the simulated domain instead, beside the simulation's own truth; needs no
    /// database
    #[arg(long)]
    simulated: bool,

    /// Simulated sessions to train on
    #[arg(long, default_value_t = 1000, requires = "simulated", value_parser = clap::value_parser!(u32).range(10..=1_000_000))]
    sessions: u32,

    /// Simulated sessions of fresh users to test on
    #[arg(long, default_value_t = 2000, requires = "simulated", value_parser = clap::value_parser!(u32).range(10..=1_000_000))]
    test_sessions: u32,

    /// How many seeds to average over
    #[arg(long, default_value_t = 5, requires = "simulated", value_parser = clap::value_parser!(u32).range(1..=1000))]
    seeds: u32,

    /// The kind of model
    #[arg(long, value_enum, default_value = "choice", requires = "simulated")]
    family: FamilyName,

    /// The first seed
    #[arg(long, default_value_t = 1, requires = "simulated")]
    seed: u64,

    #[command(flatten)]
    configs: Configs,

    /// Also write the figures as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<std::path::PathBuf>,
}

/// [`Family`], as the command line names it.
#[derive(clap::ValueEnum, Debug, Clone, Copy)]
enum FamilyName {
    Choice,
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

type Row = (&'static str, fn(&Evaluation) -> Option<f64>);

/// What is printed, in order.
const ROWS: [Row; 12] = [
    ("ROC AUC", |e| e.auc),
    ("average precision", |e| e.average_precision),
    ("log loss", |e| e.log_loss),
    ("Brier score", |e| e.brier),
    ("calibration error", |e| e.calibration_error),
    ("accuracy", |e| e.accuracy),
    ("precision", |e| e.precision),
    ("recall", |e| e.recall),
    ("f1", |e| e.f1),
    ("precision@1", |e| e.precision_at_1),
    ("NDCG", |e| e.ndcg),
    ("MRR", |e| e.mrr),
];

/// Runs the command.
pub fn run(evaluate: &Evaluate, context: &Context) -> Result<()> {
    let columns = if evaluate.simulated {
        simulated(evaluate, context)?
    } else {
        stored(evaluate, context)?
    };
    print(&columns);
    if let Some(path) = &evaluate.json {
        let object: serde_json::Map<String, serde_json::Value> = (columns.iter())
            .map(|(name, evaluation)| (name.clone(), serde_json::json!(evaluation)))
            .collect();
        let text = serde_json::to_string_pretty(&object).map_err(Error::run)?;
        std::fs::write(path, text + "\n").map_err(Error::file("write", path))?;
    }
    Ok(())
}

fn print(columns: &[(String, Evaluation)]) {
    let header: String = columns
        .iter()
        .map(|(name, _)| format!("{name:>14}"))
        .collect();
    println!("{:<18}{header}", "");
    for (name, value) in ROWS {
        let cells: String = (columns.iter())
            .map(|(_, e)| match value(e) {
                Some(x) => format!("{x:>14.4}"),
                None => format!("{:>14}", "undefined"),
            })
            .collect();
        println!("{name:<18}{cells}");
    }
}

fn stored(evaluate: &Evaluate, context: &Context) -> Result<Vec<(String, Evaluation)>> {
    let store = context.open(false)?;
    let schema = &context.schema;
    let row = find(&*store, evaluate.model)?;
    let artifact = Artifact::from_json(&row.artifact)?;
    let model = artifact.model(schema)?;
    let data = SessionData::read(
        &*store,
        schema,
        SystemClock.now_us(),
        &DataOptions::default(),
    )?;
    let judged = model.evaluate(&PairTable::new(&schema.features, &data.judging))?;
    println!(
        "model {} ({}), fitted on {} sessions; judged on {} sessions with {} picks",
        row.model_id,
        row.status.name(),
        artifact.lineage.sessions,
        judged.sessions,
        judged.picked_sessions
    );
    Ok(vec![
        ("judging".to_owned(), judged),
        ("test".to_owned(), artifact.test),
        ("train".to_owned(), artifact.train),
    ])
}

fn simulated(evaluate: &Evaluate, context: &Context) -> Result<Vec<(String, Evaluation)>> {
    let simulation = Simulation {
        sessions: evaluate.sessions as usize,
        test_sessions: evaluate.test_sessions as usize,
        shown: 10,
        seeds: evaluate.seed..evaluate.seed + u64::from(evaluate.seeds),
        fit: FitOptions {
            family: evaluate.family.into(),
            ..FitOptions::default()
        },
    };
    let (users, locations) = (evaluate.configs.users()?, evaluate.configs.locations()?);
    let outcomes = simulate(&context.schema, &users, &locations, &simulation)?;
    println!(
        "trained on {} sessions of 10 items, tested on {} of fresh users; mean of {} seeds",
        evaluate.sessions, evaluate.test_sessions, evaluate.seeds
    );
    let all: f64 = outcomes.iter().map(|o| o.ndcg_of_all).sum();
    println!(
        "NDCG of the best ten of all items, by the users' own scores: {:.4}",
        all / outcomes.len().max(1) as f64
    );
    let models: Vec<&Evaluation> = outcomes.iter().map(|o| &o.model).collect();
    let truths: Vec<&Evaluation> = outcomes.iter().map(|o| &o.truth).collect();
    let (model, truth) = (mean(&models), mean(&truths));
    for (name, gap) in [
        ("ROC AUC", gap(truth.auc, model.auc)),
        ("log loss", gap(model.log_loss, truth.log_loss)),
        (
            "precision@1",
            gap(truth.precision_at_1, model.precision_at_1),
        ),
    ] {
        println!("{name} is {gap} from the truth");
    }
    Ok(vec![
        ("model".to_owned(), model),
        ("truth".to_owned(), truth),
    ])
}

/// How far a statistic is from the truth's.
fn gap(more: Option<f64>, less: Option<f64>) -> String {
    let gap = more.zip(less).map(|(more, less)| more - less);
    gap.map_or("undefined".to_owned(), |gap| format!("{gap:.4}"))
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
