//! Items' JSON, made once per catalog.

use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwapOption;
use mlp_store::{LiveCatalog, Serving};

use crate::wire::RowShape;

/// The JSON of one catalog's items, each made when it is first shown.
#[derive(Debug)]
pub(crate) struct Fragments {
    catalog: Arc<LiveCatalog>,
    texts: Vec<OnceLock<Box<[u8]>>>,
}

impl Fragments {
    fn new(catalog: &Arc<LiveCatalog>) -> Self {
        Self {
            texts: (0..catalog.items().len())
                .map(|_| OnceLock::new())
                .collect(),
            catalog: Arc::clone(catalog),
        }
    }

    /// `"book_id":7,"title":"…",…` of an item as it was at a catalog version; `None` where it
    /// has changed since, or is gone.
    pub fn get(&self, shape: &RowShape, item_id: i64, version: i64) -> Option<&[u8]> {
        let position = self.catalog.position(item_id)?;
        let item = &self.catalog.items()[position];
        if item.from_version > version || version > self.catalog.version() {
            return None;
        }
        Some(self.texts[position].get_or_init(|| {
            let mut text = Vec::with_capacity(512);
            shape.fields(&mut text, item.item_id, &item.row);
            text.into_boxed_slice()
        }))
    }
}

/// The fragments of the catalog that was served last.
#[derive(Debug, Default)]
pub(crate) struct FragmentCache {
    current: ArcSwapOption<Fragments>,
}

impl FragmentCache {
    /// The fragments of what is served.
    pub fn of(&self, serving: &Serving) -> Arc<Fragments> {
        match self.current.load_full() {
            Some(current) if Arc::ptr_eq(&current.catalog, serving.catalog()) => current,
            // Two requests may make the same ones; either will do.
            _ => {
                let fresh = Arc::new(Fragments::new(serving.catalog()));
                self.current.store(Some(Arc::clone(&fresh)));
                fresh
            }
        }
    }
}
