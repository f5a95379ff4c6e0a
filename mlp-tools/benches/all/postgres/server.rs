//! A server, the store in it, and a plain client beside.

use std::sync::Arc;
use std::time::Duration;

use mlp_store::StoreOptions;
use mlp_store::conformance::postgres::{Cluster, TestDatabase};
use mlp_store::postgres::{PostgresConfig, PostgresStore};
use postgres::{Client, NoTls};

use crate::fixture;

/// Starts a server as one would be configured that does nothing but this, on two cores.
pub fn start(settings: &[(&str, &str)]) -> Cluster {
    let usual = [
        ("shared_buffers", "512MB"),
        // No checkpoint by size while something is measured.
        ("max_wal_size", "16GB"),
        ("checkpoint_timeout", "30min"),
        ("max_connections", "100"),
    ];
    let all: Vec<(&str, &str)> = usual.iter().chain(settings).copied().collect();
    Cluster::start_with(&all, &[])
}

/// Without TLS, which the server has not got.
pub fn without_tls(url: &str) -> String {
    match url.contains("sslmode=") {
        true => url.to_owned(),
        false => format!("{url}?sslmode=disable"),
    }
}

/// The server's own database.
pub fn url(cluster: &Cluster) -> String {
    without_tls(&cluster.url())
}

/// A store with so many connections, and room for what is queued here.
pub fn open(cluster: &Cluster, connections: usize) -> Arc<PostgresStore> {
    open_at(&url(cluster), connections)
}

/// The same in another database.
pub fn open_in(database: &TestDatabase, connections: usize) -> Arc<PostgresStore> {
    open_at(&without_tls(&database.url()), connections)
}

fn open_at(url: &str, connections: usize) -> Arc<PostgresStore> {
    let options = StoreOptions::new()
        .connections(connections)
        .max_pending(10_000_000);
    let config = PostgresConfig::parse(url).unwrap();
    PostgresStore::open(config, fixture::schema(), options).unwrap()
}

/// A client without the store.
pub fn connect(url: &str) -> Client {
    Client::connect(&without_tls(url), NoTls).unwrap()
}

/// The same in the server's own database.
pub fn plain(cluster: &Cluster) -> Client {
    connect(&cluster.url())
}

/// One number.
pub fn number(client: &mut Client, sql: &str) -> f64 {
    let row = client.query_one(&format!("SELECT ({sql})::float8"), &[]);
    row.unwrap().get(0)
}

/// Waits until nobody else is connected: counts of what a connection did are complete when it ends.
pub fn wait_for_the_end_of_others(client: &mut Client) {
    let others = "SELECT count(*) FROM pg_stat_activity
        WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
    while number(client, others) > 0.0 {
        std::thread::sleep(Duration::from_millis(10));
    }
}
