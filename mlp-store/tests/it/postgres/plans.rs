//! How the server does what the store asks for, when there is much: by its own account of the very
//! statements.

use std::collections::BTreeSet;
use std::time::Duration;

use mlp_core::explore::Half;
use mlp_core::{Ranked, Schema};
use mlp_store::conformance::postgres::{Cluster, TestDatabase, multiply};
use mlp_store::conformance::{sample_row, travel};
use mlp_store::postgres::PostgresStore;
use mlp_store::{
    ClaimOptions, Content, DecisionKind, Idempotency, ItemChange, Items, Lease, LeaseRef,
    Maintenance, NONE_OF_THESE, NewSession, Outcome, Queue, Ranking, Registry, RequestQuery,
    SessionOp, SessionQuery, SessionReply, Sessions, Settlement, TaskId, TaskKind, Traffic,
};
use postgres::Client;

use super::support::{client, open};

const SESSIONS: i64 = 20_000;

/// What grows.
const TABLES: [&str; 3] = ["users", "inferences", "item_versions"];

/// Indexes that hold only what is looked for: all of them is no more than is wanted.
const PARTIAL: [&str; 3] = [
    "inferences_open",
    "inferences_explored",
    "item_versions_current",
];

fn cluster() -> Cluster {
    let settings = [
        ("session_preload_libraries", "auto_explain"),
        ("auto_explain.log_min_duration", "0"),
        // The statistics are what the test makes of them.
        ("autovacuum", "off"),
        ("fsync", "off"),
        // As if the tables had millions of rows: then the start of other processes seems worth it.
        ("parallel_setup_cost", "0"),
        ("parallel_tuple_cost", "0"),
        ("min_parallel_table_scan_size", "0"),
        ("min_parallel_index_scan_size", "0"),
    ];
    Cluster::start_with(&settings, &[])
}

/// A client whose statements are not logged.
fn silent(database: &TestDatabase) -> Client {
    let mut client = client(database);
    let quiet = "SET auto_explain.log_min_duration = -1";
    client.batch_execute(quiet).unwrap();
    client
}

#[test]
fn what_is_asked_of_a_large_table_goes_by_its_indexes() {
    let cluster = cluster();
    for analyzed in [true, false] {
        let database = TestDatabase::create_on(&cluster.url());
        let store = filled(&database, analyzed);
        let from = cluster.log().len();
        let asked = ask(&store);
        let plans = Plan::read(&cluster.log()[from..]);
        for (part, table) in asked {
            let found = |plan: &Plan| plan.query.contains(part) && plan.text.contains(table);
            assert!(plans.iter().any(found), "no plan of `{part}` on `{table}`");
        }
        let found: Vec<String> = plans.iter().filter_map(Plan::fault).collect();
        let statistics = if analyzed { "with" } else { "without" };
        let found = found.join("\n");
        assert!(found.is_empty(), "{statistics} statistics:\n{found}");
    }
}

#[test]
fn a_missing_index_is_found() {
    let cluster = cluster();
    for drop in [
        "DROP INDEX inferences_task",
        "ALTER TABLE users DROP CONSTRAINT users_pkey",
    ] {
        let database = TestDatabase::create_on(&cluster.url());
        let store = filled(&database, true);
        silent(&database).batch_execute(drop).unwrap();
        let from = cluster.log().len();
        ask(&store);
        let plans = Plan::read(&cluster.log()[from..]);
        assert!(plans.iter().any(|plan| plan.fault().is_some()), "{drop}");
    }
}

/// A store with items in several versions, and many finished sessions.
fn filled(database: &TestDatabase, analyzed: bool) -> std::sync::Arc<PostgresStore> {
    let schema = travel();
    let store = open(database, &schema).unwrap();
    for version in 0..3 {
        let put = |id: i64| ItemChange::Put {
            item_id: Some(id),
            row: sample_row(&schema.item, (version * 1000 + id) as u64),
        };
        let changes: Vec<ItemChange> = (1..=210).map(put).collect();
        store.change_items(&changes).unwrap();
    }
    let first = start(&store, &schema, None);
    settle(&store, &claim(&store)[0], Outcome::Ranked(ranking()));
    let select = SessionOp::Select {
        task_id: first,
        item_id: 1,
    };
    store.apply(&[show(first), select]).unwrap();
    let mut client = silent(database);
    multiply(&mut client, &schema.user.table, SESSIONS).unwrap();
    if analyzed {
        client.batch_execute("VACUUM ANALYZE").unwrap();
    }
    store
}

