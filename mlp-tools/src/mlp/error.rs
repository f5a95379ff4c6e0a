//! Why a command failed, and the exit code that says so.

use std::path::Path;

/// The result of a command.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It was asked for something that cannot be.
    #[error("{0}")]
    Usage(String),
    /// A file could not be used.
    #[error("cannot {verb} `{path}`: {source}")]
    File {
        /// What was tried.
        verb: &'static str,
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The schema is wrong.
    #[error(transparent)]
    Schema(#[from] mlp_core::SchemaError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] mlp_store::StoreError),
    /// A data set is wrong.
    #[error(transparent)]
    Dataset(#[from] mlp_data::dataset::DatasetError),
    /// A configuration of the simulation is wrong.
    #[error(transparent)]
    Config(#[from] mlp_data::ConfigError),
    /// Training failed.
    #[error(transparent)]
    Training(#[from] mlp_worker::TrainingError),
    /// An artifact cannot be used.
    #[error(transparent)]
    Artifact(#[from] mlp_core::ArtifactError),
    /// Anything else that went wrong.
    #[error("{0}")]
    Run(String),
}

impl Error {
    /// A fault in what was asked.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::Usage(message.into())
    }

    /// A fault in what was asked, found further in.
    pub fn usage_from(error: impl std::fmt::Display) -> Self {
        Self::Usage(error.to_string())
    }

    /// A fault while doing it.
    pub fn run(message: impl std::fmt::Display) -> Self {
        Self::Run(message.to_string())
    }

    /// Names the file that an I/O error is about.
    pub fn file(verb: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.display().to_string();
        move |source| Self::File { verb, path, source }
    }

    /// The exit code: 2 for what was asked wrongly, 1 for what went wrong.
    pub fn code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Schema(_) => 2,
            _ => 1,
        }
    }
}

impl From<mlp_core::FitError> for Error {
    fn from(error: mlp_core::FitError) -> Self {
        Self::Run(error.to_string())
    }
}

impl From<mlp_core::metrics::MetricError> for Error {
    fn from(error: mlp_core::metrics::MetricError) -> Self {
        Self::Run(error.to_string())
    }
}
