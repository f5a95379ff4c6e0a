//! The thread that judges: challengers again as judging sessions come, and the canary.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use mlp_core::{
    Arm, Because, GateReport, Guard, GuardOptions, GuardReport, LinearModel, PairTable, Schema,
    Verdict, gate,
};
use mlp_store::{
    DecisionKind, LoggedSession, MAX_RAISED_EXPLORATION, ModelRow, ModelStatus, NewDecision,
    RAISED_EXPLORATION_SETTING, SessionQuery, Store, StoreError,
};

use crate::data::{judging_query, judging_sessions};
use crate::jobs::{micros, yield_to_others};
use crate::training::{TrainingError, TrainingOptions, usable};
use crate::triggers::retrain;
use crate::verdict::{self, Switches};
use crate::watch::alarm_on;
use crate::worker::{Backoff, Shared};

/// How challengers and canaries are judged while they wait.
#[derive(Debug, Clone, PartialEq)]
pub struct JudgingOptions {
    /// How often one of all workers looks. Default 5 s.
    pub every: Duration,
    /// The share of explored sessions while a challenger waits for its verdict, at most
    /// [`MAX_RAISED_EXPLORATION`]; what is set already, where that is more. Default 0.2.
    pub exploration: f64,
    /// Challengers that are judged, the newest ones. Default 5.
    pub challengers: usize,
    /// How the canary is watched.
    pub guard: GuardOptions,
    /// Answered sessions that the guard reads at most, the newest ones. Default 50,000.
    pub watched: usize,
}

impl Default for JudgingOptions {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(5),
            exploration: MAX_RAISED_EXPLORATION,
            challengers: 5,
            guard: GuardOptions::default(),
            watched: 50_000,
        }
    }
}

/// The duty of which one of all workers has a turn at a time.
const DUTY: &str = "judge";

pub(crate) fn run(shared: &Shared) {
    yield_to_others();
    let every = shared.options.judging.every;
    let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(10));
    let mut judge = Judge::default();
    let mut next = Instant::now();
    while !shared.stopping() {
        if Instant::now() < next {
            std::thread::sleep(shared.options.poll.min(Duration::from_millis(50)));
            continue;
        }
        match look(shared, &mut judge) {
            Ok(()) => {
                backoff.reset();
                next = Instant::now() + every;
            }
            Err(error) => {
                tracing::warn!(%error, "nobody could be judged");
                next = Instant::now() + backoff.next();
            }
        }
    }
}

fn look(shared: &Shared, judge: &mut Judge) -> Result<(), TrainingError> {
    let (store, options) = (shared.store.as_ref(), &shared.options);
    // A bit less, since a timer that wakes early would lose its turn.
    if !store.turn(DUTY, options.judging.every.mul_f64(0.9))? {
        return Ok(());
    }
    let now_us = options.clock.now_us();
    let until_us = now_us - micros(options.settle);
    let judged = catch_unwind(AssertUnwindSafe(|| -> Result<usize, TrainingError> {
        let (schema, train) = (&shared.schema, &options.train);
        let changes = judge.look(store, schema, until_us, train, &options.judging)?;
        retrain(store, schema, now_us, until_us, train, &options.triggers)?;
        Ok(changes)
    }));
    match judged {
        Ok(Ok(0)) => Ok(()),
        Ok(Ok(_)) => {
            shared.live.refresh_now();
            Ok(())
        }
        Ok(Err(error)) => Err(error),
        Err(_) => {
            *judge = Judge::default();
            tracing::error!("judging panicked");
            Ok(())
        }
    }
}

/// Judges, and remembers what it has seen, so that a look at which nothing is new costs little.
#[derive(Debug, Default)]
pub struct Judge {
    /// The registry's version, and the newest judging session.
    seen: Option<(i64, Option<i64>)>,
}

