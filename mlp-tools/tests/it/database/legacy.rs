//! A database like that of the Python stack, and what becomes of it.

use mlp_store::conformance::postgres::TestDatabase;
use postgres::Client;

use super::{client, fails, number, works};

/// Numbers in the types that an ORM chooses, and some that it should not have: booleans and floats as
/// whole numbers, whole numbers as floats, a day as a time.
const TABLES: &str = "
    CREATE TABLE users (
        user_id integer PRIMARY KEY, creation_time timestamp, people_num integer,
        age_avg double precision, age_std double precision, age_min integer, age_max integer,
        children_num double precision, budget numeric, nights double precision,
        time_arrival timestamp, pool integer, spa boolean, pet_friendly boolean, lake boolean,
        mountain boolean, sport boolean, shoe_size integer);
    CREATE TABLE locations (
        location_id integer PRIMARY KEY, children boolean, breakfast integer, lunch boolean,
        dinner boolean, price integer, has_pool boolean, has_spa boolean, animals boolean,
        near_lake boolean, near_mountains boolean, has_sport boolean,
        family_rating double precision, outdoor_rating double precision,
        food_rating double precision, leisure_rating double precision,
        service_rating double precision, user_score double precision,
        lat double precision, lon double precision);
    CREATE TABLE inferences (task_id varchar PRIMARY KEY, user_id integer, status varchar,
        time_creation timestamp);
    CREATE TABLE results (result_id serial PRIMARY KEY, task_id varchar, user_id integer,
        location_id integer, score double precision, label double precision, shown boolean);
    CREATE TABLE events (event varchar, time_event timestamp);
    CREATE TABLE models (model_id integer); CREATE TABLE datasets (result_id integer);
    INSERT INTO users SELECT i, timestamp '2025-03-01 10:00:00.123456' + i * interval '1 h', 2,
        30.5, 1.5, 29, 32, 1.0, 99.50 + i, 3, '2025-06-01', i % 2, true, false, true, false, true,
        44 FROM generate_series(1, 8) AS i;
    INSERT INTO locations SELECT 2 * i, true, i % 2, false, true, 50 + i, true, false, true, false,
        true, false, i / 10.0, 2, 3, 4, 5, 0.5, 1, 1 FROM generate_series(1, 150) AS i;";

fn task(n: u32) -> String {
    format!("{n:08x}-0000-4000-8000-000000000000")
}

/// Results of a task: item `2 * i` has score `i / 1000`.
fn add(client: &mut Client, task: &str, user: i32, results: i32, shown: &str, picked: i32) {
    let insert = "INSERT INTO inferences VALUES ($1, $2, 'SUCCESS', '2025-04-01 12:00:00')";
    client.execute(insert, &[&task, &user]).unwrap();
    let insert = format!(
        "INSERT INTO results (task_id, user_id, location_id, score, label, shown)
         SELECT $1, $2, 2 * i, i / 1000.0, (2 * i = $3)::int, {shown}
         FROM generate_series(1, $4) AS i"
    );
    client
        .execute(&insert, &[&task, &user, &picked, &results])
        .unwrap();
}

fn old() -> TestDatabase {
    let database = TestDatabase::create();
    let mut client = client(&database);
    client.batch_execute(TABLES).unwrap();
    add(&mut client, &task(1), 1, 12, "i > 8", 22);
    add(&mut client, &task(2), 2, 12, "i > 8", 0);
    // Far more than are kept; the choice is among the worst.
    add(&mut client, &task(3), 3, 150, "i > 147", 10);
    // Two with one score.
    add(&mut client, &task(4), 4, 4, "false", 0);
    client
        .execute(
            "UPDATE results SET score = 0.5 WHERE task_id = $1 AND location_id IN (2, 6)",
            &[&task(4)],
        )
        .unwrap();
    database
}

/// What cannot be taken: a user, an item, and a task for each reason.
fn spoil(database: &TestDatabase) {
    let mut client = client(database);
    client
        .batch_execute(
            "UPDATE users SET nights = 2.5 WHERE user_id = 7;
             INSERT INTO locations (location_id, children) VALUES (900, NULL)",
        )
        .unwrap();
    add(&mut client, &task(5), 7, 3, "true", 0);
    add(&mut client, &task(6), 99, 3, "true", 0);
    add(&mut client, "not-a-uuid", 5, 3, "true", 0);
    add(&mut client, &task(7), 5, 3, "true", 0);
    add(&mut client, &task(8), 5, 3, "true", 2);
    add(&mut client, &task(9), 5, 3, "true", 2);
    for update in [
        "UPDATE results SET score = 'NaN' WHERE task_id = $1 AND location_id = 2",
        "UPDATE results SET label = 1 WHERE task_id = $1",
        "UPDATE results SET location_id = 900 WHERE task_id = $1 AND location_id = 4",
    ]
    .iter()
    .zip(7..)
    {
        client.execute(*update.0, &[&task(update.1)]).unwrap();
    }
}

