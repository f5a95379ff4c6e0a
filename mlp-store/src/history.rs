//! Items as they were.

use std::collections::HashMap;

use mlp_core::Schema;

use crate::types::ItemVersion;

/// Items as they were, to learn from sessions of the past.
#[derive(Debug, Default)]
pub struct ItemHistory {
    versions: HashMap<i64, Vec<PastItem>>,
}

/// An item from one catalog version to another.
#[derive(Debug)]
struct PastItem {
    from: i64,
    to: Option<i64>,
    numbers: Vec<f64>,
}

impl ItemHistory {
    /// Gathers the numbers of every version of every item.
    pub fn new(schema: &Schema, versions: &[ItemVersion]) -> Self {
        let mut history = Self::default();
        for version in versions {
            let mut numbers = Vec::new();
            schema.item.numbers(&version.row, &mut numbers);
            let known = history.versions.entry(version.item_id).or_default();
            known.push(PastItem {
                from: version.from_version,
                to: version.to_version,
                numbers,
            });
        }
        history
    }

    /// An item's numbers at a catalog version, shape `(n_item_columns,)`.
    pub fn at(&self, item_id: i64, version: i64) -> Option<&[f64]> {
        let versions = self.versions.get(&item_id)?;
        let past = versions
            .iter()
            .find(|past| past.from <= version && past.to.is_none_or(|to| version < to))?;
        Some(&past.numbers)
    }
}
