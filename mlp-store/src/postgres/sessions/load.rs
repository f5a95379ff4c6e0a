//! What a part of a batch reads before it is decided on.

use std::time::Instant;

use postgres::Row;
use uuid::Uuid;

use super::segment::{Key, Known, Segment};
use crate::choice::Choice;
use crate::postgres::PostgresStore;
use crate::postgres::db::Session;
use crate::postgres::error::Result;
use crate::postgres::pending::{Count, Room};
use crate::postgres::values::{status, task_id, unsigned};
use crate::types::SessionOp;

impl<'a> Segment<'a> {
    pub fn load_keys(&mut self, session: &mut Session<'_>) -> Result<()> {
        let given: Vec<&str> = (self.requests())
            .filter_map(|request| request.idempotency.as_ref())
            .map(|given| given.key.as_str())
            .collect();
        if given.is_empty() {
            return Ok(());
        }
        let select = "SELECT k.key, k.fingerprint, k.task_id, i.status
            FROM idempotency AS k LEFT JOIN inferences AS i ON i.task_id = k.task_id
            WHERE k.key = ANY($1)";
        for row in session.query(select, &[&given])? {
            let text: &str = row.try_get(0)?;
            let gone = row.try_get::<_, Option<i16>>(3)?.is_none();
            let key = Key {
                fingerprint: row.try_get(1)?,
                task_id: task_id(&row, 2)?,
                status: if gone { None } else { Some(status(&row, 3)?) },
            };
            if let Some(kept) = given.iter().find(|key| **key == text) {
                self.keys.insert(kept, key);
            }
        }
        Ok(())
    }

    pub fn load(&mut self, session: &mut Session<'_>) -> Result<()> {
        let mut ids: Vec<Uuid> = Vec::with_capacity(self.ops.len());
        for op in self.ops {
            match op {
                SessionOp::Show { task_id, .. } | SessionOp::Select { task_id, .. } => {
                    ids.push(task_id.uuid());
                }
                SessionOp::Start(session) | SessionOp::Rank { session, .. } => {
                    if self.careful {
                        ids.push(session.task_id.uuid());
                    }
                    let key = session.idempotency.as_ref();
                    if let Some(kept) = key.and_then(|k| self.keys.get(k.key.as_str())) {
                        ids.push(kept.task_id.uuid());
                    }
                }
            }
        }
        if ids.is_empty() {
            return Ok(());
        }
        let select = "SELECT task_id, status, inference_id, user_id, model_id, catalog_version,
                shown_n, selected, selected_rank, answered_n, ranked
            FROM inferences WHERE task_id = ANY($1)";
        for row in session.query(select, &[&ids])? {
            self.known.insert(task_id(&row, 0)?, Known::read(&row)?);
        }
        Ok(())
    }

    /// Reserves room for what is started here.
    pub fn reserve(&mut self, session: &mut Session<'_>) -> Result<()> {
        let starts = self
            .ops
            .iter()
            .filter(|op| matches!(op, SessionOp::Start(_)));
        let wanted = starts.count() as u64;
        if wanted == 0 {
            return Ok(());
        }
        let (pending, limit) = (&self.store.pending, self.store.options.max_pending);
        let room = match pending.reserve(wanted, limit, false, Instant::now()) {
            Room::Count { after, mark } => {
                self.store.count_pending(session, after, mark)?;
                pending.reserve(wanted, limit, true, Instant::now())
            }
            room => room,
        };
        if let Room::For { granted, pending } = room {
            self.granted = granted;
            self.pending = pending;
        }
        Ok(())
    }
}

impl Known {
    pub fn read(row: &Row) -> Result<Self> {
        let position = |column| -> Result<Option<usize>> {
            let number: Option<i16> = row.try_get(column)?;
            Ok(number.and_then(|number| usize::try_from(number).ok()))
        };
        let choice = match row.try_get(7)? {
            None => None,
            Some(item_id) => Some(Choice {
                item_id,
                rank: position(8)?,
                shown_n: position(9)?.unwrap_or(0),
            }),
        };
        Ok(Self {
            status: status(row, 1)?,
            inference_id: row.try_get(2)?,
            user_id: row.try_get(3)?,
            model_id: row.try_get(4)?,
            catalog_version: row.try_get::<_, Option<i64>>(5)?.unwrap_or(0),
            shown_n: position(6)?.unwrap_or(0),
            choice,
            ranked: row.try_get::<_, Option<Vec<u8>>>(10)?.unwrap_or_default(),
            changed: false,
            chosen: false,
        })
    }
}

impl PostgresStore {
    /// Counts the inferences that are not final, no further than the limit.
    pub(super) fn count_pending(
        &self,
        session: &mut Session<'_>,
        after: [i64; 2],
        mark: u64,
    ) -> Result<()> {
        let began = Instant::now();
        let limit = i64::try_from(self.options.max_pending).unwrap_or(i64::MAX);
        let count = "SELECT count(*), min(inference_id),
                (SELECT last_value FROM inferences_inference_id_seq) FROM (
                SELECT inference_id FROM inferences
                WHERE open AND priority = $1 AND inference_id > $2
                ORDER BY inference_id LIMIT $3) AS open";
        let (mut found, mut oldest, mut head) = (0, [0; 2], 0);
        for (lane, after) in after.into_iter().enumerate() {
            let row = session.query_one(count, &[&(lane as i16), &after, &limit])?;
            found += unsigned(row.try_get(0)?);
            head = row.try_get(2)?;
            oldest[lane] = row.try_get::<_, Option<i64>>(1)?.unwrap_or(head);
        }
        self.pending.counted(&Count {
            found,
            mark,
            oldest,
            head,
            began,
            ended: Instant::now(),
        });
        Ok(())
    }
}
