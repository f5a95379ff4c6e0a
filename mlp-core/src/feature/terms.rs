//! A feature as a sum of terms over item columns, with coefficients that depend on the user alone.
//!
//! A model is linear in its features, so once the user is known every feature that reads both
//! sides must be a sum of `c`, `c·x`, `c·[x > t]` and `c·[x > t]·y` with item columns `x` and `y`.
//! Features of any other form are refused when the schema is read.

use std::sync::Arc;

use super::expr::{Expr, Side};

/// A feature, symbolically: `constant + Σ terms`.
#[derive(Debug, Clone)]
pub(super) struct Sum {
    pub constant: Arc<Expr>,
    pub terms: Vec<Term>,
}

/// `coefficient · gate · column`; an absent gate or column counts as 1.
#[derive(Debug, Clone)]
pub(super) struct Term {
    pub coefficient: Arc<Expr>,
    pub gate: Option<Gate>,
    pub column: Option<usize>,
}

/// Whether `slope · column + offset` is over 0, or is 0, with a slope and an offset of the user's.
#[derive(Debug, Clone)]
pub(super) struct Gate {
    pub column: usize,
    pub slope: Arc<Expr>,
    pub offset: Arc<Expr>,
    pub equal: bool,
}

/// The item columns that the terms read: item-side expressions, each once.
#[derive(Debug, Clone, Default)]
pub(super) struct Columns(pub Vec<Arc<Expr>>);

impl Columns {
    fn position(&mut self, expr: &Arc<Expr>) -> usize {
        if let Some(found) = self.0.iter().position(|known| known == expr) {
            return found;
        }
        self.0.push(Arc::clone(expr));
        self.0.len() - 1
    }
}

fn product(a: &Arc<Expr>, b: &Arc<Expr>) -> Arc<Expr> {
    match (&**a, &**b) {
        (Expr::Const(c), _) | (_, Expr::Const(c)) if *c == 0.0 => constant(0.0),
        (Expr::Const(c), _) if *c == 1.0 => Arc::clone(b),
        (_, Expr::Const(c)) if *c == 1.0 => Arc::clone(a),
        (Expr::Const(x), Expr::Const(y)) => Arc::new(Expr::Const(x * y)),
        _ => Arc::new(Expr::Product(Arc::clone(a), Arc::clone(b))),
    }
}

fn constant(c: f64) -> Arc<Expr> {
    Arc::new(Expr::Const(c))
}

impl Term {
    fn scaled(&self, by: &Arc<Expr>) -> Self {
        Self {
            coefficient: product(&self.coefficient, by),
            ..self.clone()
        }
    }
}

/// Rewrites a feature as a sum of terms, or says why it has none.
pub(super) fn sum(expr: &Arc<Expr>, columns: &mut Columns) -> Result<Sum, String> {
    match expr.side() {
        Side::User | Side::Neither => {
            return Ok(Sum {
                constant: Arc::clone(expr),
                terms: Vec::new(),
            });
        }
        Side::Item => {
            let term = Term {
                coefficient: constant(1.0),
                gate: None,
                column: Some(columns.position(expr)),
            };
            return Ok(Sum {
                constant: constant(0.0),
                terms: vec![term],
            });
        }
        Side::Both => {}
    }
    match &**expr {
        Expr::Difference(a, b) => {
            let (a, b) = (sum(a, columns)?, sum(b, columns)?);
            Ok(minus(a, &b))
        }
        Expr::Product(a, b) => {
            let (a, b) = (sum(a, columns)?, sum(b, columns)?);
            times(&a, &b)
        }
        Expr::Greater(a, b) | Expr::Equal(a, b) => {
            let difference = minus(sum(a, columns)?, &sum(b, columns)?);
            let equal = matches!(**expr, Expr::Equal(..));
            gate(difference, equal)
        }
        Expr::Reciprocal(_) => Err(one_sided("ratio's divisor")),
        Expr::Log1p(_) => Err(one_sided("log1p's operand")),
        Expr::Within(..) => Err(one_sided("bucket's operand")),
        Expr::Const(_) | Expr::User(_) | Expr::Item(_) => Err(one_sided("an operand")),
    }
}

fn one_sided(what: &str) -> String {
    format!(
        "{what} must be of the user alone or of the item alone, so that items can be ranked in one pass"
    )
}

fn minus(a: Sum, b: &Sum) -> Sum {
    let minus_one = constant(-1.0);
    let constant = if b.constant.is_zero() {
        a.constant
    } else {
        Arc::new(Expr::Difference(a.constant, Arc::clone(&b.constant)))
    };
    let mut terms = a.terms;
    terms.extend(b.terms.iter().map(|t| t.scaled(&minus_one)));
    Sum { constant, terms }
}

fn times(a: &Sum, b: &Sum) -> Result<Sum, String> {
    let mut terms: Vec<Term> = Vec::new();
    if !b.constant.is_zero() {
        terms.extend(a.terms.iter().map(|t| t.scaled(&b.constant)));
    }
    if !a.constant.is_zero() {
        terms.extend(b.terms.iter().map(|t| t.scaled(&a.constant)));
    }
    for x in &a.terms {
        for y in &b.terms {
            let message =
                "a product may hold at most one comparison with the user and one item column";
            let both_gates = x.gate.is_some() && y.gate.is_some();
            let both_columns = x.column.is_some() && y.column.is_some();
            if both_gates || both_columns {
                return Err(message.to_owned());
            }
            terms.push(Term {
                coefficient: product(&x.coefficient, &y.coefficient),
                gate: x.gate.clone().or_else(|| y.gate.clone()),
                column: x.column.or(y.column),
            });
        }
    }
    Ok(Sum {
        constant: product(&a.constant, &b.constant),
        terms,
    })
}

fn gate(difference: Sum, equal: bool) -> Result<Sum, String> {
    let [
        Term {
            coefficient,
            gate: None,
            column: Some(column),
        },
    ] = difference.terms.as_slice()
    else {
        return Err(
            "a comparison of user and item may read one item column, with no comparison inside"
                .to_owned(),
        );
    };
    let gate = Gate {
        column: *column,
        slope: Arc::clone(coefficient),
        offset: difference.constant,
        equal,
    };
    Ok(Sum {
        constant: constant(0.0),
        terms: vec![Term {
            coefficient: constant(1.0),
            gate: Some(gate),
            column: None,
        }],
    })
}
