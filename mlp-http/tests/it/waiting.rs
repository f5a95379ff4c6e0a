//! Long-polls.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use mlp_store::{ClaimOptions, Outcome, Settlement, TaskKind};

use crate::support::{Domain, Server, Setup};

fn without_worker() -> Server {
    let setup = Setup {
        worker: false,
        ..Setup::new(Domain::travel())
    };
    setup.start()
}

fn start(server: &Server) -> String {
    let body = server.domain.request(1);
    let task = server
        .client()
        .json("POST", "/inference/start", &body)
        .expect(200);
    task["task_id"].as_str().unwrap().to_owned()
}

/// Ranks all that waits with nothing.
fn settle(server: &Server) {
    let options = ClaimOptions {
        kind: TaskKind::Inference,
        max: 10_000,
        lease: Duration::from_secs(30),
    };
    let leases = server.store.claim(&options).unwrap();
    let serving = server.live.current();
    let settlements: Vec<Settlement> = leases
        .iter()
        .map(|lease| {
            let mlp_store::Work::Inference { user, .. } = &lease.work else {
                panic!("no inference");
            };
            let ranking = serving.rank(&lease.task_id, user, None, &mut Default::default());
            Settlement {
                lease: lease.reference(),
                outcome: Outcome::Ranked(ranking),
            }
        })
        .collect();
    server.store.settle(&settlements).unwrap();
}

#[test]
fn the_answer_comes_with_the_end() {
    let server = without_worker();
    let task = start(&server);
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            let reply = server
                .client()
                .get(&format!("/inference/status/{task}?wait=20"));
            (reply.expect(200), Instant::now())
        });
        std::thread::sleep(Duration::from_millis(300));
        let settled = Instant::now();
        settle(&server);
        let (status, answered) = waiter.join().unwrap();
        assert_eq!(status["status"], "SUCCESS");
        let late = answered.duration_since(settled);
        assert!(late < Duration::from_millis(900), "{late:?}");
    });
}

#[test]
fn time_runs_out() {
    let server = without_worker();
    let task = start(&server);
    let started = Instant::now();
    let reply = server
        .client()
        .get(&format!("/inference/status/{task}?wait=0.3"));
    assert_eq!(reply.expect(200)["status"], "PENDING");
    let took = started.elapsed();
    assert!(
        took >= Duration::from_millis(300) && took < Duration::from_secs(3),
        "{took:?}"
    );
}

#[test]
fn a_final_task_is_answered_at_once() {
    let server = Setup::new(Domain::reading()).start();
    let task = server.inference(1);
    let started = Instant::now();
    server
        .client()
        .get(&format!("/inference/status/{task}?wait=30"))
        .expect(200);
    assert!(started.elapsed() < Duration::from_secs(5));
    let started = Instant::now();
    server
        .client()
        .get("/inference/status/0198c1f2-7a3b-7c4d-8e5f-60718293a4b5?wait=30")
        .expect(404);
    assert!(started.elapsed() < Duration::from_secs(5));
}

fn waiters(server: &Server) -> i64 {
    let text = server.client().get("/metrics").text().to_owned();
    let line = text
        .lines()
        .find(|l| l.starts_with("mlp_waiters "))
        .unwrap();
    line.split(' ').nth(1).unwrap().parse().unwrap()
}

/// Waits until so many wait.
#[track_caller]
fn until_waiters(server: &Server, expected: i64) {
    for _ in 0..300 {
        if waiters(server) == expected {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(waiters(server), expected);
}

#[test]
fn who_goes_away_is_forgotten() {
    let server = without_worker();
    let task = start(&server);
    let mut clients: Vec<_> = (0..100).map(|_| server.client()).collect();
    for client in &mut clients {
        let head = format!("GET /inference/status/{task}?wait=30 HTTP/1.1\r\nhost: x\r\n\r\n");
        client.send(head.as_bytes()).unwrap();
    }
    until_waiters(&server, 100);
    clients.truncate(60);
    until_waiters(&server, 60);
    settle(&server);
    for client in &mut clients {
        let reply = client.receive("GET").unwrap();
        assert_eq!(reply.expect(200)["status"], "SUCCESS");
    }
    assert_eq!(waiters(&server), 0);
}

#[test]
fn a_thousand_wait_at_once() {
    let server = without_worker();
    let tasks: Vec<String> = (0..20).map(|_| start(&server)).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    // Without connections, which would need two thousand files.
    let requests: Vec<_> = (0..1000)
        .map(|position| {
            let path = format!("/inference/status/{}?wait=30", tasks[position % 20]);
            let app = server.app.clone();
            let request = Request::get(path).body(Full::new(Bytes::new())).unwrap();
            runtime.spawn(async move { app.handle(request).await.into_body().collect().await })
        })
        .collect();
    until_waiters(&server, 1000);
    let settled = Instant::now();
    settle(&server);
    for request in requests {
        let body = runtime.block_on(request).unwrap().unwrap().to_bytes();
        assert!(body.windows(9).any(|w| w == b"\"SUCCESS\""), "{body:?}");
    }
    let took = settled.elapsed();
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert_eq!(waiters(&server), 0);
}
