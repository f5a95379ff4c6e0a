//! Tasks that another program publishes.

use mlp_store::{Content, Outcome, Settled, TaskKind, TaskStatus, Work};
use serde_json::{Value as Json, json};

use super::python::{Call, call};
use super::{Rig, check_nothing_comes, ranked, settle, take, take_one, wait_until};

/// A reader's fields.
fn reader() -> Json {
    json!({ "nickname": "Zoë 🙂", "genre": "poetry", "patience": 1.5, "shelves": [3, -1] })
}

fn from(rig: &Rig, args: Json) -> Call {
    let call = call(args);
    rig.space.owns(&call.id);
    call
}

#[test]
fn a_message_of_python_is_done_and_answered() {
    let rig = Rig::new();
    let worker = rig.worker();
    let embed = json!({ "callbacks": null, "errbacks": null, "chain": null, "chord": null });
    let sent = Call {
        body: json!([[reader()], { "candidates": [1, 3] }, embed])
            .to_string()
            .into_bytes(),
        ..from(&rig, json!([]))
    };
    rig.python.publish(&[&sent]);
    let lease = take_one(&worker);
    assert_eq!(lease.task_id.to_string(), sent.id);
    let user = rig.schema.user.row_from_json(&reader()).unwrap();
    let candidates = Some(vec![1, 3]);
    assert_eq!(lease.work, Work::Inference { user, candidates });
    settle(&worker, &lease, ranked());
    let record = rig.python.wait_for(&sent.id);
    assert_eq!(record["status"], "SUCCESS");
    assert_eq!(record["result"], json!([[3, 0.75], [1, 0.5]]));
    assert_eq!(record["task_id"], sent.id);
    assert!(rig.python.expires(&sent.id).as_secs() > 80_000);
    assert_eq!(rig.view(lease.task_id).unwrap().status, TaskStatus::Success);
    assert_eq!(rig.store.results(lease.task_id).unwrap().unwrap().len(), 2);
    rig.check_done(worker);
}

#[test]
fn a_message_is_not_done_with_before_its_record_is_written() {
    let rig = Rig::new();
    let mute = rig.join(rig.settings_with("redis://127.0.0.1:1/0"), true);
    let sent = from(&rig, json!([reader()]));
    rig.python.publish(&[&sent]);
    let lease = take_one(&mute);
    assert_eq!(
        settle(&mute, &lease, ranked()),
        Settled::Now(TaskStatus::Success, None)
    );
    check_nothing_comes(&mute);
    drop(mute);
    assert_eq!(rig.waiting(), 1, "it is the broker's again");
    assert_eq!(rig.python.record(&sent.id), None);
    let worker = rig.worker();
    check_nothing_comes(&worker);
    let record = rig.python.wait_for(&sent.id);
    assert_eq!(record["result"], json!([[3, 0.75], [1, 0.5]]));
    rig.check_done(worker);
}

#[test]
fn the_same_message_twice_is_one_session() {
    let rig = Rig::new();
    let worker = rig.worker();
    let named = Call {
        id: format!("nightly-{}", rig.space.queue()),
        ..call(json!([reader()]))
    };
    rig.space.owns(&named.id);
    rig.python.publish(&[&named, &named]);
    let lease = take_one(&worker);
    check_nothing_comes(&worker);
    settle(&worker, &lease, ranked());
    rig.python.publish(&[&named]);
    check_nothing_comes(&worker);
    assert_eq!(rig.python.wait_for(&named.id)["status"], "SUCCESS");
    assert_eq!(rig.store.counts().unwrap().users, 1);
    assert_eq!(rig.view(lease.task_id).unwrap().attempts, 1);
    // The second waits for the first's lease to be over, or has seen the end.
    drop(worker);
    let late = rig.worker();
    check_nothing_comes(&late);
    rig.check_done(late);
}

