//! What happened, as it is told and as it is summed up.

use std::collections::BTreeMap;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::memory::Truth;
use crate::traffic::Report;

/// What happened, in order.
pub struct Story {
    begun: Instant,
    begun_us: i64,
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
    /// What became of the drift.
    pub drift: Drift,
    /// The simulator's truth of each part.
    pub truth: Vec<Truth>,
    /// Whether a signal ended it early.
    pub interrupted: bool,
}

/// What became of the drift, in microseconds since 1970.
#[derive(Debug, Clone, Default)]
pub struct Drift {
    /// When the noisy users began to come.
    pub onset_us: Option<i64>,
    /// When the alarm was given.
    pub detected_us: Option<i64>,
    /// Noisy users who had come by then.
    pub noisy: Option<usize>,
    /// When the traffic agreed with the reference in force again.
    pub recovered_us: Option<i64>,
    /// Alarms before the noisy users came.
    pub false_alarms: u64,
    /// Models that were trained after the alarm.
    pub made: Vec<i64>,
    /// Whether one of these became champion.
    pub promoted: bool,
}

/// Now, in microseconds since 1970.
pub fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    })
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
    /// Whether a signal ended the story early: the rest is what was until then.
    pub interrupted: bool,
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
    /// When the noisy users began to come, in seconds since the beginning; null where the story ended
    /// before.
    pub drift_onset_s: Option<f64>,
    /// When the alarm was given; null where none was.
    pub drift_detected_s: Option<f64>,
    /// Noisy requests until then.
    pub drift_detected_requests: Option<usize>,
    /// When the alarm ended: a better model answers, or the champion was confirmed.
    pub recovered_s: Option<f64>,
    /// Alarms before the noisy users came.
    pub false_alarms: u64,
    /// Whether a model was trained after the alarm.
    pub retrained: bool,
    /// Whether one of these became champion.
    pub promoted: bool,
    /// How good the first places were, by the users' own scores, part by part.
    pub truth: Vec<Truth>,
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
            begun_us: now_us(),
            events: Vec::new(),
            answers: Vec::new(),
            sessions: 0,
            errors: 0,
            lost: 0,
            models: Vec::new(),
            drift: Drift::default(),
            truth: Vec::new(),
            interrupted: false,
        }
    }

    /// A signal came.
    pub fn interrupt(&mut self) {
        self.interrupted = true;
        self.tell("interrupted", "the story ends early");
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
        let begun_us = self.begun_us;
        let seconds = move |us: Option<i64>| us.map(|us| (us - begun_us) as f64 / 1e6);
        Summary {
            interrupted: self.interrupted,
            drift_onset_s: seconds(self.drift.onset_us),
            drift_detected_s: seconds(self.drift.detected_us),
            drift_detected_requests: self.drift.noisy,
            recovered_s: seconds(self.drift.recovered_us),
            false_alarms: self.drift.false_alarms,
            retrained: !self.drift.made.is_empty(),
            promoted: self.drift.promoted,
            truth: self.truth,
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
        let interrupted = match self.interrupted {
            true => "interrupted: what follows is what was until then\n",
            false => "",
        };
        let models = match self.models.len() {
            0 => "no models".to_owned(),
            1 => format!("1 model: {}", places.join(", ")),
            n => format!("{n} models: {}", places.join(", ")),
        };
        format!(
            "\n{interrupted}{} sessions in {:.1} s, {} answered, {} errors, {} lost\n\
             pick rate {} in the first fifth, {} in the last\n\
             {}\n{}{models}\n",
            self.sessions,
            self.seconds,
            self.answered,
            self.errors,
            self.lost,
            share(self.pick_rate_first),
            share(self.pick_rate_last),
            self.drift_text(),
            self.truth_text(),
        )
    }

    /// The drift in a line.
    fn drift_text(&self) -> String {
        let alarms = match self.false_alarms {
            0 => "no false alarm".to_owned(),
            1 => "1 false alarm".to_owned(),
            n => format!("{n} false alarms"),
        };
        let Some(onset) = self.drift_onset_s else {
            return format!("drift did not set in; {alarms}");
        };
        let Some(detected) = self.drift_detected_s else {
            return format!("drift set in at {onset:.1} s and was not noticed; {alarms}");
        };
        let end = match self.recovered_s {
            Some(at) if self.promoted => format!("recovered at {at:.1} s with a better model"),
            Some(at) => format!("over at {at:.1} s: no better model was found"),
            None => "not over".to_owned(),
        };
        format!(
            "drift at {onset:.1} s, alarm {:.1} s and {} noisy requests later, {end}; {alarms}",
            detected - onset,
            self.drift_detected_requests.unwrap_or_default(),
        )
    }

    /// The simulator's truth, a line a part.
    fn truth_text(&self) -> String {
        let line = |truth: &Truth| {
            let worth = truth.first_of_best.map_or("undefined".to_owned(), |x| {
                format!("{:.1} % of the best", 100.0 * x)
            });
            format!(
                "first places, {}: worth {worth} by the users' own scores\n",
                truth.part
            )
        };
        self.truth.iter().map(line).collect()
    }
}
