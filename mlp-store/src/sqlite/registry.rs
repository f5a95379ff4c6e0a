//! Models, decisions about them, and settings.

use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::SqliteStore;
use super::db::Durability;
use super::error::{Failure, Result};
use super::state::{named, sql_limit};
use crate::error::StoreError;
use crate::registry::{of_every_kind, refusal};
use crate::types::{
    CANARY_SHARE_SETTING, DecisionKind, DecisionRow, ModelRow, ModelStatus, NewDecision, NewModel,
    TaskId, canary_share,
};

type Public<T> = std::result::Result<T, StoreError>;

const MODEL: &str =
    "SELECT model_id, task_id, creation_time, status, use_percentage, artifact FROM models";

const DECISION: &str =
    "SELECT decision_id, creation_time, model_id, kind, reason, evidence FROM decisions";

impl SqliteStore {
    pub(super) fn add_model(&self, model: &NewModel) -> Public<i64> {
        self.db.write("insert model", Durability::Synced, |tx| {
            insert_model(tx, self.now(), model)
        })
    }

    pub(super) fn newest_models(&self, limit: usize) -> Public<Vec<ModelRow>> {
        self.models_where("ORDER BY model_id DESC LIMIT ?1", [sql_limit(limit)])
    }

    pub(super) fn one_model(&self, model_id: i64) -> Public<Option<ModelRow>> {
        Ok(self.models_where("WHERE model_id = ?1", [model_id])?.pop())
    }

    pub(super) fn models_with_a_share(&self) -> Public<Vec<ModelRow>> {
        self.models_where("WHERE use_percentage > 0 ORDER BY model_id", [])
    }

    fn models_where(&self, rest: &str, values: impl rusqlite::Params) -> Public<Vec<ModelRow>> {
        self.db.read("models", |connection| {
            let mut select = connection.prepare_cached(&format!("{MODEL} {rest}"))?;
            let models = select.query_map(values, read_model)?;
            Ok(models.collect::<rusqlite::Result<_>>()?)
        })
    }

    pub(super) fn decide_about(&self, model_id: i64, decision: &NewDecision) -> Public<bool> {
        self.db.write("decide", Durability::Synced, |tx| {
            decide(tx, self.now(), model_id, decision)
        })
    }

    pub(super) fn newest_decisions(&self, limit: usize) -> Public<Vec<DecisionRow>> {
        self.db.read("decisions", |connection| {
            let select = format!("{DECISION} ORDER BY decision_id DESC LIMIT ?1");
            let mut select = connection.prepare_cached(&select)?;
            let decisions = select.query_map([sql_limit(limit)], read_decision)?;
            Ok(decisions.collect::<rusqlite::Result<_>>()?)
        })
    }

    pub(super) fn newest_decision_of(&self, kinds: &[DecisionKind]) -> Public<Option<DecisionRow>> {
        let names: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
        let names = serde_json::to_string(&names).unwrap_or_default();
        self.db.read("newest decision", |connection| {
            let select = format!(
                "{DECISION} WHERE kind IN (SELECT value FROM json_each(?1))
                 ORDER BY decision_id DESC LIMIT 1"
            );
            let mut select = connection.prepare_cached(&select)?;
            Ok(select.query_row([names], read_decision).optional()?)
        })
    }

    pub(super) fn one_setting(&self, name: &str) -> Public<Option<String>> {
        self.db.read("setting", |connection| {
            let select = "SELECT value FROM settings WHERE name = ?1";
            let mut select = connection.prepare_cached(select)?;
            Ok(select.query_row([name], |row| row.get(0)).optional()?)
        })
    }

    pub(super) fn change_setting(&self, name: &str, value: &str) -> Public<()> {
        self.db.write("change setting", Durability::Synced, |tx| {
            let upsert = "INSERT INTO settings (name, value) VALUES (?1, ?2)
                ON CONFLICT (name) DO UPDATE SET value = excluded.value
                WHERE value <> excluded.value";
            if tx.prepare_cached(upsert)?.execute([name, value])? > 0 {
                raise_version(tx)?;
            }
            Ok(())
        })
    }

