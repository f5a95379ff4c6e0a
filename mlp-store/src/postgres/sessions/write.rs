//! What a part of a batch writes: keys, users with inferences, updates.

use std::collections::HashMap;

use uuid::Uuid;

use super::segment::{Known, New, Segment};
use crate::codec;
use crate::postgres::db::Session;
use crate::postgres::error::{Failure, Result};
use crate::postgres::values::task_id;
use crate::state::{code, judging, priority_code};
use crate::types::{Ranking, SessionReply, TaskId, TaskStatus};

impl Segment<'_> {
    pub fn write(&self, session: &mut Session<'_>, replies: &mut [SessionReply]) -> Result<()> {
        if !self.new_keys.is_empty() {
            self.write_keys(session)?;
        }
        if !self.new.is_empty() {
            self.insert(session, replies)?;
        }
        self.update(session)
    }

    /// A key that stood for another task is taken over only from the very task that was seen to be
    /// gone: else another process was first.
    pub fn write_keys(&self, session: &mut Session<'_>) -> Result<()> {
        let mut keys: Vec<_> = self.new_keys.iter().collect();
        // In one order everywhere, so that two processes cannot wait for each other.
        keys.sort_unstable_by_key(|(given, ..)| &given.key);
        let texts: Vec<&str> = keys.iter().map(|(given, ..)| given.key.as_str()).collect();
        let fingerprints: Vec<&[u8]> = keys.iter().map(|(g, ..)| &g.fingerprint[..]).collect();
        let tasks: Vec<Uuid> = keys.iter().map(|(_, task, _)| task.uuid()).collect();
        let before: Vec<Option<Uuid>> = keys.iter().map(|(.., b)| b.map(TaskId::uuid)).collect();
        let upsert = "INSERT INTO idempotency AS k (key, fingerprint, task_id, creation_time)
            SELECT key, fingerprint, task_id, now()
            FROM unnest($1::text[], $2::bytea[], $3::uuid[]) AS t (key, fingerprint, task_id)
            ON CONFLICT (key) DO UPDATE
            SET fingerprint = excluded.fingerprint, task_id = excluded.task_id,
                creation_time = excluded.creation_time
            WHERE k.task_id = ANY($4::uuid[])";
        let kept = session.execute(upsert, &[&texts, &fingerprints, &tasks, &before])?;
        match kept == keys.len() as u64 {
            true => Ok(()),
            false => Err(Failure::Conflict("an idempotency key is in use")),
        }
    }

    pub fn insert(&self, session: &mut Session<'_>, replies: &mut [SessionReply]) -> Result<()> {
        let new = &self.new;
        macro_rules! array {
            ($type:ty, $of:expr) => {
                new.iter().map($of).collect::<Vec<$type>>()
            };
        }
        fn ranked<'n, T>(new: &'n New<'_>, of: impl FnOnce(&'n Ranking) -> T) -> Option<T> {
            new.ranking.as_ref().map(|(ranking, ..)| of(ranking))
        }
        let tasks = array!(Uuid, |n| n.session.task_id.uuid());
        let statuses = array!(i16, |n| match n.ranking {
            None => code(TaskStatus::Pending) as i16,
            Some(_) => code(TaskStatus::Success) as i16,
        });
        let attempts = array!(i32, |n| i32::from(n.ranking.is_some()));
        let priorities = array!(i16, |n| priority_code(n.session.priority) as i16);
        let models = array!(Option<i64>, |n| ranked(n, |r| r.model_id).flatten());
        let catalogs = array!(Option<i64>, |n| ranked(n, |r| r.catalog_version));
        let explored = array!(bool, |n| ranked(n, |r| r.explored).unwrap_or(false));
        let judges = array!(bool, |n| ranked(n, judging).unwrap_or(false));
        let shown = array!(i16, |n| n
            .ranking
            .as_ref()
            .map_or(0, |(.., shown)| *shown as i16));
        let candidates = array!(Option<Vec<u8>>, |n| {
            n.session.candidates.as_deref().map(codec::ids_to_bytes)
        });
        let lists = array!(Option<&[u8]>, |n| n
            .ranking
            .as_ref()
            .map(|(_, l, _)| &l[..]));
        let rows: Vec<&mlp_core::Row> = new.iter().map(|n| &n.session.user).collect();
        let columns = self.store.users.columns.arrays(&rows)?;
        let mut values: Vec<&(dyn postgres::types::ToSql + Sync)> = vec![
            &tasks,
            &statuses,
            &attempts,
            &priorities,
            &models,
            &catalogs,
            &explored,
            &judges,
            &shown,
            &candidates,
            &lists,
        ];
        values.extend(columns.iter().map(|column| &**column));
        let inserted = session.query(&self.store.sessions.insert, &values)?;
        let mut numbers: HashMap<TaskId, (i64, i64)> = HashMap::with_capacity(inserted.len());
        for row in &inserted {
            numbers.insert(task_id(row, 0)?, (row.try_get(1)?, row.try_get(2)?));
        }
        for new in new.iter().filter(|new| new.ranking.is_some()) {
            if let SessionReply::Shown(shown) = &mut replies[new.reply]
                && let Some((inference_id, user_id)) = numbers.get(&shown.task_id)
            {
                shown.inference_id = *inference_id;
                shown.user_id = *user_id;
            }
        }
        Ok(())
    }

    pub fn update(&self, session: &mut Session<'_>) -> Result<()> {
        let mut changed: Vec<&Known> = self.known.values().filter(|k| k.changed).collect();
        if changed.is_empty() {
            return Ok(());
        }
        // In one order everywhere, so that two processes cannot wait for each other.
        changed.sort_unstable_by_key(|known| known.inference_id);
        let choice = |known: &Known| known.choice.filter(|_| known.chosen);
        let ids: Vec<i64> = changed.iter().map(|k| k.inference_id).collect();
        let shown: Vec<i16> = changed.iter().map(|k| k.shown_n as i16).collect();
        let items: Vec<Option<i64>> = changed.iter().map(|k| Some(choice(k)?.item_id)).collect();
        let ranks: Vec<Option<i16>> = (changed.iter())
            .map(|k| Some(choice(k)?.rank? as i16))
            .collect();
        let seen: Vec<Option<i16>> = (changed.iter())
            .map(|k| Some(choice(k)?.shown_n as i16))
            .collect();
        let update = "UPDATE inferences AS i
            SET shown_n = greatest(i.shown_n, s.shown_n),
                shown_at = CASE WHEN s.shown_n > 0 THEN coalesce(i.shown_at, now())
                    ELSE i.shown_at END,
                selected = coalesce(s.item_id, i.selected),
                selected_rank = CASE WHEN s.item_id IS NULL THEN i.selected_rank ELSE s.rank END,
                answered_n = coalesce(s.seen, i.answered_n),
                answered_at = CASE WHEN s.item_id IS NULL THEN i.answered_at ELSE now() END
            FROM unnest($1::bigint[], $2::smallint[], $3::bigint[], $4::smallint[],
                $5::smallint[]) AS s (inference_id, shown_n, item_id, rank, seen)
            WHERE i.inference_id = s.inference_id";
        let updated = session.execute(update, &[&ids, &shown, &items, &ranks, &seen])?;
        match updated == ids.len() as u64 {
            true => Ok(()),
            false => Err(Failure::Conflict("a session has just been pruned")),
        }
    }
}
