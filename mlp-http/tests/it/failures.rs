//! A store that fails.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use mlp_http::Options;
use mlp_store::{Result, SessionOp, SessionReply, Sessions, Store, StoreError, TaskId, TaskView};

use crate::support::{Domain, Server, Setup};

/// What a planted fault does to a batch before the store sees it.
type Plan = Box<dyn Fn(&[SessionOp]) -> Result<()> + Send + Sync>;

struct Planted {
    store: Arc<dyn Store>,
    plan: Plan,
}

impl Sessions for Planted {
    fn apply(&self, ops: &[SessionOp]) -> Result<Vec<SessionReply>> {
        (self.plan)(ops)?;
        self.store.apply(ops)
    }

    fn statuses(&self, ids: &[TaskId]) -> Result<Vec<Option<TaskView>>> {
        self.store.statuses(ids)
    }
}

fn planted(options: Options, plan: Plan) -> Server {
    let wrap = |store| Arc::new(Planted { store, plan }) as Arc<dyn Sessions>;
    let setup = Setup {
        options,
        wrap: Some(Box::new(wrap)),
        ..Setup::new(Domain::travel())
    };
    setup.start()
}

/// A door that holds a batch until it is opened.
#[derive(Default)]
struct Door {
    open: Mutex<bool>,
    opened: Condvar,
}

impl Door {
    fn pass(&self) {
        let open = self.open.lock().unwrap();
        drop(self.opened.wait_while(open, |open| !*open).unwrap());
    }

    fn open(&self) {
        *self.open.lock().unwrap() = true;
        self.opened.notify_all();
    }
}

#[test]
fn a_full_queue_is_told_at_once() {
    let door = Arc::new(Door::default());
    let options = Options {
        queue: 4,
        batch: 2,
        ..Options::default()
    };
    let behind = Arc::clone(&door);
    let server = planted(
        options,
        Box::new(move |_| {
            behind.pass();
            Ok(())
        }),
    );
    let body = server.domain.request(1).to_string();
    let head = format!(
        "POST /inference/start HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut clients: Vec<_> = (0..20).map(|_| server.client()).collect();
    for client in &mut clients {
        client.send(head.as_bytes()).unwrap();
        std::thread::sleep(Duration::from_millis(5));
    }
    // At most four wait and two are held; the others know at once.
    let started = Instant::now();
    let refused = clients.split_off(6);
    for mut client in refused {
        let reply = client.receive("POST").unwrap();
        reply.expect(503);
        assert_eq!(reply.header("retry-after"), Some("1"));
    }
    assert!(started.elapsed() < Duration::from_secs(2));
    // Others still answer.
    server.client().get("/healthz").expect(200);
    server.client().get("/content/info").expect(200);
    door.open();
    let mut accepted = 0;
    for client in &mut clients {
        accepted += usize::from(client.receive("POST").unwrap().status == 200);
    }
    assert!(accepted >= 5, "{accepted}");
}

#[test]
fn a_store_out_of_reach_is_busy_and_then_well() {
    let down = Arc::new(AtomicBool::new(true));
    let seen = Arc::clone(&down);
    let server = planted(
        Options::default(),
        Box::new(move |_| {
            if seen.load(Ordering::Relaxed) {
                let reason = "planted".to_owned();
                return Err(StoreError::Unavailable { reason });
            }
            Ok(())
        }),
    );
    let mut client = server.client();
    let body = server.domain.request(1);
    let reply = client.json("POST", "/inference/start", &body);
    reply.expect(503);
    assert_eq!(reply.header("retry-after"), Some("1"));
    down.store(false, Ordering::Relaxed);
    client.json("POST", "/inference/start", &body).expect(200);
}

/// The text of an op's name field, which marks the planted ones.
fn is_poisoned(op: &SessionOp) -> bool {
    format!("{op:?}").contains("poison")
}

fn burst(server: &Server) -> Vec<(bool, u16)> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..24)
            .map(|n| {
                scope.spawn(move || {
                    let mut body = server.domain.request(n);
                    let poisoned = n % 6 == 0;
                    if poisoned {
                        body["name"] = "poison".into();
                    }
                    let reply = server.client().json("POST", "/inference/start", &body);
                    if reply.status == 500 {
                        let detail = reply.json()["detail"].clone();
                        assert_eq!(detail, "Internal Server Error");
                    }
                    (poisoned, reply.status)
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    })
}

#[test]
fn one_bad_operation_does_not_fail_its_neighbours() {
    let largest = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&largest);
    let server = planted(
        Options::default(),
        Box::new(move |ops| {
            std::thread::sleep(Duration::from_millis(20));
            seen.fetch_max(ops.len() as u64, Ordering::Relaxed);
            if ops.iter().any(is_poisoned) {
                let place = "planted".to_owned();
                let reason = "planted".to_owned();
                return Err(StoreError::Corrupt { place, reason });
            }
            Ok(())
        }),
    );
    for (poisoned, status) in burst(&server) {
        assert_eq!(status, if poisoned { 500 } else { 200 });
    }
    assert!(largest.load(Ordering::Relaxed) > 1, "nothing was batched");
    let info = server.client().get("/content/info").expect(200);
    assert_eq!(info["users"], 20);
}

#[test]
fn a_store_that_panics_is_outlived() {
    let server = planted(
        Options::default(),
        Box::new(|ops| {
            assert!(!ops.iter().any(is_poisoned), "planted");
            Ok(())
        }),
    );
    for (poisoned, status) in burst(&server) {
        assert_eq!(status, if poisoned { 500 } else { 200 });
    }
    server
        .client()
        .json("POST", "/inference/start", &server.domain.request(1))
        .expect(200);
    let text = server.client().get("/metrics").text().to_owned();
    let line = "api_exception_total{method=\"POST\",path=\"/inference/start\",status_code=\"500\",app_name=\"mlp\"} 4";
    assert!(text.contains(line), "{text}");
}

#[test]
fn a_request_has_a_deadline() {
    let door = Arc::new(Door::default());
    let options = Options {
        request_deadline: Duration::from_millis(300),
        ..Options::default()
    };
    let behind = Arc::clone(&door);
    let server = planted(
        options,
        Box::new(move |_| {
            behind.pass();
            Ok(())
        }),
    );
    let started = Instant::now();
    let body = server.domain.request(1);
    server
        .client()
        .json("POST", "/inference/start", &body)
        .expect(504);
    assert!(started.elapsed() < Duration::from_secs(3));
    door.open();
    server
        .client()
        .json("POST", "/inference/start", &body)
        .expect(200);
    let text = server.client().get("/metrics").text().to_owned();
    for line in [
        "mlp_failures_total{reason=\"deadline\"} 1\n",
        "api_exception_total{method=\"POST\",path=\"/inference/start\",status_code=\"504\",app_name=\"mlp\"} 1\n",
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
}

#[test]
fn too_many_tasks_are_refused() {
    let setup = Setup {
        worker: false,
        store: mlp_store::StoreOptions::new().max_pending(2),
        ..Setup::new(Domain::travel())
    };
    let server = setup.start();
    let mut client = server.client();
    let body = server.domain.request(1);
    client.json("POST", "/inference/start", &body).expect(200);
    client.json("POST", "/inference/start", &body).expect(200);
    let reply = client.json("POST", "/inference/start", &body);
    reply.expect(503);
    assert_eq!(reply.header("retry-after"), Some("1"));
}
