//! The requests of now, counted against a profile as they come.

use super::collect::Repeats;
use super::counts::{Counts, FeatureCounts, OfValues};
use super::mismatch::ProfileError;
use super::profile::{Numbers, Profile, Values};
use crate::schema::Entity;
use crate::value::{Row, Value};

/// The newest requests, held against a [`Profile`] one by one, the oldest first. A request that was
/// made before within the window is dropped, as it is in the profile.
///
/// It keeps a number and a position per value: nothing is looked up twice, and any number of the
/// newest requests can be counted.
#[derive(Debug, Clone)]
pub struct Window<'a> {
    profile: &'a Profile,
    /// Where each feature's values stand in a row; `None` for the score.
    sources: Vec<Option<usize>>,
    repeats: Repeats,
    features: Vec<Track>,
    /// When each request was made, shape `(n_requests,)`.
    times: Vec<i64>,
}

/// A feature's values in order, shape `(n_requests,)` each.
#[derive(Debug, Clone, Default)]
struct Track {
    places: Vec<u16>,
    /// Of a numeric feature only; 0 for what is missing.
    numbers: Vec<f64>,
}

/// The place of a missing value, and of a score that was not there.
const MISSING: u16 = u16::MAX;
const ABSENT: u16 = u16::MAX - 1;

impl<'a> Window<'a> {
    /// An empty window of requests of `user`.
    ///
    /// # Errors
    ///
    /// Where the profile is unsound, or was made under a schema with other user features.
    pub fn new(profile: &'a Profile, user: &Entity) -> Result<Self, ProfileError> {
        let sources = profile.sources(user)?;
        Ok(Self {
            profile,
            repeats: Repeats::default(),
            features: vec![Track::default(); sources.len()],
            sources,
            times: Vec::new(),
        })
    }

    /// Adds a request that is newer than those before it, made at `at_us` (microseconds since 1970),
    /// and the score of what was answered, where there was one. Says whether it was new.
    pub fn push(&mut self, row: &Row, score: Option<f64>, at_us: i64) -> bool {
        if !(self.repeats).is_new(row, self.sources.iter().flatten().copied()) {
            return false;
        }
        let features = self.profile.features.iter().zip(&self.sources);
        for ((feature, source), track) in features.zip(&mut self.features) {
            let number = match source {
                Some(position) => row.values().get(*position).and_then(Value::number),
                None => score,
            };
            let number = number.filter(|x| x.is_finite());
            let place = match (&feature.values, number, source) {
                (Values::Numeric(numbers), Some(x), _) => numbers.place(x),
                (Values::Levels(levels), Some(x), _) if (x as usize) < levels.names.len() => {
                    x as u16
                }
                (_, _, Some(_)) => MISSING,
                (_, _, None) => ABSENT,
            };
            track.places.push(place);
            if let Values::Numeric(_) = feature.values {
                track.numbers.push(number.unwrap_or_default());
            }
        }
        self.times.push(at_us);
        true
    }

    /// The profile that it is held against.
    pub fn profile(&self) -> &'a Profile {
        self.profile
    }

    /// Distinct requests.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// When each distinct request was made, shape `(n_requests,)`.
    pub fn times(&self) -> &[i64] {
        &self.times
    }

    /// The counts of the `newest` requests, or of all where there are fewer.
    pub fn counts(&self, newest: usize) -> Counts {
        let from = self.len().saturating_sub(newest);
        let features = self.profile.features.iter().zip(&self.features);
        Counts {
            requests: (self.len() - from) as u64,
            features: features
                .map(|(feature, track)| match &feature.values {
                    Values::Levels(levels) => track.levels(from, levels.names.len()),
                    Values::Numeric(numbers) => track.numbers(from, numbers),
                })
                .collect(),
        }
    }

    /// The bin of each request's value in that feature, or `None` where it is missing; values under
    /// the least or over the greatest of the profile have a bin each, the first and the last of
    /// `n_bins + 2`.
    pub(crate) fn cells(&self, feature: usize) -> Vec<Option<usize>> {
        let places = self.features[feature].places.iter();
        match &self.profile.features[feature].values {
            Values::Levels(_) => places
                .map(|&p| (p < ABSENT).then_some(1 + p as usize))
                .collect(),
            Values::Numeric(numbers) => places
                .map(|&p| (p < ABSENT).then(|| numbers.cell(p)))
                .collect(),
        }
    }
}

