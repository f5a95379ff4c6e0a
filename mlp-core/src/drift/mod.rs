//! Drift: whether the requests of now are those that a model was trained on.
//!
//! Statistics compare a reference with what is there now, in three kinds of input, each checked
//! once:
//!
//! - of values, a [`Sample`] each: [`ks`], [`wasserstein`];
//! - of counts in the same bins ([`Bins`] of numbers, [`Levels`] of categories), a [`BinnedPair`]:
//!   [`chi2`], [`psi`], [`jensen_shannon`], [`hellinger`], [`total_variation`],
//!   [`greatest_difference`], [`ks_of_counts`].
//!
//! Detectors watch a stream, one observation at a time, for a mean that moves: [`Adwin`] and
//! [`PageHinkley`], each either of [`Measured`] numbers or of [`Outcome`]s.
//!
//! A check puts them to use: a [`Profile`] is made of the requests that a model was trained on
//! ([`ProfileBuilder`]), a [`Window`] of the newest is held against it, and [`check`] says, by a
//! [`Policy`], whether they differ by more than chance, in which features and how; [`onset`] since
//! when. From counts that a database made, [`check_counts`] does the same.
//!
//! What the data cannot answer is `None` (a side without values, a unit of 0), never NaN; a fault of
//! the caller is a [`DriftError`]. Missing values are left out of samples and counts, or counted as a
//! level of their own.
//!
//! ```
//! use mlp_core::drift::{BinnedPair, Bins, Sample, Smoothing, ks, psi};
//!
//! let reference = Sample::new((0..200).map(f64::from).collect())?;
//! let current = Sample::new((0..100).map(|x| f64::from(x) + 100.0).collect())?;
//! let found = ks(&reference, &current).unwrap();
//! assert_eq!((found.statistic(), found.argument()), (0.5, 99.0));
//! assert!(found.p() < 1e-14);
//!
//! let bins = Bins::of_quantiles(&reference, 10).unwrap();
//! let (then, now) = (bins.count_sorted(&reference), bins.count_sorted(&current));
//! assert!(psi(BinnedPair::new(&then, &now)?, Smoothing::Half) > Some(1.0));
//! # Ok::<(), mlp_core::drift::DriftError>(())
//! ```

mod adwin;
mod bins;
mod check;
mod chi2;
mod collect;
mod counts;
mod error;
mod hellinger;
mod jensen_shannon;
mod kolmogorov;
mod ks;
mod lattice;
mod levels;
mod mismatch;
mod observation;
mod onset;
mod page_hinkley;
mod pair;
mod policy;
mod profile;
mod psi;
mod report;
mod sample;
mod tails;
mod total_variation;
mod wasserstein;
mod window;
mod words;

pub use adwin::{Adwin, AdwinOptions};
pub use bins::Bins;
pub use check::{check, check_counts};
pub use chi2::{Chi2, Correction, chi2, chi2_survival};
pub use collect::ProfileBuilder;
pub use counts::{Counts, FeatureCounts};
pub use error::DriftError;
pub use hellinger::hellinger;
pub use jensen_shannon::{Base, jensen_shannon};
pub use ks::{Ks, ks, ks_of_counts};
pub use levels::Levels;
pub use mismatch::ProfileError;
pub use observation::{ErrorRate, Measured, Observation, Outcome};
pub use onset::onset;
pub use page_hinkley::{Direction, PageHinkley, PageHinkleyOptions};
pub use pair::BinnedPair;
pub use policy::Policy;
pub use profile::{FeatureProfile, LEAST_REFERENCE, LevelCounts, Numbers, Profile, SCORE, Values};
pub use psi::{Smoothing, psi};
pub use report::{
    Bars, DriftReport, DriftVerdict, FeatureDrift, FeatureKind, OtherRules, PolicyKind, Statistics,
};
pub use sample::Sample;
pub use total_variation::{greatest_difference, total_variation};
pub use wasserstein::{wasserstein, wasserstein_normalised};
pub use window::Window;
