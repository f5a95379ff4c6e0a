//! What a model's requests looked like: the reference that later ones are held against.

use serde::{Deserialize, Serialize};

use super::mismatch::ProfileError;
use super::report::FeatureKind;
use crate::schema::Entity;

/// The fewest distinct requests that a reference gives a verdict with. From 1,000 draws out of 170
/// users who come again, uncorrected rules alarm on a third to nearly all of calm windows.
pub const LEAST_REFERENCE: u64 = 1000;

/// The most values kept of a numeric feature.
pub(crate) const MAX_KNOTS: usize = 2000;

/// The name of the score's profile. A column of that name is the user's; the score then stands last.
pub const SCORE: &str = "score";

/// The requests that a model was trained on, as far as later ones are held against them. It counts
/// *distinct* requests: one that was made again, all feature columns alike, says nothing new of what
/// users are like, and would make chance look like a change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Requests, repeated ones among them.
    pub requests: u64,
    /// Distinct requests, which alone are counted below.
    pub distinct: u64,
    /// When the first was made, in microseconds since 1970; `None` without any.
    pub from_us: Option<i64>,
    /// When the last was made.
    pub to_us: Option<i64>,
    /// A profile per user column that is a feature, in the schema's order, and the score's last where
    /// there were scores.
    pub features: Vec<FeatureProfile>,
}

/// One feature of a [`Profile`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureProfile {
    /// The column's name, or [`SCORE`].
    pub name: String,
    /// Whether it is the score, which no column holds.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub score: bool,
    /// Requests without a value; they are counted nowhere else.
    pub missing: u64,
    /// What the others hold.
    pub values: Values,
}

/// The values of a feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Values {
    /// Numbers.
    Numeric(Numbers),
    /// Levels, among them those of a boolean, `false` and `true`.
    Levels(LevelCounts),
}

/// How often each level was there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LevelCounts {
    /// The levels' names, shape `(n_levels,)`.
    pub names: Vec<String>,
    /// How often each was there, shape `(n_levels,)`.
    pub counts: Vec<u64>,
}

/// The distribution of numbers, by at most 2,000 of them, the *knots*: all that are distinct, or that
/// many at evenly spaced ranks, the least and the greatest among them. What is known at each knot is
/// exact, so that ties and heavy tails are as good as anything else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Numbers {
    /// Ascending, no two alike, shape `(n_knots,)`; empty without values.
    pub knots: Vec<f64>,
    /// How many values are at most the knot, shape `(n_knots,)`; the last is the number of values.
    pub at_most: Vec<u64>,
    /// How many values are equal to the knot, shape `(n_knots,)`.
    pub equal: Vec<u64>,
    /// The positions of the knots that are the upper ends of the bins but the last, ascending, shape
    /// `(n_bins - 1,)`: bin 0 reaches from minus infinity to the first of them and with it, the last
    /// bin to infinity.
    pub edges: Vec<usize>,
}

impl Profile {
    /// Whether the profile is sound within itself.
    ///
    /// # Errors
    ///
    /// The first feature whose numbers contradict each other.
    pub fn validate(&self) -> Result<(), ProfileError> {
        self.validate_by(Values::are_sound)
    }

    /// [`Profile::validate`] of all that is read where counts are held against it, which is far less:
    /// the knots between the bins' ends are not.
    pub(crate) fn validate_bins(&self) -> Result<(), ProfileError> {
        self.validate_by(Values::have_sound_bins)
    }

    fn validate_by(&self, are_sound: fn(&Values) -> bool) -> Result<(), ProfileError> {
        let unsound = |feature: &FeatureProfile| ProfileError::Unsound {
            feature: feature.name.clone(),
        };
        // Sums of a forged profile must not overflow.
        let small = |f: &FeatureProfile| f.missing <= self.distinct && f.count() <= self.distinct;
        match (self.features.iter()).find(|f| !are_sound(&f.values) || !small(f)) {
            Some(feature) => Err(unsound(feature)),
            None if self.distinct > 1 << 40 => Err(ProfileError::Unsound {
                feature: "distinct".to_owned(),
            }),
            None => Ok(()),
        }
    }

