//! What `/metrics` tells, and at what cost.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mlp_http::Options;
use mlp_store::{
    Announcement, ClaimOptions, Lease, Settled, Settlement, StoreOptions, Transport,
    TransportStatus,
};

use crate::support::{Domain, Server, Setup};

const OPEN: &str = "application/openmetrics-text;version=1.0.0";

fn scrape(server: &Server) -> String {
    server.client().get("/metrics").text().to_owned()
}

/// The value of the series that the text begins with.
#[track_caller]
fn value(text: &str, series: &str) -> f64 {
    let line = text.lines().find(|l| l.starts_with(series));
    let Some(line) = line else {
        panic!("{series} is not in {text}");
    };
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn metrics_have_the_names_that_dashboards_use() {
    let server = Setup::new(Domain::travel()).start();
    let mut client = server.client();
    let task = server.inference(1);
    client
        .get(&format!("/inference/results/{task}"))
        .expect(200);
    client.get("/nothing-here?with=a-query").expect(404);
    client
        .request("BREW", "/inference/start", &[], None)
        .expect(405);
    let text = scrape(&server);
    for line in [
        "# TYPE api_request_total counter\n",
        "# TYPE api_processing_time histogram\n",
        "api_request_total{method=\"POST\",path=\"/inference/start\",status_code=\"200\",app_name=\"mlp\"} 1\n",
        "api_exception_total{method=\"POST\",path=\"/inference/start\",status_code=\"200\",app_name=\"mlp\"} 0\n",
        "api_processing_time_count{method=\"GET\",path=\"/inference/results\",status_code=\"200\",app_name=\"mlp\"} 1\n",
        "api_request_total{method=\"GET\",path=\"unknown\",status_code=\"404\",app_name=\"mlp\"} 1\n",
        "api_request_total{method=\"OTHER\",path=\"/inference/start\",status_code=\"405\",app_name=\"mlp\"} 1\n",
        "api_active_inferences 0\n",
        "mlp_stage_seconds_count{stage=\"commit\"}",
        "mlp_stage_seconds_count{stage=\"queue_wait\"}",
        "mlp_batch_size_count{kind=\"write\"}",
        "mlp_queue_waiting{kind=\"inference\"} 0\n",
        "mlp_store_up 1\n",
        "mlp_catalog_items 30\n",
        "mlp_build_info{version=\"",
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
    // The bounds of Python's client, by which dashboards may ask.
    for bound in [
        "0.005", "0.01", "0.025", "0.05", "0.075", "0.1", "0.25", "0.5", "0.75", "1.0", "2.5",
        "5.0", "7.5", "10.0", "+Inf",
    ] {
        let start = format!("api_processing_time_bucket{{le=\"{bound}\",method=");
        assert!(text.contains(&start), "{start} is not in {text}");
    }
    assert!(!text.contains(&task) && !text.contains("a-query"));
}

#[test]
fn scrapers_get_the_format_that_they_ask_for() {
    let server = Setup::new(Domain::travel()).start();
    let mut client = server.client();
    // A family without a series is not described.
    client.get("/healthz").expect(200);
    let open = client.request("GET", "/metrics", &[("accept", OPEN)], None);
    let plain = client.get("/metrics");
    for (reply, media_type) in [
        (
            &open,
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
        ),
        (&plain, "text/plain; version=0.0.4; charset=utf-8"),
    ] {
        assert_eq!(reply.header("content-type"), Some(media_type));
        assert_eq!(reply.header("vary"), Some("accept"));
    }
    let open = open.text();
    assert!(open.ends_with("# EOF\n") && open.matches("# EOF").count() == 1);
    assert!(open.contains("# TYPE api_request counter\n"), "{open}");
    assert!(open.contains("# UNIT mlp_stage_seconds seconds\n"));
    assert!(!open.contains("_total_total"));
    let plain = plain.text();
    assert!(!plain.contains("# EOF") && !plain.contains("# UNIT"));
    // Every family is described once, before its samples.
    for text in [open, plain] {
        let types = text.lines().filter(|l| l.starts_with("# TYPE "));
        let names: Vec<&str> = types.map(|l| l.split(' ').nth(2).unwrap()).collect();
        let distinct: BTreeSet<&str> = names.iter().copied().collect();
        assert_eq!(distinct.len(), names.len());
        assert_eq!(text.matches("# HELP ").count(), names.len());
    }
}

#[test]
fn active_inferences_are_those_of_the_store() {
    let setup = Setup {
        worker: false,
        ..Setup::new(Domain::travel())
    };
    let server = setup.start();
    let mut client = server.client();
    for seed in 0..3 {
        client
            .json("POST", "/inference/start", &server.domain.request(seed))
            .expect(200);
    }
    assert_eq!(value(&scrape(&server), "api_active_inferences "), 3.0);
}

#[test]
fn many_scrapes_ask_the_store_once() {
    let server = Setup::new(Domain::travel()).start();
    let reads = "mlp_stage_seconds_count{stage=\"read\"} ";
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut client = server.client();
                for _ in 0..25 {
                    assert_eq!(client.get("/metrics").status, 200);
                }
            });
        }
    });
    // 200 scrapes in much less than a second; more where the machine is busy, but never one each.
    let asked = value(&scrape(&server), reads);
    assert!((1.0..20.0).contains(&asked), "{asked}");
}

