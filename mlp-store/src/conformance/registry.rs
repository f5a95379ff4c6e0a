//! Models, decisions and settings.

use super::bench::{Bench, Opened, decision, model, ok};
use crate::types::{CANARY_SHARE_SETTING, DecisionKind, ModelStatus, NewModel, TaskId};

#[track_caller]
fn insert(open: &Opened<'_>, name: &str) -> i64 {
    ok(open.store.insert_model(&model(name)))
}

#[track_caller]
fn decide(open: &Opened<'_>, model_id: i64, kind: DecisionKind) -> bool {
    ok(open.store.decide(model_id, &decision(kind)))
}

#[track_caller]
fn statuses(open: &Opened<'_>) -> Vec<ModelStatus> {
    let mut models = ok(open.store.models(100));
    models.reverse();
    models.iter().map(|m| m.status).collect()
}

/// The champion; there is one at most, it has all the traffic, and nobody else has any.
#[track_caller]
fn champion(open: &Opened<'_>) -> Option<i64> {
    let models = ok(open.store.models(100));
    let champions: Vec<_> = (models.iter())
        .filter(|m| m.status == ModelStatus::Champion)
        .collect();
    assert!(champions.len() <= 1);
    let shares: f64 = models.iter().map(|m| m.use_percentage).sum();
    assert_eq!(shares, champions.len() as f64);
    let serving = ok(open.store.serving_models());
    assert_eq!(serving.iter().collect::<Vec<_>>(), champions);
    champions.first().map(|m| m.model_id)
}

pub(super) fn models_are_listed_newest_first_up_to_the_limit(bench: &Bench) {
    let open = bench.open();
    let ids = ["a", "b", "c"].map(|name| insert(&open, name));
    let listed = |limit| -> Vec<i64> {
        let models = ok(open.store.models(limit));
        models.iter().map(|m| m.model_id).collect()
    };
    assert_eq!(listed(2), [ids[2], ids[1]]);
    assert_eq!(listed(9), [ids[2], ids[1], ids[0]]);
    assert!(listed(0).is_empty());
}

pub(super) fn a_new_model_is_a_challenger(bench: &Bench) {
    let open = bench.open();
    let new = NewModel {
        task_id: Some(TaskId::new_v7()),
        artifact: r#"{"weights":[0.1,-2e-300],"name":"é🙂"}"#.repeat(2000),
    };
    let id = ok(open.store.insert_model(&new));
    let kept = ok(open.store.model(id)).expect("it is kept");
    assert_eq!((kept.model_id, kept.task_id), (id, new.task_id));
    assert_eq!(
        (kept.status, kept.use_percentage),
        (ModelStatus::Challenger, 0.0)
    );
    assert_eq!(kept.artifact, new.artifact);
    assert!(kept.created_us > 0);
    assert_eq!(champion(&open), None);
    assert_eq!(ok(open.store.model(id + 1)), None);
}

pub(super) fn models_come_newest_first(bench: &Bench) {
    let open = bench.open();
    let ids = ["a", "b", "c"].map(|name| insert(&open, name));
    let models = ok(open.store.models(100));
    let listed: Vec<i64> = models.iter().map(|m| m.model_id).collect();
    assert_eq!(listed, [ids[2], ids[1], ids[0]]);
}

pub(super) fn promotion_passes_the_crown(bench: &Bench) {
    let open = bench.open();
    let ids = ["a", "b", "c"].map(|name| insert(&open, name));
    for id in ids {
        assert!(decide(&open, id, DecisionKind::Promote));
        assert_eq!(champion(&open), Some(id));
    }
    use ModelStatus::{Champion, Retired};
    assert_eq!(statuses(&open), [Retired, Retired, Champion]);
}

pub(super) fn promoting_the_champion_changes_nothing_but_is_noted(bench: &Bench) {
    let open = bench.open();
    let (a, b) = (insert(&open, "a"), insert(&open, "b"));
    for id in [a, b, b] {
        assert!(decide(&open, id, DecisionKind::Promote));
    }
    assert_eq!(champion(&open), Some(b));
    assert_eq!(ok(open.store.decisions(10)).len(), 3);
    assert!(decide(&open, 0, DecisionKind::Rollback));
    assert_eq!(champion(&open), Some(a));
}