impl Track {
    fn missing(&self, from: usize) -> u64 {
        self.places[from..]
            .iter()
            .filter(|p| **p == MISSING)
            .count() as u64
    }

    fn levels(&self, from: usize, levels: usize) -> FeatureCounts {
        let mut bins = vec![0; levels];
        for &place in self.places[from..].iter().filter(|p| **p < ABSENT) {
            bins[place as usize] += 1;
        }
        FeatureCounts {
            bins,
            missing: self.missing(from),
            ..FeatureCounts::default()
        }
    }

    fn numbers(&self, from: usize, numbers: &Numbers) -> FeatureCounts {
        let mut at = vec![0_u64; 2 * numbers.knots.len() + 1];
        let mut values = Vec::with_capacity(self.places.len() - from);
        for (&place, &number) in self.places[from..].iter().zip(&self.numbers[from..]) {
            if place < ABSENT {
                at[place as usize] += 1;
                values.push(number);
            }
        }
        let mut counts = numbers.gather(&at);
        counts.missing = self.missing(from);
        if !values.is_empty() {
            let ks = numbers.distance(&at, values.len() as u64);
            let middle = (values.len() - 1) / 2;
            let (_, median, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
            let median = *median;
            counts.values = Some(OfValues { ks, median, values });
        }
        counts
    }
}

/// A *place* is where a number stands among the knots: `2 i + 1` at knot `i`, `2 i` between the one
/// before and it, `2 n_knots` over the last.
impl Numbers {
    fn place(&self, number: f64) -> u16 {
        let knot = self.knots.partition_point(|k| *k < number);
        let at = self.knots.get(knot) == Some(&number);
        // At most 2,000 knots, as the profile was checked for.
        (2 * knot + usize::from(at)) as u16
    }

    /// The bin of a place, with one under and one over the range around them.
    fn cell(&self, place: u16) -> usize {
        let place = place as usize;
        match place {
            0 => 0,
            _ if place == 2 * self.knots.len() => self.edges.len() + 2,
            _ => 1 + self.edges.partition_point(|edge| 2 * edge + 1 < place),
        }
    }

    /// Counts at places, shape `(2 n_knots + 1,)`, as counts in bins.
    fn gather(&self, at: &[u64]) -> FeatureCounts {
        let mut bins = Vec::with_capacity(self.edges.len() + 1);
        let mut from = 0;
        for end in self.edges.iter().map(|edge| 2 * edge + 2).chain([at.len()]) {
            bins.push(at[from..end].iter().sum());
            from = end;
        }
        // Without knots there is no range to be out of.
        let outside = !self.knots.is_empty();
        FeatureCounts {
            bins,
            below: if outside { at[0] } else { 0 },
            above: if outside { at[at.len() - 1] } else { 0 },
            ..FeatureCounts::default()
        }
    }

    /// The greatest distance of the two distribution functions at the knots and just before them:
    /// all there is where every distinct value is a knot.
    fn distance(&self, at: &[u64], n: u64) -> f64 {
        let (n, m) = (n as f64, self.count().max(1) as f64);
        let (mut window, mut greatest) = (0, 0.0_f64);
        for (knot, (at_most, equal)) in self.at_most.iter().zip(&self.equal).enumerate() {
            window += at[2 * knot];
            let before = window as f64 / n - (at_most - equal) as f64 / m;
            window += at[2 * knot + 1];
            let upto = window as f64 / n - *at_most as f64 / m;
            greatest = greatest.max(before.abs()).max(upto.abs());
        }
        greatest
    }
}
