//! A feature as an expression over the numbers of a user and of an item.

use std::fmt;
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
    Neither,
    User,
    Item,
    Both,
}

impl Expr {
    /// The value for one pair; shapes `(n_user_columns,)` and `(n_item_columns,)`. Finite: see
    /// [`finite`].
    pub fn value(&self, user: &[f64], item: &[f64]) -> f64 {
        finite(self.raw(user, item))
    }

    /// The value without a limit, for comparisons; 0 for what is no number.
    pub fn exact(&self, user: &[f64], item: &[f64]) -> f64 {
        let x = self.raw(user, item);
        // −0 and 0 are one value.
        if x.is_nan() { 0.0 } else { x + 0.0 }
    }

    fn raw(&self, user: &[f64], item: &[f64]) -> f64 {
        let truth = |b: bool| f64::from(u8::from(b));
        match self {
            Self::Const(c) => *c,
            Self::User(i) => user[*i],
            Self::Item(i) => item[*i],
            Self::Difference(a, b) => a.raw(user, item) - b.raw(user, item),
            Self::Product(a, b) => a.raw(user, item) * b.raw(user, item),
            Self::Reciprocal(a) => match a.raw(user, item) {
                0.0 => 0.0,
                x => x.recip(),
            },
            Self::Greater(a, b) => truth(a.raw(user, item) > b.raw(user, item)),
            Self::Equal(a, b) => truth(a.raw(user, item) == b.raw(user, item)),
            Self::Log1p(a) => a.raw(user, item).max(0.0).ln_1p(),
            Self::Within(a, low, high) => {
                let x = a.raw(user, item);
                truth(x > *low && x <= *high)
            }
        }
    }

    pub fn side(&self) -> Side {
        match self {
            Self::Const(_) => Side::Neither,
            Self::User(_) => Side::User,
            Self::Item(_) => Side::Item,
            Self::Reciprocal(a) | Self::Log1p(a) | Self::Within(a, ..) => a.side(),
            Self::Difference(a, b)
            | Self::Product(a, b)
            | Self::Greater(a, b)
            | Self::Equal(a, b) => match (a.side(), b.side()) {
                (Side::Neither, side) | (side, Side::Neither) => side,
                (x, y) if x == y => x,
                _ => Side::Both,
            },
        }
    }

    pub fn is_zero(&self) -> bool {
        matches!(self, Self::Const(c) if *c == 0.0)
    }
}

/// The form that a schema's hash is taken of: a change here orphans every stored model.
impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Const(c) => write!(f, "{c:?}"),
            Self::User(i) => write!(f, "user[{i}]"),
            Self::Item(i) => write!(f, "item[{i}]"),
            Self::Difference(a, b) => write!(f, "({a} - {b})"),
            Self::Product(a, b) => write!(f, "({a} * {b})"),
            Self::Reciprocal(a) => write!(f, "recip({a})"),
            Self::Greater(a, b) => write!(f, "({a} > {b})"),
            Self::Equal(a, b) => write!(f, "({a} == {b})"),
            Self::Log1p(a) => write!(f, "log1p({a})"),
            Self::Within(a, low, high) => write!(f, "within({a}, {low:?}, {high:?})"),
        }
    }
}

/// Where features saturate: far beyond any sensible value, and small enough that sums of products
/// of two of them stay finite as `f32`.
const LIMIT: f64 = 1e15;

/// `x` cut to ±10¹⁵, and 0 for what is no number (a difference of infinities).
pub(super) fn finite(x: f64) -> f64 {
    if x.is_nan() {
        0.0
    } else {
        x.clamp(-LIMIT, LIMIT)
    }
}