pub(super) fn rollback_goes_back_champion_by_champion(bench: &Bench) {
    let open = bench.open();
    let [a, b, c] = ["a", "b", "c"].map(|name| insert(&open, name));
    for id in [a, b, c] {
        decide(&open, id, DecisionKind::Promote);
    }
    for expected in [b, a] {
        assert!(decide(&open, i64::MAX, DecisionKind::Rollback));
        assert_eq!(champion(&open), Some(expected));
        let noted = ok(open.store.decisions(1)).remove(0);
        assert_eq!(noted.model_id, expected, "the one that came back");
    }
    assert!(!decide(&open, c, DecisionKind::Rollback), "none was before");
    assert_eq!(champion(&open), Some(a));
    assert_eq!(ok(open.store.decisions(10)).len(), 5);
    use ModelStatus::{Champion, RolledBack};
    assert_eq!(statuses(&open), [Champion, RolledBack, RolledBack]);
}

pub(super) fn a_rolled_back_model_can_be_promoted_again(bench: &Bench) {
    let open = bench.open();
    let (a, b) = (insert(&open, "a"), insert(&open, "b"));
    decide(&open, a, DecisionKind::Promote);
    decide(&open, b, DecisionKind::Promote);
    decide(&open, b, DecisionKind::Rollback);
    decide(&open, b, DecisionKind::Promote);
    assert_eq!(champion(&open), Some(b));
    decide(&open, b, DecisionKind::Rollback);
    assert_eq!(champion(&open), Some(a));
}

pub(super) fn nothing_to_roll_back_to_is_said(bench: &Bench) {
    let open = bench.open();
    assert!(!decide(&open, 1, DecisionKind::Rollback));
    let a = insert(&open, "a");
    decide(&open, a, DecisionKind::Promote);
    assert!(!decide(&open, a, DecisionKind::Rollback));
    assert_eq!(champion(&open), Some(a));
}

pub(super) fn a_rejected_model_does_not_serve(bench: &Bench) {
    let open = bench.open();
    let (a, b) = (insert(&open, "a"), insert(&open, "b"));
    decide(&open, a, DecisionKind::Promote);
    assert!(decide(&open, b, DecisionKind::Reject));
    use ModelStatus::{Champion, Rejected};
    assert_eq!(statuses(&open), [Champion, Rejected]);
    assert_eq!(champion(&open), Some(a));
}

pub(super) fn a_model_that_waits_is_a_challenger(bench: &Bench) {
    let open = bench.open();
    let a = insert(&open, "a");
    for kind in [DecisionKind::Wait, DecisionKind::Reject, DecisionKind::Wait] {
        assert!(decide(&open, a, kind));
    }
    assert_eq!(statuses(&open), [ModelStatus::Challenger]);
    assert_eq!(ok(open.store.decisions(10)).len(), 3);
}

pub(super) fn the_champion_cannot_be_dismissed(bench: &Bench) {
    let open = bench.open();
    let a = insert(&open, "a");
    decide(&open, a, DecisionKind::Promote);
    for kind in [DecisionKind::Reject, DecisionKind::Wait] {
        assert!(open.store.decide(a, &decision(kind)).is_err());
    }
    assert_eq!(champion(&open), Some(a));
    assert_eq!(ok(open.store.decisions(10)).len(), 1);
}

/// The shares of all models, by number.
#[track_caller]
fn shares(open: &Opened<'_>) -> Vec<f64> {
    let mut models = ok(open.store.models(100));
    models.reverse();
    models.iter().map(|m| m.use_percentage).collect()
}

/// A champion and a canary that answers a quarter.
#[track_caller]
fn with_canary(open: &Opened<'_>) -> (i64, i64) {
    let (a, b) = (insert(open, "a"), insert(open, "b"));
    decide(open, a, DecisionKind::Promote);
    ok(open.store.set_setting(CANARY_SHARE_SETTING, "0.25"));
    assert!(decide(open, b, DecisionKind::Canary));
    (a, b)
}