/// Series, without the lines that describe them and without those of histograms' buckets.
fn series(text: &str) -> BTreeSet<&str> {
    let samples = text.lines().filter(|l| !l.starts_with('#'));
    let samples = samples.filter(|l| !l.contains("_bucket{"));
    samples.map(|l| l.rsplit_once(' ').unwrap().0).collect()
}

#[test]
fn no_client_makes_series_as_it_likes() {
    let server = Setup::new(Domain::travel()).start();
    let odd = |n: usize| {
        let method = ["GET", "get", "BREW", "X-LONG", "PROPFIND", "POST"][n % 6];
        let path = match n % 5 {
            0 => format!("/hostile{n}"),
            1 => format!("/inference/status/hostile{n}"),
            2 => format!("/inference/hostile{n}/x"),
            3 => format!("/content/hostile{n}?hostile={n}"),
            _ => format!("/%68ostile{n}/../metrics"),
        };
        (method.to_owned() + &"Y".repeat(n % 3), path)
    };
    let ask = |from: usize, to: usize| {
        let mut client = server.client();
        for n in from..to {
            let (method, path) = odd(n);
            let reply = client.request(&method, &path, &[("host", "hostile")], None);
            assert!(reply.status < 500, "{method} {path}: {}", reply.status);
        }
    };
    ask(0, 180);
    let before = scrape(&server);
    ask(180, 720);
    let after = scrape(&server);
    // Only that of the first scrape, which tells nothing of itself yet, is new.
    let new: Vec<_> = series(&after)
        .difference(&series(&before))
        .copied()
        .collect();
    assert!(new.iter().all(|s| s.contains("/metrics")), "{new:?}");
    assert!(!after.contains("hostile") && !after.contains("BREW"));
    assert!(after.len() < before.len() + 10_000);
}

#[test]
fn failures_are_counted_by_their_reason() {
    let setup = Setup {
        worker: false,
        store: StoreOptions::new().max_pending(1),
        ..Setup::new(Domain::travel())
    };
    let server = setup.start();
    let mut client = server.client();
    for (seed, status) in [(1, 200), (2, 503), (3, 503)] {
        let body = server.domain.request(seed);
        client
            .json("POST", "/inference/start", &body)
            .expect(status);
    }
    let text = scrape(&server);
    assert_eq!(
        value(&text, "mlp_failures_total{reason=\"tasks_full\"}"),
        2.0
    );
    // Every other is there already, so that its first event is a rise.
    assert_eq!(value(&text, "mlp_failures_total{reason=\"internal\"}"), 0.0);
    assert_eq!(text.matches("mlp_failures_total{").count(), 8);
    let exceptions =
        "api_exception_total{method=\"POST\",path=\"/inference/start\",status_code=\"503\"";
    assert_eq!(value(&text, exceptions), 2.0);
}

