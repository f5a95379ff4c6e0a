//! A database that was made for another schema.

use std::sync::Arc;

use mlp_core::{Schema, Value};
use mlp_store::conformance::{reading, sample_row, travel};
use mlp_store::postgres::PostgresStore;
use mlp_store::{ItemChange, Items, StoreError};

use super::support::{client as connect, number, open};
use crate::domain::changed;
use mlp_store::conformance::postgres::TestDatabase;

fn put(store: &PostgresStore, schema: &Schema, seed: u64) -> i64 {
    let row = sample_row(&schema.item, seed);
    let item_id = None;
    let (_, ids) = (store.change_items(&[ItemChange::Put { item_id, row }])).unwrap();
    ids[0]
}

fn difference(database: &TestDatabase, schema: &Arc<Schema>) -> String {
    match open(database, schema) {
        Err(StoreError::Domain { difference, .. }) => difference,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_schema_that_loses_something_is_refused() {
    let database = TestDatabase::create();
    put(&open(&database, &reading()).unwrap(), &reading(), 1);
    for (from, to, expected) in [
        (
            r#"name = "hours", type = "int""#,
            r#"name = "hours", type = "float""#,
            "`hours` was `int` and is `float`",
        ),
        (
            r#"name = "weight""#,
            r#"name = "mass""#,
            "column `weight` is gone",
        ),
        (
            r#"table = "books""#,
            r#"table = "volumes""#,
            "table was `books` and is `volumes`",
        ),
    ] {
        let difference = difference(&database, &changed(from, to));
        assert!(difference.contains(expected), "{difference}");
        assert!(difference.contains("another database"), "{difference}");
    }
    assert!(difference(&database, &travel()).contains("the user's name"));
    open(&database, &reading()).unwrap();
}

#[test]
fn gained_fields_are_added_to_tables_and_views() {
    let database = TestDatabase::create();
    // Open all the while: another process widens the tables under its statements.
    let narrow = open(&database, &reading()).unwrap();
    let old = put(&narrow, &reading(), 1);
    let wider = changed(
        r#"    { name = "published""#,
        r#"    { name = "pages", type = "int", default = 100 },
    { name = "published""#,
    );
    let store = open(&database, &wider).unwrap();
    let new = put(&store, &wider, 7);
    let (_, items) = store.catalog().unwrap();
    assert_eq!(items.len(), 2);
    assert_eq!((items[0].item_id, items[1].item_id), (old, new));
    let pages = wider.item.column("pages").unwrap();
    assert_eq!(items[0].row.values()[pages], Value::Null);
    assert_eq!(items[1].row, sample_row(&wider.item, 7));
    let without = "SELECT count(*) FROM books WHERE pages IS NULL AND book_id = 1";
    assert_eq!(number(&mut connect(&database), without), 1);
    assert_eq!(narrow.catalog().unwrap().1.len(), 2);
    // The narrower schema would not know what it stores.
    assert!(difference(&database, &reading()).contains("`pages` is gone"));
    open(&database, &wider).unwrap();
}
