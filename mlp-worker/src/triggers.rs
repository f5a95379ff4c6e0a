//! When a training is started without a hand.

use std::time::Duration;

use mlp_core::explore::Half;
use mlp_core::{PairTable, Schema, loss_change, model_losses};
use mlp_store::{
    ModelRow, ModelStatus, NewTask, RAISED_EXPLORATION_SETTING, SessionQuery, Store, StoreError,
    TaskId, TaskKind,
};

use crate::data::judging_sessions;
use crate::jobs::micros;
use crate::judging::a_challenger_waits;
use crate::repeated::has_news;
use crate::request::TrainingRequest;
use crate::training::{TrainingError, TrainingOptions, usable};
use crate::verdict::Switches;
use crate::watch::{Alarm, alarm_on};

/// What starts a training. By default an alarm about the traffic does, and nothing else.
#[derive(Debug, Clone, PartialEq)]
pub struct TriggerOptions {
    /// So long after the newest model was made. Default: never.
    pub every: Option<Duration>,
    /// After so many answers since the newest model was made. Default: never.
    pub answers: Option<usize>,
    /// When the champion's log loss on judging sessions since its training is over the one before,
    /// beyond noise. Default false.
    pub loss: bool,
    /// While an alarm about the traffic is on: once there are as many explored sessions to learn from
    /// after the change as [`DataOptions::enough_after_onset`](crate::DataOptions) says, or when the
    /// alarm is a cooldown old; and again after each cooldown in which new answers came. Default true.
    pub drift: bool,
    /// The least time between two starts, of all workers together. Default 10 minutes.
    pub cooldown: Duration,
}

impl Default for TriggerOptions {
    fn default() -> Self {
        Self {
            every: None,
            answers: None,
            loss: false,
            drift: true,
            cooldown: Duration::from_secs(600),
        }
    }
}

/// The duty of starting trainings, which rests for the cooldown.
const DUTY: &str = "retrain";

/// Starts a training where one is due, by the answers at or before `until_us` (microseconds since
/// 1970, of which `now_us` is the present); gives why. While a challenger waits for its verdict or
/// a canary is watched, none is due; nor where the newest model has learned from all there is.
///
/// # Errors
///
/// Where the store cannot be read or changed, or the champion gives no number.
pub fn retrain(
    store: &dyn Store,
    schema: &Schema,
    now_us: i64,
    until_us: i64,
    train: &TrainingOptions,
    options: &TriggerOptions,
) -> Result<Option<String>, TrainingError> {
    let on = match options.drift {
        true => alarm_on(store)?,
        false => None,
    };
    let any = options.every.is_some() || options.answers.is_some() || options.loss;
    if (!any && on.is_none()) || !Switches::read(store)?.auto_retrain {
        return Ok(None);
    }
    let raised = store.setting(RAISED_EXPLORATION_SETTING)?;
    let serving = store.serving_models()?;
    let canary = serving.iter().any(|m| m.status == ModelStatus::Canary);
    // An alarm raises exploration too: only then it has to be asked who waits.
    let raised = raised.is_some_and(|text| text != "null");
    if canary || (raised && a_challenger_waits(store)?) {
        return Ok(None);
    }
    let last = store.models(1)?.pop();
    let newest = last.as_ref().map(|model| model.created_us);
    let champion = serving.iter().find(|m| m.status == ModelStatus::Champion);
    let mut reason = match &on {
        Some(alarm) => by_drift(store, options, train, alarm, newest, (now_us, until_us))?,
        None => None,
    };
    let since_us = on.map(|alarm| alarm.since_us);
    if reason.is_none() {
        reason = by_schedule(options, newest, now_us);
    }
    if reason.is_none() {
        reason = by_answers(store, options, newest, until_us)?;
    }
    if reason.is_none() && options.loss {
        reason = by_loss(store, schema, champion, newest, until_us, train)?;
    }
    let Some(reason) = reason else {
        return Ok(None);
    };
    // Only now: a turn that is taken for nothing would rest for the cooldown.
    if !store.turn(DUTY, options.cooldown)? {
        return Ok(None);
    }
    if let Some(last) = &last
        && !has_news(store, last, until_us, &train.data)?
    {
        tracing::info!(
            reason,
            "no training is started: model {} has learned from all there is",
            last.model_id
        );
        return Ok(None);
    }
    let request = TrainingRequest {
        reason: reason.clone(),
        since_us,
        ..TrainingRequest::default()
    };
    store.enqueue(&NewTask {
        task_id: TaskId::new_v7(),
        kind: TaskKind::Training,
        payload: serde_json::to_string(&request).unwrap_or_default(),
    })?;
    tracing::info!(reason, "a training is started");
    Ok(Some(reason))
}