impl Judge {
    /// One look at the canary and at the challengers that wait, by the sessions that were answered
    /// at or before `until_us` (microseconds since 1970), and, where a challenger was trained for a
    /// change of the requests, after that. Keeps what is decided, sets the exploration that follows (it
    /// is raised while a challenger waits, and while an alarm is on), and gives the number of changes.
    ///
    /// Challengers are the models that were trained here and not decided about: an imported one
    /// waits for a hand. While there is a canary, they wait for its end.
    ///
    /// # Errors
    ///
    /// Where the store cannot be read or changed, or a model gives no number.
    pub fn look(
        &mut self,
        store: &dyn Store,
        schema: &Schema,
        until_us: i64,
        train: &TrainingOptions,
        options: &JudgingOptions,
    ) -> Result<usize, TrainingError> {
        let registry = store.versions()?.registry;
        let serving = store.serving_models()?;
        let of = |status| serving.iter().find(move |model| model.status == status);
        let alarmed = alarm_on(store)?.is_some();
        let champion = of(ModelStatus::Champion);
        if let (Some(champion), Some(canary)) = (champion, of(ModelStatus::Canary)) {
            self.seen = None;
            let raised = raise(store, alarmed.then_some(options.exploration))?;
            return Ok(raised + watch(store, champion, canary, until_us, options)?);
        }
        let newest = store.answered_sessions(&judging_query(until_us, 1))?;
        let seen = (registry, newest.first().map(|session| session.inference_id));
        if self.seen == Some(seen) {
            return Ok(0);
        }
        let (mut changes, waiting) =
            challengers(store, schema, until_us, train, options, champion)?;
        changes += raise(store, (waiting || alarmed).then_some(options.exploration))?;
        // What this look changed is no reason for another.
        self.seen = (changes == 0).then_some(seen);
        Ok(changes)
    }
}

/// Judges each challenger; gives the number of decisions, and whether one waits for sessions.
fn challengers(
    store: &dyn Store,
    schema: &Schema,
    until_us: i64,
    train: &TrainingOptions,
    options: &JudgingOptions,
    champion: Option<&ModelRow>,
) -> Result<(usize, bool), TrainingError> {
    let waiting = candidates(store, options.challengers)?;
    if waiting.is_empty() {
        return Ok((0, false));
    }
    let sessions = judging_sessions(store, schema, until_us, train.data.explored)?;
    let old: Option<LinearModel> = champion.and_then(|row| usable(row, schema));
    let champion = champion.filter(|_| old.is_some()).map(|row| row.model_id);
    let switches = Switches::read(store)?;
    let mut waits = false;
    let mut decided = 0;
    for row in waiting {
        let Some(new) = usable(&row, schema) else {
            let reason = "rejected: it cannot be used under this schema".to_owned();
            decided += decide(store, row.model_id, &rejection(reason))?;
            continue;
        };
        let from_us = judged_from(&row);
        let fitting = sessions.iter().filter(|(answered, _)| *answered > from_us);
        let judging = PairTable::new(&schema.features, fitting.map(|(_, session)| session));
        let report = gate(old.as_ref(), &new, &judging, &train.gate)?;
        let decision = verdict::of_gate(&report, champion, &train.gate, &switches);
        if decision.kind != DecisionKind::Wait {
            decided += decide(store, row.model_id, &decision)?;
            // The next is compared with another champion, or after the canary: at the next look.
            if decision.kind != DecisionKind::Reject {
                return Ok((decided, false));
            }
            continue;
        }
        waits |= report.because != Because::Better;
        // Said once, and not at every look.
        if last_because(store, row.model_id)? != Some(report.because) {
            decided += decide(store, row.model_id, &decision)?;
        }
    }
    Ok((decided, waits))
}

/// The challengers that are judged, the newest first.
fn candidates(store: &dyn Store, limit: usize) -> Result<Vec<ModelRow>, StoreError> {
    Ok((store.models(RECENT)?.into_iter())
        .filter(|row| row.status == ModelStatus::Challenger && row.task_id.is_some())
        .take(limit)
        .collect())
}

