//! Models, decisions about them, and settings.
//!
//! Every change first locks the registry's version: changes are made one after the other, in the
//! order of their versions.

use postgres::Row;
use uuid::Uuid;

use super::PostgresStore;
use super::db::{Mode, Session, Values};
use super::error::{Failure, Result};
use super::state::{locked_meta, set_meta};
use super::values::{Moment, clean, named, sql_limit, unsigned};
use crate::error::StoreError;
use crate::registry::{of_every_kind, refusal};
use crate::types::{
    CANARY_SHARE_SETTING, DecisionKind, DecisionRow, ModelRow, ModelStatus, NewDecision, NewModel,
    TaskId, canary_share,
};

type Public<T> = std::result::Result<T, StoreError>;

const MODEL: &str = "SELECT model_id, task_id, creation_time, status, use_percentage, artifact
    FROM models_registry";

const DECISION: &str =
    "SELECT decision_id, creation_time, model_id, kind, reason, evidence FROM decisions";

impl PostgresStore {
    pub(super) fn add_model(&self, model: &NewModel) -> Public<i64> {
        self.db.run("insert model", Mode::Once, |session| {
            insert_model(session, model)
        })
    }

    pub(super) fn newest_models(&self, limit: usize) -> Public<Vec<ModelRow>> {
        self.models_where("ORDER BY model_id DESC LIMIT $1", &[&sql_limit(limit)])
    }

    pub(super) fn one_model(&self, model_id: i64) -> Public<Option<ModelRow>> {
        Ok(self
            .models_where("WHERE model_id = $1", &[&model_id])?
            .pop())
    }

    pub(super) fn models_with_a_share(&self) -> Public<Vec<ModelRow>> {
        self.models_where("WHERE use_percentage > 0 ORDER BY model_id", &[])
    }

    fn models_where(&self, rest: &str, values: Values<'_>) -> Public<Vec<ModelRow>> {
        let select = format!("{MODEL} {rest}");
        self.db.run("models", Mode::Single, |session| {
            let rows = session.query(&select, values)?;
            rows.iter().map(read_model).collect()
        })
    }

    pub(super) fn decide_about(&self, model_id: i64, decision: &NewDecision) -> Public<bool> {
        self.db.run("decide", Mode::Once, |session| {
            decide(session, model_id, decision)
        })
    }

    pub(super) fn newest_decisions(&self, limit: usize) -> Public<Vec<DecisionRow>> {
        let select = format!("{DECISION} ORDER BY decision_id DESC LIMIT $1");
        self.db.run("decisions", Mode::Single, |session| {
            let rows = session.query(&select, &[&sql_limit(limit)])?;
            rows.iter().map(read_decision).collect()
        })
    }

    pub(super) fn newest_decision_of(&self, kinds: &[DecisionKind]) -> Public<Option<DecisionRow>> {
        let names: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
        let select = format!("{DECISION} WHERE kind = ANY($1) ORDER BY decision_id DESC LIMIT 1");
        self.db.run("newest decision", Mode::Single, |session| {
            let row = session.query_opt(&select, &[&names])?;
            row.as_ref().map(read_decision).transpose()
        })
    }

    pub(super) fn one_setting(&self, name: &str) -> Public<Option<String>> {
        self.db.run("setting", Mode::Single, |session| {
            let select = "SELECT value FROM settings WHERE name = $1";
            let row = session.query_opt(select, &[&name])?;
            Ok(row.map(|row| row.try_get(0)).transpose()?)
        })
    }

    pub(super) fn change_setting(&self, name: &str, value: &str) -> Public<()> {
        let upsert = "INSERT INTO settings (name, value) VALUES ($1, $2)
            ON CONFLICT (name) DO UPDATE SET value = excluded.value
            WHERE settings.value <> excluded.value";
        self.db.run("change setting", Mode::Transaction, |session| {
            let version = lock(session)?;
            match session.execute(upsert, &[&name, &value])? {
                0 => Ok(()),
                _ => raise(session, version),
            }
        })
    }

    pub(super) fn count_decisions(&self) -> Public<Vec<(DecisionKind, u64)>> {
        self.db.run("decision counts", Mode::Single, |session| {
            let select = "SELECT kind, count(*) FROM decisions GROUP BY kind";
            let rows = session.query(select, &[])?;
            let counted = rows.iter().map(|row| {
                let kind = named(row, 0, &DecisionKind::ALL, DecisionKind::name)?;
                Ok((kind, unsigned(row.try_get(1)?)))
            });
            Ok(of_every_kind(&counted.collect::<Result<Vec<_>>>()?))
        })
    }
}

