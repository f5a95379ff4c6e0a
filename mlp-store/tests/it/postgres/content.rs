//! What PostgreSQL alone can get wrong of the catalog, the counts, the log and pruning.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mlp_core::Schema;
use mlp_core::explore::Half;
use mlp_store::conformance::{reading, sample_row};
use mlp_store::postgres::PostgresStore;
use mlp_store::{
    Content, ImportedSession, ItemChange, Items, Maintenance, Pruned, Registry, SessionQuery,
    TaskId,
};

use super::support::{client as connect, number, open};
use mlp_store::conformance::postgres::TestDatabase;

fn opened() -> (TestDatabase, Arc<PostgresStore>) {
    let database = TestDatabase::create();
    let store = open(&database, &reading()).unwrap();
    (database, store)
}

fn puts(schema: &Schema, ids: std::ops::RangeInclusive<i64>, seed: u64) -> Vec<ItemChange> {
    let put = |id: i64| ItemChange::Put {
        item_id: Some(id),
        row: sample_row(&schema.item, seed + id as u64),
    };
    ids.map(put).collect()
}

fn past(seed: u64, half: Half) -> ImportedSession {
    ImportedSession {
        task_id: TaskId::new_v7(),
        user: sample_row(&reading().user, seed),
        shown: vec![4, 2, 9],
        picked: (seed % 4 < 3).then_some(seed as usize % 4),
        half,
    }
}

fn import(store: &PostgresStore, number: u64) {
    let sessions: Vec<_> = (0..number).map(|seed| past(seed, Half::Training)).collect();
    store.import_sessions(&sessions).unwrap();
}

/// Makes what is stored look as if it had been an hour ago.
fn age(database: &TestDatabase) {
    let age = "UPDATE readers SET creation_time = creation_time - interval '1 h';
        UPDATE inferences SET creation_time = creation_time - interval '1 h'";
    connect(database).batch_execute(age).unwrap();
}

#[test]
fn thousands_of_changes_take_no_longer_than_a_few_statements() {
    let (_database, store) = opened();
    let schema = reading();
    let timed = |changes: &[ItemChange]| {
        let start = Instant::now();
        let (version, ids) = store.change_items(changes).unwrap();
        assert_eq!(ids.len(), changes.len());
        let took = start.elapsed();
        assert!(took < Duration::from_secs(3), "{took:?}");
        version
    };
    assert_eq!(timed(&puts(&schema, 1..=5000, 0)), 1);
    assert_eq!(timed(&puts(&schema, 1..=5000, 0)), 1, "nothing has changed");
    assert_eq!(timed(&puts(&schema, 1..=5000, 9000)), 2);
    let withdraw = |item_id| ItemChange::Withdraw { item_id };
    let all: Vec<_> = (1..=5000).map(withdraw).collect();
    assert_eq!(timed(&all), 3);
    assert_eq!(store.catalog().unwrap(), (3, vec![]));
    assert_eq!(store.item_versions().unwrap().len(), 10_000);
}

#[test]
fn a_row_that_cannot_be_stored_is_refused_even_where_another_follows() {
    let (_database, store) = opened();
    let good = sample_row(&reading().item, 1);
    let mut bad = good.clone();
    bad.0.pop();
    let put = |row: &mlp_core::Row| ItemChange::Put {
        item_id: Some(1),
        row: row.clone(),
    };
    assert!(store.change_items(&[put(&bad), put(&good)]).is_err());
    let withdraw = ItemChange::Withdraw { item_id: 1 };
    assert!(store.change_items(&[put(&bad), withdraw]).is_err());
    assert_eq!(store.catalog().unwrap(), (0, vec![]));
}

#[test]
fn changes_from_many_threads_are_serial() {
    let (_database, store) = opened();
    let new = || ItemChange::Put {
        item_id: None,
        row: sample_row(&reading().item, 1),
    };
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                for _ in 0..10 {
                    store.change_items(&[new()]).unwrap();
                    store
                        .set_setting("x", &TaskId::new_v7().to_string())
                        .unwrap();
                }
            });
        }
    });
    let (version, items) = store.catalog().unwrap();
    let ids: Vec<i64> = items.iter().map(|item| item.item_id).collect();
    assert_eq!((version, ids), (60, (1..=60).collect()));
    assert_eq!(store.versions().unwrap().registry, 60);
}

#[test]
fn users_are_counted_exactly_while_the_mark_moves() {
    let (database, store) = opened();
    let users = || store.counts().unwrap().users;
    let mark = || {
        let mut client = connect(&database);
        let to = "SELECT value FROM meta WHERE name = 'counted_to'";
        let counted = "SELECT value FROM meta WHERE name = 'counted'";
        (number(&mut client, to), number(&mut client, counted))
    };
    import(&store, 21_000);
    assert_eq!(users(), 21_000);
    assert_eq!(
        mark(),
        (0, 0),
        "who is new may have neighbours that are not seen yet"
    );
    age(&database);
    import(&store, 10);
    assert_eq!(users(), 21_010);
    assert_eq!(mark(), (21_000, 21_000));
    assert_eq!(users(), 21_010);
    let hour = 3_600_000_000;
    let now = store.user(21_010).unwrap().unwrap().created_us;
    let pruned = store.prune(now - hour / 2, 500, false).unwrap();
    assert_eq!(pruned.inferences, 500);
    assert_eq!(users(), 20_510);
    assert_eq!(mark(), (21_000, 20_500));
    let mut left = 20_500;
    while let pruned @ 1.. = store.prune(now - hour / 2, 5000, false).unwrap().inferences {
        left -= pruned;
        assert_eq!(users(), left as i64 + 10);
    }
    assert_eq!((left, mark()), (0, (21_000, 0)));
    assert!(store.prune(i64::MAX, 500, false).unwrap().inferences == 10);
    assert_eq!((users(), mark()), (0, (21_000, 0)));
}

