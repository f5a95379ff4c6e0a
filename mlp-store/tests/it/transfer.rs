//! A store's content out of one backend and into another.

use std::sync::Arc;
use std::time::Duration;

use mlp_core::explore::Half;
use mlp_core::{Ranked, Schema};
use mlp_store::conformance::postgres::TestDatabase;
use mlp_store::conformance::{reading, sample_row, travel};
use mlp_store::postgres::PostgresStore;
use mlp_store::sqlite::SqliteStore;
use mlp_store::transfer::{
    Copied, Heads, Place, Records, Source, Table, Target, compare, copy, sums,
};
use mlp_store::{
    ClaimOptions, DecisionKind, Idempotency, ImportedSession, ItemChange, Lease, NewDecision,
    NewModel, NewSession, NewTask, Outcome, Priority, Ranking, SessionOp, SessionReply, Settlement,
    Store, StoreOptions, TaskId, TaskKind, TaskStatus,
};
use tempfile::TempDir;

fn sqlite(directory: &TempDir, schema: &Arc<Schema>) -> Arc<SqliteStore> {
    let path = directory.path().join("store.db");
    SqliteStore::open(path, Arc::clone(schema), StoreOptions::new()).unwrap()
}

fn postgres(
    database: &TestDatabase,
    schema: &Arc<Schema>,
) -> mlp_store::Result<Arc<PostgresStore>> {
    let config = database.config().clone();
    PostgresStore::open(config, Arc::clone(schema), StoreOptions::new())
}

fn copied(from: &dyn Source, to: &dyn Target) -> mlp_store::Result<Copied> {
    to.begin()?;
    copy(from, to, &mut |_, _| {})
}

fn start(store: &dyn Store, schema: &Schema, seed: u64, keyed: bool) -> TaskId {
    let task_id = TaskId::new_v7();
    let idempotency = keyed.then(|| Idempotency {
        key: format!("key {seed} é"),
        fingerprint: [seed as u8; 32],
    });
    let op = SessionOp::Start(NewSession {
        task_id,
        user: sample_row(&schema.user, seed),
        priority: if seed.is_multiple_of(4) {
            Priority::Batch
        } else {
            Priority::Interactive
        },
        candidates: seed.is_multiple_of(3).then(|| vec![3, 1, seed as i64]),
        idempotency,
    });
    store.apply(&[op]).unwrap();
    task_id
}

fn claim(store: &dyn Store, kind: TaskKind, max: usize, seconds: u64) -> Vec<Lease> {
    let lease = Duration::from_secs(seconds);
    store.claim(&ClaimOptions { kind, max, lease }).unwrap()
}

fn settle(store: &dyn Store, lease: &Lease, outcome: Outcome) -> mlp_store::Settled {
    let lease = lease.reference();
    store.settle(&[Settlement { lease, outcome }]).unwrap()[0]
}

fn ranking(seed: usize) -> Outcome {
    let ranked = (1..=5).map(|item_id| Ranked {
        item_id,
        score: 1.0 / (item_id as f32 + seed as f32),
    });
    Outcome::Ranked(Ranking {
        model_id: Some(1),
        catalog_version: 2,
        explored: seed.is_multiple_of(2),
        half: Half::Judging,
        ranked: ranked.collect(),
    })
}

fn put(item_id: i64, schema: &Schema, seed: u64) -> ItemChange {
    ItemChange::Put {
        item_id: Some(item_id),
        row: sample_row(&schema.item, seed),
    }
}

fn fill_registry(store: &dyn Store) {
    for artifact in ["{\"a\":1}", "{\"a\":2}"] {
        let task_id = Some(TaskId::new_v7());
        let artifact = artifact.to_owned();
        store.insert_model(&NewModel { task_id, artifact }).unwrap();
    }
    for model in [1, 2] {
        let decision = NewDecision {
            kind: DecisionKind::Promote,
            reason: "a NUL \0 that PostgreSQL would refuse".to_owned(),
            evidence: "{}".to_owned(),
        };
        store.decide(model, &decision).unwrap();
    }
    store.set_setting("b", "2").unwrap();
    store.set_setting("B", "1").unwrap();
}

