//! A window as counts alone, which a database can make.

use super::mismatch::ProfileError;
use super::profile::{FeatureProfile, Profile, Values};

/// A window's requests, counted in a profile's bins.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Counts {
    /// How many requests.
    pub requests: u64,
    /// Each feature of the profile, in its order.
    pub features: Vec<FeatureCounts>,
}

/// One feature of [`Counts`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FeatureCounts {
    /// How many values are in each bin, or are each level; shape `(n_bins,)`. What is under the least
    /// value of the profile or over its greatest is in the first and last bin too.
    pub bins: Vec<u64>,
    /// Numbers under the profile's least.
    pub below: u64,
    /// Numbers over the profile's greatest.
    pub above: u64,
    /// Requests without a value.
    pub missing: u64,
    /// What only the values can tell, where they were there.
    pub(crate) values: Option<OfValues>,
}

/// What counts in bins do not tell.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OfValues {
    /// The Kolmogorov–Smirnov distance.
    pub ks: f64,
    pub median: f64,
    /// In no order.
    pub values: Vec<f64>,
}

impl FeatureCounts {
    /// How many values, missing ones apart.
    pub fn count(&self) -> u64 {
        self.bins.iter().sum()
    }

    fn fit(&self, profile: &FeatureProfile, requests: u64) -> bool {
        let outside = self.below.saturating_add(self.above);
        let ranged = match profile.values {
            Values::Numeric(_) => true,
            Values::Levels(_) => outside == 0,
        };
        let within = |part: u64| part <= requests;
        let sum = (self.bins.iter()).try_fold(self.missing, |sum, c| sum.checked_add(*c));
        ranged
            && self.bins.len() == profile.bins().len()
            && sum.is_some_and(within)
            && outside <= self.count()
    }
}

impl Counts {
    /// Whether they are counts in the profile's bins.
    pub(crate) fn check(&self, profile: &Profile) -> Result<(), ProfileError> {
        if self.features.len() != profile.features.len() {
            return Err(ProfileError::Columns {
                found: profile.features.len(),
                expected: self.features.len(),
            });
        }
        let mut both = self.features.iter().zip(&profile.features);
        match both.find(|(counts, feature)| !counts.fit(feature, self.requests)) {
            None => Ok(()),
            Some((counts, feature)) => Err(ProfileError::Counts {
                feature: feature.name.clone(),
                found: counts.bins.len(),
                expected: feature.bins().len(),
            }),
        }
    }
}
