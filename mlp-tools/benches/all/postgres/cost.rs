//! What a session costs: rows written, log, and disk.

use std::collections::VecDeque;

use mlp_store::TaskId;
use mlp_store::conformance::postgres::Cluster;
use mlp_store::postgres::PostgresStore;
use postgres::Client;

use super::{server, wal};
use crate::load::Load;
use crate::row::{Row, note};

pub const NAMES: [&str; 5] = [
    "postgres_cost_inserts",
    "postgres_cost_updates",
    "postgres_cost_wal_bytes",
    "postgres_cost_wal_bytes_with_images",
    "postgres_cost_stored_bytes",
];

const BATCH: usize = 32;
const SESSIONS: usize = 9600;
const WARM_UP: usize = 1600;

const STEPS: [&str; 5] = ["start", "claim", "settle", "show", "select"];

/// Where the log's records are listed by type, when a file is named.
const BREAKDOWN: &str = "BENCH_WAL_BREAKDOWN";

/// Statements that change the tables before anything is written, to try what another layout costs.
const TUNE: &str = "BENCH_TUNE";

pub fn run() -> Vec<Row> {
    let with = measure(true);
    let without = measure(false);
    if let Some(path) = std::env::var_os(BREAKDOWN) {
        let text = format!("{}\n{}", with.listing, without.listing);
        std::fs::write(path, text).unwrap();
    }
    for cost in [&with, &without] {
        note(format_args!("{}", cost.summary));
    }
    let plan = |rows: f64| ("two tables, four steps after the first", rows);
    let data = ("bytes of its two rows", without.data);
    vec![
        Row::new(NAMES[0], (without.inserts, "rows/session"), plan(2.0)).at_most(2.0),
        Row::new(NAMES[1], (without.updates, "rows/session"), plan(4.0)).at_most(4.0),
        Row::new(NAMES[2], (without.wal, "bytes/session"), data).at_most(2000.0),
        Row::new(NAMES[3], (with.wal, "bytes/session"), data),
        Row::new(NAMES[4], (without.stored, "bytes/session"), data),
    ]
}

/// All per session.
struct Cost {
    inserts: f64,
    updates: f64,
    wal: f64,
    stored: f64,
    data: f64,
    summary: String,
    listing: String,
}

/// Of a server on which pages go to the log once after a checkpoint, or never: then what is logged
/// is the changes alone.
fn measure(images: bool) -> Cost {
    let full = if images { "on" } else { "off" };
    let cluster = server::start(&[("full_page_writes", full)]);
    let mut client = server::plain(&cluster);
    let load = Load::new();
    let mut traffic = Traffic::new(&cluster, &load);
    if let Ok(statements) = std::env::var(TUNE) {
        client.batch_execute(&statements).unwrap();
    }
    traffic.sessions(WARM_UP, &mut client);
    let mut queue = traffic.pause(&mut client);
    client.batch_execute("CHECKPOINT").unwrap();
    let (from, before) = (wal::position(&mut client), Counts::read(&mut client));

    let mut traffic = Traffic::new(&cluster, &load);
    std::mem::swap(&mut traffic.under_way, &mut queue);
    traffic.sessions(SESSIONS, &mut client);
    let steps = traffic.logged;
    traffic.pause(&mut client);
    let (to, after) = (wal::position(&mut client), Counts::read(&mut client));
    let n = SESSIONS as f64;
    let steps: Vec<String> = (STEPS.iter().zip(steps))
        .map(|(step, bytes)| format!("{step} {:.0}", bytes / n))
        .collect();
    let hot = (after.hot - before.hot) / (after.updates - before.updates);
    let data = "(SELECT avg(pg_column_size(u.*)) FROM users AS u)
        + (SELECT avg(pg_column_size(i.*)) FROM inferences AS i WHERE answered_at IS NOT NULL)";
    let wal = (to - from) as f64 / n;
    let summary = format!(
        "full_page_writes={full}: {wal:.0} bytes of log per session ({}), {:.1} % of updates HOT",
        steps.join(", "),
        100.0 * hot
    );
    Cost {
        inserts: (after.inserts - before.inserts) / n,
        updates: (after.updates - before.updates) / n,
        wal,
        stored: (after.stored - before.stored) / n,
        data: server::number(&mut client, data),
        listing: format!(
            "{summary}\n\n{}",
            wal::listing(&cluster, &mut client, from, to, n)
        ),
        summary,
    }
}

/// Sessions in batches, several of which are under way, each a step further than the next.
struct Traffic<'a> {
    load: &'a Load,
    store: std::sync::Arc<PostgresStore>,
    under_way: VecDeque<Vec<TaskId>>,
    /// Bytes of log by step.
    logged: [f64; STEPS.len()],
}

impl<'a> Traffic<'a> {
    fn new(cluster: &Cluster, load: &'a Load) -> Self {
        Self {
            load,
            store: server::open(cluster, 2),
            under_way: VecDeque::new(),
            logged: [0.0; STEPS.len()],
        }
    }

    /// Completes so many sessions, and starts as many others.
    fn sessions(&mut self, n: usize, client: &mut Client) {
        for _ in 0..n / BATCH {
            self.round(client);
        }
    }

    fn round(&mut self, client: &mut Client) {
        let (load, store) = (self.load, self.store.clone());
        let (ids, starts) = load.starts(BATCH);
        self.step(client, 0, || load.apply(&*store, &starts));
        let mut leases = Vec::new();
        self.step(client, 1, || leases = load.claim(&*store, BATCH));
        let settlements = load.settlements(&leases);
        self.step(client, 2, || load.settle(&*store, &settlements));
        self.under_way.push_back(ids);
        let len = self.under_way.len();
        if let Some(ids) = len.checked_sub(2).and_then(|i| self.under_way.get(i)) {
            let shows = load.shows(ids);
            self.step(client, 3, || load.apply(&*store, &shows));
        }
        if len > 2
            && let Some(ids) = self.under_way.pop_front()
        {
            let selects = load.selects(&ids);
            self.step(client, 4, || load.apply(&*store, &selects));
        }
    }

    fn step(&mut self, client: &mut Client, step: usize, work: impl FnOnce()) {
        let from = wal::position(client);
        work();
        self.logged[step] += (wal::position(client) - from) as f64;
    }

    /// Ends the store; gives what is under way.
    fn pause(self, client: &mut Client) -> VecDeque<Vec<TaskId>> {
        drop(self.store);
        server::wait_for_the_end_of_others(client);
        self.under_way
    }
}

#[derive(Debug)]
struct Counts {
    inserts: f64,
    updates: f64,
    hot: f64,
    stored: f64,
}

impl Counts {
    fn read(client: &mut Client) -> Self {
        let mut of = |what: &str| {
            let select = format!("SELECT sum({what}) FROM pg_stat_user_tables");
            server::number(client, &select)
        };
        Self {
            inserts: of("n_tup_ins"),
            updates: of("n_tup_upd"),
            hot: of("n_tup_hot_upd"),
            stored: of("pg_total_relation_size(relid)"),
        }
    }
}
