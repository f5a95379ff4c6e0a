//! What becomes of each operation, in their order.

use super::segment::{Key, Known, New, Request, Segment};
use crate::choice::{Choice, Place};
use crate::codec;
use crate::postgres::error::Result;
use crate::state::ranking_to_bytes;
use crate::types::{
    NONE_OF_THESE, NewSession, Ranking, SessionOp, SessionReply, Shown, TaskId, TaskStatus,
};

impl<'a> Segment<'a> {
    pub fn decide(&mut self, op: &'a SessionOp, reply: usize) -> Result<SessionReply> {
        match op {
            SessionOp::Start(session) => Ok(self.start(session, reply)),
            SessionOp::Rank {
                session,
                ranking,
                limit,
            } => self.rank(session, ranking, *limit, reply),
            SessionOp::Show { task_id, limit } => self.show(*task_id, *limit),
            SessionOp::Select { task_id, item_id } => self.select(*task_id, *item_id),
        }
    }

    pub fn start(&mut self, session: &'a NewSession, reply: usize) -> SessionReply {
        match self.request(session) {
            Request::Other => return SessionReply::KeyReused,
            Request::Repeat(task_id, status) => return SessionReply::Started { task_id, status },
            Request::New => {}
        }
        if self.used == self.granted {
            let pending = self.pending;
            return SessionReply::Full { pending };
        }
        self.used += 1;
        self.remember(session, TaskStatus::Pending);
        self.started.insert(session.task_id);
        let ranking = None;
        self.new.push(New {
            session,
            ranking,
            reply,
        });
        SessionReply::Started {
            task_id: session.task_id,
            status: TaskStatus::Pending,
        }
    }

    pub fn rank(
        &mut self,
        session: &'a NewSession,
        ranking: &'a Ranking,
        limit: usize,
        reply: usize,
    ) -> Result<SessionReply> {
        match self.request(session) {
            Request::Other => return Ok(SessionReply::KeyReused),
            Request::Repeat(task_id, _) => return self.show(task_id, limit),
            Request::New => {}
        }
        self.remember(session, TaskStatus::Success);
        let shown = limit.min(ranking.ranked.len());
        let bytes = ranking_to_bytes(ranking)?;
        self.new.push(New {
            session,
            ranking: Some((ranking, bytes, shown)),
            reply,
        });
        // The numbers follow when it is written.
        Ok(SessionReply::Shown(Shown {
            task_id: session.task_id,
            inference_id: 0,
            user_id: 0,
            model_id: ranking.model_id,
            catalog_version: ranking.catalog_version,
            results: ranking.ranked[..shown].to_vec(),
        }))
    }

    pub fn show(&mut self, task_id: TaskId, limit: usize) -> Result<SessionReply> {
        let known = match self.finished(task_id) {
            Ok(known) => known,
            Err(reply) => return Ok(reply),
        };
        let results = codec::ranked_from_bytes(&known.ranked, limit)?;
        if results.len() > known.shown_n {
            known.shown_n = results.len();
            known.changed = true;
        }
        Ok(SessionReply::Shown(Shown {
            task_id,
            inference_id: known.inference_id,
            user_id: known.user_id,
            model_id: known.model_id,
            catalog_version: known.catalog_version,
            results,
        }))
    }

    pub fn select(&mut self, task_id: TaskId, item_id: i64) -> Result<SessionReply> {
        let known = match self.finished(task_id) {
            Ok(known) => known,
            Err(reply) => return Ok(reply),
        };
        let ranked = codec::ranked_from_bytes(&known.ranked, usize::MAX)?;
        let rank = ranked.iter().position(|item| item.item_id == item_id);
        if rank.is_none() && item_id != NONE_OF_THESE {
            return Ok(SessionReply::NotRanked);
        }
        let choice = Choice {
            item_id,
            rank,
            shown_n: known.shown_n,
        };
        if choice.is_news(known.choice) {
            known.choice = Some(choice);
            known.changed = true;
            known.chosen = true;
        }
        let row = rank.map(|rank| {
            let place = Place {
                task_id,
                inference_id: known.inference_id,
                user_id: known.user_id,
                shown_n: known.shown_n,
                selected_rank: Some(rank),
            };
            place.result(rank, ranked[rank])
        });
        Ok(SessionReply::Selected(row))
    }

    /// The finished inference of a task, or the reply to whoever asked for it.
    pub fn finished(&mut self, task_id: TaskId) -> std::result::Result<&mut Known, SessionReply> {
        if self.started.contains(&task_id) {
            return Err(SessionReply::NotFinished(TaskStatus::Pending));
        }
        match self.known.get_mut(&task_id) {
            None => Err(SessionReply::NotFound),
            Some(known) => match known.status {
                TaskStatus::Success => Ok(known),
                TaskStatus::Failure => Err(SessionReply::Failed),
                status => Err(SessionReply::NotFinished(status)),
            },
        }
    }

    /// Whether the request was here before: under its key, or under its very task, whose first
    /// reply was then lost.
    pub fn request(&self, session: &NewSession) -> Request {
        let by_task = || match self.known.get(&session.task_id) {
            _ if self.started.contains(&session.task_id) => {
                Request::Repeat(session.task_id, TaskStatus::Pending)
            }
            Some(known) => Request::Repeat(session.task_id, known.status),
            None => Request::New,
        };
        let Some(given) = &session.idempotency else {
            return by_task();
        };
        match self.keys.get(given.key.as_str()) {
            None => by_task(),
            // A key outlives its task only until the next pruning.
            Some(Key { status: None, .. }) => Request::New,
            Some(key) if key.fingerprint != given.fingerprint => Request::Other,
            Some(Key {
                task_id,
                status: Some(status),
                ..
            }) => Request::Repeat(*task_id, *status),
        }
    }

    /// Notes a new request's key.
    pub fn remember(&mut self, session: &'a NewSession, status: TaskStatus) {
        let Some(given) = &session.idempotency else {
            return;
        };
        let key = Key {
            fingerprint: given.fingerprint.to_vec(),
            task_id: session.task_id,
            status: Some(status),
        };
        let before = self.keys.insert(&given.key, key).map(|key| key.task_id);
        self.new_keys.push((given, session.task_id, before));
    }
}
