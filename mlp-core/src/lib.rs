#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

pub mod choice;
pub mod drift;
pub mod explore;
pub mod metrics;
pub mod replay;
pub mod solver;
pub mod split;
pub mod watch;

mod catalog;
mod feature;
mod fit;
mod gate;
mod guard;
mod model;
mod preprocess;
mod rank;
mod schema;
mod table;
mod validate;
mod value;

pub use catalog::Catalog;
pub use feature::FeatureSet;
pub use fit::{
    CandidateScore, CrossValidation, FitError, FitOptions, Penalty, Solver, fit, fit_logistic,
};
pub use gate::{
    Because, Comparison, GateOptions, GateReport, Interval, LossChange, Paired, Verdict, gate,
    loss_change, model_losses, paired, paired_models,
};
pub use guard::{Arm, ArmCounts, Guard, GuardOptions, GuardReport, GuardVerdict, ShareError};
pub use model::{ARTIFACT_FORMAT, Artifact, ArtifactError, Family, Lineage, LinearModel};
pub use preprocess::{Scaling, Selection};
pub use rank::{Ranked, Ranker, Scratch};
pub use schema::{Column, Entity, Field, FieldType, MAX_LIST, MAX_TEXT, Part, Schema, SchemaError};
pub use table::{PairTable, Session};
pub use validate::Fault;
pub use value::{Date, Row, Value};
