//! What came in of late, and what was said of it.

use std::time::Duration;

use super::bench::{Bench, Opened, decision, explored, model, ok, ranking, task};
use super::sample_row;
use crate::types::{
    DecisionKind, ImportedSession, LoggedRequest, ModelStatus, NONE_OF_THESE, Outcome,
    RequestQuery, Settled, Settlement, TaskId, TaskKind, TaskStatus,
};
use mlp_core::explore::Half;

const ALL: RequestQuery = RequestQuery {
    after_us: i64::MIN,
    until_us: i64::MAX,
    before: i64::MAX,
    limit: 1000,
};

#[track_caller]
fn requests(open: &Opened<'_>, query: RequestQuery) -> Vec<LoggedRequest> {
    ok(open.store.requests(&query))
}

#[track_caller]
fn the_request(open: &Opened<'_>) -> LoggedRequest {
    let mut found = requests(open, ALL);
    assert_eq!(found.len(), 1);
    found.remove(0)
}

pub(super) fn a_request_is_one_before_it_has_results(bench: &Bench) {
    let open = bench.open();
    let request = open.bench.request();
    let user = request.user.clone();
    open.apply(crate::types::SessionOp::Start(request));
    let found = the_request(&open);
    assert_eq!(found.user, user);
    assert!(found.created_us > 0);
    assert_eq!((found.model_id, found.explored), (None, false));
    assert_eq!((found.shown_us, found.answered_us), (None, None));
    assert!(found.shown.is_empty() && found.picked.is_none());
    let lease = open.claim_one();
    let error = "no".to_owned();
    open.settle(&lease, Outcome::Failed { error });
    assert_eq!(the_request(&open), found, "a failed one was made, too");
}

pub(super) fn a_request_tells_what_was_shown_and_answered(bench: &Bench) {
    let open = bench.open();
    let mut given = explored(8, Half::Judging);
    given.model_id = Some(ok(open.store.insert_model(&model("m"))));
    let model_id = given.model_id;
    let ranked = given.ranked.clone();
    let id = open.finished(given);
    let found = the_request(&open);
    assert_eq!((found.model_id, found.explored), (model_id, true));
    assert_eq!(found.half, Half::Judging);
    assert!(found.shown.is_empty(), "ranked, and not yet shown");
    let shown = open.show(id, 3);
    let found = the_request(&open);
    assert_eq!(found.inference_id, shown.inference_id);
    assert_eq!(found.shown, ranked[..3]);
    assert!(found.shown_us.is_some_and(|at| at >= found.created_us));
    assert_eq!((found.answered_us, found.picked), (None, None));
    open.select(id, ranked[1].item_id);
    let answered = the_request(&open);
    assert_eq!(answered.picked, Some(1));
    assert!(answered.answered_us >= found.shown_us);
    // What is shown afterwards was no part of the choice.
    open.show(id, 5);
    assert_eq!(the_request(&open), answered);
}

pub(super) fn an_answer_about_what_was_not_shown_is_none(bench: &Bench) {
    let open = bench.open();
    let id = open.finished(ranking(8));
    open.show(id, 2);
    open.select(id, 5);
    let found = the_request(&open);
    assert_eq!((found.answered_us, found.picked), (None, None));
    assert_eq!(found.shown.len(), 2);
    open.select(id, NONE_OF_THESE);
    let found = the_request(&open);
    assert!(found.answered_us.is_some() && found.picked.is_none());
}

pub(super) fn requests_come_newest_first_in_pages(bench: &Bench) {
    let open = bench.open();
    let mut users = Vec::new();
    for number in 0..7 {
        let request = open.bench.request();
        users.insert(0, request.user.clone());
        open.apply(crate::types::SessionOp::Start(request));
        if number % 2 == 0 {
            let lease = open.claim_one();
            open.settle(&lease, Outcome::Ranked(ranking(4)));
        } else {
            open.claim_one();
        }
    }
    let all = requests(&open, ALL);
    assert!(all.is_sorted_by(|a, b| a.inference_id > b.inference_id));
    assert_eq!(
        all.iter().map(|r| r.user.clone()).collect::<Vec<_>>(),
        users
    );
    let (mut paged, mut before) = (Vec::new(), i64::MAX);
    loop {
        let limit = 3;
        let page = requests(
            &open,
            RequestQuery {
                before,
                limit,
                ..ALL
            },
        );
        let Some(last) = page.last() else { break };
        before = last.inference_id;
        assert!(page.len() <= limit);
        paged.extend(page);
    }
    assert_eq!(paged, all);
    assert!(requests(&open, RequestQuery { limit: 0, ..ALL }).is_empty());
}