/// The registry's version, for who is about to change it.
fn lock(session: &mut Session<'_>) -> Result<i64> {
    locked_meta(session, "registry")
}

fn raise(session: &mut Session<'_>, version: i64) -> Result<()> {
    set_meta(session, "registry", version + 1)
}

pub(super) fn read_model(row: &Row) -> Result<ModelRow> {
    let task_id: Option<Uuid> = row.try_get(1)?;
    Ok(ModelRow {
        model_id: row.try_get(0)?,
        task_id: task_id.map(TaskId::from_uuid),
        created_us: row.try_get::<_, Moment>(2)?.0,
        status: named(row, 3, &ModelStatus::ALL, ModelStatus::name)?,
        use_percentage: row.try_get(4)?,
        artifact: row.try_get(5)?,
    })
}

pub(super) fn read_decision(row: &Row) -> Result<DecisionRow> {
    Ok(DecisionRow {
        decision_id: row.try_get(0)?,
        created_us: row.try_get::<_, Moment>(1)?.0,
        model_id: row.try_get(2)?,
        decision: NewDecision {
            kind: named(row, 3, &DecisionKind::ALL, DecisionKind::name)?,
            reason: row.try_get(4)?,
            evidence: row.try_get(5)?,
        },
    })
}

/// Keeps a model as a challenger; gives its number.
pub(super) fn insert_model(session: &mut Session<'_>, model: &NewModel) -> Result<i64> {
    let version = lock(session)?;
    let insert = "INSERT INTO models_registry (task_id, creation_time, status, artifact)
        VALUES ($1, now(), $2, $3) RETURNING model_id";
    let task_id = model.task_id.map(TaskId::uuid);
    let status = ModelStatus::Challenger.name();
    let row = session.query_one(insert, &[&task_id, &status, &model.artifact])?;
    raise(session, version)?;
    Ok(row.try_get(0)?)
}

/// Decides about a model, keeps the reason and raises the version; `false` where there is no such
/// model, or nothing to roll back to.
pub(super) fn decide(
    session: &mut Session<'_>,
    model_id: i64,
    decision: &NewDecision,
) -> Result<bool> {
    let version = lock(session)?;
    let model_id = match decision.kind {
        DecisionKind::Rollback => match last_replaced(session)? {
            Some(before) => before,
            None => return Ok(false),
        },
        _ => model_id,
    };
    let Some(status) = status(session, model_id)? else {
        return Ok(false);
    };
    let decision_id = note(session, model_id, decision)?;
    match decision.kind {
        DecisionKind::Promote if status == ModelStatus::Champion => {}
        DecisionKind::Promote => crown(session, model_id, Some(decision_id))?,
        DecisionKind::Canary => admit(session, model_id, status)?,
        DecisionKind::Withdraw if status != ModelStatus::Canary => {
            return Err(Failure::invalid(format!("model `{model_id}` is no canary")));
        }
        DecisionKind::Withdraw => dismiss(session, model_id, status, ModelStatus::RolledBack)?,
        // The one that goes leaves no way back to itself: a second rollback goes further back.
        DecisionKind::Rollback => crown(session, model_id, None)?,
        DecisionKind::Reject => dismiss(session, model_id, status, ModelStatus::Rejected)?,
        DecisionKind::Wait => dismiss(session, model_id, status, ModelStatus::Challenger)?,
        DecisionKind::Alarm | DecisionKind::Recover => {}
    }
    check_shares(session)?;
    raise(session, version)?;
    Ok(true)
}

/// Lets nothing be kept that would leave a session without a model.
fn check_shares(session: &mut Session<'_>) -> Result<()> {
    let select = "SELECT coalesce(sum(use_percentage), 0),
            count(*) FILTER (WHERE status = 'champion')
        FROM models_registry";
    let row = session.query_one(select, &[])?;
    let (total, champions): (f64, i64) = (row.try_get(0)?, row.try_get(1)?);
    if (total - champions as f64).abs() > 1e-9 {
        let message = format!("the shares of traffic sum to `{total}`, must be `{champions}`");
        return Err(Failure::invalid(message));
    }
    Ok(())
}

