//! Messages with a time.

use std::time::{Duration, Instant};

use mlp_store::{Outcome, TaskStatus};
use serde_json::json;

use super::python::{Call, call, time};
use super::{Rig, check_nothing_comes, ranked, settle, take_one};

fn from(rig: &Rig) -> Call {
    let call = call(json!([{ "nickname": "Ann", "shelves": [] }]));
    rig.space.owns(&call.id);
    call
}

#[test]
fn a_message_waits_for_its_time() {
    let rig = Rig::new();
    let worker = rig.worker();
    let begun = Instant::now();
    let later = Call {
        eta: time(600),
        ..from(&rig)
    };
    let now = from(&rig);
    rig.python.publish(&[&later, &now]);
    assert_eq!(take_one(&worker).task_id.to_string(), now.id);
    let lease = take_one(&worker);
    let waited = begun.elapsed() + Duration::from_millis(20);
    assert!(waited >= Duration::from_millis(600), "{waited:?}");
    assert_eq!(lease.task_id.to_string(), later.id);
}

#[test]
fn a_message_that_comes_too_late_is_revoked() {
    let rig = Rig::new();
    let worker = rig.worker();
    let late = Call {
        expires: time(-1000),
        ..from(&rig)
    };
    let in_time = Call {
        expires: time(60_000),
        ..from(&rig)
    };
    rig.python.publish(&[&late, &in_time]);
    let lease = take_one(&worker);
    assert_eq!(lease.task_id.to_string(), in_time.id);
    settle(&worker, &lease, ranked());
    let record = rig.python.wait_for(&late.id);
    assert_eq!(record["status"], "REVOKED");
    assert_eq!(record["result"]["exc_type"], "TaskRevokedError");
    rig.python.wait_for(&in_time.id);
    rig.check_done(worker);
}

#[test]
fn a_retry_is_told_and_then_its_end() {
    let rig = Rig::new();
    let worker = rig.worker();
    let sent = from(&rig);
    rig.python.publish(&[&sent]);
    let lease = take_one(&worker);
    let (error, after) = ("away".to_owned(), Duration::from_millis(300));
    settle(&worker, &lease, Outcome::Retry { error, after });
    super::wait_until("the retry is told", || {
        (rig.python.record(&sent.id)).is_some_and(|record| record["status"] == "RETRY")
    });
    let again = take_one(&worker);
    assert_eq!((again.task_id, again.attempt), (lease.task_id, 2));
    settle(&worker, &again, ranked());
    assert_eq!(rig.python.wait_for(&sent.id)["status"], "SUCCESS");
    assert_eq!(rig.view(lease.task_id).unwrap().status, TaskStatus::Success);
    rig.check_done(worker);
}

#[test]
fn what_waits_for_its_time_takes_no_place_of_what_is_due() {
    let rig = Rig::new();
    let worker = rig.join(rig.settings().prefetch(4), true);
    let later: Vec<Call> = (0..300)
        .map(|_| Call {
            eta: time(3_600_000),
            ..from(&rig)
        })
        .collect();
    let due = from(&rig);
    let mut sent: Vec<&Call> = later.iter().collect();
    sent.push(&due);
    rig.python.publish(&sent);
    assert_eq!(take_one(&worker).task_id.to_string(), due.id);
    check_nothing_comes(&worker);
    drop(worker);
    assert_eq!(rig.waiting(), 301, "nothing was done");
}
