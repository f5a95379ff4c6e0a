//! What follows from a comparison, in a sentence and in the registry.

use mlp_core::{Because, GateOptions, GateReport, GuardReport, GuardVerdict, Interval};
use mlp_store::{
    AUTO_PROMOTE_SETTING, AUTO_RETRAIN_SETTING, CANARY_SHARE_SETTING, DecisionKind, NewDecision,
    Result, Store, canary_share,
};

/// What the registry's settings allow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Switches {
    /// Whether what passes the gate is promoted; else it waits for a hand. The first model, which
    /// has no champion to replace, is promoted in either case.
    pub auto_promote: bool,
    /// Whether triggers start trainings.
    pub auto_retrain: bool,
    /// The share of traffic that a canary gets before it is promoted; 0: promoted at once.
    pub canary_share: f64,
}

impl Switches {
    /// Reads them.
    ///
    /// # Errors
    ///
    /// Where the store cannot be read.
    pub fn read(store: &dyn Store) -> Result<Self> {
        let on = |name| -> Result<bool> { Ok(store.setting(name)?.as_deref() != Some("false")) };
        Ok(Self {
            auto_promote: on(AUTO_PROMOTE_SETTING)?,
            auto_retrain: on(AUTO_RETRAIN_SETTING)?,
            canary_share: canary_share(store.setting(CANARY_SHARE_SETTING)?.as_deref()),
        })
    }
}

/// What is done with a challenger after the gate, and why.
pub(crate) fn of_gate(
    report: &GateReport,
    champion: Option<i64>,
    options: &GateOptions,
    switches: &Switches,
) -> NewDecision {
    let compared = compared(report, champion, options);
    let (kind, reason) = match report.because {
        Because::NoChampion => (
            DecisionKind::Promote,
            "promoted: there was no champion".to_owned(),
        ),
        Because::Better if !switches.auto_promote => (
            DecisionKind::Wait,
            format!("waits for a hand, since auto_promote is off: better beyond noise, {compared}"),
        ),
        Because::Better if switches.canary_share > 0.0 => (
            DecisionKind::Canary,
            format!(
                "canary with {:.0}% of the traffic: better beyond noise, {compared}",
                100.0 * switches.canary_share
            ),
        ),
        Because::Better => (
            DecisionKind::Promote,
            format!("promoted: better beyond noise, {compared}"),
        ),
        Because::Worse => (
            DecisionKind::Reject,
            format!("rejected: worse beyond noise, {compared}"),
        ),
        Because::WorseFirstPlace => (
            DecisionKind::Reject,
            format!("rejected: its precision@1 is worse beyond noise, {compared}"),
        ),
        Because::NotWorthwhile => (
            DecisionKind::Reject,
            format!(
                "rejected: if it is better at all, then by less than the {} nats that would count, {compared}",
                options.worthwhile
            ),
        ),
        Because::Exhausted => (
            DecisionKind::Reject,
            format!(
                "rejected: not found better on {} sessions, {compared}",
                options.max_sessions
            ),
        ),
        Because::FewSessions => (
            DecisionKind::Wait,
            format!(
                "waits for judging sessions: there are {}, at least {} are needed",
                report.sessions, options.min_sessions
            ),
        ),
        Because::FewPicks => (
            DecisionKind::Wait,
            format!(
                "waits for picks: {} judging sessions have {}, at least {} are needed",
                report.sessions, report.picked, options.min_picks
            ),
        ),
        Because::Undecided => (
            DecisionKind::Wait,
            format!("waits for more judging sessions: within noise, {compared}"),
        ),
    };
    NewDecision {
        kind,
        reason,
        evidence: serde_json::to_string(report).unwrap_or_default(),
    }
}

fn compared(report: &GateReport, champion: Option<i64>, options: &GateOptions) -> String {
    let number = |x: Option<f64>| x.map_or("undefined".to_owned(), |x| format!("{x:.4}"));
    let interval = |x: Option<Interval>| {
        x.map_or("undefined".to_owned(), |x| {
            format!("{:+.4}, {:+.4} to {:+.4}", x.mean, x.low, x.high)
        })
    };
    format!(
        "on {} judging sessions with {} picks log loss of the choice {} against {} of model {} \
         (gain of a session, within ±{}: {}), precision@1 {} against {} ({})",
        report.sessions,
        report.picked,
        number(report.challenger_log_loss),
        number(report.champion_log_loss),
        champion.unwrap_or_default(),
        options.clip,
        interval(report.improvement),
        number(report.challenger_precision_at_1),
        number(report.champion_precision_at_1),
        interval(report.first_place),
    )
}

/// What is done with a canary, and why; `None` while it is watched.
pub(crate) fn of_guard(report: &GuardReport, switches: &Switches) -> Option<NewDecision> {
    let (canary, champion) = (&report.canary, &report.champion);
    let percent = |part: usize, of: usize| 100.0 * part as f64 / of.max(1) as f64;
    let compared = format!(
        "users picked in {:.1}% of its {} answered sessions against {:.1}% of {} of the champion's, \
         and what was ranked first in {:.1}% against {:.1}% (evidence of harm {:.3})",
        percent(canary.picked, canary.answered),
        canary.answered,
        percent(champion.picked, champion.answered),
        champion.answered,
        percent(canary.first, canary.answered),
        percent(champion.first, champion.answered),
        report.evidence,
    );
    let (kind, reason) = match report.verdict {
        GuardVerdict::Watch => return None,
        // Whoever turned the switch off while a canary ran decides about it.
        GuardVerdict::Pass if !switches.auto_promote => return None,
        GuardVerdict::Pass => (
            DecisionKind::Promote,
            format!("promoted: the canary did no harm, {compared}"),
        ),
        GuardVerdict::RollBack => (
            DecisionKind::Withdraw,
            format!("rolled back: the canary does harm, {compared}"),
        ),
    };
    Some(NewDecision {
        kind,
        reason,
        evidence: serde_json::to_string(report).unwrap_or_default(),
    })
}
