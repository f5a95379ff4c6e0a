//! A server that takes the connection and says nothing.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::postgres::PostgresConfig;

#[test]
fn a_silent_server_does_not_hold_the_caller_for_ever() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let url = format!("postgres://u@127.0.0.1:{port}/d?connect_timeout=1");
    let config = PostgresConfig::parse(&url).unwrap();
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let error = config.connect().err().unwrap();
                assert_eq!(error.to_string(), "timeout waiting for server");
            });
        }
    });
    assert!(began.elapsed() >= Duration::from_secs(2));

    // A ninth would add to those that hang.
    let began = Instant::now();
    assert!(config.connect().is_err());
    assert!(began.elapsed() < Duration::from_secs(1));

    // The port closes, and with it every connection that nobody accepted.
    drop(listener);
    let deadline = Instant::now() + Duration::from_secs(30);
    while config.connect().err().unwrap().to_string() == "timeout waiting for server" {
        assert!(
            Instant::now() < deadline,
            "those that hung are counted for ever"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}