    pub(super) fn count_decisions(&self) -> Public<Vec<(DecisionKind, u64)>> {
        self.db.read("decision counts", |connection| {
            let select = "SELECT kind, count(*) FROM decisions GROUP BY kind";
            let mut select = connection.prepare_cached(select)?;
            let counted = select.query_map([], |row| {
                let kind = named(row, 0, &DecisionKind::ALL, DecisionKind::name)?;
                Ok((kind, row.get(1)?))
            })?;
            Ok(of_every_kind(
                &counted.collect::<rusqlite::Result<Vec<_>>>()?,
            ))
        })
    }
}

pub(super) fn read_model(row: &Row<'_>) -> rusqlite::Result<ModelRow> {
    let task_id: Option<[u8; 16]> = row.get(1)?;
    Ok(ModelRow {
        model_id: row.get(0)?,
        task_id: task_id.map(TaskId::from_bytes),
        created_us: row.get(2)?,
        status: named(row, 3, &ModelStatus::ALL, ModelStatus::name)?,
        use_percentage: row.get(4)?,
        artifact: row.get(5)?,
    })
}

pub(super) fn read_decision(row: &Row<'_>) -> rusqlite::Result<DecisionRow> {
    Ok(DecisionRow {
        decision_id: row.get(0)?,
        created_us: row.get(1)?,
        model_id: row.get(2)?,
        decision: NewDecision {
            kind: named(row, 3, &DecisionKind::ALL, DecisionKind::name)?,
            reason: row.get(4)?,
            evidence: row.get(5)?,
        },
    })
}

fn raise_version(tx: &Transaction<'_>) -> Result<()> {
    tx.execute(
        "UPDATE meta SET value = value + 1 WHERE name = 'registry'",
        [],
    )?;
    Ok(())
}

/// Keeps a model as a challenger; gives its number.
pub(super) fn insert_model(tx: &Transaction<'_>, now: i64, model: &NewModel) -> Result<i64> {
    let insert = "INSERT INTO models (task_id, creation_time, status, artifact)
        VALUES (?1, ?2, ?3, ?4)";
    let task_id = model.task_id.map(|id| *id.as_bytes());
    let status = ModelStatus::Challenger.name();
    tx.execute(insert, params![task_id, now, status, model.artifact])?;
    let model_id = tx.last_insert_rowid();
    raise_version(tx)?;
    Ok(model_id)
}

/// Decides about a model, keeps the reason and raises the version; `false` where there is no such
/// model, or nothing to roll back to.
pub(super) fn decide(
    tx: &Transaction<'_>,
    now: i64,
    model_id: i64,
    decision: &NewDecision,
) -> Result<bool> {
    let model_id = match decision.kind {
        DecisionKind::Rollback => match last_replaced(tx)? {
            Some(before) => before,
            None => return Ok(false),
        },
        _ => model_id,
    };
    let Some(status) = status(tx, model_id)? else {
        return Ok(false);
    };
    let insert = "INSERT INTO decisions (creation_time, model_id, kind, reason, evidence)
        VALUES (?1, ?2, ?3, ?4, ?5)";
    let (kind, reason) = (decision.kind.name(), &decision.reason);
    tx.execute(
        insert,
        params![now, model_id, kind, reason, decision.evidence],
    )?;
    let decision_id = tx.last_insert_rowid();
    match decision.kind {
        DecisionKind::Promote if status == ModelStatus::Champion => {}
        DecisionKind::Promote => crown(tx, model_id, Some(decision_id))?,
        DecisionKind::Canary => admit(tx, model_id, status)?,
        DecisionKind::Withdraw if status != ModelStatus::Canary => {
            return Err(Failure::invalid(format!("model `{model_id}` is no canary")));
        }
        DecisionKind::Withdraw => dismiss(tx, model_id, status, ModelStatus::RolledBack)?,
        // The one that goes leaves no way back to itself: a second rollback goes further back.
        DecisionKind::Rollback => crown(tx, model_id, None)?,
        DecisionKind::Reject => dismiss(tx, model_id, status, ModelStatus::Rejected)?,
        DecisionKind::Wait => dismiss(tx, model_id, status, ModelStatus::Challenger)?,
        DecisionKind::Alarm | DecisionKind::Recover => {}
    }
    check_shares(tx)?;
    raise_version(tx)?;
    Ok(true)
}

