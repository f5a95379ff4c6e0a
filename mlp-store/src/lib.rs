//! Persistence and the task queue behind traits.
#![deny(missing_docs)]

mod error;
mod traits;
mod types;

pub use error::StoreError;
pub use traits::{
    Content, Items, Maintenance, Queue, Registry, Result, Sessions, SettledFeed, Store,
};
pub use types::*;
