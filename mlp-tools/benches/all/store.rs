//! The store's statements for a session, beside the same rows by plain rusqlite.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mlp_store::StoreOptions;
use mlp_store::sqlite::SqliteStore;

use crate::args::Wanted;
use crate::fixture;
use crate::load::Load;
use crate::plain::Plain;
use crate::process::scratch;
use crate::row::{Row, median};

pub const NAMES: [&str; 3] = [
    "store_sessions_per_s_by_16",
    "store_sessions_per_s_by_64",
    "store_sessions_per_s_by_256",
];

const BATCHES: [usize; 3] = [16, 64, 256];
const REPEATS: usize = 5;
const TIME: Duration = Duration::from_millis(700);

pub fn run(wanted: &Wanted) -> Vec<Row> {
    eprintln!("==> store");
    let measured = NAMES.iter().zip(BATCHES);
    let measured = measured.filter(|(name, _)| wanted.has(name));
    measured.map(|(name, batch)| one(name, batch)).collect()
}

fn one(name: &'static str, batch: usize) -> Row {
    let dir = scratch("store");
    let ours = Ours::open(&dir.join("ours.db"));
    // So that there are rows to be the same as.
    ours.sessions(batch);
    // Its tables and rows, but none of its code.
    drop(Ours::open(&dir.join("plain.db")));
    let mut plain = Plain::open(&dir.join("plain.db"), &dir.join("ours.db"));
    let (mut rates, mut references) = (Vec::new(), Vec::new());
    for _ in 0..REPEATS {
        rates.push(rate(batch, || ours.sessions(batch)));
        references.push(rate(batch, || plain.sessions(batch)));
    }
    let reference = ("the same by plain rusqlite", median(references));
    Row::new(name, (median(rates), "sessions/s"), reference)
}

/// Sessions per second, of a function that does `batch` and gives the time that counts.
fn rate(batch: usize, mut sessions: impl FnMut() -> Duration) -> f64 {
    let (begun, mut spent, mut done) = (Instant::now(), Duration::ZERO, 0);
    while begun.elapsed() < TIME {
        spent += sessions();
        done += batch;
    }
    done as f64 / spent.as_secs_f64()
}

struct Ours {
    store: Arc<SqliteStore>,
    load: Load,
}

impl Ours {
    fn open(path: &Path) -> Self {
        let (schema, options) = (fixture::schema(), StoreOptions::new().server(true));
        Self {
            store: SqliteStore::open(path, schema, options).unwrap(),
            load: Load::new(),
        }
    }

    /// A batch of sessions from start to choice; the time that the store took.
    fn sessions(&self, n: usize) -> Duration {
        let (ids, starts) = self.load.starts(n);
        let mut spent = time(|| self.load.apply(&*self.store, &starts));
        let mut leases = Vec::new();
        spent += time(|| leases = self.load.claim(&*self.store, n));
        assert_eq!(leases.len(), n);
        let settlements = self.load.settlements(&leases);
        spent += time(|| self.load.settle(&*self.store, &settlements));
        let (shows, selects) = (self.load.shows(&ids), self.load.selects(&ids));
        spent += time(|| self.load.apply(&*self.store, &shows));
        spent + time(|| self.load.apply(&*self.store, &selects))
    }
}

fn time(work: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    work();
    begun.elapsed()
}
