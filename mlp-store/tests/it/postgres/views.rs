//! The views that dashboards ask.

use std::sync::Arc;

use mlp_core::explore::Half;
use mlp_core::{FitOptions, Lineage, Schema, fit_logistic};
use mlp_store::conformance::{reading, sample_row, travel};
use mlp_store::postgres::PostgresStore;
use mlp_store::{Content, ImportedSession, NewModel, Registry, TaskId};
use postgres::Client;
use uuid::Uuid;

use super::support::{client as connect, number, open};
use mlp_store::conformance::postgres::TestDatabase;

/// The list as its format says, apart from the crate's own writer.
fn list(ranked: &[(i64, f32)]) -> Vec<u8> {
    let mut bytes = vec![1];
    for (id, score) in ranked {
        let mut left = ((id << 1) ^ (id >> 63)) as u64;
        loop {
            let more = if left >= 128 { 128 } else { 0 };
            bytes.push((left & 127) as u8 | more);
            left >>= 7;
            if more == 0 {
                break;
            }
        }
        bytes.extend(score.to_le_bytes());
    }
    bytes
}

fn insert(client: &mut Client, ranked: &[(i64, f32)], shown: i16, picked: Option<i16>) -> TaskId {
    let task_id = TaskId::new_v7();
    let insert = "INSERT INTO inferences (user_id, task_id, creation_time, due_at, status, open,
            shown_n, selected_rank, shown_at, answered_at, ranked)
        VALUES (77, $1, now(), now(), 3, false, $2, $3, now(), now(), $4)";
    let uuid = Uuid::from_bytes(*task_id.as_bytes());
    client
        .execute(insert, &[&uuid, &shown, &picked, &list(ranked)])
        .unwrap();
    task_id
}

fn past(schema: &Schema, seed: u64, half: Half) -> ImportedSession {
    ImportedSession {
        task_id: TaskId::new_v7(),
        user: sample_row(&schema.user, seed),
        shown: vec![4, 2, 9],
        picked: (seed % 4 < 3).then_some(seed as usize % 4),
        half,
    }
}

fn opened(schema: &Arc<Schema>) -> (TestDatabase, Arc<PostgresStore>, Client) {
    let database = TestDatabase::create();
    let store = open(&database, schema).unwrap();
    let client = connect(&database);
    (database, store, client)
}

#[test]
fn results_are_decoded_as_the_program_does() {
    let ids = [
        0,
        1,
        -1,
        63,
        64,
        -64,
        -65,
        8191,
        1 << 40,
        i64::MAX,
        i64::MIN,
    ];
    let scores = [
        0.0,
        -0.0,
        1.0,
        -2.5,
        1e-40,
        f32::from_bits(1),
        f32::MIN_POSITIVE,
        f32::MAX,
        f32::MIN,
        1.0 / 3.0,
        0.999_999_94,
        f32::INFINITY,
    ];
    let mut ranked = Vec::new();
    for (turn, id) in ids
        .iter()
        .cycle()
        .take(ids.len() * scores.len())
        .enumerate()
    {
        ranked.push((*id, scores[turn % scores.len()]));
    }
    for schema in [reading(), travel()] {
        let (_database, store, mut client) = opened(&schema);
        let (user, item) = (schema.user.id_name(), schema.item.id_name());
        let task_id = insert(&mut client, &ranked, 5, Some(3));
        insert(&mut client, &[], 0, None);
        let decoded = store.results(task_id).unwrap().unwrap();
        let select = format!(
            "SELECT result_id, task_id, \"{user}\", \"{item}\", score, label, shown
             FROM results ORDER BY result_id"
        );
        let rows = client.query(&select, &[]).unwrap();
        assert_eq!(rows.len(), ranked.len());
        for ((row, result), (id, score)) in rows.iter().zip(&decoded).zip(&ranked) {
            let (view, bits): (f32, u32) = (row.get(4), score.to_bits());
            assert_eq!((result.item_id, result.score.to_bits()), (*id, bits));
            assert_eq!((row.get::<_, i64>(3), view.to_bits()), (*id, bits));
            assert_eq!(row.get::<_, i64>(0), result.result_id);
            assert_eq!(row.get::<_, Uuid>(1).as_bytes(), task_id.as_bytes());
            assert_eq!(row.get::<_, i64>(2), 77);
            assert_eq!(row.get::<_, i32>(5), i32::from(result.label));
            assert_eq!(row.get::<_, bool>(6), result.shown);
        }
    }
}

