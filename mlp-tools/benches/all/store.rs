//! The store's statements for a session, beside the same rows by plain rusqlite.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mlp_core::explore::Half;
use mlp_core::{Ranked, Row as DataRow};
use mlp_store::sqlite::SqliteStore;
use mlp_store::{
    ClaimOptions, NewSession, Outcome, Queue, Ranking, SessionOp, SessionReply, Sessions, Settled,
    Settlement, StoreOptions, TaskId, TaskKind, TaskStatus,
};

use crate::args::Wanted;
use crate::fixture;
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
    users: Vec<DataRow>,
    ranking: Ranking,
}

impl Ours {
    fn open(path: &Path) -> Self {
        let schema = fixture::schema();
        let users = fixture::rows(&schema.user, &fixture::users(1000));
        let ranked = |rank: u16| Ranked {
            item_id: i64::from(rank * 37 % 210 + 1),
            score: 1.0 / (1.0 + f32::from(rank)),
        };
        Self {
            store: SqliteStore::open(path, schema, StoreOptions::new().server(true)).unwrap(),
            users,
            ranking: Ranking {
                model_id: Some(1),
                catalog_version: 1,
                explored: false,
                half: Half::Training,
                ranked: (0..100).map(ranked).collect(),
            },
        }
    }

    /// A batch of sessions from start to choice; the time that the store took.
    fn sessions(&self, n: usize) -> Duration {
        let users = self.users.iter().cycle().take(n);
        let new: Vec<NewSession> = users
            .map(|user| NewSession {
                task_id: TaskId::new_v7(),
                user: user.clone(),
                candidates: None,
                idempotency: None,
                priority: Default::default(),
            })
            .collect();
        let ids: Vec<TaskId> = new.iter().map(|session| session.task_id).collect();
        let starts: Vec<_> = new.into_iter().map(SessionOp::Start).collect();
        let show = |id: &TaskId| SessionOp::Show {
            task_id: *id,
            limit: 10,
        };
        let shows: Vec<_> = ids.iter().map(show).collect();
        let select = |id: &TaskId| SessionOp::Select {
            task_id: *id,
            item_id: self.ranking.ranked[0].item_id,
        };
        let selects: Vec<_> = ids.iter().map(select).collect();

        let mut spent = self.apply(&starts, |r| matches!(r, SessionReply::Started { .. }));
        spent += self.work(n);
        spent += self.apply(&shows, |r| matches!(r, SessionReply::Shown(_)));
        spent + self.apply(&selects, |r| matches!(r, SessionReply::Selected(Some(_))))
    }

    fn apply(&self, ops: &[SessionOp], expected: fn(&SessionReply) -> bool) -> Duration {
        let begun = Instant::now();
        let replies = self.store.apply(ops).unwrap();
        let spent = begun.elapsed();
        assert!(replies.iter().all(expected), "{replies:?}");
        spent
    }

    /// The worker's part.
    fn work(&self, n: usize) -> Duration {
        let options = ClaimOptions {
            kind: TaskKind::Inference,
            max: n,
            lease: Duration::from_secs(10),
        };
        let begun = Instant::now();
        let leases = self.store.claim(&options).unwrap();
        let claimed = begun.elapsed();
        assert_eq!(leases.len(), n);
        let settlement = |lease: &mlp_store::Lease| Settlement {
            lease: lease.reference(),
            outcome: Outcome::Ranked(self.ranking.clone()),
        };
        let settlements: Vec<_> = leases.iter().map(settlement).collect();
        let begun = Instant::now();
        let settled = self.store.settle(&settlements).unwrap();
        let spent = claimed + begun.elapsed();
        let done = Settled::Now(TaskStatus::Success, None);
        assert!(settled.iter().all(|settled| *settled == done));
        spent
    }
}
