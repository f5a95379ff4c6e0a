//! Ranking: a model compiled against a catalog, applied to one user in one pass over the items.

use crate::catalog::Catalog;
use crate::feature::{Compiled, CompiledTerm, FeatureSet, GateValues, Plan};
use crate::model::LinearModel;

/// An item with its score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ranked {
    /// The item's id.
    pub item_id: i64,
    /// `1 / (1 + exp(−u))` of the model's `u`: the probability that the user picks it, as a logistic
    /// model sees it whatever is shown, and as a choice model sees it in a list of this item alone.
    /// In a longer list a choice model's is smaller; the order is the same.
    pub score: f32,
}

/// A linear model compiled against a catalog: columns in memory, so that a user's ranking is one
/// blocked pass over them. Immutable.
///
/// Scores are computed as `f32`; comparisons of a user with an item are as exact as in `f64`.
#[derive(Debug)]
pub struct Ranker {
    plan: Plan,
    ids: Vec<i64>,
    /// Each item's own part of the score, shape `(n_items,)`.
    base: Vec<f32>,
    /// What terms multiply with, shape `(n_columns, n_items)`, a column after the other.
    columns: Vec<f32>,
    /// What terms compare: ranks into `gate_values`, shape `(n_gates, n_items)`.
    gates: Vec<f32>,
    /// Shape `(n_gates,)`.
    gate_values: Vec<GateValues>,
}

/// Buffers of a ranking, kept between users so that a ranking allocates nothing.
#[derive(Debug, Default)]
pub struct Scratch {
    compiled: Compiled,
    kept: Vec<u64>,
}

/// Items scored at a time: one block's scores stay in the first-level cache.
const BLOCK: usize = 1024;

impl Ranker {
    /// Compiles `model` against `catalog`.
    pub fn new(features: &FeatureSet, model: &LinearModel, catalog: &Catalog) -> Self {
        let plan = Plan::new(features, model.bias, &model.weights);
        let n = catalog.ids().len();
        let mut base = Vec::with_capacity(n);
        let mut columns = vec![0.0; plan.n_columns() * n];
        let mut compared = vec![0.0; plan.n_gates() * n];
        for position in 0..n {
            let item = catalog.numbers(position);
            base.push(plan.base(item));
            for (column, value) in plan.columns(item).enumerate() {
                columns[column * n + position] = value;
            }
            for (gate, value) in plan.gates(item).enumerate() {
                compared[gate * n + position] = value;
            }
        }
        let gate_values: Vec<GateValues> = (0..plan.n_gates())
            .map(|gate| {
                let mut values = compared[gate * n..(gate + 1) * n].to_vec();
                values.sort_unstable_by(f64::total_cmp);
                values.dedup();
                values
            })
            .collect();
        let rank = |(at, value): (usize, &f64)| {
            gate_values[at / n].partition_point(|other| other < value) as f32
        };
        Self {
            gates: compared.iter().enumerate().map(rank).collect(),
            plan,
            ids: catalog.ids().to_vec(),
            base,
            columns,
            gate_values,
        }
    }

    /// The number of items.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether the catalog is empty.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The best `k` items for a user by descending score (ties by ascending id), into `out`.
    /// `user` has shape `(n_user_columns,)`.
    ///
    /// # Panics
    ///
    /// Where `user` is shorter than that.
    pub fn top(&self, user: &[f64], k: usize, scratch: &mut Scratch, out: &mut Vec<Ranked>) {
        out.clear();
        let Scratch { compiled, kept } = scratch;
        kept.clear();
        if k == 0 {
            return;
        }
        self.plan.compile(user, &self.gate_values, compiled);
        let mut scores = [0.0_f32; BLOCK];
        let room = k.max(BLOCK / 2).saturating_mul(2);
        let mut bound = None;
        for start in (0..self.len()).step_by(BLOCK) {
            let scores = &mut scores[..BLOCK.min(self.len() - start)];
            self.score_block(compiled, start, scores);
            let scored = scores.iter().copied().zip(start as u32..);
            match bound {
                None => kept.extend(scored.map(|(score, position)| key(score, position))),
                Some(worst) => {
                    // Equal scores behind the worst have higher positions, and lose.
                    let least = score(worst);
                    let better = scored.filter(|(score, _)| *score > least);
                    kept.extend(better.map(|(score, position)| key(score, position)));
                }
            }
            if kept.len() >= room {
                bound = keep_best(kept, k).or(bound);
            }
        }
        keep_best(kept, k);
        kept.sort_unstable();
        out.extend(kept.iter().map(|&key| Ranked {
            item_id: self.ids[key as u32 as usize],
            score: sigmoid(score(key)),
        }));
    }

