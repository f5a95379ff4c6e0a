//! Making a profile of requests.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher};

use super::profile::{FeatureProfile, Numbers, Profile, SCORE, Values, feature_columns};
use crate::schema::Entity;
use crate::value::{Row, Value};

/// The bins of a numeric feature, where the builder is not told otherwise.
const BINS: usize = 10;

/// Makes a [`Profile`] of requests, one by one; the same requests give the same profile.
#[derive(Debug, Clone)]
pub struct ProfileBuilder {
    bins: usize,
    columns: Vec<usize>,
    repeats: Repeats,
    features: Vec<(FeatureProfile, Vec<f64>)>,
    score: Vec<f64>,
    requests: u64,
    from_us: Option<i64>,
    to_us: Option<i64>,
}

impl ProfileBuilder {
    /// For requests of `user`, with 10 bins of equal shares for each numeric feature.
    pub fn new(user: &Entity) -> Self {
        let columns = feature_columns(user);
        let feature = |&position: &usize| {
            let profile = FeatureProfile {
                name: user.columns[position].name.clone(),
                score: false,
                missing: 0,
                values: Values::of_column(user, position),
            };
            (profile, Vec::new())
        };
        Self {
            bins: BINS,
            features: columns.iter().map(feature).collect(),
            columns,
            repeats: Repeats::default(),
            score: Vec::new(),
            requests: 0,
            from_us: None,
            to_us: None,
        }
    }

    /// With that many bins, 2 to 100, in place of 10; fewer come of values that tie.
    #[must_use]
    pub fn bins(mut self, bins: usize) -> Self {
        self.bins = bins.clamp(2, 100);
        self
    }

    /// Adds a request, made at `at_us` (microseconds since 1970, in any order), and the score of what
    /// was answered, where there was one. Says whether it was new: a repeated one is counted, and its
    /// values are not.
    pub fn push(&mut self, row: &Row, score: Option<f64>, at_us: i64) -> bool {
        self.requests += 1;
        self.from_us = Some(self.from_us.map_or(at_us, |from| from.min(at_us)));
        self.to_us = Some(self.to_us.map_or(at_us, |to| to.max(at_us)));
        if !self.repeats.is_new(row, self.columns.iter().copied()) {
            return false;
        }
        for ((profile, numbers), &position) in self.features.iter_mut().zip(&self.columns) {
            let found = row.values().get(position).and_then(Value::number);
            match (&mut profile.values, found) {
                (Values::Numeric(_), Some(x)) if x.is_finite() => numbers.push(x),
                (Values::Levels(levels), Some(x)) if (x as usize) < levels.counts.len() => {
                    levels.counts[x as usize] += 1;
                }
                _ => profile.missing += 1,
            }
        }
        self.score.extend(score.filter(|s| s.is_finite()));
        true
    }

    /// Distinct requests so far.
    pub fn distinct(&self) -> u64 {
        self.repeats.distinct()
    }

    /// The profile.
    pub fn finish(mut self) -> Profile {
        if !self.score.is_empty() {
            let score = FeatureProfile {
                name: SCORE.to_owned(),
                score: true,
                missing: 0,
                values: Values::Numeric(Numbers::default()),
            };
            self.features.push((score, std::mem::take(&mut self.score)));
        }
        let bins = self.bins;
        let features = self.features.into_iter().map(|(profile, mut numbers)| {
            let values = match profile.values {
                Values::Numeric(_) => {
                    numbers.sort_unstable_by(f64::total_cmp);
                    Values::Numeric(Numbers::of_sorted(&numbers, bins))
                }
                levels => levels,
            };
            FeatureProfile { values, ..profile }
        });
        Profile {
            requests: self.requests,
            distinct: self.repeats.distinct(),
            from_us: self.from_us,
            to_us: self.to_us,
            features: features.collect(),
        }
    }
}

/// Tells repeated requests by a hash of 64 bits: among a million, two that differ are taken for one
/// with a probability of 3e-8.
#[derive(Debug, Clone, Default)]
pub(crate) struct Repeats(HashSet<u64, BuildHasherDefault<DefaultHasher>>);

impl Repeats {
    /// Whether no row before it was alike in all those columns.
    pub fn is_new(&mut self, row: &Row, columns: impl IntoIterator<Item = usize>) -> bool {
        let mut hash = DefaultHasher::new();
        for position in columns {
            let number = row.values().get(position).and_then(Value::number);
            // 0 and -0 are one number.
            number.map(|x| (x + 0.0).to_bits()).hash(&mut hash);
        }
        self.0.insert(hash.finish())
    }

    pub fn distinct(&self) -> u64 {
        self.0.len() as u64
    }
}
