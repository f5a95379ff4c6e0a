//! From the start of `mlp up` to its first answers.

use std::path::Path;
use std::time::Duration;

use mlp_tools::traffic::{Client, Error, State};
use tokio::runtime::Runtime;

use crate::args::Wanted;
use crate::fixture;
use crate::process::{Server, scratch};
use crate::row::{Row, median, note};
use crate::traffic::send;

pub const NAMES: [&str; 2] = ["up_ready_ms", "up_first_session_ms"];

const REPEATS: usize = 5;

pub fn run(wanted: &Wanted) -> Vec<Row> {
    eprintln!("==> start");
    let mut rows = Vec::new();
    if wanted.has(NAMES[0]) {
        rows.push(ready());
    }
    if wanted.has(NAMES[1]) {
        rows.push(first_session());
    }
    rows
}

/// Until `/readyz` says yes, on a database that has seen some traffic.
fn ready() -> Row {
    let data = scratch("existing");
    fill(&data);
    let (mut ours, mut empty) = (Vec::new(), Vec::new());
    for _ in 0..REPEATS {
        let server = Server::up(&data);
        ours.push(ms(server.ready()));
        server.process.stop();
        empty.push(ms(Server::empty().ready()));
    }
    note(format_args!("ready in {ours:.0?} ms"));
    let reference = ("empty hyper handler", median(empty));
    Row::new(NAMES[0], (median(ours), "ms"), reference).at_most(1000.0)
}

fn fill(data: &Path) {
    let server = Server::up(data);
    server.ready();
    send(&server, 3.0, &["-p", "32"]);
    server.process.stop();
    let bytes = std::fs::metadata(data.join("mlp.db")).unwrap().len();
    note(format_args!(
        "an existing database of {:.1} MB",
        bytes as f64 / 1e6
    ));
}

/// Until a user has chosen, where there was nothing before.
fn first_session() -> Row {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (mut ours, mut empty) = (Vec::new(), Vec::new());
    for _ in 0..REPEATS {
        let server = Server::up(&scratch("fresh"));
        ours.push(ms(until_chosen(&runtime, &server)));
        server.process.stop();
        empty.push(ms(until_chosen(&runtime, &Server::empty())));
    }
    note(format_args!("first session in {ours:.0?} ms"));
    let reference = ("empty hyper handler", median(empty));
    Row::new(NAMES[1], (median(ours), "ms"), reference).at_most(2000.0)
}

fn until_chosen(runtime: &Runtime, server: &Server) -> Duration {
    let user = fixture::users(1).remove(0);
    runtime.block_on(async {
        let url = format!("http://127.0.0.1:{}", server.port);
        let mut client = Client::new(url.parse().unwrap());
        while let Err(error) = session(&mut client, &user).await {
            assert!(error.is_transient(), "{error}");
            server.check();
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
    });
    server.age()
}

async fn session(client: &mut Client, user: &mlp_data::User) -> Result<(), Error> {
    let task_id = client.start(user).await?;
    let state = client.status(&task_id, Duration::from_secs(10)).await?;
    assert_eq!(state, State::Success);
    let shown = client.results(&task_id, 10).await?;
    client.select(&task_id, shown.ids.first().copied()).await
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