    /// Where each feature's values stand in a row of `user`; `None` for the score.
    ///
    /// # Errors
    ///
    /// Where the profile is unsound, or was made of other columns.
    pub(crate) fn sources(&self, user: &Entity) -> Result<Vec<Option<usize>>, ProfileError> {
        self.validate()?;
        let expected = feature_columns(user);
        let columns = self.features.iter().filter(|f| !f.score);
        if columns.clone().count() != expected.len() {
            return Err(ProfileError::Columns {
                found: columns.count(),
                expected: expected.len(),
            });
        }
        for (feature, &position) in columns.zip(&expected) {
            let fresh = Values::of_column(user, position);
            if feature.name != user.columns[position].name || !feature.values.is_like(&fresh) {
                return Err(ProfileError::Feature {
                    found: feature.name.clone(),
                    expected: user.columns[position].name.clone(),
                });
            }
        }
        let mut expected = expected.into_iter();
        let source = |f: &FeatureProfile| if f.score { None } else { expected.next() };
        Ok(self.features.iter().map(source).collect())
    }
}

impl FeatureProfile {
    /// How many values there were, missing ones apart.
    pub fn count(&self) -> u64 {
        match &self.values {
            Values::Numeric(numbers) => numbers.count(),
            Values::Levels(levels) => levels.counts.iter().sum(),
        }
    }

    /// What the values are.
    pub fn kind(&self) -> FeatureKind {
        match self.values {
            Values::Numeric(_) => FeatureKind::Numeric,
            Values::Levels(_) => FeatureKind::Category,
        }
    }

    /// How many values are in each bin, or are each level; shape `(n_bins,)`.
    pub fn bins(&self) -> Vec<u64> {
        match &self.values {
            Values::Numeric(numbers) => numbers.bins(),
            Values::Levels(levels) => levels.counts.clone(),
        }
    }
}

impl Values {
    /// Values of that column's type, without any.
    pub(crate) fn of_column(user: &Entity, position: usize) -> Self {
        use crate::schema::FieldType::{Bool, Category};
        let levels = |names: Vec<String>| {
            let counts = vec![0; names.len()];
            Self::Levels(LevelCounts { names, counts })
        };
        match &user.columns[position].kind {
            Bool => levels(["false", "true"].map(str::to_owned).to_vec()),
            Category(names) => levels(names.clone()),
            _ => Self::Numeric(Numbers::default()),
        }
    }

    fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Numeric(_), Self::Numeric(_)) => true,
            (Self::Levels(a), Self::Levels(b)) => a.names == b.names,
            _ => false,
        }
    }

    fn are_sound(&self) -> bool {
        match self {
            Self::Numeric(numbers) => numbers.is_sound(),
            Self::Levels(_) => self.have_sound_bins(),
        }
    }

    fn have_sound_bins(&self) -> bool {
        match self {
            Self::Numeric(numbers) => numbers.has_sound_bins(),
            Self::Levels(levels) => {
                let sum = (levels.counts.iter()).try_fold(0_u64, |sum, c| sum.checked_add(*c));
                levels.names.len() == levels.counts.len() && sum.is_some()
            }
        }
    }
}

impl Default for Numbers {
    fn default() -> Self {
        Self::of_sorted(&[], 1)
    }
}

impl Numbers {
    /// Of ascending numbers, in at most so many bins, fewer where values tie.
    pub(crate) fn of_sorted(sorted: &[f64], bins: usize) -> Self {
        let mut distinct: Vec<(f64, u64, u64)> = Vec::new();
        for (rank, &value) in (1..).zip(sorted) {
            match distinct.last_mut() {
                Some((last, at_most, equal)) if *last == value => {
                    (*at_most, *equal) = (rank, *equal + 1)
                }
                _ => distinct.push((value, rank, 1)),
            }
        }
        if distinct.len() > MAX_KNOTS {
            let ranks = (0..MAX_KNOTS).map(|i| 1 + i * (sorted.len() - 1) / (MAX_KNOTS - 1));
            let mut at = ranks
                .map(|rank| distinct.partition_point(|d| d.1 < rank as u64))
                .collect::<Vec<_>>();
            at.dedup();
            distinct = at.into_iter().map(|i| distinct[i]).collect();
        }
        let mut numbers = Self {
            knots: distinct.iter().map(|d| d.0).collect(),
            at_most: distinct.iter().map(|d| d.1).collect(),
            equal: distinct.iter().map(|d| d.2).collect(),
            edges: Vec::new(),
        };
        numbers.edges = numbers.quantiles(bins);
        numbers
    }

