//! Items, in versions.

use super::bench::{Bench, Opened, ok};
use super::sample_row;
use crate::types::{ItemChange, ItemVersion};
use mlp_core::Row;

fn row(bench: &Bench, seed: u64) -> Row {
    sample_row(&bench.schema.item, seed)
}

fn put(item_id: i64, row: &Row) -> ItemChange {
    let row = row.clone();
    ItemChange::Put {
        item_id: Some(item_id),
        row,
    }
}

fn withdraw(item_id: i64) -> ItemChange {
    ItemChange::Withdraw { item_id }
}

#[track_caller]
fn change(open: &Opened<'_>, changes: &[ItemChange]) -> i64 {
    ok(open.store.change_items(changes)).0
}

fn ids(items: &[ItemVersion]) -> Vec<i64> {
    items.iter().map(|item| item.item_id).collect()
}

pub(super) fn an_empty_catalog_has_version_zero(bench: &Bench) {
    let open = bench.open();
    assert_eq!(ok(open.store.catalog()), (0, vec![]));
    assert_eq!(ok(open.store.versions()).catalog, 0);
    assert_eq!(ok(open.store.counts()).items, 0);
    assert!(ok(open.store.item_versions()).is_empty());
}

pub(super) fn new_items_are_numbered_from_one(bench: &Bench) {
    let open = bench.open();
    let new: Vec<_> = (0..3).map(|_| bench.new_item()).collect();
    assert_eq!(ok(open.store.change_items(&new)), (1, vec![1, 2, 3]));
    let (version, items) = ok(open.store.catalog());
    assert_eq!((version, ids(&items)), (1, vec![1, 2, 3]));
    for (change, item) in new.iter().zip(&items) {
        assert!(matches!(change, ItemChange::Put { row, .. } if *row == item.row));
        assert_eq!((item.from_version, item.to_version), (1, None));
        assert!(item.created_us > 0);
    }
    let one = [bench.new_item()];
    assert_eq!(ok(open.store.change_items(&one)), (2, vec![4]));
}

pub(super) fn items_keep_the_ids_they_come_with(bench: &Bench) {
    let open = bench.open();
    let changes = [
        put(1 << 40, &row(bench, 1)),
        put(7, &row(bench, 2)),
        bench.new_item(),
        put(3, &row(bench, 3)),
    ];
    let (_, given) = ok(open.store.change_items(&changes));
    assert_eq!(given, [1 << 40, 7, (1 << 40) + 1, 3]);
    let (_, items) = ok(open.store.catalog());
    assert_eq!(ids(&items), [3, 7, 1 << 40, (1 << 40) + 1]);
}

pub(super) fn ids_under_one_are_refused(bench: &Bench) {
    let open = bench.open();
    for id in [0, -1, i64::MIN] {
        let changes = [put(1, &row(bench, 1)), put(id, &row(bench, 2))];
        assert!(open.store.change_items(&changes).is_err());
    }
    assert_eq!(ok(open.store.catalog()), (0, vec![]));
}

pub(super) fn a_change_ends_one_version_and_begins_another(bench: &Bench) {
    let open = bench.open();
    let (old, new) = (row(bench, 1), row(bench, 2));
    assert_eq!(change(&open, &[put(5, &old)]), 1);
    assert_eq!(change(&open, &[put(5, &new)]), 2);
    let versions = ok(open.store.item_versions());
    let spans: Vec<_> = (versions.iter())
        .map(|v| (v.from_version, v.to_version, v.row.clone()))
        .collect();
    assert_eq!(spans, [(1, Some(2), old), (2, None, new.clone())]);
    let (version, items) = ok(open.store.catalog());
    assert_eq!((version, items.len()), (2, 1));
    assert_eq!(items[0].row, new);
}

pub(super) fn an_unchanged_item_is_no_new_version(bench: &Bench) {
    let open = bench.open();
    let same = row(bench, 1);
    change(&open, &[put(5, &same), put(6, &same)]);
    let again = ok(open.store.change_items(&[put(5, &same), put(6, &same)]));
    assert_eq!(again, (1, vec![5, 6]));
    let one = ok(open
        .store
        .change_items(&[put(5, &same), put(6, &row(bench, 2))]));
    assert_eq!(one, (2, vec![5, 6]));
    assert_eq!(ok(open.store.item_versions()).len(), 3);
    assert_eq!(ok(open.store.change_items(&[])), (2, vec![]));
}

pub(super) fn a_withdrawn_item_is_gone_but_remembered(bench: &Bench) {
    let open = bench.open();
    let kept = row(bench, 1);
    change(&open, &[put(5, &kept), put(6, &kept)]);
    assert_eq!(ok(open.store.change_items(&[withdraw(5)])), (2, vec![5]));
    assert_eq!(ids(&ok(open.store.catalog()).1), [6]);
    assert_eq!(ok(open.store.counts()).items, 1);
    assert_eq!(ids(&ok(open.store.items_page(0, 10))), [6]);
    let before = ok(open.store.item_at(5, 1)).expect("it was there");
    assert_eq!((before.row, before.to_version), (kept, Some(2)));
    assert_eq!(ok(open.store.item_at(5, 2)), None);
}