fn by_drift(
    store: &dyn Store,
    options: &TriggerOptions,
    train: &TrainingOptions,
    alarm: &Alarm,
    newest: Option<i64>,
    (now_us, until_us): (i64, i64),
) -> Result<Option<String>, StoreError> {
    let cooldown = micros(options.cooldown);
    let reason = || format!("drift: alarm {} is on", alarm.decision_id);
    // A model was made for this alarm, and did not end it: what was answered since may.
    if let Some(made) = newest.filter(|made| *made > alarm.created_us) {
        let late = now_us.saturating_sub(made) >= cooldown;
        let again = late && answered_since(store, made, until_us, 1)? > 0;
        return Ok(again.then(reason));
    }
    let enough = train.data.enough_after_onset;
    let mut query = SessionQuery {
        explored: true,
        half: Half::Training,
        answered_until_us: until_us,
        before: i64::MAX,
        limit: PAGE,
    };
    let found = count_since(store, &mut query, alarm.since_us, enough)?;
    let late = now_us.saturating_sub(alarm.created_us) >= cooldown;
    Ok((found >= enough || late).then(reason))
}

fn by_schedule(options: &TriggerOptions, newest: Option<i64>, now_us: i64) -> Option<String> {
    let every = options.every?;
    let due = newest.is_none_or(|made| now_us.saturating_sub(made) >= micros(every));
    due.then(|| format!("schedule: every {} s", every.as_secs_f64()))
}

fn by_answers(
    store: &dyn Store,
    options: &TriggerOptions,
    newest: Option<i64>,
    until_us: i64,
) -> Result<Option<String>, StoreError> {
    let Some(wanted) = options.answers else {
        return Ok(None);
    };
    let since = newest.unwrap_or(i64::MIN);
    let found = answered_since(store, since, until_us, wanted)?;
    Ok((found >= wanted.max(1)).then(|| format!("{wanted} new answers")))
}

/// Sessions read at a time.
const PAGE: usize = 1000;

/// How many sessions were answered after `since_us`; counts no further than `enough`.
fn answered_since(
    store: &dyn Store,
    since_us: i64,
    until_us: i64,
    enough: usize,
) -> Result<usize, StoreError> {
    let mut found = 0;
    for (explored, half) in [
        (false, Half::Training),
        (true, Half::Training),
        (true, Half::Judging),
    ] {
        let mut query = SessionQuery {
            explored,
            half,
            answered_until_us: until_us,
            before: i64::MAX,
            limit: enough.clamp(1, PAGE),
        };
        found += count_since(store, &mut query, since_us, enough - found)?;
        if found >= enough {
            break;
        }
    }
    Ok(found)
}

/// How many of a sort of sessions were answered after `since_us`; counts no further than `enough`, but
/// for the rest of a page.
fn count_since(
    store: &dyn Store,
    query: &mut SessionQuery,
    since_us: i64,
    enough: usize,
) -> Result<usize, StoreError> {
    let mut found = 0;
    while found < enough {
        let page = store.answered_sessions(query)?;
        let Some(last) = page.last() else { break };
        query.before = last.inference_id;
        let new = page.iter().filter(|s| s.answered_us > since_us).count();
        found += new;
        // Numbers rise with time, but for what is answered late: a page of the past is the end.
        if new == 0 {
            break;
        }
    }
    Ok(found)
}

fn by_loss(
    store: &dyn Store,
    schema: &Schema,
    champion: Option<&ModelRow>,
    newest: Option<i64>,
    until_us: i64,
    train: &TrainingOptions,
) -> Result<Option<String>, TrainingError> {
    let Some((row, model)) = champion.and_then(|row| Some((row, usable(row, schema)?))) else {
        return Ok(None);
    };
    let sessions = judging_sessions(store, schema, until_us, train.data.explored)?;
    // The newest model, if another, was trained on what has changed and lost to this one: what came
    // since is the question.
    let made = newest.unwrap_or(row.created_us).max(row.created_us);
    let (before, after): (Vec<_>, Vec<_>) = (sessions.into_iter())
        .filter(|(answered, _)| *answered <= row.created_us || *answered > made)
        .partition(|(answered, _)| *answered <= row.created_us);
    let losses = |sessions: &[(i64, mlp_core::Session)]| {
        let table = PairTable::new(&schema.features, sessions.iter().map(|(_, s)| s));
        model_losses(&model, &table)
    };
    let change = loss_change(&losses(&before)?, &losses(&after)?, &train.gate);
    Ok(change.filter(|change| change.rose()).map(|change| {
        format!(
            "log loss of model {} on judging sessions rose from {:.4} to {:.4}",
            row.model_id, change.before.mean, change.after.mean
        )
    }))
}