    /// The knots nearest to the quantiles that part the values into equal bins, the last knot left
    /// out.
    fn quantiles(&self, bins: usize) -> Vec<usize> {
        let last = self.knots.len().saturating_sub(1);
        let mut edges = Vec::new();
        for bin in 1..bins {
            let target = self.count() as f64 * bin as f64 / bins as f64;
            let after = self
                .at_most
                .partition_point(|&c| (c as f64) < target)
                .min(last);
            let off = |knot: usize| (self.at_most[knot] as f64 - target).abs();
            let knot = match after.checked_sub(1) {
                Some(before) if off(before) <= off(after) => before,
                _ => after,
            };
            if knot < last && edges.last() != Some(&knot) {
                edges.push(knot);
            }
        }
        edges
    }

    /// How many values.
    pub fn count(&self) -> u64 {
        self.at_most.last().copied().unwrap_or(0)
    }

    /// The least and the greatest value; `None` without values.
    pub fn extremes(&self) -> Option<(f64, f64)> {
        Some((*self.knots.first()?, *self.knots.last()?))
    }

    /// The inner bounds of the bins, each the upper end of the bin before it and in it, shape
    /// `(n_bins - 1,)`.
    pub fn bounds(&self) -> Vec<f64> {
        self.edges.iter().map(|&knot| self.knots[knot]).collect()
    }

    /// How many values are in each bin, shape `(n_bins,)`.
    pub fn bins(&self) -> Vec<u64> {
        let ends = self.edges.iter().map(|&knot| self.at_most[knot]);
        let mut before = 0;
        let ends = ends.chain([self.count()]);
        ends.map(|end| end - std::mem::replace(&mut before, end))
            .collect()
    }

    /// The median, by the knot whose rank is the middle one; `None` without values.
    pub fn median(&self) -> Option<f64> {
        let middle = self.count().div_ceil(2);
        let knot = self.at_most.partition_point(|&c| c < middle);
        self.knots.get(knot).copied()
    }

    fn has_sound_bins(&self) -> bool {
        let n = self.knots.len();
        let fit = self.at_most.len() == n
            && self.edges.windows(2).all(|pair| pair[0] < pair[1])
            && self.edges.last().is_none_or(|&knot| knot + 1 < n);
        // In this order: only what fits can be looked up.
        fit && {
            let ends: Vec<u64> = (self.edges.iter().map(|&knot| self.at_most[knot]))
                .chain([self.count()])
                .collect();
            ends.windows(2).all(|pair| pair[0] <= pair[1])
        }
    }

    fn is_sound(&self) -> bool {
        let n = self.knots.len();
        let ascending = |list: &[u64]| list.windows(2).all(|pair| pair[0] < pair[1]);
        let before = [0].iter().chain(&self.at_most);
        self.has_sound_bins()
            && self.equal.len() == n
            && n <= MAX_KNOTS
            && self.knots.iter().all(|x| x.is_finite())
            && self.knots.windows(2).all(|pair| pair[0] < pair[1])
            && ascending(&self.at_most)
            && (self.equal.iter().zip(&self.at_most).zip(before))
                .all(|((equal, at_most), before)| *equal >= 1 && *equal <= at_most - before)
    }
}

/// The positions of the user's columns that drift is looked for in: of fields that models see, what
/// is a number or a level.
pub(crate) fn feature_columns(user: &Entity) -> Vec<usize> {
    use crate::schema::FieldType::{IntList, Text};
    let is_feature = |position: &usize| {
        let column = &user.columns[*position];
        user.fields[column.field].feature && !matches!(column.kind, Text | IntList)
    };
    (0..user.columns.len()).filter(is_feature).collect()
}
