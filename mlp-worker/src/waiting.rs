//! How a challenger that waits stands by now.

use mlp_core::{PairTable, Schema, gate};
use mlp_store::{ModelRow, ModelStatus, NewDecision, Store};

use crate::data::judging_sessions;
use crate::judging::judged_from;
use crate::training::{TrainingError, TrainingOptions, usable};
use crate::verdict::{self, Switches};

/// What the gate says of a challenger on the judging sessions that were answered at or before
/// `until_us` (microseconds since 1970); nothing is kept. `None` of a model that waits for no gate:
/// one that was imported or decided about, or cannot be used under this schema.
///
/// # Errors
///
/// Where the store cannot be read, or a model gives no number.
pub fn standing(
    store: &dyn Store,
    schema: &Schema,
    until_us: i64,
    train: &TrainingOptions,
    row: &ModelRow,
) -> Result<Option<NewDecision>, TrainingError> {
    if row.status != ModelStatus::Challenger || row.task_id.is_none() {
        return Ok(None);
    }
    let Some(new) = usable(row, schema) else {
        return Ok(None);
    };
    let serving = store.serving_models()?;
    let champion = (serving.iter()).find(|model| model.status == ModelStatus::Champion);
    let champion = champion.and_then(|row| Some((row.model_id, usable(row, schema)?)));
    let sessions = judging_sessions(store, schema, until_us, train.data.explored)?;
    let from_us = judged_from(row);
    let fitting = sessions.iter().filter(|(answered, _)| *answered > from_us);
    let judging = PairTable::new(&schema.features, fitting.map(|(_, session)| session));
    let old = champion.as_ref().map(|(_, model)| model);
    let report = gate(old, &new, &judging, &train.gate)?;
    let champion = champion.as_ref().map(|(id, _)| *id);
    Ok(Some(verdict::of_gate(
        &report,
        champion,
        &train.gate,
        &Switches::read(store)?,
    )))
}
