//! The servers that the tests rest on.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::{Amqp, RabbitMq, RabbitMqOptions, Redis, RedisOptions, Space, resp};

#[test]
fn a_redis_keeps_what_it_was_asked_to_keep() {
    for durable in [false, true] {
        let mut redis = Redis::start_with(RedisOptions {
            durable,
            tls: false,
        });
        let url = redis.url();
        assert_eq!(resp::ask(&url, &["SET", "a", "1"]).unwrap(), "+OK");
        redis.kill();
        assert!(resp::ask(&url, &["PING"]).is_err());
        redis.start_again();
        let found = resp::ask(&url, &["EXISTS", "a"]).unwrap();
        assert_eq!(found, format!(":{}", u8::from(durable)));
        let directory = redis.directory().to_owned();
        drop(redis);
        assert!(!directory.exists());
        assert!(resp::ask(&url, &["PING"]).is_err());
    }
}

/// What a server says to some bytes over TLS.
fn over_tls(url: &str, authority: &Path, greeting: &[u8]) -> Vec<u8> {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_file(authority).unwrap();
    roots.add(certificate).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let client = ClientConnection::new(Arc::new(config), name).unwrap();
    let place = url.rsplit(['@', '/']).find(|part| part.contains(':'));
    let mut stream = StreamOwned::new(client, TcpStream::connect(place.unwrap()).unwrap());
    stream.write_all(greeting).unwrap();
    let mut said = [0; 5];
    stream.read_exact(&mut said).unwrap();
    said.to_vec()
}

#[test]
fn a_redis_speaks_tls() {
    let redis = Redis::start_with(RedisOptions {
        durable: false,
        tls: true,
    });
    let authority = redis.directory().join("ca.pem");
    let said = over_tls(&redis.tls_url(), &authority, b"PING\r\n");
    assert_eq!(said, b"+PONG");
}

#[test]
#[ignore = "takes half a minute: a RabbitMQ of its own, started twice"]
fn a_rabbitmq_speaks_tls_and_starts_again() {
    let mut broker = RabbitMq::start_with(RabbitMqOptions { tls: true });
    let authority = broker.directory().join("ca.pem");
    let said = over_tls(&broker.tls_url(), &authority, b"AMQP\0\0\x09\x01");
    assert_eq!(said[..3], [1, 0, 0], "a method on channel 0");
    let url = broker.url();
    broker.kill();
    assert!(Amqp::connect(&url).is_err());
    broker.start_again();
    assert_eq!(broker.counts("nobody-made-it"), None);
    assert!(Amqp::connect(&url).is_ok());
    let directory = broker.directory().to_owned();
    broker.stop();
    drop(broker);
    assert!(!directory.exists());
}

#[test]
fn a_space_cleans_up() {
    let space = Space::shared();
    assert!(space.counts().is_err(), "nobody made the queue");
    let key = format!("celery-task-meta-{}", space.queue());
    space.owns(space.queue());
    let redis = space.redis().to_owned();
    resp::ask(&redis, &["SET", &key, "1"]).unwrap();
    drop(space);
    assert_eq!(resp::ask(&redis, &["EXISTS", &key]).unwrap(), ":0");
}

#[test]
fn a_refused_connection_says_why() {
    let space = Space::shared();
    let wrong = space.amqp().replacen("guest:guest", "guest:wrong", 1);
    assert!(wrong != space.amqp(), "the tests' broker has another user");
    assert!(Amqp::connect(&wrong).is_err());
}