pub(super) fn requests_are_read_between_two_times(bench: &Bench) {
    let open = bench.open();
    for _ in 0..3 {
        open.start();
        bench.pass_time(Duration::from_millis(5));
    }
    let all = requests(&open, ALL);
    let [newest, middle, oldest] = [0, 1, 2].map(|i| all[i].created_us);
    assert!(newest > middle && middle > oldest);
    let between = |after_us, until_us, limit| {
        requests(
            &open,
            RequestQuery {
                after_us,
                until_us,
                limit,
                ..ALL
            },
        )
    };
    assert_eq!(
        between(oldest, newest, 9),
        all[..2],
        "after one, up to the other"
    );
    assert_eq!(between(i64::MIN, middle, 9), all[1..]);
    assert_eq!(between(i64::MIN, middle, 1), all[1..2]);
    assert_eq!(between(newest, i64::MAX, 9), []);
    assert_eq!(between(oldest, middle - 1, 9), []);
}

pub(super) fn imported_sessions_are_requests_too(bench: &Bench) {
    let open = bench.open();
    let session = ImportedSession {
        task_id: TaskId::new_v7(),
        user: sample_row(&bench.schema.user, 3),
        shown: vec![4, 2, 9],
        picked: Some(2),
        half: Half::Judging,
    };
    ok(open.store.import_sessions(std::slice::from_ref(&session)));
    let found = the_request(&open);
    assert_eq!((&found.user, found.picked), (&session.user, Some(2)));
    assert_eq!((found.explored, found.half), (true, Half::Judging));
    assert_eq!(found.model_id, None);
    let shown: Vec<i64> = found.shown.iter().map(|r| r.item_id).collect();
    assert_eq!(shown, session.shown);
    assert_eq!(found.answered_us, found.shown_us);
}

/// Enqueues a task and leases it.
#[track_caller]
fn leased(open: &Opened<'_>, kind: TaskKind) -> crate::types::Lease {
    let id = ok(open.store.enqueue(&task(kind)));
    let lease = open.claim_of(kind, 1).remove(0);
    assert_eq!(lease.task_id, id);
    lease
}

fn watched(report: &str, decision: Option<(i64, crate::types::NewDecision)>) -> Outcome {
    Outcome::Watched {
        report: report.to_owned(),
        decision,
    }
}

fn results(open: &Opened<'_>, kind: TaskKind, limit: usize) -> Vec<String> {
    let found = ok(open.store.task_results(kind, limit));
    assert!(found.iter().all(|found| found.created_us > 0));
    found.into_iter().map(|found| found.result).collect()
}

const SUCCESS: Settled = Settled::Now(TaskStatus::Success, None);

