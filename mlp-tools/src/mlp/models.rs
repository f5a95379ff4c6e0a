//! `mlp models`: the registry.

use std::path::PathBuf;

use clap::Subcommand;
use mlp_core::{Artifact, Lineage, Scaling};
use mlp_store::{
    AUTO_PROMOTE_SETTING, AUTO_RETRAIN_SETTING, CANARY_SHARE_SETTING, Clock, DecisionKind,
    MAX_CANARY_SHARE, ModelRow, ModelStatus, NewDecision, NewModel, Registry, Store, SystemClock,
};
use mlp_worker::{TrainingOptions, standing};

use super::arguments::whole;
use super::context::Context;
use super::error::{Error, Result};

/// What to do with the models.
#[derive(Subcommand, Clone, Debug)]
pub enum Command {
    /// Print the models, the newest first
    List {
        /// At most so many
        #[arg(long, default_value_t = 100, value_parser = whole::<usize>(0, u64::MAX))]
        limit: usize,
    },
    /// Print a model's lineage, quality and largest weights
    Show {
        /// The model's number. Default: the champion
        model: Option<i64>,
    },
    /// Make a model the champion; the one before it retires
    Promote {
        /// The model's number
        model: i64,
        /// Why, for the log
        #[arg(long, default_value = "promoted by hand")]
        reason: String,
    },
    /// Bring the champion before this one back
    Rollback {
        /// Why, for the log
        #[arg(long, default_value = "rolled back by hand")]
        reason: String,
    },
    /// Write a model's artifact, a JSON file that holds all of it
    Export {
        /// The model's number
        model: i64,
        /// The file
        file: PathBuf,
    },
    /// Read an artifact as a new challenger, which waits for `mlp models promote`: the gate judges
    /// only what was trained here
    Import {
        /// The file
        file: PathBuf,
    },
    /// Change a setting of the registry: `auto_promote` (true or false: what passes the gate is
    /// promoted, or waits for `mlp models promote`), `auto_retrain` (true or false: whether
    /// triggers start trainings) or `canary_share` (0 to 0.5: what passes the gate first answers
    /// this share of the traffic, and is watched; 0: it is promoted at once)
    Set {
        /// The setting's name
        name: String,
        /// Its value
        value: String,
    },
    /// Print the decisions, the newest first, and before them how challengers that wait stand now
    Log {
        /// At most so many
        #[arg(long, default_value_t = 20, value_parser = whole::<usize>(0, u64::MAX))]
        limit: usize,
    },
}

/// Runs the command.
pub fn run(command: &Command, context: &Context) -> Result<()> {
    let store = context.open(false)?;
    match command {
        Command::List { limit } => list(&*store, *limit),
        Command::Show { model } => show(&*store, context, *model),
        Command::Promote { model, reason } => {
            let row = find(&*store, Some(*model))?;
            Artifact::from_json(&row.artifact)?.model(&context.schema)?;
            decide(&*store, *model, DecisionKind::Promote, reason)?;
            say!("model {model} is the champion");
            Ok(())
        }
        Command::Rollback { reason } => {
            decide(&*store, 0, DecisionKind::Rollback, reason)?;
            say!(
                "model {} is the champion again",
                find(&*store, None)?.model_id
            );
            Ok(())
        }
        Command::Export { model, file } => {
            let row = find(&*store, Some(*model))?;
            std::fs::write(file, row.artifact + "\n").map_err(Error::file("write", file))
        }
        Command::Import { file } => {
            let text = std::fs::read_to_string(file).map_err(Error::file("read", file))?;
            let artifact = Artifact::from_json(&text)?;
            artifact.model(&context.schema)?;
            let model_id = store.insert_model(&NewModel {
                task_id: None,
                artifact: artifact.to_json(),
            })?;
            // It may have learned from the very sessions that would judge it.
            let reason = format!(
                "imported: waits for a hand, since no gate judges what was not trained here; \
                 `mlp evaluate --replay --model {model_id}` says what it is worth, \
                 `mlp models promote {model_id}` makes it champion"
            );
            decide(&*store, model_id, DecisionKind::Wait, &reason)?;
            say!("model {model_id} is a challenger, {reason}");
            Ok(())
        }
        Command::Set { name, value } => {
            store.set_setting(setting(name, value)?, value)?;
            say!("{name} is {value}");
            Ok(())
        }
        Command::Log { limit } => log(&*store, context, *limit),
    }
}