    /// The scores of the items at `positions`, in their order, into `out`. `user` has shape
    /// `(n_user_columns,)`, `positions` any, of [`Ranker::position`]'s.
    ///
    /// # Panics
    ///
    /// Where a position is not under [`Ranker::len`], or `user` is shorter than that.
    pub fn scores(
        &self,
        user: &[f64],
        positions: &[u32],
        scratch: &mut Scratch,
        out: &mut Vec<Ranked>,
    ) {
        let compiled = &mut scratch.compiled;
        self.plan.compile(user, &self.gate_values, compiled);
        out.clear();
        out.extend(positions.iter().map(|&position| {
            let mut score = [0.0];
            self.score_block(compiled, position as usize, &mut score);
            Ranked {
                item_id: self.ids[position as usize],
                score: sigmoid(score[0]),
            }
        }));
    }

    /// Where the item of that id stands.
    pub fn position(&self, id: i64) -> Option<u32> {
        self.ids.binary_search(&id).ok().map(|p| p as u32)
    }

    /// `len` items of the row `row` of a matrix with a column per item.
    fn row<'a>(&self, matrix: &'a [f32], row: usize, start: usize, len: usize) -> &'a [f32] {
        let from = row * self.len() + start;
        &matrix[from..from + len]
    }

    fn score_block(&self, compiled: &Compiled, start: usize, scores: &mut [f32]) {
        let len = scores.len();
        for (score, base) in scores.iter_mut().zip(&self.base[start..start + len]) {
            *score = base + compiled.constant;
        }
        for term in &compiled.terms {
            match *term {
                CompiledTerm::Linear {
                    coefficient,
                    column,
                } => {
                    let values = self.row(&self.columns, column, start, len);
                    for (score, value) in scores.iter_mut().zip(values) {
                        *score += coefficient * value;
                    }
                }
                CompiledTerm::Step {
                    coefficient,
                    gate,
                    over,
                } => {
                    let gates = self.row(&self.gates, gate, start, len);
                    for (score, gate) in scores.iter_mut().zip(gates) {
                        *score += if *gate > over { coefficient } else { 0.0 };
                    }
                }
                CompiledTerm::Gated {
                    coefficient,
                    gate,
                    over,
                    column,
                } => {
                    let gates = self.row(&self.gates, gate, start, len);
                    let values = self.row(&self.columns, column, start, len);
                    for ((score, gate), value) in scores.iter_mut().zip(gates).zip(values) {
                        *score += if *gate > over {
                            coefficient * value
                        } else {
                            0.0
                        };
                    }
                }
            }
        }
    }
}

/// A number that is the smaller the better: by descending score, then by ascending position.
fn key(score: f32, position: u32) -> u64 {
    // + 0.0 makes −0 and 0 one score.
    let bits = (score + 0.0).to_bits();
    let ascending = if bits >> 31 == 1 {
        !bits
    } else {
        bits | 1 << 31
    };
    u64::from(!ascending) << 32 | u64::from(position)
}

/// The score that a key was made of.
fn score(key: u64) -> f32 {
    let ascending = !((key >> 32) as u32);
    f32::from_bits(if ascending >> 31 == 1 {
        ascending & !(1 << 31)
    } else {
        !ascending
    })
}

/// Leaves the best `k`, at least 1, in no order; gives the worst of them where any had to go.
fn keep_best(kept: &mut Vec<u64>, k: usize) -> Option<u64> {
    if kept.len() <= k {
        return None;
    }
    let (_, worst, _) = kept.select_nth_unstable(k - 1);
    let worst = *worst;
    kept.truncate(k);
    Some(worst)
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}
