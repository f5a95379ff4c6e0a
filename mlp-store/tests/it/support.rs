//! What the tests of one file share.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use mlp_core::Schema;
use mlp_store::conformance::{reading, sample_row};
use mlp_store::sqlite::SqliteStore;
use mlp_store::{
    ItemChange, Items, NewSession, SessionOp, SessionReply, Sessions, StoreError, StoreOptions,
    TaskId,
};
use tempfile::TempDir;

pub fn directory() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.db");
    (directory, path)
}

pub fn open(path: &Path) -> Result<Arc<SqliteStore>, StoreError> {
    SqliteStore::open(path, reading(), StoreOptions::new())
}

pub fn error(path: &Path) -> StoreError {
    open(path).expect_err("it cannot be opened")
}

pub fn start(store: &SqliteStore, seed: u64) -> Result<TaskId, StoreError> {
    let task_id = TaskId::new_v7();
    let op = SessionOp::Start(NewSession {
        task_id,
        user: sample_row(&reading().user, seed),
        candidates: None,
        idempotency: None,
        priority: Default::default(),
    });
    let replies = store.apply(&[op])?;
    assert!(matches!(replies[0], SessionReply::Started { .. }));
    Ok(task_id)
}

pub fn put(store: &SqliteStore, schema: &Schema, seed: u64) -> i64 {
    let row = sample_row(&schema.item, seed);
    let item_id = None;
    let (_, ids) = (store.change_items(&[ItemChange::Put { item_id, row }])).unwrap();
    ids[0]
}

pub fn filled(path: &Path) {
    let store = open(path).unwrap();
    for seed in 0..200 {
        put(&store, &reading(), seed);
        start(&store, seed).unwrap();
    }
}
