//! A file that was made for another schema.

use std::path::Path;
use std::sync::Arc;

use mlp_core::{Schema, Value};
use mlp_store::conformance::{reading, sample_row, travel};
use mlp_store::sqlite::SqliteStore;
use mlp_store::{Content, Items, StoreError, StoreOptions};
use rusqlite::Connection;

use crate::support::{directory, filled, open, put};

/// A schema like `reading`, with a part of its text replaced.
pub fn changed(from: &str, to: &str) -> Arc<Schema> {
    let text = include_str!("../../../mlp-core/testdata/reading.toml");
    assert!(text.contains(from));
    Arc::new(Schema::parse("changed.toml", &text.replace(from, to)).unwrap())
}

fn difference(path: &Path, schema: Arc<Schema>) -> String {
    match SqliteStore::open(path, schema, StoreOptions::new()) {
        Err(StoreError::Domain { difference, .. }) => difference,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_schema_that_loses_something_is_refused() {
    let (_directory, path) = directory();
    filled(&path);
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
            r#"["novel", "poetry", "#,
            r#"["novel", "#,
            "lost its level `poetry`",
        ),
        (
            r#"table = "books""#,
            r#"table = "volumes""#,
            "table was `books` and is `volumes`",
        ),
        (
            r#"name = "reader""#,
            r#"name = "borrower""#,
            "name was `reader` and is `borrower`",
        ),
    ] {
        let difference = difference(&path, changed(from, to));
        assert!(difference.contains(expected), "{difference}");
        assert!(difference.contains("another database"), "{difference}");
    }
    assert!(difference(&path, travel()).contains("the user's name"));
    open(&path).unwrap();
}

#[test]
fn a_schema_that_gains_a_field_adds_its_column() {
    let (_directory, path) = directory();
    filled(&path);
    let wider = changed(
        r#"    { name = "motto""#,
        r#"    { name = "left_handed", type = "bool", default = true },
    { name = "motto""#,
    );
    let store = SqliteStore::open(&path, Arc::clone(&wider), StoreOptions::new()).unwrap();
    let user = store.user(5).unwrap().unwrap();
    let before = sample_row(&reading().user, 4);
    assert_eq!(user.row.values()[0], before.values()[0]);
    assert_eq!(user.row.values()[1], Value::Null);
    assert_eq!(user.row.values()[2..], before.values()[1..]);
    put(&store, &wider, 1);
    drop(store);
    // The narrower schema would not know what it stores.
    assert!(difference(&path, reading()).contains("`left_handed` is gone"));
    SqliteStore::open(&path, wider, StoreOptions::new()).unwrap();
}

#[test]
fn an_item_field_is_gained_in_table_and_view() {
    let (_directory, path) = directory();
    filled(&path);
    let wider = changed(
        r#"    { name = "published""#,
        r#"    { name = "pages", type = "int", default = 100 },
    { name = "published""#,
    );
    let store = SqliteStore::open(&path, Arc::clone(&wider), StoreOptions::new()).unwrap();
    let id = put(&store, &wider, 7);
    let kept = store.catalog().unwrap().1.pop().unwrap();
    assert_eq!((kept.item_id, kept.row), (id, sample_row(&wider.item, 7)));
    let connection = Connection::open(&path).unwrap();
    let rows: i64 = connection
        .query_row("SELECT count(*) FROM books WHERE pages IS NULL", [], |r| {
            r.get(0)
        })
        .unwrap();
    assert!(rows >= 200);
}

#[test]
fn levels_may_be_added_and_moved() {
    let (_directory, path) = directory();
    filled(&path);
    let levels = r#"["novel", "poetry", "non-fiction", "bande dessinée"]"#;
    let moved = r#"["manga", "bande dessinée", "poetry", "non-fiction", "novel"]"#;
    let schema = changed(levels, moved);
    let store = SqliteStore::open(&path, Arc::clone(&schema), StoreOptions::new()).unwrap();
    let (group, old) = (schema.item.column("group").unwrap(), reading());
    let name = |schema: &Schema, value: &Value| match (&schema.item.columns[group].kind, value) {
        (mlp_core::FieldType::Category(levels), Value::Level(l)) => levels[usize::from(*l)].clone(),
        other => panic!("{other:?}"),
    };
    for item in store.catalog().unwrap().1 {
        let before = sample_row(&old.item, item.item_id as u64 - 1);
        let now = name(&schema, &item.row.values()[group]);
        assert_eq!(now, name(&old, &before.values()[group]));
    }
}

#[test]
fn other_features_are_the_same_domain() {
    let (_directory, path) = directory();
    filled(&path);
    let schema = changed("edges = [100, 300, 800]", "edges = [5, 6]");
    let store = SqliteStore::open(&path, schema, StoreOptions::new()).unwrap();
    assert_eq!(store.catalog().unwrap().1.len(), 200);
}
