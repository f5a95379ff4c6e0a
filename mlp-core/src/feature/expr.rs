//! A feature as an expression over the numbers of a user and of an item.

use std::sync::Arc;

/// What a feature computes. Booleans are 0 and 1.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expr {
    Const(f64),
    User(usize),
    Item(usize),
    Difference(Arc<Expr>, Arc<Expr>),
    Product(Arc<Expr>, Arc<Expr>),
    /// 1 / x, and 0 for x = 0, so that a ratio stays finite.
    Reciprocal(Arc<Expr>),
    Greater(Arc<Expr>, Arc<Expr>),
    Equal(Arc<Expr>, Arc<Expr>),
    /// ln(1 + max(x, 0)).
    Log1p(Arc<Expr>),
    /// Whether x is in (low, high].
    Within(Arc<Expr>, f64, f64),
}

/// Whose numbers an expression reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    User,
    Item,
    Both,
}

impl Expr {
    /// The value for one pair; shapes `(n_user_columns,)` and `(n_item_columns,)`.
    pub fn value(&self, user: &[f64], item: &[f64]) -> f64 {
        let truth = |b: bool| f64::from(u8::from(b));
        match self {
            Self::Const(c) => *c,
            Self::User(i) => user[*i],
            Self::Item(i) => item[*i],
            Self::Difference(a, b) => a.value(user, item) - b.value(user, item),
            Self::Product(a, b) => a.value(user, item) * b.value(user, item),
            Self::Reciprocal(a) => match a.value(user, item) {
                0.0 => 0.0,
                x => x.recip(),
            },
            Self::Greater(a, b) => truth(a.value(user, item) > b.value(user, item)),
            Self::Equal(a, b) => truth(a.value(user, item) == b.value(user, item)),
            Self::Log1p(a) => a.value(user, item).max(0.0).ln_1p(),
            Self::Within(a, low, high) => {
                let x = a.value(user, item);
                truth(x > *low && x <= *high)
            }
        }
    }

    /// A constant counts as the user's.
    pub fn side(&self) -> Side {
        match self {
            Self::Const(_) | Self::User(_) => Side::User,
            Self::Item(_) => Side::Item,
            Self::Reciprocal(a) | Self::Log1p(a) | Self::Within(a, ..) => a.side(),
            Self::Difference(a, b)
            | Self::Product(a, b)
            | Self::Greater(a, b)
            | Self::Equal(a, b) => match (a.side(), b.side()) {
                (x, y) if x == y => x,
                (Side::Item, _) if b.is_const() => Side::Item,
                (_, Side::Item) if a.is_const() => Side::Item,
                _ => Side::Both,
            },
        }
    }

    pub fn is_const(&self) -> bool {
        matches!(self, Self::Const(_))
    }
}
