//! What a store can fail with.

/// A store's failure.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another server holds the file.
    #[error("`{path}` is in use by another server (process {pid})")]
    Held {
        /// The file.
        path: String,
        /// The other's process id, as far as known.
        pid: String,
    },
    /// It cannot be opened or made.
    #[error("cannot open `{place}`: {reason}")]
    Open {
        /// Where.
        place: String,
        /// Why, and what to do.
        reason: String,
    },
    /// A newer program made it.
    #[error(
        "`{place}` has schema version {found}, but this program knows {known} at most: use a newer mlp"
    )]
    Newer {
        /// Where.
        place: String,
        /// Its version.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// It was made for another domain.
    #[error("`{place}` was made for another schema: {difference}")]
    Domain {
        /// Where.
        place: String,
        /// The first difference, and what to do.
        difference: String,
    },
    /// The disk is full.
    #[error("no space left for `{place}`: free some, nothing was lost")]
    Full {
        /// Where.
        place: String,
    },
    /// The file is damaged.
    #[error("`{place}` is damaged: {reason}")]
    Corrupt {
        /// Where.
        place: String,
        /// What was found.
        reason: String,
    },
    /// It is busy or out of reach for the moment.
    #[error("the store is not available: {reason}")]
    Unavailable {
        /// Why.
        reason: String,
    },
    /// What was asked cannot be.
    #[error("{0}")]
    Invalid(String),
    /// Anything else.
    #[error("store: {context}")]
    Backend {
        /// What was being done.
        context: &'static str,
        /// What the backend said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl StoreError {
    /// Whether the same call may succeed later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Full { .. })
    }
}