pub(super) fn a_canary_answers_its_share(bench: &Bench) {
    let open = bench.open();
    let (a, b) = with_canary(&open);
    use ModelStatus::{Canary, Champion};
    assert_eq!(statuses(&open), [Champion, Canary]);
    assert_eq!(shares(&open), [0.75, 0.25]);
    let serving = ok(open.store.serving_models());
    let serving: Vec<i64> = serving.iter().map(|m| m.model_id).collect();
    assert_eq!(serving, [a, b]);
}

pub(super) fn a_canary_is_promoted(bench: &Bench) {
    let open = bench.open();
    let (a, b) = with_canary(&open);
    assert!(decide(&open, b, DecisionKind::Promote));
    assert_eq!(champion(&open), Some(b));
    assert!(decide(&open, b, DecisionKind::Rollback));
    assert_eq!(champion(&open), Some(a));
    use ModelStatus::{Champion, RolledBack};
    assert_eq!(statuses(&open), [Champion, RolledBack]);
}

pub(super) fn a_canary_is_withdrawn(bench: &Bench) {
    let open = bench.open();
    let (a, b) = with_canary(&open);
    assert!(decide(&open, b, DecisionKind::Withdraw));
    assert_eq!(champion(&open), Some(a));
    use ModelStatus::{Champion, RolledBack};
    assert_eq!(statuses(&open), [Champion, RolledBack]);
    let again = open.store.decide(b, &decision(DecisionKind::Withdraw));
    assert!(again.is_err(), "it is no canary any more");
    assert!(
        !decide(&open, b, DecisionKind::Rollback),
        "it never was champion"
    );
}

pub(super) fn a_canary_that_is_dismissed_leaves_the_champion_all(bench: &Bench) {
    let open = bench.open();
    let (a, b) = with_canary(&open);
    use ModelStatus::{Challenger, Champion, Rejected};
    for (kind, status) in [
        (DecisionKind::Reject, Rejected),
        (DecisionKind::Wait, Challenger),
    ] {
        assert!(decide(&open, b, kind));
        assert_eq!(champion(&open), Some(a));
        assert_eq!(statuses(&open), [Champion, status]);
        assert!(decide(&open, b, DecisionKind::Canary));
    }
}

pub(super) fn a_canary_waits_again_when_the_champion_changes(bench: &Bench) {
    let open = bench.open();
    let (a, b) = with_canary(&open);
    let c = insert(&open, "c");
    use ModelStatus::{Challenger, Champion, Retired, RolledBack};
    decide(&open, c, DecisionKind::Promote);
    assert_eq!(champion(&open), Some(c));
    assert_eq!(statuses(&open), [Retired, Challenger, Champion]);
    assert!(decide(&open, b, DecisionKind::Canary));
    assert!(decide(&open, 0, DecisionKind::Rollback));
    assert_eq!(champion(&open), Some(a));
    assert_eq!(statuses(&open), [Champion, Challenger, RolledBack]);
}

pub(super) fn a_canary_that_cannot_be_watched_is_refused(bench: &Bench) {
    let open = bench.open();
    let [a, b, c] = ["a", "b", "c"].map(|name| insert(&open, name));
    let refused = |model_id: i64, what: &str| {
        let error = open.store.decide(model_id, &decision(DecisionKind::Canary));
        let error = error.expect_err(what).to_string();
        assert!(error.contains(what), "{error}");
    };
    ok(open.store.set_setting(CANARY_SHARE_SETTING, "0.25"));
    refused(b, "no champion");
    decide(&open, a, DecisionKind::Promote);
    refused(a, "is the champion");
    // More than the most is no share, as is what is no number.
    for share in ["0", "0.51", "-0.1", "NaN", "much"] {
        ok(open.store.set_setting(CANARY_SHARE_SETTING, share));
        refused(b, "answer nobody");
    }
    ok(open.store.set_setting(CANARY_SHARE_SETTING, "0.5"));
    assert!(decide(&open, b, DecisionKind::Canary));
    refused(c, "a canary already");
    assert_eq!(shares(&open), [0.5, 0.5, 0.0]);
    assert_eq!(
        ok(open.store.decisions(10)).len(),
        2,
        "a refusal leaves nothing"
    );
}

