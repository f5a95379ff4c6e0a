//! Taking inferences by their names, and listing those that nobody takes.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use postgres::Row;
use uuid::Uuid;

use super::PostgresStore;
use super::db::{Mode, Session};
use super::error::Result;
use super::leases::LONGEST_LEASE;
use super::values::{sql_limit, status, task_id};
use crate::clock::micros;
use crate::codec;
use crate::error::StoreError;
use crate::types::{Claim, Overdue, TaskId, TaskStatus};

/// A lease of another transaction that is not committed yet has no end that could be read.
const SOON: Duration = Duration::from_millis(50);

impl PostgresStore {
    pub(super) fn claim_named(
        &self,
        ids: &[TaskId],
        lease: Duration,
    ) -> std::result::Result<Vec<Claim>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let (claims, spent) = self.db.run("claim by name", Mode::Single, |session| {
            self.claim_by_name(session, ids, lease)
        })?;
        if claims.iter().any(|claim| matches!(claim, Claim::Leased(_))) {
            let again = Instant::now() + lease.min(LONGEST_LEASE);
            self.lookout.due_again(again);
        }
        self.settled_here(spent.into_iter().map(|id| (id, TaskStatus::Failure)));
        Ok(claims)
    }

    fn claim_by_name(
        &self,
        session: &mut Session<'_>,
        ids: &[TaskId],
        lease: Duration,
    ) -> Result<(Vec<Claim>, Vec<TaskId>)> {
        let attempts = i32::try_from(self.options.max_attempts).unwrap_or(i32::MAX);
        let uuids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
        let rows = session.query(
            &self.leases.named,
            &[&uuids, &micros(lease), &attempts, &self.spent()],
        )?;
        let (mut found, mut spent) = (HashMap::with_capacity(ids.len()), Vec::new());
        for row in &rows {
            let id = task_id(row, 3)?;
            let claim = match status(row, 2)? {
                TaskStatus::Started => Claim::Leased(self.lease(row)?),
                state => {
                    spent.push(id);
                    Claim::Final(state)
                }
            };
            found.insert(id, claim);
        }
        if found.len() < ids.len() {
            states(session, &uuids, &mut found)?;
        }
        let claim = |id: &TaskId| match found.get_mut(id) {
            None => Claim::Unknown,
            // Of one that is named twice the first gets the lease.
            Some(claim @ Claim::Leased(_)) => std::mem::replace(claim, Claim::Held(lease)),
            Some(claim) => claim.clone(),
        };
        Ok((ids.iter().map(claim).collect(), spent))
    }

    pub(super) fn long_due(
        &self,
        waited: Duration,
        limit: usize,
    ) -> std::result::Result<Vec<Overdue>, StoreError> {
        let mut overdue = Vec::new();
        for (lane, after) in self.lookout.oldest().into_iter().enumerate() {
            let left = sql_limit(limit - overdue.len());
            let rows = self.db.run("overdue", Mode::Single, |session| {
                let lane = lane as i16;
                let values: [&(dyn postgres::types::ToSql + Sync); 4] =
                    [&lane, &after, &micros(waited), &left];
                let rows = session.query(&self.leases.overdue, &values)?;
                rows.iter().map(|row| self.overdue(row)).collect()
            })?;
            let rows: Vec<Overdue> = rows;
            overdue.extend(rows);
        }
        Ok(overdue)
    }

    fn overdue(&self, row: &Row) -> Result<Overdue> {
        let candidates: Option<&[u8]> = row.try_get(2)?;
        Ok(Overdue {
            task_id: task_id(row, 0)?,
            waited: Duration::from_micros(row.try_get::<_, i64>(1)?.max(0) as u64),
            user: self.users.columns.read(row, 3)?,
            candidates: candidates.map(codec::ids_from_bytes).transpose()?,
        })
    }
}

/// Says of those that were not leased why.
fn states(
    session: &mut Session<'_>,
    ids: &[Uuid],
    found: &mut HashMap<TaskId, Claim>,
) -> Result<()> {
    let select = "SELECT task_id, status,
            (extract(epoch FROM due_at - now()) * 1000000)::bigint
        FROM inferences WHERE task_id = ANY($1)";
    for row in session.query(select, &[&ids])? {
        let state = status(&row, 1)?;
        let left = Duration::from_micros(row.try_get::<_, i64>(2)?.max(0) as u64);
        found.entry(task_id(&row, 0)?).or_insert(match state {
            state if state.is_final() => Claim::Final(state),
            TaskStatus::Started => Claim::Held(left.max(SOON)),
            _ => Claim::Held(SOON),
        });
    }
    Ok(())
}