/// Items of several versions, and sessions in every state.
fn fill(store: &dyn Store, schema: &Schema) {
    let puts: Vec<_> = (1..=7).map(|id| put(id, schema, id as u64)).collect();
    store.change_items(&puts).unwrap();
    let withdrawn = ItemChange::Withdraw { item_id: 7 };
    store
        .change_items(&[put(1, schema, 99), withdrawn])
        .unwrap();
    fill_registry(store);
    let past = ImportedSession {
        task_id: TaskId::new_v7(),
        user: sample_row(&schema.user, 1000),
        shown: vec![4, 2],
        picked: Some(1),
        half: Half::Training,
    };
    store.import_sessions(&[past]).unwrap();
    for seed in 0..20 {
        start(store, schema, seed, seed.is_multiple_of(5));
    }
    let leases = claim(store, TaskKind::Inference, 12, 60);
    for (seed, lease) in leases.iter().take(10).enumerate() {
        let outcome = match seed {
            0 => Outcome::Failed {
                error: "it \0 broke".to_owned(),
            },
            1 => Outcome::Retry {
                error: "again".to_owned(),
                after: Duration::from_secs(60),
            },
            _ => ranking(seed),
        };
        settle(store, lease, outcome);
        let task_id = lease.task_id;
        if seed > 3 {
            store
                .apply(&[SessionOp::Show { task_id, limit: 3 }])
                .unwrap();
        }
        if seed > 5 {
            let item_id = if seed == 6 { -1 } else { 2 };
            store
                .apply(&[SessionOp::Select { task_id, item_id }])
                .unwrap();
        }
    }
    for kind in [TaskKind::Training, TaskKind::Monitoring] {
        let task_id = TaskId::new_v7();
        let payload = "{}".to_owned();
        store
            .enqueue(&NewTask {
                task_id,
                kind,
                payload,
            })
            .unwrap();
    }
    let lease = &claim(store, TaskKind::Monitoring, 1, 60)[0];
    let alarm = NewDecision {
        kind: DecisionKind::Alarm,
        reason: "the requests changed".to_owned(),
        evidence: "{}".to_owned(),
    };
    settle(
        store,
        lease,
        Outcome::Watched {
            report: "[]".to_owned(),
            decision: Some((2, alarm)),
        },
    );
}

fn rows(copied: &Copied) -> Vec<(&str, u64)> {
    copied
        .tables
        .iter()
        .map(|t| (t.from.what, t.from.rows))
        .collect()
}

#[test]
fn everything_arrives_and_is_equal() {
    for schema in [reading(), travel()] {
        let (directory, database) = (tempfile::tempdir().unwrap(), TestDatabase::create());
        let from = sqlite(&directory, &schema);
        fill(&*from, &schema);
        let to = postgres(&database, &schema).unwrap();
        let copied = copied(&*from, &*to).unwrap();
        assert!(copied.is_equal(), "{copied:#?}");
        assert_eq!(
            rows(&copied),
            [
                ("item versions", 8),
                ("users", 21),
                ("inferences", 21),
                ("tasks", 2),
                ("idempotency keys", 4),
                ("models", 2),
                ("decisions", 3),
                ("settings", 2),
                ("last numbers", 8),
            ]
        );
        // What is asked for in the usual way says so too.
        assert_eq!(from.catalog_of(), to.catalog_of());
        let (old, new): (&dyn Store, &dyn Store) = (&*from, &*to);
        assert_eq!(old.item_versions().unwrap(), new.item_versions().unwrap());
        assert_eq!(old.versions().unwrap(), new.versions().unwrap());
        assert_eq!(old.counts().unwrap(), new.counts().unwrap());
        assert_eq!(old.models(9).unwrap(), new.models(9).unwrap());
        assert_eq!(
            old.users_page(0, 99).unwrap(),
            new.users_page(0, 99).unwrap()
        );
        for result_id in 0..25 * 1024 {
            if result_id % 1024 < 6 {
                assert_eq!(
                    old.result(result_id).unwrap(),
                    new.result(result_id).unwrap()
                );
            }
        }
    }
}

trait CatalogOf {
    fn catalog_of(&self) -> (i64, Vec<mlp_store::ItemVersion>);
}

impl<T: Store> CatalogOf for T {
    fn catalog_of(&self) -> (i64, Vec<mlp_store::ItemVersion>) {
        self.catalog().unwrap()
    }
}