pub(super) fn deciding_about_no_model_says_so(bench: &Bench) {
    let open = bench.open();
    for kind in DecisionKind::ALL {
        assert!(!decide(&open, 42, kind));
    }
    assert!(ok(open.store.decisions(10)).is_empty());
    assert_eq!(ok(open.store.versions()).registry, 0);
}

pub(super) fn decisions_keep_reason_and_evidence(bench: &Bench) {
    let open = bench.open();
    let a = insert(&open, "a");
    for kind in [DecisionKind::Wait, DecisionKind::Promote] {
        decide(&open, a, kind);
    }
    let decisions = ok(open.store.decisions(10));
    let kept: Vec<_> = decisions.iter().map(|d| d.decision.clone()).collect();
    assert_eq!(
        kept,
        [
            decision(DecisionKind::Promote),
            decision(DecisionKind::Wait)
        ]
    );
    assert!(
        decisions
            .iter()
            .all(|d| d.model_id == a && d.created_us > 0)
    );
    assert_eq!(ok(open.store.decisions(1)), decisions[..1]);
    assert!(ok(open.store.decisions(0)).is_empty());
}

pub(super) fn decisions_are_counted_by_kind(bench: &Bench) {
    let open = bench.open();
    let counts = || ok(open.store.decision_counts());
    let none = DecisionKind::ALL.map(|kind| (kind, 0));
    assert_eq!(counts(), none);
    let (a, b) = (insert(&open, "a"), insert(&open, "b"));
    use DecisionKind::{Promote, Reject, Rollback, Wait};
    for (id, kind) in [
        (b, Wait),
        (b, Wait),
        (a, Promote),
        (b, Reject),
        (b, Promote),
    ] {
        assert!(decide(&open, id, kind));
    }
    assert!(decide(&open, 0, Rollback));
    assert!(
        !decide(&open, 0, Rollback),
        "what was not done does not count"
    );
    let of = |kind| -> u64 {
        let all = counts();
        let same = all.iter().filter(|(other, _)| *other == kind);
        same.map(|(_, n)| n).sum()
    };
    let counted = [Promote, Rollback, Reject, Wait].map(of);
    assert_eq!(counted, [2, 1, 1, 2]);
    assert_eq!(counts().iter().map(|(_, n)| n).sum::<u64>(), 6);
}

pub(super) fn the_registry_version_rises_with_every_change(bench: &Bench) {
    let open = bench.open();
    let mut last = ok(open.store.versions());
    let mut rises = |act: &dyn Fn(), rises: bool| {
        act();
        let now = ok(open.store.versions());
        assert_eq!(now.registry > last.registry, rises);
        assert_eq!(now.catalog, last.catalog);
        last = now;
    };
    rises(&|| _ = insert(&open, "a"), true);
    rises(&|| _ = decide(&open, 1, DecisionKind::Promote), true);
    rises(&|| _ = insert(&open, "b"), true);
    rises(&|| _ = decide(&open, 2, DecisionKind::Promote), true);
    rises(&|| _ = decide(&open, 2, DecisionKind::Rollback), true);
    rises(&|| _ = decide(&open, 2, DecisionKind::Rollback), false);
    rises(&|| ok(open.store.set_setting("exploration", "0.1")), true);
    rises(&|| ok(open.store.set_setting("exploration", "0.1")), false);
    rises(&|| _ = open.start(), false);
}

pub(super) fn settings_are_kept_by_name(bench: &Bench) {
    let open = bench.open();
    assert_eq!(ok(open.store.setting("exploration")), None);
    ok(open.store.set_setting("exploration", "0.05"));
    ok(open.store.set_setting("Exploration", r#"{"é":[1]}"#));
    ok(open.store.set_setting("exploration", "0.2"));
    assert_eq!(
        ok(open.store.setting("exploration")).as_deref(),
        Some("0.2")
    );
    let other = ok(open.store.setting("Exploration"));
    assert_eq!(other.as_deref(), Some(r#"{"é":[1]}"#));
}
