//! Who may do what: a user without the right to make tables serves, and one who may only read looks.

use std::time::{Duration, Instant};

use mlp_core::Ranked;
use mlp_core::explore::Half;
use mlp_store::conformance::postgres::{Cluster, TestDatabase};
use mlp_store::conformance::{reading, sample_row, travel};
use mlp_store::postgres::{PostgresConfig, PostgresStore, inspect};
use mlp_store::{
    ClaimOptions, Content, ItemChange, Items, Maintenance, NewSession, Outcome, Priority, Queue,
    Ranking, Registry, SessionOp, Sessions, Settlement, StoreOptions, TaskId, TaskKind,
};

use super::support::{client, number, open};

/// As `mlp db migrate --help` names them.
const GRANTS: &str = "CREATE ROLE server LOGIN;
    REVOKE CREATE ON SCHEMA public FROM PUBLIC;
    GRANT USAGE ON SCHEMA public TO server;
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO server;
    GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO server";

fn as_user(database: &TestDatabase, user: &str) -> PostgresConfig {
    let url = database
        .url()
        .replacen("postgres://postgres@", &format!("postgres://{user}@"), 1);
    assert!(url.contains(user), "{url}");
    PostgresConfig::parse(&url).unwrap()
}

fn start(store: &PostgresStore) -> TaskId {
    let task_id = TaskId::new_v7();
    let op = SessionOp::Start(NewSession {
        task_id,
        user: sample_row(&reading().user, 1),
        candidates: None,
        priority: Priority::Interactive,
        idempotency: None,
    });
    store.apply(&[op]).unwrap();
    task_id
}

fn rank_and_answer(store: &PostgresStore) {
    let (kind, lease) = (TaskKind::Inference, Duration::from_secs(60));
    let leases = store
        .claim(&ClaimOptions {
            kind,
            max: 1,
            lease,
        })
        .unwrap();
    let lease = leases[0].reference();
    let (item_id, score) = (1, 0.5);
    let outcome = Outcome::Ranked(Ranking {
        model_id: None,
        catalog_version: 1,
        explored: true,
        half: Half::Training,
        ranked: vec![Ranked { item_id, score }],
    });
    store.settle(&[Settlement { lease, outcome }]).unwrap();
    let task_id = leases[0].task_id;
    store
        .apply(&[SessionOp::Show { task_id, limit: 9 }])
        .unwrap();
    store
        .apply(&[SessionOp::Select { task_id, item_id }])
        .unwrap();
}

#[test]
fn a_user_without_the_right_to_make_tables_serves() {
    let cluster = Cluster::start();
    let database = TestDatabase::create_on(&cluster.url());
    let schema = reading();
    let owner = open(&database, &schema).unwrap();
    client(&database).batch_execute(GRANTS).unwrap();
    let config = as_user(&database, "server");
    let store = PostgresStore::open(config, reading(), StoreOptions::new()).unwrap();
    let row = sample_row(&schema.item, 1);
    let item_id = None;
    store
        .change_items(&[ItemChange::Put { item_id, row }])
        .unwrap();
    start(&store);
    rank_and_answer(&store);
    store.set_setting("a", "b").unwrap();
    assert!(store.erase_user(1).unwrap());
    store.ping().unwrap();
    store.status().unwrap();
    // It hears of others' work at once, and not at the end of its patience.
    let began = Instant::now();
    let seen = store.wait_for_work(TaskKind::Inference, 0, Duration::ZERO);
    start(&owner);
    let now = store.wait_for_work(TaskKind::Inference, seen, Duration::from_secs(20));
    assert!(now != seen && began.elapsed() < Duration::from_secs(10));
    rank_and_answer(&store);
    assert_eq!(store.prune(i64::MAX, 9, false).unwrap().inferences, 2);
    assert_eq!(store.counts().unwrap().users, 0);
}

#[test]
fn what_is_missing_is_said_to_a_user_who_may_not_make_it() {
    let cluster = Cluster::start();
    let database = TestDatabase::create_on(&cluster.url());
    client(&database).batch_execute(GRANTS).unwrap();
    let config = as_user(&database, "server");
    let error = PostgresStore::open(config.clone(), reading(), StoreOptions::new()).unwrap_err();
    assert!(error.to_string().contains("`mlp db migrate`"), "{error}");
    let found = inspect(config, &reading()).unwrap();
    assert_eq!((found.schema_version, found.up_to_date), (0, false));
}

#[test]
fn a_look_makes_nothing() {
    let database = TestDatabase::create();
    let config = || database.config().clone();
    let schema = reading();
    let found = inspect(config(), &schema).unwrap();
    assert_eq!((found.schema_version, found.up_to_date), (0, false));
    assert_eq!(found.counts, None);
    assert!(found.connections >= 1 && found.max_connections >= found.connections);
    assert!(
        found.server.starts_with(|c: char| c.is_ascii_digit()),
        "{}",
        found.server
    );
    let tables = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace";
    assert_eq!(number(&mut client(&database), tables), 0);
    let store = open(&database, &schema).unwrap();
    start(&store);
    let found = inspect(config(), &schema).unwrap();
    assert!(found.up_to_date && found.bytes > 1 << 20);
    assert_eq!(found.counts, Some(store.counts().unwrap()));
    let error = inspect(config(), &travel()).unwrap_err().to_string();
    assert!(error.contains("was `reader` and is"), "{error}");
}
