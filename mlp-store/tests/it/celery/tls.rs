//! Broker and results over TLS.

use std::time::Duration;

use mlp_store::Transport;
use mlp_store::celery::CelerySettings;
use mlp_store::conformance::services::{
    Authority, RabbitMq, RabbitMqOptions, Redis, RedisOptions, Space,
};
use serde_json::json;

use super::python::{Python, call};
use super::{Rig, ranked, settle, take_one};

#[test]
#[ignore = "it starts a RabbitMQ, for 10 s: scripts/verify.sh runs it"]
fn who_names_the_authority_is_served_and_nobody_else() {
    let rabbitmq = RabbitMq::start_with(RabbitMqOptions { tls: true });
    let redis = Redis::start_with(RedisOptions {
        durable: false,
        tls: true,
    });
    let rig = Rig::new();
    let space = Space::on(&rabbitmq, &redis);
    let ca =
        |directory: &std::path::Path| std::fs::read_to_string(directory.join("ca.pem")).unwrap();
    let both = ca(rabbitmq.directory()) + &ca(redis.directory());
    let settings = |ca: Option<String>| {
        CelerySettings::new(&rabbitmq.tls_url(), &redis.tls_url(), space.queue(), ca).unwrap()
    };
    let worker = rig.join(settings(Some(both)), true);
    let (python, sent) = (
        Python::new(&space),
        call(json!([{ "nickname": "A", "shelves": [] }])),
    );
    python.publish(&[&sent]);
    settle(&worker, &take_one(&worker), ranked());
    assert_eq!(python.wait_for(&sent.id)["status"], "SUCCESS");
    let status = worker.status().unwrap();
    assert!(status.broker && status.results, "{status:?}");
    for wrong in [Some(Authority::new("another").pem()), None] {
        let stranger = rig.begin(settings(wrong), true);
        std::thread::sleep(Duration::from_millis(1500));
        let status = stranger.status().unwrap();
        assert!(!status.broker && !status.results, "{status:?}");
    }
}
