//! One look at the traffic.

use std::collections::{BTreeMap, BTreeSet};

use mlp_core::drift::{
    DriftReport, DriftVerdict, Policy, PolicyKind, ProfileError, Window, check, onset,
};
use mlp_core::metrics::MetricError;
use mlp_core::watch::{self, PickCurve, Quality, QualityOptions, SeenList, WatchReport};
use mlp_core::{Artifact, Schema};
use mlp_store::{
    LoggedRequest, LoggedSession, ModelRow, ModelStatus, NewDecision, Store, StoreError,
};

use super::WatchOptions;
use super::alarm::{alarm_on, decide};
use crate::data::judging_query;
use crate::reference::{Reference, in_force, requests};

/// Why a look came to nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WatchError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A stored score is no number.
    #[error(transparent)]
    Metric(#[from] MetricError),
}

impl WatchError {
    /// Whether the same look may succeed later, with nothing changed.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_transient())
    }
}

/// Takes looks, and keeps the reference in force from one to the next: it has megabytes.
#[derive(Debug, Default)]
pub struct Watcher {
    /// Under the registry's version, with which it may change.
    cached: Option<(i64, Result<Reference, String>)>,
}

/// What drift there was, and since when.
struct Drift {
    report: DriftReport,
    since_us: Option<i64>,
}

impl Watcher {
    /// One look at the newest requests, `now_us` being the present (microseconds since 1970); what was
    /// shown at or before `settled_us` is old enough to have been answered. Gives what is to be kept,
    /// and the decision about a model that is to be kept with it; nothing is kept yet.
    ///
    /// # Errors
    ///
    /// Where the store cannot be read, or holds a score that is no number.
    pub fn look(
        &mut self,
        store: &dyn Store,
        schema: &Schema,
        (now_us, settled_us): (i64, i64),
        policy: PolicyKind,
        options: &WatchOptions,
    ) -> Result<(WatchReport, Option<(i64, NewDecision)>), WatchError> {
        // Read first: a change in between is then seen at the next look.
        let version = store.versions()?.registry;
        let serving = store.serving_models()?;
        let champion = serving.iter().find(|m| m.status == ModelStatus::Champion);
        let on = alarm_on(store)?;
        let window = requests(store, (i64::MIN, i64::MAX), options.window)?;
        let reference = self.reference(store, version, champion)?;
        let drift = match reference {
            Ok(reference) => compare(schema, reference, &window, policy, options),
            Err(reason) => Err(reason.clone()),
        };
        let decision = match (champion, reference, &drift, policy) {
            (Some(row), Ok(reference), Ok(found), PolicyKind::Continuous) => {
                let id = row.model_id;
                let decision = decide(id, reference, &found.report, on.as_ref(), found.since_us);
                decision.map(|decision| (id, decision))
            }
            _ => None,
        };
        let alarm_since_us = match (&decision, on, &drift) {
            (Some(_), None, Ok(found)) => found.since_us,
            (None, Some(alarm), _) => Some(alarm.since_us),
            _ => None,
        };
        let champion = champion.map(|row| row.model_id);
        let report = WatchReport {
            created_us: now_us,
            model_id: champion,
            reference_model_id: reference.as_ref().ok().map(|r| r.model_id),
            window: seen(&window),
            no_drift: drift.as_ref().err().cloned(),
            drift: drift.ok().map(|found| found.report),
            alarm_since_us,
            quality: quality(store, &window, champion, settled_us, options)?,
        };
        Ok((report, decision))
    }

    fn reference(
        &mut self,
        store: &dyn Store,
        version: i64,
        champion: Option<&ModelRow>,
    ) -> Result<&Result<Reference, String>, StoreError> {
        let cached = match self.cached.take() {
            Some((at, reference)) if at == version => (at, reference),
            _ => (version, in_force(store, champion)?),
        };
        Ok(&self.cached.insert(cached).1)
    }
}

