//! Tasks that another program does.

use std::sync::Arc;
use std::time::Duration;

use mlp_store::celery::CeleryTransport;
use mlp_store::conformance::sample_row;
use mlp_store::conformance::services::Redis;
use mlp_store::postgres::PostgresStore;
use mlp_store::{
    Announcing, Content, NewSession, SessionOp, Sessions, TaskId, TaskStatus, Transport,
};
use serde_json::{Value as Json, json};

use super::{QUIET, Rig, wait_until};

/// What was started, and the publisher that waits for its result.
struct Started {
    rig: Rig,
    id: TaskId,
    publisher: Arc<CeleryTransport>,
}

fn start() -> Started {
    start_on(Rig::new(), Duration::from_millis(400))
}

/// With the time after which what nobody takes is sent again.
fn start_on(rig: Rig, resend: Duration) -> Started {
    let publisher = rig.join(rig.settings().resend_after(resend), false);
    let id = TaskId::new_v7();
    rig.space.owns(id);
    let store = Arc::<PostgresStore>::clone(&rig.store);
    let transport = Arc::<CeleryTransport>::clone(&publisher);
    let session = NewSession {
        task_id: id,
        user: sample_row(&rig.schema.user, 1),
        candidates: None,
        idempotency: None,
        priority: Default::default(),
    };
    let sessions = Announcing::new(store, transport);
    sessions.apply(&[SessionOp::Start(session)]).unwrap();
    wait_until("it is published", || {
        publisher.status().unwrap().published == 1
    });
    Started { rig, id, publisher }
}

impl Started {
    fn say(&self, status: &str, result: Json) {
        self.rig.python.say(self.id, status, result);
    }

    #[track_caller]
    fn wait_for(&self, status: TaskStatus) {
        wait_until("the record is kept", || {
            self.rig.view(self.id).unwrap().status == status
        });
    }

    fn error(&self) -> String {
        self.wait_for(TaskStatus::Failure);
        self.rig.view(self.id).unwrap().error.unwrap()
    }
}

#[test]
fn a_result_of_python_ends_the_task() {
    let started = start();
    started.say("STARTED", json!({ "pid": 1, "hostname": "celery@python" }));
    std::thread::sleep(QUIET);
    let view = started.rig.view(started.id).unwrap();
    assert_eq!(view.status, TaskStatus::Pending);
    // The item 99 is not known, and an item counts once.
    let result = json!([[1, 0.5], [99, 0.9], [3, 0.75], [1, 0.1]]);
    started.say("SUCCESS", result);
    started.wait_for(TaskStatus::Success);
    let rows = started.rig.store.results(started.id).unwrap().unwrap();
    let rows: Vec<_> = rows.iter().map(|row| (row.item_id, row.score)).collect();
    assert_eq!(rows, [(3, 0.75), (1, 0.5)]);
    wait_until("it is counted", || {
        started.publisher.status().unwrap().collected == 1
    });
}

#[test]
fn a_wrong_result_is_a_failure_that_says_why() {
    for (result, said) in [
        (json!(null), "it is no list"),
        (json!([[1, "high"]]), r#"at 0 it has [1,"high"]"#),
        (
            json!([[98, 0.5], [99, 0.9]]),
            "none of the 2 items of the result is known, the first is `98`",
        ),
    ] {
        let started = start();
        started.say("SUCCESS", result);
        let error = started.error();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn a_failure_of_python_is_kept_with_its_reason() {
    let started = start();
    let result = json!({
        "exc_type": "KeyError", "exc_message": ["budget"], "exc_module": "builtins",
    });
    started.say("FAILURE", result);
    assert_eq!(started.error(), "KeyError: budget");
}

#[test]
fn what_python_revoked_is_revoked() {
    let started = start();
    started.say("REVOKED", json!({ "exc_type": "TaskRevokedError" }));
    assert_eq!(started.error(), "revoked");
}

#[test]
fn a_retry_of_python_is_waited_for() {
    let started = start();
    let result = json!({ "exc_type": "OSError", "exc_message": ["away"] });
    started.say("RETRY", result);
    started.wait_for(TaskStatus::Retry);
    let view = started.rig.view(started.id).unwrap();
    assert_eq!(view.error.as_deref(), Some("OSError: away"));
    started.say("SUCCESS", json!([[2, 0.5]]));
    started.wait_for(TaskStatus::Success);
}

/// It stays for who can, and is told of again.
fn ends_nothing(result: serde_json::Value) {
    let started = start();
    started.rig.space.purge().unwrap();
    started.say("FAILURE", result);
    wait_until("it is sent again", || {
        started.publisher.status().unwrap().resent > 0
    });
    let view = started.rig.view(started.id).unwrap();
    assert_eq!((view.status, view.attempts), (TaskStatus::Pending, 0));
    let worker = started.rig.worker();
    assert_eq!(super::take_one(&worker).task_id, started.id);
}

#[test]
fn a_worker_without_the_task_ends_nothing() {
    ends_nothing(json!({ "exc_type": "NotRegistered", "exc_message": ["mlp.inference"] }));
}

/// As Celery says it once Redis is back.
#[test]
fn a_worker_that_could_not_keep_its_result_ends_nothing() {
    ends_nothing(json!({
        "exc_type": "ConnectionError",
        "exc_message": ["Error 111 connecting to 127.0.0.1:6379. Connection refused."],
        "exc_module": "redis.exceptions",
    }));
}

/// Also who has nothing to write or to look for.
#[test]
fn redis_is_seen_to_go_and_to_come_back() {
    let rig = Rig::new();
    let mut redis = Redis::start();
    let settings = rig.settings_with(&redis.url());
    let both = [false, true].map(|works| rig.join(settings.clone(), works));
    let all_say = |connected: bool| {
        wait_until(&format!("results: {connected}"), || {
            (both.iter()).all(|transport| transport.status().unwrap().results == connected)
        });
    };
    all_say(true);
    redis.kill();
    all_say(false);
    redis.start_again();
    all_say(true);
}

/// As by a worker that is slow, or has it in its prefetch, and says nothing of it.
#[test]
fn what_a_worker_holds_is_not_sent_again_so_soon() {
    let rig = Rig::new();
    let silent = rig.worker();
    let resend = Duration::from_secs(1);
    let started = start_on(rig, resend);
    wait_until("it is held", || silent.status().unwrap().received == 1);
    std::thread::sleep(resend * 5 / 2);
    assert_eq!(started.publisher.status().unwrap().resent, 0);
    // When it goes, the broker has the message again, and nobody who listens.
    drop(silent);
    wait_until("the message is back", || started.rig.waiting() == 1);
    started.rig.space.purge().unwrap();
    wait_until("it is sent again", || {
        started.publisher.status().unwrap().resent == 1
    });
}
