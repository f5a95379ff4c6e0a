//! A linear model over the features, compiled to what is left to do once the user is known.

use std::sync::Arc;

use super::FeatureSet;
use super::expr::{Expr, Side};
use super::terms::{Gate, Term};

/// A linear function of the features, split by what it depends on.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// The part of the user alone: a weight and an expression each.
    user: Vec<(f64, Arc<Expr>)>,
    /// The part of the item alone.
    item: Vec<(f64, Arc<Expr>)>,
    /// The rest: a weight and a term each, whose columns count into `columns`.
    pair: Vec<(f64, Term)>,
    /// The item-side expressions that the terms read.
    columns: Vec<Arc<Expr>>,
    bias: f64,
}

/// `coefficient · [gate column > threshold] · column`, for one user.
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

impl Plan {
    /// Compiles `bias + Σ weight·feature`; `weights` has shape `(n_features,)`.
    pub fn new(features: &FeatureSet, bias: f64, weights: &[f64]) -> Self {
        let mut plan = Self {
            user: Vec::new(),
            item: Vec::new(),
            pair: Vec::new(),
            columns: Vec::new(),
            bias,
        };
        let mut used: Vec<Option<usize>> = vec![None; features.columns.len()];
        for ((expr, sum), &weight) in features.exprs.iter().zip(&features.sums).zip(weights) {
            if weight == 0.0 {
                continue;
            }
            match expr.side() {
                Side::User => plan.user.push((weight, Arc::clone(expr))),
                Side::Item => plan.item.push((weight, Arc::clone(expr))),
                Side::Both => {
                    plan.user.push((weight, Arc::clone(&sum.constant)));
                    for term in &sum.terms {
                        let mut term = term.clone();
                        for position in [
                            term.column.as_mut(),
                            term.gate.as_mut().map(|g| &mut g.column),
                        ]
                        .into_iter()
                        .flatten()
                        {
                            let column = &features.columns[*position];
                            *position = *used[*position].get_or_insert_with(|| {
                                plan.columns.push(Arc::clone(column));
                                plan.columns.len() - 1
                            });
                        }
                        plan.pair.push((weight, term));
                    }
                }
            }
        }
        plan
    }

    /// How many item columns [`Plan::item_columns`] gives.
    pub fn n_columns(&self) -> usize {
        self.columns.len()
    }

    /// The item's own part of the score, and the columns that the terms read, shape `(n_columns,)`.
    pub fn item_columns(&self, item: &[f64], columns: &mut Vec<f64>) -> f64 {
        columns.clear();
        columns.extend(self.columns.iter().map(|e| e.value(&[], item)));
        (self.item.iter())
            .map(|(weight, expr)| weight * expr.value(&[], item))
            .sum()
    }

    /// What is left for this user: the constant, and the terms into `terms`.
    pub fn compile(&self, user: &[f64], terms: &mut Vec<CompiledTerm>) -> f64 {
        terms.clear();
        let mut constant = self.bias;
        constant += (self.user.iter())
            .map(|(weight, expr)| weight * expr.value(user, &[]))
            .sum::<f64>();
        for (weight, term) in &self.pair {
            let coefficient = weight * term.coefficient.value(user, &[]);
            if coefficient == 0.0 {
                continue;
            }
            match &term.gate {
                None => {
                    if let Some(column) = term.column {
                        let coefficient = coefficient as f32;
                        terms.push(CompiledTerm::Linear {
                            coefficient,
                            column,
                        });
                    } else {
                        constant += coefficient;
                    }
                }
                Some(gate) => {
                    constant += push_gate(gate, coefficient, term.column, user, terms);
                }
            }
        }
        constant
    }
}

/// Pushes `coefficient · gate · column` as steps, and gives what it adds to the constant.
fn push_gate(
    gate: &Gate,
    coefficient: f64,
    column: Option<usize>,
    user: &[f64],
    terms: &mut Vec<CompiledTerm>,
) -> f64 {
    let slope = gate.slope.value(user, &[]);
    let offset = gate.offset.value(user, &[]);
    // The gate is open for all items or for none.
    if slope == 0.0 {
        let open = if gate.equal {
            offset == 0.0
        } else {
            offset > 0.0
        };
        return if open {
            ungated(coefficient, column, terms)
        } else {
            0.0
        };
    }
    let threshold = (-offset / slope) as f32;
    let mut step = |coefficient: f64, over: f32| {
        let coefficient = coefficient as f32;
        let gate = gate.column;
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
    // [x ≥ t] is [x > the float below t].
    let below = threshold.next_down();
    if gate.equal {
        step(coefficient, below);
        step(-coefficient, threshold);
        0.0
    } else if slope > 0.0 {
        step(coefficient, threshold);
        0.0
    } else {
        step(-coefficient, below);
        ungated(coefficient, column, terms)
    }
}

fn ungated(coefficient: f64, column: Option<usize>, terms: &mut Vec<CompiledTerm>) -> f64 {
    match column {
        None => coefficient,
        Some(column) => {
            let coefficient = coefficient as f32;
            terms.push(CompiledTerm::Linear {
                coefficient,
                column,
            });
            0.0
        }
    }
}