pub(super) fn withdrawing_what_is_not_there_changes_nothing(bench: &Bench) {
    let open = bench.open();
    change(&open, &[put(5, &row(bench, 1))]);
    change(&open, &[withdraw(5)]);
    let again = ok(open.store.change_items(&[withdraw(5), withdraw(99)]));
    assert_eq!(again, (2, vec![5, 99]));
}

pub(super) fn an_item_comes_back(bench: &Bench) {
    let open = bench.open();
    let same = row(bench, 1);
    change(&open, &[put(5, &same)]);
    change(&open, &[withdraw(5)]);
    assert_eq!(change(&open, &[put(5, &same)]), 3);
    let seen: Vec<bool> = (0..5)
        .map(|version| ok(open.store.item_at(5, version)).is_some())
        .collect();
    assert_eq!(seen, [false, true, false, true, true]);
}

pub(super) fn an_id_is_not_given_again(bench: &Bench) {
    let open = bench.open();
    change(&open, &[put(8, &row(bench, 1))]);
    change(&open, &[withdraw(8)]);
    let (_, given) = ok(open.store.change_items(&[bench.new_item()]));
    assert_eq!(given, [9]);
}

pub(super) fn the_last_change_of_a_batch_stands(bench: &Bench) {
    let open = bench.open();
    let [a, b, c] = [1, 2, 3].map(|seed| row(bench, seed));
    change(&open, &[put(1, &a), put(2, &a), put(3, &a)]);
    let batch = [
        put(1, &b),
        put(1, &c),
        withdraw(2),
        put(2, &b),
        put(3, &b),
        withdraw(3),
        put(4, &a),
        withdraw(4),
    ];
    assert_eq!(change(&open, &batch), 2);
    let (_, items) = ok(open.store.catalog());
    let rows: Vec<_> = items.iter().map(|i| (i.item_id, i.row.clone())).collect();
    assert_eq!(rows, [(1, c), (2, b)]);
    for id in 1..=3 {
        let before = ok(open.store.item_at(id, 1)).expect("it was there");
        assert_eq!((before.row, before.to_version), (a.clone(), Some(2)));
    }
    assert_eq!(ok(open.store.item_at(4, 2)), None);
}

pub(super) fn an_item_is_read_as_it_was(bench: &Bench) {
    let open = bench.open();
    let rows: Vec<Row> = (1..=5).map(|seed| row(bench, seed)).collect();
    for row in &rows {
        change(&open, &[put(1, row)]);
    }
    assert_eq!(ok(open.store.item_at(1, 0)), None);
    for (version, row) in (1..).zip(&rows) {
        let item = ok(open.store.item_at(1, version)).expect("it was there");
        assert_eq!((item.from_version, &item.row), (version, row));
    }
    let latest = ok(open.store.item_at(1, i64::MAX)).expect("it is there");
    assert_eq!(latest.row, rows[4]);
    assert_eq!(ok(open.store.item_at(2, 3)), None);
}

pub(super) fn items_come_in_pages(bench: &Bench) {
    let open = bench.open();
    let new: Vec<_> = (0..7).map(|_| bench.new_item()).collect();
    change(&open, &new);
    change(&open, &[withdraw(3)]);
    let page = |after, limit| ids(&ok(open.store.items_page(after, limit)));
    assert_eq!(page(0, 3), [1, 2, 4]);
    assert_eq!(page(4, 3), [5, 6, 7]);
    assert_eq!(page(7, 3), [] as [i64; 0]);
    assert_eq!(page(0, 0), [] as [i64; 0]);
    assert_eq!(page(-5, usize::MAX).len(), 6);
}

pub(super) fn a_bad_item_undoes_its_batch(bench: &Bench) {
    let open = bench.open();
    let mut bad = row(bench, 1);
    bad.0.pop();
    let changes = [put(1, &row(bench, 1)), put(2, &bad)];
    assert!(open.store.change_items(&changes).is_err());
    assert_eq!(ok(open.store.catalog()), (0, vec![]));
}

pub(super) fn a_large_catalog_is_one_version(bench: &Bench) {
    let open = bench.open();
    let new: Vec<_> = (0..3000).map(|_| bench.new_item()).collect();
    assert_eq!(change(&open, &new), 1);
    let (version, items) = ok(open.store.catalog());
    assert_eq!((version, items.len()), (1, 3000));
    assert!(items.is_sorted_by(|a, b| a.item_id < b.item_id));
    let same = new
        .iter()
        .zip(&items)
        .all(|(change, item)| matches!(change, ItemChange::Put { row, .. } if *row == item.row));
    assert!(same);
}