/// Whether a challenger waits for judging sessions, as was last said of it.
pub(crate) fn a_challenger_waits(store: &dyn Store) -> Result<bool, StoreError> {
    for row in candidates(store, JudgingOptions::default().challengers)? {
        let because = last_because(store, row.model_id)?;
        if because.is_some_and(|because| because.verdict() == Verdict::Wait) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The time after which sessions must have been answered to judge a model, in microseconds since
/// 1970.
pub(crate) fn judged_from(row: &ModelRow) -> i64 {
    let artifact = mlp_core::Artifact::from_json(&row.artifact).ok();
    let from_us = artifact.and_then(|artifact| artifact.lineage.judged_from_us);
    from_us.unwrap_or(i64::MIN)
}

/// Models that are looked at for challengers, and decisions for what was said of one.
const RECENT: usize = 50;

fn rejection(reason: String) -> NewDecision {
    NewDecision {
        kind: DecisionKind::Reject,
        reason,
        evidence: "{}".to_owned(),
    }
}

/// Why the last comparison of a model ended as it did.
fn last_because(store: &dyn Store, model_id: i64) -> Result<Option<Because>, StoreError> {
    let decisions = store.decisions(RECENT)?;
    let last = decisions.iter().find(|row| row.model_id == model_id);
    let report = last.map(|row| serde_json::from_str::<GateReport>(&row.decision.evidence));
    Ok(report.and_then(|report| report.ok()).map(|r| r.because))
}

fn decide(store: &dyn Store, model_id: i64, decision: &NewDecision) -> Result<usize, StoreError> {
    let kept = store.decide(model_id, decision)?;
    if kept {
        tracing::info!(model_id, reason = decision.reason, "decided about a model");
    }
    Ok(usize::from(kept))
}

/// Sets the share of explored sessions while a challenger waits; whether that changed anything.
fn raise(store: &dyn Store, share: Option<f64>) -> Result<usize, StoreError> {
    let text = share.map_or("null".to_owned(), |s| {
        s.clamp(0.0, MAX_RAISED_EXPLORATION).to_string()
    });
    let before = store.setting(RAISED_EXPLORATION_SETTING)?;
    if before.as_deref().unwrap_or("null") == text {
        return Ok(0);
    }
    store.set_setting(RAISED_EXPLORATION_SETTING, &text)?;
    Ok(1)
}

/// Watches the canary; gives the number of decisions.
fn watch(
    store: &dyn Store,
    champion: &ModelRow,
    canary: &ModelRow,
    until_us: i64,
    options: &JudgingOptions,
) -> Result<usize, TrainingError> {
    let sessions = since_admission(store, canary.model_id, until_us, options.watched)?;
    let Ok(mut guard) = Guard::new(canary.use_percentage, &options.guard) else {
        return Ok(0);
    };
    for session in &sessions {
        let arm = match session.model_id {
            Some(id) if id == canary.model_id => Arm::Canary,
            Some(id) if id == champion.model_id => Arm::Champion,
            _ => continue,
        };
        guard.push(arm, session.picked);
    }
    let report: GuardReport = guard.report();
    match verdict::of_guard(&report, &Switches::read(store)?) {
        Some(decision) => Ok(decide(store, canary.model_id, &decision)?),
        None => Ok(0),
    }
}

/// The sessions that were ranked by a model and answered since the canary became one, oldest first.
fn since_admission(
    store: &dyn Store,
    canary: i64,
    until_us: i64,
    limit: usize,
) -> Result<Vec<LoggedSession>, StoreError> {
    let decisions = store.decisions(RECENT)?;
    let admitted = (decisions.iter())
        .find(|row| row.model_id == canary && row.decision.kind == DecisionKind::Canary)
        .map_or(i64::MIN, |row| row.created_us);
    let mut query = SessionQuery {
        explored: false,
        answered_until_us: until_us,
        ..judging_query(until_us, PAGE)
    };
    let mut sessions = Vec::new();
    while sessions.len() < limit {
        let page = store.answered_sessions(&query)?;
        let Some(last) = page.last() else { break };
        query.before = last.inference_id;
        let (found, kept) = (page.len(), sessions.len());
        sessions.extend(page.into_iter().filter(|s| s.answered_us >= admitted));
        // Numbers rise with time, but for what is answered late: a page of the past is the end.
        if found < PAGE || sessions.len() == kept {
            break;
        }
    }
    sessions.reverse();
    // What the champion ranked before every process knew of the canary is no part of the trial.
    let first = sessions.iter().position(|s| s.model_id == Some(canary));
    Ok(first.map_or_else(Vec::new, |first| sessions.split_off(first)))
}

/// Sessions read at a time.
const PAGE: usize = 1000;