/// Keeps a decision; gives its number.
fn note(session: &mut Session<'_>, model_id: i64, decision: &NewDecision) -> Result<i64> {
    let insert = "INSERT INTO decisions (creation_time, model_id, kind, reason, evidence)
        VALUES (now(), $1, $2, $3, $4) RETURNING decision_id";
    let kind = decision.kind.name();
    let (reason, evidence) = (clean(&decision.reason), clean(&decision.evidence));
    let row = session.query_one(insert, &[&model_id, &kind, &reason, &evidence])?;
    Ok(row.try_get(0)?)
}

/// The champion that the present one replaced: the last to be replaced by a promotion.
fn last_replaced(session: &mut Session<'_>) -> Result<Option<i64>> {
    let select = "SELECT model_id FROM models_registry WHERE replaced_by IS NOT NULL
        ORDER BY replaced_by DESC LIMIT 1";
    let row = session.query_opt(select, &[])?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

fn status(session: &mut Session<'_>, model_id: i64) -> Result<Option<ModelStatus>> {
    let select = "SELECT status FROM models_registry WHERE model_id = $1";
    let row = session.query_opt(select, &[&model_id])?;
    let read = |row: Row| named(&row, 0, &ModelStatus::ALL, ModelStatus::name);
    row.map(read).transpose()
}

/// Makes a model the champion with all the traffic; the champion retires, or is rolled back where
/// there is no decision `replaced_by` that a rollback would undo. Another canary waits again.
fn crown(session: &mut Session<'_>, model_id: i64, replaced_by: Option<i64>) -> Result<()> {
    let goes = match replaced_by {
        Some(_) => ModelStatus::Retired,
        None => ModelStatus::RolledBack,
    };
    let retire = "UPDATE models_registry SET status = $2, replaced_by = $1
        WHERE status = 'champion'";
    session.execute(retire, &[&replaced_by, &goes.name()])?;
    let waits = "UPDATE models_registry SET status = 'challenger' WHERE status = 'canary'";
    session.execute(waits, &[])?;
    let shares = "UPDATE models_registry SET use_percentage = 0 WHERE use_percentage > 0";
    session.execute(shares, &[])?;
    let crown = "UPDATE models_registry
        SET status = 'champion', use_percentage = 1, replaced_by = NULL WHERE model_id = $1";
    session.execute(crown, &[&model_id])?;
    Ok(())
}

/// Takes a model out of the line of champions.
fn dismiss(
    session: &mut Session<'_>,
    model_id: i64,
    before: ModelStatus,
    status: ModelStatus,
) -> Result<()> {
    if before == ModelStatus::Champion {
        let message = format!("model `{model_id}` is the champion: promote another, or roll back");
        return Err(Failure::invalid(message));
    }
    let update = "UPDATE models_registry SET status = $2, replaced_by = NULL, use_percentage = 0
        WHERE model_id = $1";
    session.execute(update, &[&model_id, &status.name()])?;
    if before == ModelStatus::Canary {
        let all = "UPDATE models_registry SET use_percentage = 1 WHERE status = 'champion'";
        session.execute(all, &[])?;
    }
    Ok(())
}

/// Lets a model answer a share of the champion's traffic.
fn admit(session: &mut Session<'_>, model_id: i64, before: ModelStatus) -> Result<()> {
    let select = "SELECT count(*) FILTER (WHERE status = 'champion' AND model_id <> $1),
            count(*) FILTER (WHERE status = 'canary')
        FROM models_registry";
    let row = session.query_one(select, &[&model_id])?;
    let (champions, canaries): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    let select = "SELECT value FROM settings WHERE name = $1";
    let row = session.query_opt(select, &[&CANARY_SHARE_SETTING])?;
    let setting: Option<String> = row.map(|row| row.try_get(0)).transpose()?;
    let share = canary_share(setting.as_deref());
    if let Some(message) = refusal(model_id, before, champions, canaries, share) {
        return Err(Failure::invalid(message));
    }
    let canary = "UPDATE models_registry
        SET status = 'canary', use_percentage = $2, replaced_by = NULL WHERE model_id = $1";
    session.execute(canary, &[&model_id, &share])?;
    let rest =
        "UPDATE models_registry SET use_percentage = 1::float8 - $1 WHERE status = 'champion'";
    session.execute(rest, &[&share])?;
    Ok(())
}
