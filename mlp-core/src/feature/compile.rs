//! A linear model over the features, compiled to what is left to do once the user is known.

use std::sync::Arc;

use super::FeatureSet;
use super::expr::{Expr, Side, finite};
use super::terms::{Gate, Term};

/// A linear function of the features, split by what it depends on.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// The part of the user alone: a weight and an expression each.
    user: Vec<(f64, Arc<Expr>)>,
    /// The part of the item alone.
    item: Vec<(f64, Arc<Expr>)>,
    /// The rest: a weight and a term each, which count into `columns` and `gates`.
    pair: Vec<(f64, Term)>,
    /// The item-side expressions that terms multiply with.
    columns: Vec<Arc<Expr>>,
    /// The item-side expressions that terms compare.
    gates: Vec<Arc<Expr>>,
    bias: f64,
}

/// `coefficient · [rank > over] · column`, for one user.
///
/// A gate compares an item's *rank* among the distinct values of the gate's expression, so that a
/// comparison is as exact in one pass over `f32` as it is in `f64`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum CompiledTerm {
    Linear {
        coefficient: f32,
        column: usize,
    },
    Step {
        coefficient: f32,
        gate: usize,
        over: f32,
    },
    Gated {
        coefficient: f32,
        gate: usize,
        over: f32,
        column: usize,
    },
}

/// What is left of a model for one user.
#[derive(Debug, Default)]
pub(crate) struct Compiled {
    /// The part of the score that is the same for all items.
    pub constant: f32,
    /// What differs between the items, beside their own part.
    pub terms: Vec<CompiledTerm>,
    /// The summed coefficient of each column, shape `(n_columns,)`.
    linear: Vec<f64>,
}

/// The distinct values of a gate's expression over the catalog, ascending; an item's rank is the
/// position of its value.
pub(crate) type GateValues = Vec<f64>;

impl Plan {
    /// Compiles `bias + Σ weight·feature`; `weights` has shape `(n_features,)`.
    pub fn new(features: &FeatureSet, bias: f64, weights: &[f64]) -> Self {
        let mut plan = Self {
            user: Vec::new(),
            item: Vec::new(),
            pair: Vec::new(),
            columns: Vec::new(),
            gates: Vec::new(),
            bias,
        };
        for ((expr, sum), &weight) in features.exprs.iter().zip(&features.sums).zip(weights) {
            if weight == 0.0 {
                continue;
            }
            match expr.side() {
                Side::User | Side::Neither => plan.user.push((weight, Arc::clone(expr))),
                Side::Item => plan.item.push((weight, Arc::clone(expr))),
                Side::Both => {
                    if !sum.constant.is_zero() {
                        plan.user.push((weight, Arc::clone(&sum.constant)));
                    }
                    for term in &sum.terms {
                        let term = plan.adopt(term, &features.columns);
                        plan.pair.push((weight, term));
                    }
                }
            }
        }
        plan
    }

    /// The term, counting into this plan's own columns and gates.
    fn adopt(&mut self, term: &Term, all: &[Arc<Expr>]) -> Term {
        let position = |own: &mut Vec<Arc<Expr>>, at: usize| {
            let found = own.iter().position(|known| Arc::ptr_eq(known, &all[at]));
            found.unwrap_or_else(|| {
                own.push(Arc::clone(&all[at]));
                own.len() - 1
            })
        };
        let mut term = term.clone();
        if let Some(column) = &mut term.column {
            *column = position(&mut self.columns, *column);
        }
        if let Some(gate) = &mut term.gate {
            gate.column = position(&mut self.gates, gate.column);
        }
        term
    }

    /// How many numbers [`Plan::columns`] gives.
    pub fn n_columns(&self) -> usize {
        self.columns.len()
    }

    /// How many numbers [`Plan::gates`] gives.
    pub fn n_gates(&self) -> usize {
        self.gates.len()
    }

    /// The item's own part of the score; `item` has shape `(n_item_columns,)`.
    pub fn base(&self, item: &[f64]) -> f32 {
        narrow(weighted(&self.item, &[], item))
    }

    /// The columns of one item that terms multiply with, shape `(n_columns,)`.
    pub fn columns<'a>(&'a self, item: &'a [f64]) -> impl Iterator<Item = f32> + 'a {
        self.columns.iter().map(|e| narrow(e.value(&[], item)))
    }

    /// The values of one item that terms compare, shape `(n_gates,)`.
    pub fn gates<'a>(&'a self, item: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
        self.gates.iter().map(|e| e.exact(&[], item))
    }

    /// What is left for this user; `user` has shape `(n_user_columns,)`, `gates` shape `(n_gates,)`.
    pub fn compile(&self, user: &[f64], gates: &[GateValues], out: &mut Compiled) {
        out.terms.clear();
        out.linear.clear();
        out.linear.resize(self.columns.len(), 0.0);
        let mut constant = self.bias + weighted(&self.user, user, &[]);
        for (weight, term) in &self.pair {
            let coefficient = weight * term.coefficient.value(user, &[]);
            if coefficient == 0.0 {
                continue;
            }
            let open = match &term.gate {
                None => coefficient,
                Some(gate) => {
                    let values = &gates[gate.column];
                    push_steps(gate, values, coefficient, term.column, user, &mut out.terms)
                }
            };
            match term.column {
                None => constant += open,
                Some(column) => out.linear[column] += open,
            }
        }
        let linear = out.linear.iter().enumerate().filter(|(_, c)| **c != 0.0);
        (out.terms).extend(linear.map(|(column, &coefficient)| CompiledTerm::Linear {
            coefficient: narrow(coefficient),
            column,
        }));
        out.constant = narrow(constant);
    }
}

fn weighted(parts: &[(f64, Arc<Expr>)], user: &[f64], item: &[f64]) -> f64 {
    let products = parts.iter().map(|(weight, e)| weight * e.value(user, item));
    products.sum()
}

fn narrow(x: f64) -> f32 {
    finite(x) as f32
}

/// Pushes what the gate makes of `coefficient · column`, and gives the coefficient that is left
/// for all items alike.
fn push_steps(
    gate: &Gate,
    values: &[f64],
    coefficient: f64,
    column: Option<usize>,
    user: &[f64],
    terms: &mut Vec<CompiledTerm>,
) -> f64 {
    let slope = gate.slope.exact(user, &[]);
    let offset = gate.offset.exact(user, &[]);
    // Monotone in x, and over 0 just where slope · x is over −offset: rounding keeps signs.
    let count = |holds: fn(f64) -> bool| values.partition_point(|x| holds(slope * x + offset));
    // The gate is open for the ranks from..to.
    let (from, to) = match (gate.equal, slope > 0.0) {
        (true, true) => (count(|y| y < 0.0), count(|y| y <= 0.0)),
        (true, false) => (count(|y| y > 0.0), count(|y| y >= 0.0)),
        (false, true) => (count(|y| y <= 0.0), values.len()),
        (false, false) => (0, count(|y| y > 0.0)),
    };
    if from >= to {
        return 0.0;
    }
    let mut step = |coefficient: f64, rank: usize| {
        let coefficient = narrow(coefficient);
        let (gate, over) = (gate.column, rank as f32 - 0.5);
        terms.push(match column {
            None => CompiledTerm::Step {
                coefficient,
                gate,
                over,
            },
            Some(column) => CompiledTerm::Gated {
                coefficient,
                gate,
                over,
                column,
            },
        });
    };
    if to < values.len() {
        step(-coefficient, to);
    }
    if from == 0 {
        return coefficient;
    }
    step(coefficient, from);
    0.0
}
