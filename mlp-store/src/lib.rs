#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

#[cfg(feature = "celery")]
pub mod celery;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod postgres;
pub mod sqlite;
pub mod transfer;

mod choice;
mod clock;
mod codec;
mod delegate;
mod domain;
mod error;
mod history;
mod live;
mod options;
mod registry;
mod signals;
mod state;
mod text;
mod traits;
mod transport;
mod types;

pub use clock::{Clock, ManualClock, SystemClock};
pub use error::StoreError;
pub use history::ItemHistory;
pub use live::{
    DEFAULT_EXPLORATION, EXPLORATION_SETTING, Live, LiveCatalog, LiveOptions,
    MAX_RAISED_EXPLORATION, RAISED_EXPLORATION_SETTING, RankScratch, Serving, ServingModel,
    exploration_share,
};
pub use options::StoreOptions;
pub use traits::{
    Content, Items, Maintenance, Queue, Registry, Result, Sessions, SettledFeed, Store, Traffic,
};
pub use transport::{Announcement, Announcing, DirectTransport, Roles, Transport, TransportStatus};
pub use types::*;
