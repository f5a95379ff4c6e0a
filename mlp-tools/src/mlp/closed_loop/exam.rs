//! How good a model is where the simulation knows the truth.

use mlp_core::metrics::{EvaluateOptions, evaluate};
use mlp_core::{Catalog, LinearModel, PairTable, Ranked, Ranker, Row, Schema, Scratch, Session};
use mlp_data::{Location, SimulatedUser, UserSampler, labeller};
use rand::Rng;
use rand::seq::index;
use serde::Serialize;

use super::super::domain::Travel;
use super::super::error::{Error, Result};

/// Users who are shown a random list.
const LISTS: usize = 2000;

/// Items of a random list.
const SHOWN: usize = 10;

/// Users for whom the whole catalog is ranked.
const WHOLE: usize = 300;

/// A model's, or the truth's.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Quality {
    /// Area under the ROC curve over the pairs of random lists.
    pub auc: f64,
    /// Log loss per pair of random lists, in nats.
    pub log_loss: f64,
    /// On random lists with a pick, the probability that it is the first: exact, over the choices
    /// that a user may make, not over one draw of them.
    pub precision_at_1: f64,
    /// Of the whole catalog; an item's gain is its probability of being chosen from it.
    pub ndcg: f64,
}

impl Quality {
    pub const HEADER: &str = "       AUC  log loss  precision@1      NDCG";

    pub fn mean(all: &[Self]) -> Self {
        let of =
            |value: fn(&Self) -> f64| all.iter().map(value).sum::<f64>() / all.len().max(1) as f64;
        Self {
            auc: of(|q| q.auc),
            log_loss: of(|q| q.log_loss),
            precision_at_1: of(|q| q.precision_at_1),
            ndcg: of(|q| q.ndcg),
        }
    }
}

impl std::fmt::Display for Quality {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (auc, loss) = (self.auc, self.log_loss);
        let (first, ndcg) = (self.precision_at_1, self.ndcg);
        write!(f, "{auc:>10.4}{loss:>10.4}{first:>13.4}{ndcg:>10.4}")
    }
}

/// The same questions for every model.
pub(super) struct Exam {
    table: PairTable,
    /// The exact probability of each row's item, shape `(n_rows,)`.
    truth: Vec<f64>,
    catalog: Catalog,
    /// Numbers of users, and each item's probability for them, shape `(n_items,)`.
    whole: Vec<(Vec<f64>, Vec<f64>)>,
}

impl Exam {
    pub fn new(
        schema: &Schema,
        catalog: &[Location],
        rows: &[Row],
        sampler: &UserSampler,
        rng: &mut impl Rng,
    ) -> Result<Self> {
        let travel = Travel::new(schema);
        let numbers: Vec<Vec<f64>> = catalog
            .iter()
            .map(|l| travel.item_numbers(l))
            .collect::<Result<_>>()?;
        let mut truth = Vec::new();
        let mut list = || -> Result<Session> {
            let user = sampler.sample(rng);
            let shown = index::sample(rng, catalog.len(), SHOWN.min(catalog.len()));
            let shown: Vec<usize> = shown.into_iter().collect();
            let locations: Vec<Location> = shown.iter().map(|i| catalog[*i].clone()).collect();
            truth.extend(probabilities(&user, &locations));
            Ok(Session {
                user: travel.user_numbers(&user.user)?,
                shown: shown.iter().map(|i| numbers[*i].clone()).collect(),
                picked: labeller::choose(&user, &locations, rng),
            })
        };
        let lists = (0..LISTS).map(|_| list()).collect::<Result<Vec<_>>>()?;
        let mut whole = || -> Result<(Vec<f64>, Vec<f64>)> {
            let user = sampler.sample(rng);
            Ok((
                travel.user_numbers(&user.user)?,
                probabilities(&user, catalog),
            ))
        };
        Ok(Self {
            whole: (0..WHOLE).map(|_| whole()).collect::<Result<_>>()?,
            table: PairTable::new(&schema.features, &lists),
            truth,
            catalog: Catalog::new(&schema.item, 1, (0..).zip(rows)),
        })
    }

    pub fn of_model(&self, schema: &Schema, model: &LinearModel) -> Result<Quality> {
        let ranker = Ranker::new(&schema.features, model, &self.catalog);
        let (mut scratch, mut out) = (Scratch::default(), Vec::new());
        let order = |user: &[f64], _: &[f64]| -> Vec<usize> {
            ranker.top(user, self.catalog.ids().len(), &mut scratch, &mut out);
            out.iter()
                .map(|item: &Ranked| item.item_id as usize)
                .collect()
        };
        self.quality(&model.probabilities(&self.table), order)
    }

    pub fn of_truth(&self) -> Result<Quality> {
        self.quality(&self.truth, |_, gains| ideal(gains))
    }

    fn quality(
        &self,
        probabilities: &[f64],
        mut order: impl FnMut(&[f64], &[f64]) -> Vec<usize>,
    ) -> Result<Quality> {
        let options = EvaluateOptions::default();
        let (labels, sessions) = (self.table.labels(), self.table.sessions());
        let found = evaluate(labels, probabilities, Some(sessions), &options)?;
        let (mut first, mut any) = (0.0, 0.0);
        for range in sessions.ranges() {
            let best = range
                .clone()
                .max_by(|a, b| (probabilities[*a].total_cmp(&probabilities[*b])).then(b.cmp(a)));
            first += best.map_or(0.0, |row| self.truth[row]);
            any += self.truth[range].iter().sum::<f64>();
        }
        let (mut ndcg, mut users) = (0.0, 0);
        for (user, gains) in &self.whole {
            let best = gain(gains, ideal(gains));
            // A user whom nothing suits says nothing of an order.
            if best > 0.0 {
                ndcg += gain(gains, order(user, gains)) / best;
                users += 1;
            }
        }
        let undefined = || Error::run("no simulated user of the test picks anything");
        Ok(Quality {
            auc: found.auc.ok_or_else(undefined)?,
            log_loss: found.log_loss.ok_or_else(undefined)?,
            precision_at_1: first / any,
            ndcg: ndcg / f64::from(users.max(1)),
        })
    }
}

fn probabilities(user: &SimulatedUser, locations: &[Location]) -> Vec<f64> {
    let mut out = Vec::new();
    labeller::choice_probabilities(user, locations, &mut out);
    out
}

fn ideal(gains: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..gains.len()).collect();
    order.sort_by(|a, b| gains[*b].total_cmp(&gains[*a]));
    order
}

/// Discounted cumulative gain.
fn gain(gains: &[f64], order: Vec<usize>) -> f64 {
    let discounted = |(rank, item): (usize, usize)| gains[item] / (rank as f64 + 2.0).log2();
    order.into_iter().enumerate().map(discounted).sum()
}
