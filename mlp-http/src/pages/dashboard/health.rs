//! Whether it is well, in one line.

use mlp_core::drift::DriftVerdict;
use mlp_core::watch::{PickCurve, PickRate, WatchReport};

use super::view::{ModelView, Stored, View};
use crate::pages::words;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Good,
    /// Nothing is wrong, and nothing is known to be right.
    Unknown,
    /// Worth a look.
    Watch,
    Bad,
}

/// The line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Health {
    pub level: Level,
    /// One or two words.
    pub word: &'static str,
    pub sentence: String,
}

/// The share of failed requests of the last minutes that is bad.
const FAILING: f64 = 0.01;

/// How far under what the model expects the whole interval of its pick rate has to be. The bound is
/// one of 95 %, which a good model passes now and then, and the expectation has an error of its own.
const MARGIN: f64 = 0.05;

/// How many minutes of traffic are looked at for failures.
const MINUTES: usize = 5;

/// What a whole page says at once.
pub(crate) fn health(view: &View) -> Health {
    let Some(stored) = &view.stored else {
        let sentence =
            "The store does not answer. What follows is what this process knows by itself.";
        return say(Level::Bad, "Store down", sentence);
    };
    if let Some(failing) = failing(view) {
        return failing;
    }
    if let Some(unfit) = unfit(stored) {
        return unfit;
    }
    if let Some(report) = stored.newest()
        && let Some(since) = report.alarm_since_us
    {
        return alarm(report, since, view.now_us);
    }
    without_alarm(view, stored)
}

fn say(level: Level, word: &'static str, sentence: impl Into<String>) -> Health {
    Health {
        level,
        word,
        sentence: sentence.into(),
    }
}

fn failing(view: &View) -> Option<Health> {
    let last = view.traffic.iter().rev().take(MINUTES);
    let (requests, failures) = last.fold((0, 0), |(r, f), s| (r + s.requests, f + s.failures));
    if failures == 0 || (failures as f64) < FAILING * requests as f64 {
        return None;
    }
    let sentence = format!(
        "{} of the last {} requests failed by a fault of the server's.",
        words::count(failures),
        words::count(requests)
    );
    Some(say(Level::Bad, "Failing", sentence))
}

/// Where no model that is to answer can.
fn unfit(stored: &Stored) -> Option<Health> {
    let mut serving = stored.models.iter().filter(|m| m.share > 0.0);
    let why = stored.champion()?.unfit.as_ref()?;
    if serving.any(|m| m.unfit.is_none()) {
        return None;
    }
    let sentence = format!("Every list is in random order: {why}.");
    Some(say(Level::Bad, "No model serves", sentence))
}

fn alarm(report: &WatchReport, since: i64, now_us: i64) -> Health {
    let what = report
        .drift
        .as_ref()
        .map_or("", |drift| drift.sentence.as_str());
    let sentence = format!("It began {}. {what}", words::ago(since, now_us));
    say(Level::Bad, "Alarm", sentence.trim_end())
}

fn without_alarm(view: &View, stored: &Stored) -> Health {
    if stored.items == 0 {
        return say(Level::Unknown, "Empty", "There is nothing to rank yet.");
    }
    let Some(champion) = stored.champion() else {
        let sentence = "There is no model yet: every list is in random order. `mlp train` makes the first one as soon as there are answers.";
        return say(Level::Unknown, "No model yet", sentence);
    };
    let id = champion.model_id;
    let Some(report) = stored.newest() else {
        let sentence = format!("Model {id} answers. Nobody has looked at its traffic yet.");
        return say(Level::Unknown, "Not looked yet", sentence);
    };
    let looked = words::ago(report.created_us, view.now_us);
    if report.model_id != Some(id) {
        // What it found is said of another reference, and of another model's picks.
        let sentence = format!(
            "Model {id} answers. Its traffic has not been looked at since it became champion; the last look was {looked}."
        );
        return say(Level::Unknown, "Not looked yet", sentence);
    }
    if knows_its_best(champion)
        && let Some(rate) = champion_rate(report)
        && let (Some(found), Some(high), Some(expected)) = (rate.rate, rate.high, rate.expected)
        && high + MARGIN < expected
    {
        let sentence = format!(
            "Users pick less than model {id} expects: {}, where it expects {}. Last look {looked}.",
            words::percent(found),
            words::percent(expected)
        );
        return say(Level::Watch, "Fewer picks", sentence);
    }
    match report.drift.as_ref().map(|drift| drift.verdict) {
        Some(DriftVerdict::Calm) => {
            let picks = picks(report, knows_its_best(champion));
            let sentence = format!(
                "Model {id} sees the traffic that it was trained on{picks}. Last look {looked}."
            );
            say(Level::Good, "Well", sentence)
        }
        Some(DriftVerdict::Drift) => {
            let sentence = format!(
                "The last look, {looked}, found a change that is not confirmed yet. {}",
                report
                    .drift
                    .as_ref()
                    .map_or("", |drift| drift.sentence.as_str())
            );
            say(Level::Watch, "A change", sentence)
        }
        Some(DriftVerdict::TooFew) | None => {
            let why = report
                .no_drift
                .clone()
                .or_else(|| Some(report.drift.as_ref()?.sentence.clone()));
            let why = why.unwrap_or_else(|| "there are too few requests".to_owned());
            let sentence = format!("Model {id} answers. {}", capital(&why));
            say(Level::Unknown, "No verdict yet", sentence)
        }
    }
}

/// The pick rate of the model that was champion at the look.
pub(super) fn champion_rate(report: &WatchReport) -> Option<&PickRate> {
    let id = report.model_id?;
    report
        .quality
        .models
        .iter()
        .find(|rate| rate.model_id == id)
}

/// Whether it learned from enough lists to know what its best ones come to.
fn knows_its_best(model: &ModelView) -> bool {
    model.sessions >= PickCurve::ENOUGH as u64
}

fn picks(report: &WatchReport, is_expected: bool) -> String {
    let Some(PickRate {
        rate: Some(rate),
        expected: Some(expected),
        ..
    }) = champion_rate(report)
    else {
        return String::new();
    };
    let rate = words::percent(*rate);
    match is_expected {
        true => {
            let expected = words::percent(*expected);
            format!(", and users pick as it expects: {rate} of answers, expected {expected}")
        }
        false => format!(", and users pick in {rate} of answers"),
    }
}

/// A sentence's beginning.
fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters
        .next()
        .map(|letter| letter.to_uppercase().to_string());
    let text = first.unwrap_or_default() + letters.as_str();
    text.strip_prefix("No verdict: ")
        .map_or(text.clone(), capital)
}
