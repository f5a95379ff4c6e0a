//! Sessions whose starts are told.

use std::sync::Arc;

use super::{Announcement, Transport};
use crate::traits::{Result, Sessions};
use crate::types::{SessionOp, SessionReply, TaskId, TaskStatus, TaskView};

/// The hot path of a store, which tells a transport of every inference that it took in.
pub struct Announcing {
    sessions: Arc<dyn Sessions>,
    transport: Arc<dyn Transport>,
}

impl Announcing {
    /// Tells `transport` of what is started in `sessions`.
    pub fn new(sessions: Arc<dyn Sessions>, transport: Arc<dyn Transport>) -> Self {
        Self {
            sessions,
            transport,
        }
    }
}

impl Sessions for Announcing {
    fn apply(&self, ops: &[SessionOp]) -> Result<Vec<SessionReply>> {
        let replies = self.sessions.apply(ops)?;
        let started: Vec<Announcement<'_>> = (ops.iter().zip(&replies))
            .filter_map(|(op, reply)| started(op, reply))
            .collect();
        if !started.is_empty() {
            self.transport.announce(&started);
        }
        Ok(replies)
    }

    fn statuses(&self, ids: &[TaskId]) -> Result<Vec<Option<TaskView>>> {
        self.sessions.statuses(ids)
    }
}

/// What a repeat answers was told when it was started.
fn started<'a>(op: &'a SessionOp, reply: &SessionReply) -> Option<Announcement<'a>> {
    match (op, reply) {
        (
            SessionOp::Start(session),
            SessionReply::Started {
                task_id,
                status: TaskStatus::Pending,
            },
        ) if session.task_id == *task_id => Some(Announcement {
            task_id: *task_id,
            user: &session.user,
            candidates: session.candidates.as_deref(),
        }),
        _ => None,
    }
}
