//! Alarms: when one is on, and what sets it off and ends it.

use mlp_core::drift::{DriftReport, DriftVerdict};
use mlp_store::{DecisionKind, NewDecision, Result, Store};
use serde::{Deserialize, Serialize};

use crate::reference::Reference;

/// An alarm that is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Alarm {
    /// The decision.
    pub decision_id: i64,
    /// The champion of then.
    pub model_id: i64,
    /// When it was set off, in microseconds since 1970.
    pub created_us: i64,
    /// When what it is about began.
    pub since_us: i64,
}

/// What an alarm keeps: the report that set it off, and since when.
#[derive(Debug, Serialize)]
struct Evidence {
    since_us: i64,
    #[serde(flatten)]
    drift: DriftReport,
}

/// The alarm that is on. There is no state but the decisions: one is on where the newest of these two
/// kinds is an alarm.
pub(crate) fn alarm_on(store: &dyn Store) -> Result<Option<Alarm>> {
    /// All of it that is asked for: a report's other fields may change.
    #[derive(Deserialize)]
    struct Since {
        since_us: i64,
    }
    let newest = store.newest_decision(&[DecisionKind::Alarm, DecisionKind::Recover])?;
    let newest = newest.filter(|row| row.decision.kind == DecisionKind::Alarm);
    Ok(newest.map(|row| {
        let evidence = serde_json::from_str::<Since>(&row.decision.evidence);
        Alarm {
            decision_id: row.decision_id,
            model_id: row.model_id,
            created_us: row.created_us,
            // One that a hand made says nothing of its beginning.
            since_us: evidence.map_or(row.created_us, |evidence| evidence.since_us),
        }
    }))
}

/// What a look decides about the champion: an alarm where there is none and the requests drifted, its
/// end where they agree with the reference in force.
pub(crate) fn decide(
    champion: i64,
    reference: &Reference,
    drift: &DriftReport,
    on: Option<&Alarm>,
    since_us: Option<i64>,
) -> Option<NewDecision> {
    let (kind, reason, since_us) = match (drift.verdict, on) {
        (DriftVerdict::Drift, None) => {
            let reason = format!("alarm: {}", drift.sentence);
            (DecisionKind::Alarm, reason, since_us?)
        }
        (DriftVerdict::Calm, Some(alarm)) => {
            let reason = recovery(champion, reference, drift, alarm);
            (DecisionKind::Recover, reason, alarm.since_us)
        }
        _ => return None,
    };
    let evidence = Evidence {
        since_us,
        drift: drift.clone(),
    };
    Some(NewDecision {
        kind,
        reason,
        evidence: serde_json::to_string(&evidence).unwrap_or_default(),
    })
}

fn recovery(champion: i64, reference: &Reference, drift: &DriftReport, alarm: &Alarm) -> String {
    let agree = format!("the newest {} requests agree", drift.window_requests);
    let model_id = reference.model_id;
    if !reference.is_champions {
        format!(
            "recovered: no better model was found: model {model_id} was trained on requests since and \
             rejected against model {champion}; {agree} with its, which are the normal now"
        )
    } else if champion != alarm.model_id {
        format!(
            "recovered: model {champion} replaced model {}, and {agree} with those that it was \
             trained on",
            alarm.model_id
        )
    } else {
        format!("recovered: {agree} again with those that model {champion} was trained on")
    }
}