/// Lets nothing be kept that would leave a session without a model.
fn check_shares(tx: &Transaction<'_>) -> Result<()> {
    let select = "SELECT total(use_percentage), count(*) FILTER (WHERE status = 'champion')
        FROM models";
    let (total, champions): (f64, i64) =
        tx.query_row(select, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if (total - champions as f64).abs() > 1e-9 {
        let message = format!("the shares of traffic sum to `{total}`, must be `{champions}`");
        return Err(Failure::invalid(message));
    }
    Ok(())
}

/// The champion that the present one replaced: the last to be replaced by a promotion.
fn last_replaced(tx: &Transaction<'_>) -> Result<Option<i64>> {
    let select = "SELECT model_id FROM models WHERE replaced_by IS NOT NULL
        ORDER BY replaced_by DESC LIMIT 1";
    Ok(tx.query_row(select, [], |row| row.get(0)).optional()?)
}

fn status(tx: &Transaction<'_>, model_id: i64) -> Result<Option<ModelStatus>> {
    let select = "SELECT status FROM models WHERE model_id = ?1";
    let status = tx.query_row(select, [model_id], |row| {
        named(row, 0, &ModelStatus::ALL, ModelStatus::name)
    });
    Ok(status.optional()?)
}

/// Makes a model the champion with all the traffic; the champion retires, or is rolled back where
/// there is no decision `replaced_by` that a rollback would undo. Another canary waits again.
fn crown(tx: &Transaction<'_>, model_id: i64, replaced_by: Option<i64>) -> Result<()> {
    let goes = match replaced_by {
        Some(_) => ModelStatus::Retired,
        None => ModelStatus::RolledBack,
    };
    let retire = "UPDATE models SET status = ?2, replaced_by = ?1 WHERE status = 'champion'";
    tx.execute(retire, params![replaced_by, goes.name()])?;
    tx.execute(
        "UPDATE models SET status = 'challenger' WHERE status = 'canary'",
        [],
    )?;
    tx.execute(
        "UPDATE models SET use_percentage = 0 WHERE use_percentage > 0",
        [],
    )?;
    let crown = "UPDATE models SET status = 'champion', use_percentage = 1, replaced_by = NULL
        WHERE model_id = ?1";
    tx.execute(crown, [model_id])?;
    Ok(())
}

/// Takes a model out of the line of champions.
fn dismiss(
    tx: &Transaction<'_>,
    model_id: i64,
    before: ModelStatus,
    status: ModelStatus,
) -> Result<()> {
    if before == ModelStatus::Champion {
        let message = format!("model `{model_id}` is the champion: promote another, or roll back");
        return Err(Failure::invalid(message));
    }
    let update = "UPDATE models SET status = ?2, replaced_by = NULL, use_percentage = 0
        WHERE model_id = ?1";
    tx.execute(update, params![model_id, status.name()])?;
    if before == ModelStatus::Canary {
        let all = "UPDATE models SET use_percentage = 1 WHERE status = 'champion'";
        tx.execute(all, [])?;
    }
    Ok(())
}

/// Lets a model answer a share of the champion's traffic.
fn admit(tx: &Transaction<'_>, model_id: i64, before: ModelStatus) -> Result<()> {
    let select = "SELECT count(*) FILTER (WHERE status = 'champion' AND model_id <> ?1),
            count(*) FILTER (WHERE status = 'canary')
        FROM models";
    let (champions, canaries): (i64, i64) =
        tx.query_row(select, [model_id], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let select = "SELECT value FROM settings WHERE name = ?1";
    let setting: Option<String> = tx
        .query_row(select, [CANARY_SHARE_SETTING], |row| row.get(0))
        .optional()?;
    let share = canary_share(setting.as_deref());
    if let Some(message) = refusal(model_id, before, champions, canaries, share) {
        return Err(Failure::invalid(message));
    }
    let canary = "UPDATE models
        SET status = 'canary', use_percentage = ?2, replaced_by = NULL WHERE model_id = ?1";
    tx.execute(canary, params![model_id, share])?;
    let rest = "UPDATE models SET use_percentage = 1 - ?1 WHERE status = 'champion'";
    tx.execute(rest, [share])?;
    Ok(())
}
