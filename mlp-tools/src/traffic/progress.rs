//! What is told while a run goes on: a line on a terminal, and errors, not more than one a second.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::observe::{Event, Observer};

/// How often errors are told.
const INTERVAL: Duration = Duration::from_secs(1);

/// An observer for people; its clones share one line.
#[derive(Clone)]
pub(crate) struct Progress {
    /// Hidden where standard error is not a terminal.
    bar: ProgressBar,
    told: Arc<Mutex<Told>>,
}

#[derive(Default)]
struct Told {
    last: Option<Instant>,
    suppressed: u64,
}

impl Progress {
    pub(crate) fn new(sessions: Option<u64>) -> Self {
        let (bar, template) = match sessions {
            Some(sessions) => (
                ProgressBar::new(sessions),
                "{bar:30} {pos}/{len} sessions, {per_sec}, {eta} left",
            ),
            None => (
                ProgressBar::new_spinner(),
                "{spinner} {pos} sessions, {per_sec}, {elapsed}",
            ),
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Progress {
            bar,
            told: Arc::default(),
        }
    }

    pub(crate) fn finish(&self) {
        let suppressed = super::lock(&self.told).suppressed;
        if suppressed > 0 {
            self.tell(&format!("warning: {suppressed} more errors"));
        }
        self.bar.finish_and_clear();
    }

    fn trouble(&self, text: &dyn Fn() -> String) {
        let mut told = super::lock(&self.told);
        if told.last.is_some_and(|last| last.elapsed() < INTERVAL) {
            told.suppressed += 1;
            return;
        }
        told.last = Some(Instant::now());
        let text = match std::mem::take(&mut told.suppressed) {
            0 => format!("warning: {}", text()),
            more => format!("warning: {} (and {more} more)", text()),
        };
        self.tell(&text);
    }

    fn tell(&self, text: &str) {
        self.bar.suspend(|| super::cli::tell(&format!("{text}\n")));
    }
}

impl Observer for Progress {
    fn on(&self, event: Event<'_>) {
        match event {
            Event::Ended { .. } => self.bar.inc(1),
            Event::Trouble {
                session,
                step,
                error,
            } => {
                let name = step.name();
                self.trouble(&|| format!("session {session}: {name}: {}", error.chain()));
            }
            _ => {}
        }
    }
}
