//! The items that can be ranked, as numbers.

use crate::schema::Entity;
use crate::value::Row;

/// The items of one catalog version, in the order of their ids.
#[derive(Debug, Clone)]
pub struct Catalog {
    version: i64,
    ids: Vec<i64>,
    numbers: Vec<f64>,
    n_columns: usize,
}

impl Catalog {
    /// Gathers the items' numbers; sorts by id, and the last of two items with one id stands.
    pub fn new<'a>(
        entity: &Entity,
        version: i64,
        items: impl IntoIterator<Item = (i64, &'a Row)>,
    ) -> Self {
        let mut items: Vec<(i64, &Row)> = items.into_iter().collect();
        items.reverse();
        items.sort_by_key(|(id, _)| *id);
        items.dedup_by_key(|(id, _)| *id);
        let mut numbers = Vec::with_capacity(items.len() * entity.columns.len());
        let mut buffer = Vec::new();
        for (_, row) in &items {
            entity.numbers(row, &mut buffer);
            numbers.extend_from_slice(&buffer);
        }
        Self {
            version,
            ids: items.iter().map(|(id, _)| *id).collect(),
            numbers,
            n_columns: entity.columns.len(),
        }
    }

    /// The catalog's version; 0 is the empty catalog that every store begins with.
    pub fn version(&self) -> i64 {
        self.version
    }

    /// The items' ids, ascending, shape `(n_items,)`.
    pub fn ids(&self) -> &[i64] {
        &self.ids
    }

    /// The numbers of the item at a position, shape `(n_item_columns,)`.
    pub fn numbers(&self, position: usize) -> &[f64] {
        &self.numbers[position * self.n_columns..(position + 1) * self.n_columns]
    }

    /// Where the item of that id stands.
    pub fn position(&self, id: i64) -> Option<usize> {
        self.ids.binary_search(&id).ok()
    }
}
