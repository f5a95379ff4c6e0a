//! What the story remembers of its users, and what the simulator knows of them.

use std::sync::Mutex;

use mlp_data::{Location, SimulatedUser, labeller};
use serde::Serialize;

use super::story::now_us;
use crate::traffic::{Ending, Event, Observer, Shown, lock};

/// Remembers what users were promised, how they answered, and how good what they saw was to them.
pub struct Memory {
    /// The catalogue, to know the best that there was.
    locations: Vec<Location>,
    /// The names of the noisy profiles.
    noisy: Vec<String>,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    started: Vec<String>,
    answers: Vec<bool>,
    /// When each noisy user was accepted, in microseconds since 1970, in order.
    noisy_us: Vec<i64>,
    worth: Worth,
}

/// How good first places were to the users, by their own scores: which only a simulation knows.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Worth {
    sum: f64,
    sessions: u64,
}

/// A part of the story by the simulator's own truth.
#[derive(Debug, Clone, Serialize)]
pub struct Truth {
    /// Which part.
    pub part: String,
    /// Sessions of users who could have been pleased.
    pub sessions: u64,
    /// What the item shown first was worth to its user, as a share of the best of the catalogue; mean.
    pub first_of_best: Option<f64>,
}

impl Memory {
    pub fn new(locations: Vec<Location>, noisy: Vec<String>) -> Self {
        Self {
            locations,
            noisy,
            kept: Mutex::default(),
        }
    }

    /// The tasks that were accepted since the last call.
    pub fn take_started(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.kept).started)
    }

    /// Whether each session answered since the last call had a pick.
    pub fn take_answers(&self) -> Vec<bool> {
        std::mem::take(&mut lock(&self.kept).answers)
    }

    /// Noisy users who were accepted at or before a time, in microseconds since 1970.
    pub fn noisy_until(&self, time_us: i64) -> usize {
        let kept = lock(&self.kept);
        kept.noisy_us.iter().filter(|at| **at <= time_us).count()
    }

    /// The simulator's truth of what was shown since the last call.
    pub fn take_truth(&self, part: &str) -> Truth {
        let Worth { sum, sessions } = std::mem::take(&mut lock(&self.kept).worth);
        Truth {
            part: part.to_owned(),
            sessions,
            first_of_best: (sessions > 0).then(|| sum / sessions as f64),
        }
    }

    fn see(&self, user: &SimulatedUser, shown: &Shown) {
        let Some(first) = shown.locations.first() else {
            return;
        };
        let mut scores = Vec::new();
        labeller::scores(user, &self.locations, &mut scores);
        let best = scores.iter().copied().fold(0.0, f64::max);
        // Who can afford nothing judges nothing.
        if best > 0.0 {
            let worth = &mut lock(&self.kept).worth;
            worth.sum += labeller::score(user, first) / best;
            worth.sessions += 1;
        }
    }
}

impl Observer for Memory {
    fn on(&self, event: Event<'_>) {
        match event {
            Event::Started { task_id, user, .. } => {
                let mut kept = lock(&self.kept);
                kept.started.push(task_id.to_owned());
                if self.noisy.contains(&user.user.name) {
                    kept.noisy_us.push(now_us());
                }
            }
            Event::Shown { user, shown, .. } => self.see(user, shown),
            Event::Ended { ending, .. } => match ending {
                Ending::Picked => lock(&self.kept).answers.push(true),
                Ending::None => lock(&self.kept).answers.push(false),
                _ => {}
            },
            _ => {}
        }
    }
}