fn ranking() -> Ranking {
    let ranked = (1..=100).map(|item_id| Ranked {
        item_id,
        score: 1.0 / item_id as f32,
    });
    Ranking {
        model_id: None,
        catalog_version: 1,
        explored: true,
        half: Half::Training,
        ranked: ranked.collect(),
    }
}

fn session(schema: &Schema, key: Option<&str>) -> NewSession {
    NewSession {
        task_id: TaskId::new_v7(),
        user: sample_row(&schema.user, 1),
        candidates: None,
        priority: Default::default(),
        idempotency: key.map(|key| Idempotency {
            key: key.to_owned(),
            fingerprint: [1; 32],
        }),
    }
}

fn start(store: &PostgresStore, schema: &Schema, key: Option<&str>) -> TaskId {
    let op = SessionOp::Start(session(schema, key));
    match store.apply(&[op]).unwrap().remove(0) {
        SessionReply::Started { task_id, .. } => task_id,
        other => panic!("{other:?}"),
    }
}

fn show(task_id: TaskId) -> SessionOp {
    SessionOp::Show { task_id, limit: 10 }
}

fn claim(store: &PostgresStore) -> Vec<Lease> {
    let options = ClaimOptions {
        kind: TaskKind::Inference,
        max: 32,
        lease: Duration::from_secs(60),
    };
    store.claim(&options).unwrap()
}

fn settle(store: &PostgresStore, lease: &Lease, outcome: Outcome) {
    let lease = lease.reference();
    store.settle(&[Settlement { lease, outcome }]).unwrap();
}

/// Uses all of the hot path, and all that is for people to look at; gives parts of statements that
/// must have been planned, with words of their plans.
fn ask(store: &PostgresStore) -> [(&'static str, &'static str); 7] {
    let schema = travel();
    let id = start(store, &schema, None);
    start(store, &schema, Some("key"));
    start(store, &schema, Some("key"));
    for _ in 0..4 {
        start(store, &schema, None);
    }
    let rank = SessionOp::Rank {
        session: session(&schema, None),
        ranking: ranking(),
        limit: 10,
    };
    let shown = store.apply(&[rank]).unwrap();
    let [SessionReply::Shown(shown)] = &shown[..] else {
        panic!("{shown:?}")
    };

    let leases = claim(store);
    assert_eq!(leases.len(), 6);
    let references: Vec<LeaseRef> = leases.iter().map(Lease::reference).collect();
    store
        .heartbeat(&references, Duration::from_secs(60))
        .unwrap();
    let retry = Outcome::Retry {
        error: "once more".to_owned(),
        after: Duration::ZERO,
    };
    let failed = Outcome::Failed {
        error: "no".to_owned(),
    };
    let outcomes = [Outcome::Released, retry, failed];
    let ranked = std::iter::repeat_with(|| Outcome::Ranked(ranking()));
    for (lease, outcome) in leases.iter().rev().zip(outcomes.into_iter().chain(ranked)) {
        settle(store, lease, outcome);
    }
    // What lies further back is looked for now and then.
    std::thread::sleep(Duration::from_millis(100));
    claim(store);
    let select = |item_id| SessionOp::Select {
        task_id: id,
        item_id,
    };
    let ops = [
        show(id),
        select(1),
        select(NONE_OF_THESE),
        show(shown.task_id),
    ];
    store.apply(&ops).unwrap();
    store.statuses(&[id, TaskId::new_v7()]).unwrap();
    store.sweep().unwrap();
    for kind in TaskKind::ALL {
        store.depth(kind).unwrap();
    }

    store.catalog().unwrap();
    store.item_at(7, 2).unwrap().unwrap();
    assert_eq!(store.items_page(100, 20).unwrap().len(), 20);
    let put = ItemChange::Put {
        item_id: Some(7),
        row: sample_row(&schema.item, 7),
    };
    store.change_items(&[put]).unwrap();
    store.versions().unwrap();

    store.counts().unwrap();
    store.user(shown.user_id).unwrap().unwrap();
    assert_eq!(store.users_page(100, 20).unwrap().len(), 20);
    store.erase_user(shown.user_id).unwrap();
    store.result(shown.inference_id * 1024).unwrap().unwrap();
    store.results(id).unwrap().unwrap();
    for (explored, half) in [
        (true, Half::Training),
        (true, Half::Judging),
        (false, Half::Training),
    ] {
        let query = SessionQuery {
            explored,
            half,
            answered_until_us: i64::MAX,
            before: i64::MAX,
            limit: 50,
        };
        store.answered_sessions(&query).unwrap();
    }
    let requests = |before, limit| {
        let query = RequestQuery {
            after_us: 0,
            until_us: i64::MAX,
            before,
            limit,
        };
        store.requests(&query).unwrap().len()
    };
    // Many, too: then another way to join would seem worth its while.
    assert_eq!((requests(i64::MAX, 50), requests(9_000, 400)), (50, 400));
    store.task_results(TaskKind::Monitoring, 10).unwrap();
    store.newest_decision(&DecisionKind::ALL).unwrap();
    // A time long ago, when there was nothing, and one that finds some.
    store.prune(0, 10, true).unwrap();
    [
        ("INSERT INTO inferences", "Insert on inferences"),
        ("UPDATE inferences", "Update on inferences"),
        ("SKIP LOCKED", "inferences_open"),
        ("WHERE task_id = ANY", "inferences_task"),
        ("FROM \"users\"", "users_pkey"),
        ("item_versions", "item_versions"),
        (
            "inference_id < $1 AND creation_time <= $2",
            "inferences_pkey",
        ),
    ]
}

