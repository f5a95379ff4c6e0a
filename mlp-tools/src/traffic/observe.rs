//! Following a run step by step.

use std::sync::Arc;
use std::time::Duration;

use mlp_data::SimulatedUser;

use super::client::State;
use super::error::Error;
use super::shown::Shown;

/// The four requests of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// `POST /inference/start`.
    Start,
    /// `GET /inference/status/{task_id}` until the state is final.
    Status,
    /// `GET /inference/results/{task_id}`.
    Results,
    /// `PUT /inference/select`.
    Select,
}

impl Step {
    /// The step's name in lower case, as it stands in the report.
    pub fn name(self) -> &'static str {
        ["start", "status", "results", "select"][self as usize]
    }
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ending {
    /// The user gave no answer, as the plan's probability had it.
    Silent,
    /// The user answered "none of these".
    None,
    /// The user picked an item.
    Picked,
    /// A request failed for good.
    Failed,
    /// The run was stopped first.
    Unfinished,
}

/// What just happened in session `session` (its number within the run, from 0).
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The server accepted the request (200).
    Started {
        /// The session.
        session: u64,
        /// The id that the server gave it.
        task_id: &'a str,
        /// Who asked.
        user: &'a SimulatedUser,
        /// The body of the answer.
        answer: &'a [u8],
    },
    /// The inference reached a final state.
    Finished {
        /// The session.
        session: u64,
        /// Its task.
        task_id: &'a str,
        /// [`State::Success`] or [`State::Failure`].
        state: State,
    },
    /// The user sees the results.
    Shown {
        /// The session.
        session: u64,
        /// Its task.
        task_id: &'a str,
        /// Who looks.
        user: &'a SimulatedUser,
        /// The items.
        shown: &'a Shown,
    },
    /// A selection is about to be sent: from here on the server may hold it, acknowledged or not.
    Selecting {
        /// The session.
        session: u64,
        /// Its task.
        task_id: &'a str,
        /// The item; −1 for "none of these".
        location_id: i64,
    },
    /// The server acknowledged the selection (200).
    Selected {
        /// The session.
        session: u64,
        /// Its task.
        task_id: &'a str,
        /// The item; −1 for "none of these".
        location_id: i64,
        /// The body of the answer.
        answer: &'a [u8],
    },
    /// A request failed; unless the session then ends, it is tried again.
    Trouble {
        /// The session.
        session: u64,
        /// The request.
        step: Step,
        /// What went wrong.
        error: &'a Error,
    },
    /// The session is over.
    Ended {
        /// The session.
        session: u64,
        /// How.
        ending: Ending,
        /// From the intended begin to the last answer, the user's own pause not counted.
        took: Duration,
    },
}

/// Something that follows a run.
///
/// It is called in the middle of a session, which goes on when it returns: an observer that writes
/// a log durably has the line on disk before the next request is sent. Closures are observers;
/// [`Silent`] costs nothing.
pub trait Observer: Send + Sync + 'static {
    /// Takes note of an event.
    fn on(&self, event: Event<'_>);
}

/// Follows nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    #[inline(always)]
    fn on(&self, _event: Event<'_>) {}
}

impl<F: Fn(Event<'_>) + Send + Sync + 'static> Observer for F {
    fn on(&self, event: Event<'_>) {
        self(event);
    }
}

/// An observer that its owner keeps looking at.
#[derive(Debug, Default)]
pub struct Shared<O>(pub Arc<O>);

impl<O: Observer> Observer for Shared<O> {
    fn on(&self, event: Event<'_>) {
        self.0.on(event);
    }
}