#[test]
fn two_prune_at_once_and_nobody_is_counted_twice() {
    let (database, store) = opened();
    import(&store, 20_500);
    age(&database);
    assert_eq!(store.counts().unwrap().users, 20_500);
    let other = open(&database, &reading()).unwrap();
    let both = [&store, &other];
    std::thread::scope(|scope| {
        for store in both {
            scope
                .spawn(|| while store.prune(i64::MAX, 300, false).unwrap() != Pruned::default() {});
        }
    });
    assert_eq!(store.counts().unwrap().users, 0);
    let mut client = connect(&database);
    for table in ["inferences", "readers"] {
        let left = number(&mut client, &format!("SELECT count(*) FROM {table}"));
        assert_eq!(left, 0, "{table}");
    }
}

#[test]
fn pruning_passes_by_thousands_that_stay() {
    let (database, store) = opened();
    import(&store, 12_000);
    let censored = "UPDATE inferences SET answered_at = NULL WHERE inference_id % 4000 = 0;
        UPDATE inferences SET open = true, status = 0 WHERE inference_id = 8000";
    connect(&database).batch_execute(censored).unwrap();
    let mut gone = 0;
    while let pruned @ 1.. = store.prune(i64::MAX, 1, true).unwrap().inferences {
        assert_eq!(pruned, 1);
        gone += 1;
    }
    assert_eq!(gone, 2, "one of three is not final");
    assert_eq!(store.counts().unwrap().users, 11_998);
    assert_eq!(store.prune(i64::MAX, 0, false).unwrap(), Pruned::default());
}

#[test]
fn old_tasks_and_keys_go_up_to_the_limit() {
    let (database, store) = opened();
    let rows = "INSERT INTO tasks (task_id, kind, creation_time, due_at, status, open, payload)
            SELECT gen_random_uuid(), 1, now() - interval '1 h', now(), 3, false, '{}'
            FROM generate_series(1, 7);
        INSERT INTO tasks (task_id, kind, creation_time, due_at, payload)
            VALUES (gen_random_uuid(), 1, now() - interval '1 h', now(), '{}');
        INSERT INTO idempotency (key, fingerprint, task_id, creation_time)
            SELECT i::text, '', gen_random_uuid(),
                now() - CASE WHEN i <= 5 THEN interval '1 h' ELSE interval '0' END
            FROM generate_series(1, 9) AS i";
    let mut client = connect(&database);
    client.batch_execute(rows).unwrap();
    let now = "SELECT (extract(epoch FROM now() - interval '1 min') * 1000000)::bigint";
    let before = number(&mut client, now);
    let mut all = Vec::new();
    loop {
        let pruned = store.prune(before, 3, true).unwrap();
        if pruned == Pruned::default() {
            break;
        }
        all.push((pruned.tasks, pruned.keys));
    }
    assert_eq!(all, [(3, 3), (3, 2), (1, 0)]);
}

#[test]
fn a_session_that_is_there_already_undoes_its_import() {
    let (_database, store) = opened();
    let first = past(1, Half::Training);
    store.import_sessions(std::slice::from_ref(&first)).unwrap();
    let again = [past(2, Half::Training), first];
    assert!(store.import_sessions(&again).is_err());
    assert_eq!(store.counts().unwrap().users, 1);
}

/// Of many sessions a few are explored: to look at the others would take ever longer.
#[test]
fn explored_sessions_are_read_by_their_index() {
    let (database, store) = opened();
    import(&store, 20_000);
    let few = "UPDATE inferences SET explored = inference_id % 50 < 2,
        judging = inference_id % 50 = 0; ANALYZE";
    connect(&database).batch_execute(few).unwrap();
    let read = "SELECT sum(idx_tup_fetch + seq_tup_read)::bigint FROM pg_stat_user_tables
        WHERE relname = 'inferences'";
    let query = SessionQuery {
        explored: true,
        half: Half::Judging,
        answered_until_us: i64::MAX,
        before: i64::MAX,
        limit: 20,
    };
    // A connection tells what it read at the latest when it ends.
    drop(store);
    let settled = Duration::from_millis(500);
    std::thread::sleep(settled);
    let mut client = connect(&database);
    let before = number(&mut client, read);
    let fresh = open(&database, &reading()).unwrap();
    assert_eq!(fresh.answered_sessions(&query).unwrap().len(), 20);
    drop(fresh);
    std::thread::sleep(settled);
    let read = number(&mut client, read) - before;
    assert!((1..200).contains(&read), "{read} rows were read");
}