#[test]
fn who_does_not_wait_for_the_answer_is_counted() {
    let setup = Setup {
        worker: false,
        ..Setup::new(Domain::travel())
    };
    let server = setup.start();
    let mut client = server.client();
    let body = server.domain.request(1);
    let task = client.json("POST", "/inference/start", &body).expect(200);
    let path = format!(
        "/inference/status/{}?wait=20",
        task["task_id"].as_str().unwrap()
    );
    let mut leaving = server.client();
    let head = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
    leaving.send(head.as_bytes()).unwrap();
    let until = |series: &str, wanted: f64| {
        for _ in 0..300 {
            if value(&scrape(&server), series) == wanted {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("{series} is never {wanted}");
    };
    until("mlp_waiters ", 1.0);
    drop(leaving);
    until("mlp_abandoned_total ", 1.0);
    until("mlp_waiters ", 0.0);
}

#[test]
fn inferences_that_nobody_took_are_counted() {
    let setup = Setup {
        worker: false,
        store: StoreOptions::new().abandon_after(Duration::from_millis(1)),
        options: Options {
            sweep: Duration::from_millis(50),
            ..Options::default()
        },
        ..Setup::new(Domain::travel())
    };
    let server = setup.start();
    let body = server.domain.request(1);
    let mut client = server.client();
    let task = client.json("POST", "/inference/start", &body).expect(200);
    let path = format!(
        "/inference/status/{}?wait=20",
        task["task_id"].as_str().unwrap()
    );
    client.get(&path).expect(500);
    let text = scrape(&server);
    assert_eq!(
        value(&text, "mlp_failures_total{reason=\"task_failed\"}"),
        1.0
    );
    // Who waits may hear of it before it is counted.
    let is_counted = || value(&scrape(&server), "mlp_swept_total ") == 1.0;
    let counted = (0..300).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        is_counted()
    });
    assert!(counted, "{}", scrape(&server));
}

/// A transport that counts what it is told of, and says what it is told to say.
#[derive(Default)]
struct Told(Mutex<Option<TransportStatus>>);

impl Transport for Told {
    fn announce(&self, tasks: &[Announcement<'_>]) {
        if let Some(status) = self.0.lock().unwrap().as_mut() {
            status.published += tasks.len() as u64;
        }
    }

    fn take(&self, _: &ClaimOptions, _: Duration) -> mlp_store::Result<Vec<Lease>> {
        unreachable!("no worker is here")
    }

    fn settle(&self, _: &[Settlement]) -> mlp_store::Result<Vec<Settled>> {
        unreachable!("no worker is here")
    }

    fn status(&self) -> Option<TransportStatus> {
        *self.0.lock().unwrap()
    }
}

#[test]
fn a_transport_is_told_of_inferences_and_tells_what_it_does() {
    let transport = Arc::new(Told::default());
    let told: Arc<dyn Transport> = Arc::<Told>::clone(&transport);
    let setup = Setup {
        worker: false,
        transport: Some(told),
        ..Setup::new(Domain::travel())
    };
    let server = setup.start();
    let say = |status| *transport.0.lock().unwrap() = status;
    // It has nothing to connect to.
    assert!(!scrape(&server).contains("mlp_transport"));
    say(Some(TransportStatus {
        broker: true,
        results: false,
        published: 0,
        postponed: 2,
        resent: 3,
        received: 4,
        mirrored: 5,
        unmirrored: 6,
        collected: 7,
    }));
    let body = server.domain.request(1);
    let mut client = server.client();
    let start = client.json("POST", "/inference/start", &body);
    assert_eq!(start.status, 200);
    let rank = client.json("POST", "/inference/rank", &body);
    assert_eq!(rank.status, 200);
    let text = scrape(&server);
    let ours = text.lines().filter(|l| l.starts_with("mlp_transport_"));
    // The one that was started; what was ranked at once has no task.
    let wanted = [
        "mlp_transport_connected{to=\"broker\"} 1",
        "mlp_transport_connected{to=\"results\"} 0",
        "mlp_transport_published_total 1",
        "mlp_transport_postponed_total 2",
        "mlp_transport_resent_total 3",
        "mlp_transport_received_total 4",
        "mlp_transport_mirrored_total 5",
        "mlp_transport_unmirrored_total 6",
        "mlp_transport_collected_total 7",
    ];
    assert_eq!(ours.collect::<Vec<_>>(), wanted);
    assert!(text.contains("# TYPE mlp_transport_published_total counter\n"));
    say(Some(TransportStatus {
        results: true,
        ..TransportStatus::default()
    }));
    let text = scrape(&server);
    assert_eq!(value(&text, "mlp_transport_connected{to=\"broker\"}"), 0.0);
    assert_eq!(value(&text, "mlp_transport_connected{to=\"results\"}"), 1.0);
}