#[test]
fn what_cannot_be_done_is_answered_and_stops_nobody() {
    let rig = Rig::new();
    let worker = rig.worker();
    let with_body = |body: &[u8]| Call {
        body: body.to_vec(),
        ..from(&rig, json!([]))
    };
    let cases = [
        (with_body(b"[[{"), "ValueError", "EOF while parsing"),
        (
            with_body(br#"{"a": 1}"#),
            "ValueError",
            "[args, kwargs, embed]",
        ),
        (
            with_body(br#"[[1], {}, {"chain": [{"task": "x"}]}]"#),
            "NotImplementedError",
            "chains",
        ),
        (from(&rig, json!([])), "ValueError", "needs an argument"),
        (from(&rig, json!([{ "hours": 200 }])), "ValueError", "hours"),
        (from(&rig, json!([77])), "LookupError", "no user `77`"),
        (
            Call {
                task: "their.own",
                ..from(&rig, json!([1]))
            },
            "NotRegistered",
            "their.own",
        ),
    ];
    rig.python.publish_nonsense();
    rig.python.publish(&cases.each_ref().map(|(call, ..)| call));
    check_nothing_comes(&worker);
    for (call, kind, said) in &cases {
        let record = rig.python.wait_for(&call.id);
        assert_eq!(record["status"], "FAILURE", "{said}");
        assert_eq!(record["result"]["exc_type"], *kind);
        let message = record["result"]["exc_message"][0].as_str().unwrap();
        assert!(message.contains(said), "{message}");
        let traceback = record["traceback"].as_str().unwrap();
        assert!(traceback.contains(kind), "{traceback}");
    }
    let good = from(&rig, json!([reader()]));
    rig.python.publish(&[&good]);
    let lease = take_one(&worker);
    let error = "no model".to_owned();
    settle(&worker, &lease, Outcome::Failed { error });
    let record = rig.python.wait_for(&good.id);
    assert_eq!(record["result"]["exc_message"], json!(["no model"]));
    assert_eq!(rig.store.counts().unwrap().users, 1, "the good one's");
    rig.check_done(worker);
}

#[test]
fn a_users_number_is_an_argument_too() {
    let rig = Rig::new();
    let worker = rig.worker();
    let first = from(&rig, json!([reader()]));
    rig.python.publish(&[&first]);
    let lease = take_one(&worker);
    settle(&worker, &lease, ranked());
    let number = rig.store.users_page(0, 10).unwrap()[0].user_id;
    let old = Call {
        task: "mlprod.worker.tasks.inference.inference",
        ..from(&rig, json!([number]))
    };
    rig.python.publish(&[&old]);
    assert_eq!(take_one(&worker).work, lease.work);
}

#[test]
fn a_training_that_python_asks_for_is_one_of_the_store() {
    let rig = Rig::new();
    let worker = rig.worker();
    let ask = || Call {
        task: "mlp.training",
        ..from(&rig, json!([]))
    };
    let (first, second) = (ask(), ask());
    rig.python.publish(&[&first, &second]);
    let mut leases = Vec::new();
    wait_until("the training is there", || {
        check_nothing_comes(&worker);
        leases.extend(take(&worker, TaskKind::Training, super::QUIET));
        !leases.is_empty()
    });
    let error = "too few answers".to_owned();
    settle(&worker, &leases[0], Outcome::Failed { error });
    for call in [&first, &second] {
        wait_until("both know", || {
            check_nothing_comes(&worker);
            (rig.python.record(&call.id)).is_some_and(|record| !record["date_done"].is_null())
        });
        let record = rig.python.wait_for(&call.id);
        assert_eq!(record["result"]["exc_message"], json!(["too few answers"]));
    }
    assert_eq!(take(&worker, TaskKind::Training, super::QUIET), []);
    rig.check_done(worker);
}

#[test]
fn a_queue_that_is_there_is_used_as_it_is() {
    let mut rig = Rig::new();
    // Declared as a classic one, without priorities, this would be refused.
    rig.python.declare_with_priorities();
    let worker = rig.worker();
    let sent = from(&rig, json!([reader()]));
    rig.python.publish(&[&sent]);
    settle(&worker, &take_one(&worker), ranked());
    assert_eq!(rig.python.wait_for(&sent.id)["status"], "SUCCESS");
    rig.check_done(worker);
}
