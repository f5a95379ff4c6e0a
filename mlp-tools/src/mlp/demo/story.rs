//! What happened, as it is told and as it is summed up.

use std::collections::BTreeMap;
use std::time::Instant;

use serde::Serialize;

use crate::traffic::Report;

/// What happened, in order.
pub struct Story {
    begun: Instant,
    events: Vec<Event>,
    /// Whether each answered session had a pick, in the order of the answers.
    pub answers: Vec<bool>,
    /// Completed sessions.
    pub sessions: u64,
    /// Errors that the users saw.
    pub errors: u64,
    /// Accepted sessions that are neither SUCCESS nor FAILURE at the end.
    pub lost: u64,
    /// The registry at the end, the oldest first.
    pub models: Vec<Model>,
}

/// One thing that happened.
#[derive(Debug, Clone, Serialize)]
pub struct Event {
    /// Seconds since the beginning.
    pub at_s: f64,
    /// What kind of thing.
    pub kind: String,
    /// In a sentence.
    pub text: String,
}

/// A model at the end.
#[derive(Debug, Clone, Serialize)]
pub struct Model {
    /// The task that made it.
    pub task_id: Option<String>,
    /// Its place in the registry.
    pub status: String,
    /// Its share of traffic.
    pub use_percentage: f64,
    /// ROC AUC on the sessions that were kept from its training.
    pub test_auc: Option<f64>,
}

/// The summary, as printed and as written.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// Completed sessions.
    pub sessions: u64,
    /// Of them, those that were answered.
    pub answered: u64,
    /// Errors that the users saw.
    pub errors: u64,
    /// Accepted sessions that are neither SUCCESS nor FAILURE at the end.
    pub lost: u64,
    /// Share of picks in the first fifth of the answered sessions.
    pub pick_rate_first: Option<f64>,
    /// Share of picks in the last fifth of the answered sessions.
    pub pick_rate_last: Option<f64>,
    /// The registry.
    pub models: Vec<Model>,
    /// The story.
    pub events: Vec<Event>,
    /// How long it took.
    pub seconds: f64,
}

impl Story {
    /// Begins now.
    pub fn begin() -> Self {
        Self {
            begun: Instant::now(),
            events: Vec::new(),
            answers: Vec::new(),
            sessions: 0,
            errors: 0,
            lost: 0,
            models: Vec::new(),
        }
    }

    /// Tells what happens, and keeps it.
    pub fn tell(&mut self, kind: &str, text: impl Into<String>) {
        let event = Event {
            at_s: self.begun.elapsed().as_secs_f64(),
            kind: kind.to_owned(),
            text: text.into(),
        };
        say!("{:>6.1} s  {:<11} {}", event.at_s, event.kind, event.text);
        self.events.push(event);
    }

    /// Adds a part of the traffic.
    pub fn add(&mut self, report: &Report, answers: Vec<bool>) {
        self.sessions += report.sessions;
        self.errors += report.errors;
        self.answers.extend(answers);
    }

    /// Sums up.
    pub fn summary(self) -> Summary {
        let fifth = (self.answers.len() / 5).max(1).min(self.answers.len());
        let rate = |answers: &[bool]| {
            let picks = answers.iter().filter(|picked| **picked).count();
            (!answers.is_empty()).then(|| picks as f64 / answers.len() as f64)
        };
        Summary {
            sessions: self.sessions,
            answered: self.answers.len() as u64,
            errors: self.errors,
            lost: self.lost,
            pick_rate_first: rate(&self.answers[..fifth]),
            pick_rate_last: rate(&self.answers[self.answers.len() - fifth..]),
            models: self.models,
            events: self.events,
            seconds: self.begun.elapsed().as_secs_f64(),
        }
    }
}

impl Summary {
    /// Whether nothing went wrong.
    pub fn healthy(&self) -> bool {
        self.errors == 0 && self.lost == 0
    }

    /// For people.
    pub fn text(&self) -> String {
        let share = |x: Option<f64>| x.map_or("undefined".to_owned(), |x| format!("{x:.3}"));
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        for model in &self.models {
            *places.entry(model.status.as_str()).or_default() += 1;
        }
        let places: Vec<String> = places.iter().map(|(s, n)| format!("{n} {s}")).collect();
        format!(
            "\n{} sessions in {:.1} s, {} answered, {} errors, {} lost\n\
             pick rate {} in the first fifth, {} in the last\n\
             {} models: {}\n",
            self.sessions,
            self.seconds,
            self.answered,
            self.errors,
            self.lost,
            share(self.pick_rate_first),
            share(self.pick_rate_last),
            self.models.len(),
            places.join(", "),
        )
    }
}
