//! A finished session as the hot path reads it, and the user's choice.

use rusqlite::{OptionalExtension, Transaction, params};

use super::error::Result;
use super::state::status;
use crate::choice::{Choice, Place};
use crate::codec;
use crate::types::{NONE_OF_THESE, SessionReply, TaskId, TaskStatus};

/// A finished inference.
pub(super) struct Session {
    pub inference_id: i64,
    pub user_id: i64,
    pub model_id: Option<i64>,
    pub catalog_version: i64,
    pub shown_n: usize,
    choice: Option<Choice>,
    pub ranked: Vec<u8>,
}

impl Session {
    /// The finished inference of a task, or the reply to whoever asked for it.
    pub fn find(
        tx: &Transaction<'_>,
        task_id: TaskId,
    ) -> Result<std::result::Result<Self, SessionReply>> {
        let select = "SELECT status, inference_id, user_id, model_id, catalog_version, shown_n,
                selected, selected_rank, answered_n, ranked
            FROM inferences WHERE task_id = ?1";
        let mut select = tx.prepare_cached(select)?;
        let found = select.query_row([task_id.as_bytes()], |row| {
            Ok(match status(row, 0)? {
                TaskStatus::Success => Ok(Self::read(row)?),
                TaskStatus::Failure => Err(SessionReply::Failed),
                status => Err(SessionReply::NotFinished(status)),
            })
        });
        Ok(found.optional()?.unwrap_or(Err(SessionReply::NotFound)))
    }

    fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        let choice = match row.get(6)? {
            None => None,
            Some(item_id) => Some(Choice {
                item_id,
                rank: row.get(7)?,
                shown_n: row.get::<_, Option<usize>>(8)?.unwrap_or(0),
            }),
        };
        Ok(Self {
            inference_id: row.get(1)?,
            user_id: row.get(2)?,
            model_id: row.get(3)?,
            catalog_version: row.get(4)?,
            shown_n: row.get(5)?,
            choice,
            ranked: row.get(9)?,
        })
    }
}

/// Keeps a choice. Writes nothing where it says nothing new: a repeat is new only where the user
/// has meanwhile seen what the first one was about.
pub(super) fn select(
    tx: &Transaction<'_>,
    now: i64,
    task_id: TaskId,
    item_id: i64,
) -> Result<SessionReply> {
    let session = match Session::find(tx, task_id)? {
        Ok(session) => session,
        Err(reply) => return Ok(reply),
    };
    let ranked = codec::ranked_from_bytes(&session.ranked, usize::MAX)?;
    let rank = ranked.iter().position(|item| item.item_id == item_id);
    if rank.is_none() && item_id != NONE_OF_THESE {
        return Ok(SessionReply::NotRanked);
    }
    let choice = Choice {
        item_id,
        rank,
        shown_n: session.shown_n,
    };
    if choice.is_news(session.choice) {
        let update = "UPDATE inferences
            SET selected = ?2, selected_rank = ?3, answered_n = ?4, answered_at = ?5
            WHERE inference_id = ?1";
        let values = params![session.inference_id, item_id, rank, choice.shown_n, now];
        tx.prepare_cached(update)?.execute(values)?;
    }
    let row = rank.map(|rank| {
        let place = Place {
            task_id,
            inference_id: session.inference_id,
            user_id: session.user_id,
            shown_n: session.shown_n,
            selected_rank: Some(rank),
        };
        place.result(rank, ranked[rank])
    });
    Ok(SessionReply::Selected(row))
}