/// A name in the registry, what it may be, and whether a text is that.
type Setting = (&'static str, &'static str, fn(&str) -> bool);

/// The registry's settings that are set by hand: the name, what a value must be, and whether it is.
const SETTINGS: [Setting; 3] = [
    (AUTO_PROMOTE_SETTING, "`true` or `false`", is_bool),
    (AUTO_RETRAIN_SETTING, "`true` or `false`", is_bool),
    (CANARY_SHARE_SETTING, "from 0 to 0.5", |value| {
        (value.parse().ok()).is_some_and(|share: f64| (0.0..=MAX_CANARY_SHARE).contains(&share))
    }),
];

fn is_bool(value: &str) -> bool {
    matches!(value, "true" | "false")
}

/// The name of a setting, where it may have that value.
fn setting(name: &str, value: &str) -> Result<&'static str> {
    let Some((name, wanted, check)) = SETTINGS.iter().find(|(known, ..)| *known == name) else {
        let names = SETTINGS.map(|(name, ..)| format!("`{name}`")).join(", ");
        return Err(Error::usage(format!(
            "there is no setting `{name}`: {names} are"
        )));
    };
    match check(value) {
        true => Ok(name),
        false => Err(Error::usage(format!(
            "{name} is `{value}`, must be {wanted}"
        ))),
    }
}

/// A model by its number, or the champion.
pub fn find(store: &dyn Store, model: Option<i64>) -> Result<ModelRow> {
    match model {
        Some(id) => Registry::model(store, id)?
            .ok_or_else(|| Error::run(format!("there is no model `{id}`: see `mlp models list`"))),
        None => (store.serving_models()?.into_iter())
            .find(|row| row.status == ModelStatus::Champion)
            .ok_or_else(|| Error::run("there is no champion yet: `mlp train` makes a model")),
    }
}

fn decide(store: &dyn Store, model: i64, kind: DecisionKind, reason: &str) -> Result<()> {
    let decision = NewDecision {
        kind,
        reason: reason.to_owned(),
        evidence: "{}".to_owned(),
    };
    if store.decide(model, &decision)? {
        Ok(())
    } else {
        Err(Error::run(match kind {
            DecisionKind::Rollback => "there was no champion before this one: \
                `mlp models promote N` makes any model champion, `mlp models list` shows them"
                .to_owned(),
            _ => format!("there is no model `{model}`: see `mlp models list`"),
        }))
    }
}

/// Microseconds since 1970, to the second, in UTC.
pub fn time(us: i64) -> String {
    let seconds = us.div_euclid(1_000_000);
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let date = i32::try_from(days).ok().and_then(mlp_core::Date::from_days);
    let date = date.map_or_else(|| days.to_string(), |date| date.to_string());
    format!(
        "{date} {:02}:{:02}:{:02}Z",
        rest / 3600,
        rest / 60 % 60,
        rest % 60
    )
}

fn number(x: Option<f64>) -> String {
    x.map_or("undefined".to_owned(), |x| format!("{x:.4}"))
}

fn list(store: &dyn Store, limit: usize) -> Result<()> {
    say!(
        "{:>6}  {:<10}  {:>7}  {:<20}  {:>9}  {:>9}  {:>11}",
        "model",
        "status",
        "traffic",
        "made",
        "test AUC",
        "log loss",
        "precision@1"
    );
    for row in store.models(limit)? {
        let test = Artifact::from_json(&row.artifact)
            .map(|a| a.test)
            .unwrap_or_default();
        say!(
            "{:>6}  {:<10}  {:>6.0}%  {:<20}  {:>9}  {:>9}  {:>11}",
            row.model_id,
            row.status.name(),
            100.0 * row.use_percentage,
            time(row.created_us),
            number(test.auc),
            number(test.log_loss),
            number(test.precision_at_1),
        );
    }
    Ok(())
}

