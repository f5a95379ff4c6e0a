//! How good a model is where the simulation knows the truth.

use mlp_core::metrics::{EvaluateOptions, evaluate};
use mlp_core::{LinearModel, PairTable, Schema, Session};
use mlp_data::{Location, SimulatedUser, UserSampler, labeller};
use rand::Rng;
use rand::seq::index;
use serde::Serialize;

use super::super::domain::Travel;
use super::super::error::{Error, Result};
use super::super::simulate::ndcg_of_all;

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
    /// Of the best ten of the whole catalog, by the users' own scores.
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
    catalog: Vec<Location>,
    /// Users for whom the whole catalog is ranked.
    users: Vec<SimulatedUser>,
}

impl Exam {
    pub fn new(
        schema: &Schema,
        catalog: &[Location],
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
        Ok(Self {
            users: (0..WHOLE).map(|_| sampler.sample(rng)).collect(),
            table: PairTable::new(&schema.features, &lists),
            truth,
            catalog: catalog.to_vec(),
        })
    }

    pub fn of_model(&self, schema: &Schema, model: &LinearModel) -> Result<Quality> {
        let ndcg = ndcg_of_all(schema, model, &self.catalog, &self.users)?;
        self.quality(&model.probabilities(&self.table), ndcg)
    }

    pub fn of_truth(&self) -> Result<Quality> {
        self.quality(&self.truth, 1.0)
    }

    fn quality(&self, probabilities: &[f64], ndcg: f64) -> Result<Quality> {
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
        let undefined = || Error::run("no simulated user of the test picks anything");
        Ok(Quality {
            auc: found.auc.ok_or_else(undefined)?,
            log_loss: found.log_loss.ok_or_else(undefined)?,
            precision_at_1: first / any,
            ndcg,
        })
    }
}

fn probabilities(user: &SimulatedUser, locations: &[Location]) -> Vec<f64> {
    let mut out = Vec::new();
    labeller::choice_probabilities(user, locations, &mut out);
    out
}
