//! A part of a batch: what it is about, and what becomes of it.

use std::collections::{HashMap, HashSet};

use crate::choice::Choice;
use crate::postgres::PostgresStore;
use crate::postgres::db::Session;
use crate::postgres::error::Result;
use crate::postgres::pending::Reserved;
use crate::types::{NewSession, Ranking, SessionOp, SessionReply, TaskId, TaskStatus};

/// An inference as it was loaded, and as the batch has changed it so far.
pub(super) struct Known {
    pub inference_id: i64,
    pub user_id: i64,
    pub status: TaskStatus,
    pub model_id: Option<i64>,
    pub catalog_version: i64,
    pub ranked: Vec<u8>,
    pub shown_n: usize,
    pub choice: Option<Choice>,
    /// Whether the batch showed more, or has another choice.
    pub changed: bool,
    pub chosen: bool,
}

/// What a request is.
pub(super) enum Request {
    New,
    Repeat(TaskId, TaskStatus),
    /// Another than its key stands for.
    Other,
}

/// What an idempotency key stands for.
pub(super) struct Key {
    pub fingerprint: Vec<u8>,
    pub task_id: TaskId,
    /// `None` where its task is gone.
    pub status: Option<TaskStatus>,
}

/// An inference to be inserted.
pub(super) struct New<'a> {
    pub session: &'a NewSession,
    /// For one that is ranked already.
    pub ranking: Option<(&'a Ranking, Vec<u8>, usize)>,
    /// The place of its reply.
    pub reply: usize,
}

/// A part of a batch, while it is decided on.
pub(super) struct Segment<'a> {
    pub store: &'a PostgresStore,
    pub ops: &'a [SessionOp],
    pub careful: bool,
    pub known: HashMap<TaskId, Known>,
    /// Those started here, which have no results.
    pub started: HashSet<TaskId>,
    pub keys: HashMap<&'a str, Key>,
    /// Keys to be kept: with their task, and the one they stood for before.
    pub new_keys: Vec<(&'a crate::types::Idempotency, TaskId, Option<TaskId>)>,
    pub new: Vec<New<'a>>,
    pub granted: u64,
    pub used: u64,
    pub pending: u64,
}

impl<'a> Segment<'a> {
    pub fn new(store: &'a PostgresStore, ops: &'a [SessionOp], careful: bool) -> Self {
        Self {
            store,
            ops,
            careful,
            known: HashMap::new(),
            started: HashSet::new(),
            keys: HashMap::new(),
            new_keys: Vec::new(),
            new: Vec::new(),
            granted: 0,
            used: 0,
            pending: 0,
        }
    }

    pub fn run(
        mut self,
        session: &mut Session<'_>,
        alone: bool,
        room: &mut Reserved<'_>,
    ) -> Result<Vec<SessionReply>> {
        let outcome = self.load_decide_write(session, alone);
        room.add(self.granted, self.used);
        outcome
    }

    pub fn load_decide_write(
        &mut self,
        session: &mut Session<'_>,
        alone: bool,
    ) -> Result<Vec<SessionReply>> {
        self.load_keys(session)?;
        self.load(session)?;
        self.reserve(session)?;
        let ops = self.ops;
        let mut replies = Vec::with_capacity(ops.len());
        for op in ops {
            let reply = self.decide(op, replies.len())?;
            replies.push(reply);
        }
        let changed = self.known.values().any(|known| known.changed);
        let several = usize::from(!self.new_keys.is_empty())
            + usize::from(!self.new.is_empty())
            + usize::from(changed)
            > 1;
        if alone && several {
            session.begin()?;
            let outcome = self.write(session, &mut replies);
            session.end(outcome)?;
        } else {
            self.write(session, &mut replies)?;
        }
        Ok(replies)
    }

    pub fn requests(&self) -> impl Iterator<Item = &'a NewSession> + use<'a> {
        self.ops.iter().filter_map(|op| match op {
            SessionOp::Start(session) | SessionOp::Rank { session, .. } => Some(session),
            _ => None,
        })
    }
}