fn seen(window: &[LoggedRequest]) -> watch::Window {
    watch::Window {
        requests: window.len() as u64,
        from_us: window.first().map(|request| request.created_us),
        to_us: window.last().map(|request| request.created_us),
        newest: window.last().map(|request| request.inference_id),
    }
}

/// Holds the requests since the reference against it; `Err` says why that is not possible.
fn compare(
    schema: &Schema,
    reference: &Reference,
    requests: &[LoggedRequest],
    policy: PolicyKind,
    options: &WatchOptions,
) -> Result<Drift, String> {
    let profile = &reference.profile;
    let text = |error: ProfileError| format!("{error}: train anew");
    let mut window = Window::new(profile, &schema.user).map_err(text)?;
    let after = profile.to_us.unwrap_or(i64::MIN);
    for request in requests.iter().filter(|request| request.created_us > after) {
        let score = best_score(request, reference);
        window.push(&request.user, score, request.created_us);
    }
    if window.len() < options.min_requests {
        return Err(format!(
            "too few: {} distinct requests since those that model {} was trained on, at least {} \
             are needed",
            window.len(),
            reference.model_id,
            options.min_requests
        ));
    }
    let report = check(
        &window,
        match policy {
            PolicyKind::OneLook => Policy::one_look(),
            PolicyKind::Continuous => Policy::continuous(),
        },
    );
    let first = window.times().first().copied();
    let since_us = match report.verdict {
        DriftVerdict::Drift => {
            let onset = onset(&window, &report);
            onset
                .and_then(|place| window.times().get(place).copied())
                .or(first)
        }
        _ => None,
    };
    Ok(Drift { report, since_us })
}

/// The highest score that the reference's model gave; a random list has not got it.
fn best_score(request: &LoggedRequest, reference: &Reference) -> Option<f64> {
    if request.explored || request.model_id != Some(reference.model_id) {
        return None;
    }
    let scores = request.shown.iter().map(|item| f64::from(item.score));
    scores.reduce(f64::max)
}

fn quality(
    store: &dyn Store,
    window: &[LoggedRequest],
    champion: Option<i64>,
    settled_us: i64,
    options: &WatchOptions,
) -> Result<Quality, WatchError> {
    let lists: Vec<SeenList> = window.iter().map(list).collect();
    let judging = store.answered_sessions(&judging_query(settled_us, options.judging))?;
    let judging: Vec<SeenList> = (judging.into_iter())
        .filter(|session| session.model_id == champion && champion.is_some())
        .map(judged)
        .collect();
    let options = QualityOptions {
        curves: curves(store, &lists)?,
        ..QualityOptions::at(settled_us)
    };
    Ok(watch::quality(&lists, &judging, &options)?)
}

/// Of the models that made the lists.
fn curves(store: &dyn Store, lists: &[SeenList]) -> Result<BTreeMap<i64, PickCurve>, StoreError> {
    let models: BTreeSet<i64> = lists.iter().filter_map(|list| list.model_id).collect();
    let mut curves = BTreeMap::new();
    for model_id in models {
        let row = store.model(model_id)?;
        // One that cannot be read has been complained about where it was to serve.
        let artifact = row.and_then(|row| Artifact::from_json(&row.artifact).ok());
        curves.extend(artifact.and_then(|a| Some((model_id, a.pick_curve?))));
    }
    Ok(curves)
}

fn list(request: &LoggedRequest) -> SeenList {
    SeenList {
        model_id: request.model_id,
        explored: request.explored,
        scores: request.shown.iter().map(|item| item.score).collect(),
        shown_us: request.shown_us,
        answered_us: request.answered_us,
        picked: request.picked,
    }
}

fn judged(session: LoggedSession) -> SeenList {
    SeenList {
        model_id: session.model_id,
        explored: true,
        scores: session.shown.iter().map(|item| item.score).collect(),
        shown_us: None,
        answered_us: Some(session.answered_us),
        picked: session.picked,
    }
}