#[test]
fn new_numbers_go_on_and_leases_stand() {
    let schema = reading();
    let (directory, database) = (tempfile::tempdir().unwrap(), TestDatabase::create());
    let from = sqlite(&directory, &schema);
    fill(&*from, &schema);
    // Numbers that were given and are gone are not given again.
    let gone = start(&*from, &schema, 50, false);
    let lease = (claim(&*from, TaskKind::Inference, 99, 60).into_iter())
        .find(|lease| lease.task_id == gone)
        .unwrap();
    settle(
        &*from,
        &lease,
        Outcome::Failed {
            error: "x".to_owned(),
        },
    );
    let store: &dyn Store = &*from;
    while store.prune(i64::MAX, 100, false).unwrap().inferences > 0 {}
    let heads = from.heads().unwrap();
    assert_eq!((heads.users, heads.inferences), (22, 22));
    let left = store.counts().unwrap().users;
    let leased = claim(&*from, TaskKind::Inference, 1, 0);
    assert!(leased.is_empty(), "all are leased");

    let target = postgres(&database, &schema).unwrap();
    assert!(copied(&*from, &*target).unwrap().is_equal());
    drop(target);
    let target = postgres(&database, &schema).unwrap();
    let to: &dyn Store = &*target;
    assert_eq!(to.counts().unwrap().users, left);
    let task_id = start(to, &schema, 60, false);
    let user = to.users_page(22, 9).unwrap();
    assert_eq!((user.len(), user[0].user_id), (1, 23));
    assert_eq!(target.heads().unwrap().inferences, 23);
    assert_eq!(to.counts().unwrap().users, left + 1);
    let artifact = "{}".to_owned();
    let model = NewModel {
        task_id: None,
        artifact,
    };
    assert_eq!(to.insert_model(&model).unwrap(), 3);
    assert_eq!(to.versions().unwrap().registry, heads.registry + 1);
    // The new task alone is free; a lease from before the copy still counts.
    let free = claim(to, TaskKind::Inference, 99, 60);
    let free: Vec<_> = free.iter().map(|lease| lease.task_id).collect();
    assert_eq!(free, [task_id]);
    let Records::Inferences(all) = from.records(Table::Inferences, Place::START, 99).unwrap()
    else {
        panic!("inferences were asked for");
    };
    let held = all
        .iter()
        .find(|i| i.status == TaskStatus::Started)
        .unwrap();
    let lease = mlp_store::LeaseRef {
        task_id: held.task_id,
        kind: TaskKind::Inference,
        token: held.token,
    };
    let outcome = ranking(1);
    let settled = to.settle(&[Settlement { lease, outcome }]).unwrap();
    assert_eq!(
        settled,
        [mlp_store::Settled::Now(TaskStatus::Success, None)]
    );
}

#[test]
fn a_key_stands_for_the_same_request() {
    let schema = reading();
    let (directory, database) = (tempfile::tempdir().unwrap(), TestDatabase::create());
    let from = sqlite(&directory, &schema);
    let task_id = start(&*from, &schema, 5, true);
    let to = postgres(&database, &schema).unwrap();
    assert!(copied(&*from, &*to).unwrap().is_equal());
    let again = SessionOp::Start(NewSession {
        task_id: TaskId::new_v7(),
        user: sample_row(&schema.user, 5),
        candidates: None,
        priority: Priority::Interactive,
        idempotency: Some(Idempotency {
            key: "key 5 é".to_owned(),
            fingerprint: [5; 32],
        }),
    });
    let store: &dyn Store = &*to;
    let replies = store.apply(&[again]).unwrap();
    let status = TaskStatus::Pending;
    assert_eq!(replies, [SessionReply::Started { task_id, status }]);
}

#[test]
fn a_target_that_holds_anything_is_refused_and_left_alone() {
    let schema = reading();
    let directory = tempfile::tempdir().unwrap();
    let from = sqlite(&directory, &schema);
    type Fill = fn(&dyn Store, &Schema);
    let fills: [(&str, Fill); 4] = [
        ("readers", |store, schema| {
            start(store, schema, 1, false);
        }),
        ("item_versions", |store, schema| {
            store.change_items(&[put(1, schema, 1)]).unwrap();
        }),
        ("settings", |store, _| store.set_setting("a", "b").unwrap()),
        ("tasks", |store, _| {
            let task_id = TaskId::new_v7();
            let (kind, payload) = (TaskKind::Training, "{}".to_owned());
            store
                .enqueue(&NewTask {
                    task_id,
                    kind,
                    payload,
                })
                .unwrap();
        }),
    ];
    for (table, fill) in fills {
        let database = TestDatabase::create();
        let to = postgres(&database, &schema).unwrap();
        fill(&*to, &schema);
        let before = sums(&*to).unwrap();
        let error = copied(&*from, &*to).unwrap_err().to_string();
        assert!(error.contains(&format!("`{table}`")), "{error}");
        assert!(error.contains("empty"), "{error}");
        assert_eq!(sums(&*to).unwrap(), before);
        postgres(&database, &schema).unwrap();
    }
}

