//! Ranking: a model compiled against a catalog, applied to one user in one pass over the items.

use crate::catalog::Catalog;
use crate::feature::{CompiledTerm, FeatureSet, Plan};
use crate::model::LinearModel;

/// An item with its score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ranked {
    /// The item's id.
    pub item_id: i64,
    /// The probability that the user picks it, as the model sees it.
    pub score: f32,
}

/// A linear model compiled against a catalog: columns in memory, so that a user's ranking is one
/// blocked pass over them. Immutable.
///
/// Columns and thresholds are held as `f32`: a comparison of a user with an item sees differences
/// of more than one part in 16 million.
#[derive(Debug)]
pub struct Ranker {
    plan: Plan,
    ids: Vec<i64>,
    /// Each item's own part of the score, shape `(n_items,)`.
    base: Vec<f32>,
    /// Shape `(n_columns, n_items)`, a column after the other.
    columns: Vec<f32>,
}

/// Buffers of a ranking, kept between users so that a ranking allocates nothing.
#[derive(Debug, Default)]
pub struct Scratch {
    terms: Vec<CompiledTerm>,
    kept: Vec<(f32, u32)>,
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
        let mut buffer = Vec::new();
        for position in 0..n {
            base.push(plan.item_columns(catalog.numbers(position), &mut buffer) as f32);
            for (column, value) in buffer.iter().enumerate() {
                columns[column * n + position] = *value as f32;
            }
        }
        Self {
            plan,
            ids: catalog.ids().to_vec(),
            base,
            columns,
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
    pub fn top(&self, user: &[f64], k: usize, scratch: &mut Scratch, out: &mut Vec<Ranked>) {
        let constant = self.plan.compile(user, &mut scratch.terms) as f32;
        scratch.kept.clear();
        let mut scores = [0.0_f32; BLOCK];
        let mut threshold = f32::NEG_INFINITY;
        let room = 2 * k.max(BLOCK / 2);
        for start in (0..self.len()).step_by(BLOCK) {
            let end = (start + BLOCK).min(self.len());
            let scores = &mut scores[..end - start];
            self.score_block(constant, &scratch.terms, start, scores);
            for (offset, &score) in scores.iter().enumerate() {
                // Equal scores behind the threshold have higher ids, and lose.
                if score > threshold {
                    scratch.kept.push((score, (start + offset) as u32));
                }
            }
            if scratch.kept.len() >= room {
                threshold = keep_best(&mut scratch.kept, k).max(threshold);
            }
        }
        keep_best(&mut scratch.kept, k);
        scratch.kept.sort_unstable_by(better_first);
        out.clear();
        out.extend((scratch.kept.iter()).map(|&(score, position)| Ranked {
            item_id: self.ids[position as usize],
            score: sigmoid(score),
        }));
    }

    /// The scores of the items at `positions`, in their order, into `out`.
    pub fn scores(
        &self,
        user: &[f64],
        positions: &[u32],
        scratch: &mut Scratch,
        out: &mut Vec<Ranked>,
    ) {
        let constant = self.plan.compile(user, &mut scratch.terms) as f32;
        out.clear();
        out.extend(positions.iter().map(|&position| {
            let mut score = [0.0];
            self.score_block(constant, &scratch.terms, position as usize, &mut score);
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

    fn column(&self, column: usize, start: usize, len: usize) -> &[f32] {
        let from = column * self.len() + start;
        &self.columns[from..from + len]
    }

    fn score_block(&self, constant: f32, terms: &[CompiledTerm], start: usize, scores: &mut [f32]) {
        let len = scores.len();
        for (score, base) in scores.iter_mut().zip(&self.base[start..start + len]) {
            *score = base + constant;
        }
        for term in terms {
            match *term {
                CompiledTerm::Linear {
                    coefficient,
                    column,
                } => {
                    let values = self.column(column, start, len);
                    for (score, value) in scores.iter_mut().zip(values) {
                        *score += coefficient * value;
                    }
                }
                CompiledTerm::Step {
                    coefficient,
                    gate,
                    over,
                } => {
                    let gates = self.column(gate, start, len);
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
                    let gates = self.column(gate, start, len);
                    let values = self.column(column, start, len);
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

fn better_first(a: &(f32, u32), b: &(f32, u32)) -> std::cmp::Ordering {
    b.0.total_cmp(&a.0).then(a.1.cmp(&b.1))
}

/// Leaves the best `k`, in no order, and gives the worst score among them.
fn keep_best(kept: &mut Vec<(f32, u32)>, k: usize) -> f32 {
    if k == 0 {
        kept.clear();
        return f32::INFINITY;
    }
    if kept.len() > k {
        kept.select_nth_unstable_by(k - 1, better_first);
        kept.truncate(k);
    }
    if kept.len() < k {
        f32::NEG_INFINITY
    } else {
        kept[k - 1].0
    }
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}