/// A statement and how it was done.
struct Plan {
    query: String,
    text: String,
}

impl Plan {
    /// Those of a log, in which the further lines of an entry begin with a tab.
    fn read(log: &str) -> Vec<Self> {
        let mut plans: Vec<Self> = Vec::new();
        let mut within = false;
        for line in log.lines() {
            if !line.starts_with('\t') {
                within = line.contains(" plan:");
                if within {
                    let (query, text) = (String::new(), String::new());
                    plans.push(Self { query, text });
                }
                continue;
            }
            let Some(plan) = plans.last_mut().filter(|_| within) else {
                continue;
            };
            // The statement's own lines come first; the plan begins with the first line that has a
            // cost.
            if plan.text.is_empty() && !line.contains("(cost=") {
                plan.query += line.trim();
                plan.query += " ";
            } else {
                plan.text += line;
                plan.text += "\n";
            }
        }
        plans
    }

    /// What reads a table from end to end, or an index without a condition, or has other processes
    /// help: to start them takes 10 ms.
    fn fault(&self) -> Option<String> {
        let lines: Vec<&str> = self.text.lines().collect();
        let mut faults = BTreeSet::new();
        for (n, line) in lines.iter().enumerate() {
            let of_ours = (TABLES.iter()).any(|table| line.contains(&format!(" on {table} ")));
            let scans = of_ours && line.contains("Seq Scan");
            let by_index = of_ours && line.contains("Index") && !line.contains("Bitmap Heap");
            let partial = PARTIAL.iter().any(|index| line.contains(index));
            let within = lines[n + 1..]
                .iter()
                .take_while(|next| !next.contains("(cost="));
            let condition = within.into_iter().any(|next| next.contains("Index Cond"));
            let helped = line.contains("Gather");
            if scans || helped || (by_index && !partial && !condition) {
                faults.insert(line.trim().to_owned());
            }
        }
        let faults: Vec<String> = faults.into_iter().collect();
        (!faults.is_empty()).then(|| {
            let (query, text) = (&self.query, &self.text);
            format!("{}\n{query}\n{text}", faults.join("\n"))
        })
    }
}