#[test]
fn events_are_the_times_of_rows() {
    let schema = reading();
    let (_database, store, mut client) = opened(&schema);
    let sessions: Vec<_> = (0..8)
        .map(|seed| past(&schema, seed, Half::Training))
        .collect();
    store.import_sessions(&sessions).unwrap();
    let task = "INSERT INTO tasks (task_id, kind, creation_time, due_at, payload)
        VALUES (gen_random_uuid(), 1, now(), now(), '{}')";
    client.batch_execute(task).unwrap();
    let mut count = |event: &str| {
        let select = format!("SELECT count(*) FROM events WHERE event = '{event}'");
        number(&mut client, &select)
    };
    for (event, expected) in [
        ("inference_start", 8),
        ("results", 8),
        ("selection", 8),
        ("good_inference", 6),
        ("bad_inference", 2),
        ("training", 1),
    ] {
        assert_eq!(count(event), expected, "{event}");
    }
    let future = "SELECT count(*) FROM events WHERE time_event IS NULL OR time_event > now()";
    assert_eq!(number(&mut client, future), 0);
}

/// An artifact as training makes it, of sessions answered in a span of time.
fn artifact(schema: &Schema, from_us: i64, to_us: i64) -> String {
    let sessions: Vec<_> = (0..60).map(|seed| session(schema, seed)).collect();
    let lineage = Lineage {
        from_us: Some(from_us),
        to_us: Some(to_us),
        ..Lineage::default()
    };
    let fitted = fit_logistic(schema, &sessions, &FitOptions::default(), lineage);
    fitted.unwrap().to_json()
}

fn session(schema: &Schema, seed: u64) -> mlp_core::Session {
    let mut user = Vec::new();
    let row = sample_row(&schema.user, seed);
    schema.user.numbers(&row, &mut user);
    let item = |item| {
        let mut numbers = Vec::new();
        let row = sample_row(&schema.item, 1000 * seed + item);
        schema.item.numbers(&row, &mut numbers);
        numbers
    };
    mlp_core::Session {
        user,
        shown: (0..4).map(item).collect(),
        picked: Some((seed % 4) as usize),
    }
}

#[test]
fn models_show_their_measures_and_datasets_their_results() {
    for schema in [reading(), travel()] {
        let (_database, store, mut client) = opened(&schema);
        let sessions = [
            past(&schema, 1, Half::Training),
            past(&schema, 2, Half::Training),
            past(&schema, 1, Half::Judging),
        ];
        store.import_sessions(&sessions).unwrap();
        let time = "SELECT (extract(epoch FROM min(answered_at)) * 1000000)::bigint
            FROM inferences";
        let answered = number(&mut client, time);
        let insert = |from, to| {
            let model = NewModel {
                task_id: Some(TaskId::new_v7()),
                artifact: artifact(&schema, from, to),
            };
            (store.insert_model(&model).unwrap(), model)
        };
        let (first, model) = insert(answered, answered);
        let (_, before) = insert(0, answered - 1);
        let measured: serde_json::Value = serde_json::from_str(&model.artifact).unwrap();
        let select = "SELECT model_id, status, use_percentage, train_acc, train_precision,
                train_recall, train_f1, test_acc, test_precision, test_recall, test_f1
            FROM models ORDER BY model_id";
        let rows = client.query(select, &[]).unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0].get::<_, i64>(0), first);
        assert_eq!(rows[0].get::<_, &str>(1), "challenger");
        for (column, (part, name)) in
            (3..).zip(["train", "test"].iter().flat_map(|part| {
                ["accuracy", "precision", "recall", "f1"].map(|name| (*part, name))
            }))
        {
            let shown: Option<f64> = rows[0].get(column);
            assert_eq!(shown, measured[part][name].as_f64(), "{part} {name}");
        }
        let select = "SELECT task_id, count(*), min(result_id % 1024), max(result_id % 1024)
            FROM datasets GROUP BY task_id";
        let rows = client.query(select, &[]).unwrap();
        assert_eq!(rows.len(), 1, "what was answered in its time alone");
        let task_id: Uuid = rows[0].get(0);
        assert_eq!(
            Some(*task_id.as_bytes()),
            model.task_id.map(|id| *id.as_bytes())
        );
        assert_ne!(model.task_id, before.task_id);
        assert_eq!(rows[0].get::<_, i64>(1), 6, "of the training half alone");
        assert_eq!((rows[0].get::<_, i64>(2), rows[0].get::<_, i64>(3)), (0, 2));
    }
}