pub(super) fn results_of_tasks_come_newest_first(bench: &Bench) {
    let open = bench.open();
    for turn in 0..3 {
        let lease = leased(&open, TaskKind::Monitoring);
        let report = format!(r#"{{"é":{turn}}}"#);
        assert_eq!(open.settle(&lease, watched(&report, None)), SUCCESS);
        let training = leased(&open, TaskKind::Training);
        let result = "[]".to_owned();
        assert_eq!(open.settle(&training, Outcome::Done { result }), SUCCESS);
    }
    // Neither what failed nor what is under way has a result.
    let lease = leased(&open, TaskKind::Monitoring);
    let error = "no".to_owned();
    open.settle(&lease, Outcome::Failed { error });
    leased(&open, TaskKind::Monitoring);
    let [first, second, third] = [r#"{"é":0}"#, r#"{"é":1}"#, r#"{"é":2}"#];
    let of = |limit| results(&open, TaskKind::Monitoring, limit);
    assert_eq!(of(9), [third, second, first]);
    assert_eq!(of(2), [third, second]);
    assert!(of(0).is_empty());
    assert_eq!(results(&open, TaskKind::Training, 9).len(), 3);
    assert!(results(&open, TaskKind::Inference, 9).is_empty());
}

pub(super) fn a_look_leaves_its_report_and_its_alarm(bench: &Bench) {
    let open = bench.open();
    let [a, b] = ["a", "b"].map(|name| ok(open.store.insert_model(&model(name))));
    assert!(ok(open.store.decide(a, &decision(DecisionKind::Promote))));
    let models = ok(open.store.models(9));
    for (kind, about) in [(DecisionKind::Alarm, a), (DecisionKind::Recover, b)] {
        let before = ok(open.store.versions()).registry;
        let lease = leased(&open, TaskKind::Monitoring);
        let outcome = watched("{}", Some((about, decision(kind))));
        assert_eq!(open.settle(&lease, outcome), SUCCESS);
        assert_eq!(open.status(lease.task_id), TaskStatus::Success);
        let newest = ok(open.store.decisions(1)).remove(0);
        assert_eq!((newest.model_id, newest.decision), (about, decision(kind)));
        assert!(ok(open.store.versions()).registry > before);
    }
    assert_eq!(results(&open, TaskKind::Monitoring, 9), ["{}", "{}"]);
    assert_eq!(ok(open.store.models(9)), models, "it changes no model");
    assert_eq!(models[1].status, ModelStatus::Champion);
}

pub(super) fn a_look_under_a_stale_lease_leaves_nothing(bench: &Bench) {
    let open = bench.open();
    let id = ok(open.store.insert_model(&model("m")));
    let alarm = || Some((id, decision(DecisionKind::Alarm)));
    let first = leased(&open, TaskKind::Monitoring);
    bench.outlive_leases();
    let second = open.claim_of(TaskKind::Monitoring, 1).remove(0);
    assert_eq!(open.settle(&first, watched("old", alarm())), Settled::Stale);
    assert!(results(&open, TaskKind::Monitoring, 9).is_empty());
    assert!(ok(open.store.decisions(9)).is_empty());
    assert_eq!(open.settle(&second, watched("new", alarm())), SUCCESS);
    // Whoever looks twice says it once.
    for lease in [&first, &second] {
        assert_eq!(
            open.settle(lease, watched("again", alarm())),
            Settled::Stale
        );
    }
    assert_eq!(results(&open, TaskKind::Monitoring, 9), ["new"]);
    assert_eq!(ok(open.store.decisions(9)).len(), 1);
}

pub(super) fn a_look_that_decides_nonsense_leaves_nothing(bench: &Bench) {
    let open = bench.open();
    let id = ok(open.store.insert_model(&model("m")));
    let lease = leased(&open, TaskKind::Monitoring);
    let nonsense = [
        (id + 1, DecisionKind::Alarm),
        (id, DecisionKind::Promote),
        (id, DecisionKind::Rollback),
    ];
    for (model_id, kind) in nonsense {
        let settled = open.store.settle(&[Settlement {
            lease: lease.reference(),
            outcome: watched("{}", Some((model_id, decision(kind)))),
        }]);
        assert!(settled.is_err(), "{kind:?}");
        assert_eq!(open.status(lease.task_id), TaskStatus::Started);
    }
    assert!(results(&open, TaskKind::Monitoring, 9).is_empty());
    assert!(ok(open.store.decisions(9)).is_empty());
    assert_eq!(ok(open.store.models(9))[0].status, ModelStatus::Challenger);
    // Nor is an alarm what a training says of its model, or a report what it leaves.
    let training = leased(&open, TaskKind::Training);
    let trained = |kind| Outcome::Trained {
        model: model("n"),
        decision: decision(kind),
    };
    for outcome in [
        trained(DecisionKind::Alarm),
        trained(DecisionKind::Recover),
        watched("{}", None),
    ] {
        let lease = training.reference();
        assert!(open.store.settle(&[Settlement { lease, outcome }]).is_err());
    }
    assert_eq!(ok(open.store.models(9)).len(), 1);
}

pub(super) fn the_newest_decision_of_some_kinds_is_found(bench: &Bench) {
    let open = bench.open();
    let id = ok(open.store.insert_model(&model("m")));
    let newest = |kinds: &[DecisionKind]| {
        let row = ok(open.store.newest_decision(kinds));
        row.map(|row| (row.decision_id, row.decision.kind))
    };
    use DecisionKind::{Alarm, Promote, Recover, Wait};
    assert_eq!(newest(&[Alarm, Recover]), None);
    for kind in [Alarm, Recover, Promote, Alarm, Promote] {
        assert!(ok(open.store.decide(id, &decision(kind))));
    }
    let all = ok(open.store.decisions(9));
    let number = |place: usize| all[place].decision_id;
    assert_eq!(newest(&[Alarm, Recover]), Some((number(1), Alarm)));
    assert_eq!(newest(&[Recover]), Some((number(3), Recover)));
    assert_eq!(newest(&DecisionKind::ALL), Some((number(0), Promote)));
    assert_eq!((newest(&[Wait]), newest(&[])), (None, None));
}