#[test]
fn an_old_database_comes_over() {
    let dir = tempfile::tempdir().unwrap();
    let (old, new) = (old(), TestDatabase::create());
    let (from, to) = (old.url(), new.url());
    let import = ["db", "import-legacy", "--from", &from, "--to", &to];
    let told = works(dir.path(), &import);
    for words in [
        "locations                150          0\n",
        "users                      8          0\n",
        "inferences                 4          0\n",
        "  answered                 2\n",
        "  unanswered               2\n",
        "50 results beyond",
        "`users` has no `name`",
        "left out: shoe_size",
    ] {
        assert!(told.contains(words), "no `{words}` in\n{told}");
    }
    assert_eq!(told.matches("  equal\n").count(), 9, "{told}");

    let mut client = client(&new);
    let row = "SELECT name, people_num, age_min, children_num, budget, nights, time_arrival::text,
            pool, spa, creation_time = '2025-03-01 13:00:00.123456+00' FROM users WHERE user_id = 3";
    let row = client.query_one(row, &[]).unwrap();
    assert_eq!(row.get::<_, Option<String>>(0), None);
    assert_eq!((row.get::<_, i64>(1), row.get::<_, f64>(2)), (2, 29.0));
    assert_eq!((row.get::<_, i64>(3), row.get::<_, f64>(4)), (1, 102.5));
    assert_eq!(
        (row.get::<_, i64>(5), row.get::<_, &str>(6)),
        (3, "2025-06-01")
    );
    assert!(row.get::<_, bool>(7) && row.get::<_, bool>(8) && row.get::<_, bool>(9));
    let row = "SELECT breakfast, price, family_rating FROM locations WHERE location_id = 300";
    let row = client.query_one(row, &[]).unwrap();
    assert_eq!((row.get(0), row.get(1), row.get(2)), (false, 200.0, 15.0));

    let mut ranked = |task: u32| -> Vec<(i64, bool, i32)> {
        let select = format!(
            "SELECT location_id, shown, label FROM results WHERE task_id = '{}' ORDER BY result_id",
            self::task(task)
        );
        let rows = client.query(&select, &[]).unwrap();
        rows.iter()
            .map(|row| (row.get(0), row.get(1), row.get(2)))
            .collect()
    };
    let first = ranked(1);
    let ids: Vec<i64> = first.iter().map(|r| r.0).collect();
    assert_eq!(ids, (1..=12).rev().map(|i| 2 * i).collect::<Vec<_>>());
    assert_eq!(first.iter().filter(|r| r.1).count(), 4);
    assert_eq!(first.iter().position(|r| r.2 == 1), Some(1));
    assert!(ranked(2).iter().all(|r| r.2 == 0));
    let third = ranked(3);
    assert_eq!((third.len(), third[99]), (100, (10, false, 1)));
    assert_eq!(third[98].0, 2 * (150 - 98));
    let ids: Vec<i64> = ranked(4).iter().map(|r| r.0).collect();
    assert_eq!(ids, [2, 6, 8, 4]);
    let unanswered = "SELECT count(*) FROM inferences WHERE answered_at IS NULL
        AND selected IS NULL AND answered_n IS NULL AND NOT open AND NOT explored";
    assert_eq!(number(&mut client, unanswered), 2);
    let answered = "SELECT count(*) FROM inferences WHERE answered_at = '2025-04-01 12:00:00+00'
        AND creation_time = answered_at AND selected IN (22, 10)";
    assert_eq!(number(&mut client, answered), 2);

    let status = works(dir.path(), &["--database", &to, "db", "status"]);
    assert!(
        status.contains("locations       150\nusers           8\n"),
        "{status}"
    );
    fails(dir.path(), &import, 1, &["not empty"]);
}

#[test]
fn bad_rows_are_named_and_only_left_out_when_asked() {
    let dir = tempfile::tempdir().unwrap();
    let (old, new) = (old(), TestDatabase::create());
    spoil(&old);
    let (from, to) = (old.url(), new.url());
    let import = ["db", "import-legacy", "--from", &from, "--to", &to];
    let told = fails(
        dir.path(),
        &import,
        1,
        &["`8` rows", "nothing was written", "--skip-bad"],
    );
    let has = |told: &str| {
        for words in [
            "locations                150          1\n",
            "users                      7          1\n",
            "inferences                 4          6\n",
            "users user_id 7: `nights` is `2.5`, must be a value of type int",
            "its user `7` was not read",
            "its user `99` was not read",
            "task not-a-uuid: its id is no UUID",
            "its score is `NaN`, must be a number",
            "more than one of its results has label 1",
            "and 1 more",
        ] {
            assert!(told.contains(words), "no `{words}` in\n{told}");
        }
        assert!(told.contains("locations location_id 900: `"), "{told}");
    };
    has(&told);
    let rows = "SELECT (SELECT count(*) FROM users) + (SELECT count(*) FROM item_versions)
        + (SELECT count(*) FROM inferences)";
    assert_eq!(number(&mut client(&new), rows), 0);
    works(dir.path(), &["--database", &to, "db", "status"]);
    let mut skipping = import.to_vec();
    skipping.push("--skip-bad");
    let told = works(dir.path(), &skipping);
    has(&told);
    assert_eq!(number(&mut client(&new), rows), 7 + 150 + 4);
}

#[test]
fn tables_and_columns_that_are_missing_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let (old, new) = (old(), TestDatabase::create());
    let (from, to) = (old.url(), new.url());
    let import = |from: &str, code, words: &[&str]| {
        let args = ["db", "import-legacy", "--from", from, "--to", &to];
        fails(dir.path(), &args, code, words);
    };
    let mut client = client(&old);
    let mut after = |change: &str, words: &[&str]| {
        client.batch_execute(change).unwrap();
        import(&from, 1, words);
    };
    after(
        "ALTER TABLE users DROP budget, DROP spa",
        &["`users`", "`budget`, `spa`", "has age_avg"],
    );
    after(
        "ALTER TABLE users ADD budget float, ADD spa bool; ALTER TABLE results DROP score",
        &["`results`", "`score`"],
    );
    after(
        "ALTER TABLE results ADD score float;
         ALTER TABLE users ALTER creation_time TYPE text",
        &["`users.creation_time` is `text`", "timestamp"],
    );
    after(
        "ALTER TABLE locations RENAME TO places",
        &["no table `locations`", "places"],
    );
    works(dir.path(), &["--database", &to, "db", "migrate"]);
    import(&to, 1, &["mlp's own already"]);
    import("sqlite:x.db", 2, &["--from"]);
}