#[test]
fn half_a_transfer_cannot_be_opened() {
    let schema = reading();
    let database = TestDatabase::create();
    let to = postgres(&database, &schema).unwrap();
    to.begin().unwrap();
    let second = to.begin().unwrap_err().to_string();
    assert!(second.contains("begin again"), "{second}");
    let error = postgres(&database, &schema).unwrap_err().to_string();
    assert!(error.contains("drop the database"), "{error}");
    to.complete().unwrap();
    postgres(&database, &schema).unwrap();
}

/// A source that ends in an error: as one does whose file is damaged.
struct Broken(Arc<SqliteStore>);

impl Source for Broken {
    fn records(&self, table: Table, after: Place, limit: usize) -> mlp_store::Result<Records> {
        match table {
            Table::Inferences => Err(mlp_store::StoreError::Invalid("broken".to_owned())),
            _ => self.0.records(table, after, limit),
        }
    }

    fn heads(&self) -> mlp_store::Result<Heads> {
        self.0.heads()
    }
}

#[test]
fn a_transfer_that_breaks_leaves_the_mark() {
    let schema = reading();
    let (directory, database) = (tempfile::tempdir().unwrap(), TestDatabase::create());
    let from = sqlite(&directory, &schema);
    fill(&*from, &schema);
    let to = postgres(&database, &schema).unwrap();
    let error = copied(&Broken(from), &*to).unwrap_err().to_string();
    assert_eq!(error, "broken");
    drop(to);
    let error = postgres(&database, &schema).unwrap_err().to_string();
    assert!(error.contains("begin again"), "{error}");
}

/// Every column is read and compared: a changed one is found, whichever it is.
#[test]
fn a_difference_is_seen_in_every_column() {
    let schema = reading();
    let (directory, database) = (tempfile::tempdir().unwrap(), TestDatabase::create());
    let from = sqlite(&directory, &schema);
    fill(&*from, &schema);
    let to = postgres(&database, &schema).unwrap();
    assert!(copied(&*from, &*to).unwrap().is_equal());
    let mut client = ::postgres::Client::connect(&database.url(), ::postgres::NoTls).unwrap();
    // What the others imply is not copied: it is made anew.
    let columns = "SELECT table_name::text, column_name::text, data_type::text
        FROM information_schema.columns JOIN pg_tables
            ON schemaname = table_schema AND tablename = table_name
        WHERE table_schema = 'public' AND tablename <> 'meta'
            AND column_name <> 'open'";
    let columns = client.query(columns, &[]).unwrap();
    assert!(columns.len() > 50, "{}", columns.len());
    for row in columns {
        let (table, column, kind): (String, String, String) = (row.get(0), row.get(1), row.get(2));
        let change = another(&table, &column, &kind).replace("COL", &format!("\"{column}\""));
        let change = format!(
            "CREATE SCHEMA kept; CREATE TABLE kept.rows AS SELECT * FROM {table};
             UPDATE {table} SET \"{column}\" = {change}
             WHERE ctid = (SELECT ctid FROM {table} ORDER BY 1 DESC LIMIT 1)"
        );
        client.batch_execute(&change).unwrap();
        // A value that no store would write cannot be read.
        let equal = compare(&*from, &*to).is_ok_and(|compared| compared.is_equal());
        assert!(!equal, "{table}.{column}");
        let back = format!(
            "DELETE FROM {table}; INSERT INTO {table} SELECT * FROM kept.rows;
             DROP SCHEMA kept CASCADE"
        );
        client.batch_execute(&back).unwrap();
        assert!(compare(&*from, &*to).unwrap().is_equal());
    }
}

/// Another value for a column `COL`, as SQL.
fn another(table: &str, column: &str, kind: &str) -> &'static str {
    match kind {
        "smallint" if column == "status" => "3 + (status = 3)::int",
        "smallint" if column == "kind" => "3 - kind",
        "bigint" | "integer" | "smallint" => "coalesce(COL, 0) + 1000",
        "boolean" => "NOT coalesce(COL, false)",
        "double precision" => "coalesce(COL, 0) + 0.5",
        "timestamp with time zone" => "coalesce(COL, now()) + interval '1 us'",
        "date" => "coalesce(COL, '2000-01-01') + 1",
        "uuid" => "gen_random_uuid()",
        "bytea" => "coalesce(COL, '\\x01') || '\\x01020304050607'",
        "ARRAY" => "coalesce(COL, '{}') || 7::bigint",
        "text" if table == "models_registry" && column == "status" => "'rejected'",
        "text" if table == "decisions" && column == "kind" => "'wait'",
        "text" => "coalesce(COL, '') || 'x'",
        other => panic!("{table}.{column} is a {other}"),
    }
}