fn show(store: &dyn Store, context: &Context, model: Option<i64>) -> Result<()> {
    let row = find(store, model)?;
    let artifact = Artifact::from_json(&row.artifact)?;
    let lineage = &artifact.lineage;
    say!("model        {} ({})", row.model_id, row.status.name());
    say!("made         {}", time(row.created_us));
    say!("traffic      {:.0}%", 100.0 * row.use_percentage);
    say!("family       {:?}, by {}", artifact.family, lineage.solver);
    say!(
        "fitted on    {} sessions, {} rows",
        lineage.sessions,
        lineage.rows
    );
    if let (Some(from), Some(to)) = (lineage.from_us, lineage.to_us) {
        say!("answered     {} to {}", time(from), time(to));
    }
    say!("catalog      version {}", lineage.catalog_version);
    say!(
        "gradient     {:.1e} per row at the solution",
        lineage.gradient
    );
    say!(
        "test         AUC {}, log loss {}, precision@1 {}",
        number(artifact.test.auc),
        number(artifact.test.log_loss),
        number(artifact.test.precision_at_1)
    );
    say!("penalty      {}", penalty(lineage));
    say!("features     {}", features(&artifact));
    if let Some(verdict) = verdict(store, context, &row)? {
        say!("verdict      {verdict}");
    }
    say!("weights of the scaled features, the largest first:");
    let mut weights: Vec<(&String, f64)> = artifact
        .features
        .iter()
        .zip(artifact.weights.iter().copied())
        .collect();
    weights.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    for (name, weight) in weights.iter().take(15) {
        say!("  {name:<20} {weight:>+9.4}");
    }
    Ok(())
}

/// Which penalty, and why.
fn penalty(lineage: &Lineage) -> String {
    let l2 = lineage.l2;
    let Some(told) = &lineage.cross_validation else {
        return format!("L2 {l2}, as it was given");
    };
    let on = format!("{} sessions in {} folds", told.sessions, told.folds);
    let Some(best) = told.score(l2) else {
        return format!("L2 {l2}, since {on} have too few picks to choose by");
    };
    let others: Vec<String> = (told.candidates.iter())
        .filter(|score| score.l2 != l2)
        .map(|score| format!("{:.4} at {:.3}", score.log_loss, score.l2))
        .collect();
    format!(
        "L2 {l2:.3}, by cross-validation on {on}: log loss {:.4} (standard error {:.4}), against {}",
        best.log_loss,
        best.standard_error,
        others.join(", ")
    )
}

/// What was done to the features.
fn features(artifact: &Artifact) -> String {
    let scaling = match artifact.scaling {
        Scaling::Standard => "standardised",
        Scaling::MinMax => "scaled to 0 to 1",
        Scaling::None => "not scaled",
    };
    let all = artifact.features.len();
    match &artifact.selection {
        None => format!("all {all}, {scaling}"),
        Some(chosen) => format!("the best {} of {all} by chi², {scaling}", chosen.k.min(all)),
    }
}

/// How a challenger stands now, or what was last decided about a model.
fn verdict(store: &dyn Store, context: &Context, row: &ModelRow) -> Result<Option<String>> {
    let now = SystemClock.now_us();
    let train = TrainingOptions::default();
    if let Some(standing) = standing(store, &context.schema, now, &train, row)? {
        return Ok(Some(standing.reason));
    }
    let decisions = store.decisions(1000)?;
    let last = (decisions.into_iter()).find(|d| d.model_id == row.model_id);
    Ok(last.map(|decision| decision.decision.reason))
}

fn log(store: &dyn Store, context: &Context, limit: usize) -> Result<()> {
    let waiting = (store.models(50)?.into_iter())
        .filter(|row| row.status == ModelStatus::Challenger && row.task_id.is_some());
    for row in waiting {
        if let Some(verdict) = verdict(store, context, &row)? {
            say!("{:<20}  model {}  {verdict}", "now", row.model_id);
        }
    }
    for row in store.decisions(limit)? {
        say!(
            "{}  model {}  {}",
            time(row.created_us),
            row.model_id,
            row.decision.reason
        );
    }
    Ok(())
}
